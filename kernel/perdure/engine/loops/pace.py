"""How often a loop may keep a turn: as often as it is asked to, while that costs a small share of its time.

What a keep cost is known afterwards; the first one is judged by its size. The next one is due when the time
that has gone by pays for all that was spent and for another one as dear: so the share holds at every moment.
"""

from __future__ import annotations

SHARE = 0.02
"""Of the loop's time, what keeping may take: in the loop's own thread, and of processors beside it."""
SPEED = 500e6
"""Bytes per second by which the first keep is judged beforehand: to copy, hash and write them."""


class Pace:
    """What keeping costs one loop, with the loops in it.

    Args:
        began: when the loop began, in seconds.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._spent = 0.0
        self._dearest = 0.0
        """What the next keep is expected to cost: as much as the dearest of the last two."""
        self._last = 0.0

    def spend(self, cost: float) -> None:
        """Note what a keep, or a look whether one is possible, cost in seconds."""
        self._spent += cost
        self._dearest, self._last = max(cost, self._last), cost

    def expect(self, size: int, cost: float) -> None:
        """Take the first keep to cost so many seconds more than the handling of so many bytes."""
        self._dearest = max(self._dearest, cost + size / SPEED)

    def next(self, every: float, last: float) -> float:
        """When the next keep is due.

        Args:
            every: seconds that were asked for.
            last: when the loop began, or last kept a turn.
        """
        return max(last + every, self._began + (self._spent + self._dearest) / SHARE)

    def interval(self, every: float) -> float:
        """Seconds between two keeps, if all cost what the last ones did: `every`, or more."""
        return max(every, self._dearest / SHARE)
