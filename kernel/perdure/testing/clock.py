"""A clock that is turned by hand, so that tests of sleeps, backoff and time limits take no time.

1. Time stands until it is turned; each alarm that comes due on the way rings at its moment, in order.
2. By itself (`auto=True`) it turns to the next moment that is waited for, and only when nothing is at work:
   never to a time limit, which is nothing to wait for.
3. Nothing rests on chance: a test waits for a wait (`until_waiting`), never for a length of time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from collections.abc import Callable, Sized
from datetime import UTC, datetime, timedelta
from typing import Self
from weakref import WeakKeyDictionary

from perdure.engine import working
from perdure.engine.clock import Alarm, use_clock
from perdure.engine.durations import seconds

START = datetime(2026, 1, 1, tzinfo=UTC)
SETTLED = 0.005
"""Seconds in which nothing begins, ends or asks for a moment, after which nothing is taken to be at work."""
ROUNDS, MOST_ROUNDS = 10, 1000
"""Rounds of an event loop in which a body that waits for nothing begins something; and those after which who
keeps the loop busy is taken to wait by looking again and again."""
ROUNDED = 1e-6
"""Seconds that a moment may lose when it is told as a `datetime`."""


class HandClock:
    """The time of everything that runs go by, while it is used as a context manager.

    Args:
        start: the time at the beginning; a fixed one, so that tests are alike.
        auto: turn to the next moment that is waited for as soon as nothing is at work.
    """

    def __init__(self, start: datetime | float = START, *, auto: bool = False) -> None:
        self._now = _seconds(start)
        self._auto = auto
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._changes = 0
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()
        self._closed = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """The clock, which this process goes by until the end of the block."""
        self._before = use_clock(self)
        self._told = working.tell(self._change)
        if self._auto:
            self._thread = threading.Thread(target=self._turn, name="perdure-hand-clock", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Go by the clock before. What still waits for this one waits for good."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        working.tell(self._told)
        use_clock(self._before)

    # -- what runs ask -----------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds since 1970 (UTC)."""
        return self._now

    def at(self, due: float, call: Callable[[], None], *, limit: bool = False) -> Alarm:
        """Have `call` called once time is turned to that moment; at once, on a thread, if it is there."""
        alarm = Alarm(due, call, limit=limit)
        with self._changed:
            late = due <= self._now
            if not late:
                heapq.heappush(self._alarms, (due, next(self._numbers), alarm))
            loop = _running_loop()
            if loop is not None:
                self._loops[loop] = threading.get_ident()
        if late:
            threading.Thread(target=alarm.ring, name="perdure-hand-clock-late", daemon=True).start()
        self._change()
        return alarm

    # -- what tests ask ----------------------------------------------------------------------------------

    @property
    def pending(self) -> tuple[datetime, ...]:
        """The moments that are waited for, in order; time limits are none."""
        with self._changed:
            return tuple(datetime.fromtimestamp(due, UTC) for due in self._waits())

    def advance(self, duration: str | float | timedelta) -> None:
        """Turn time on by seconds, a timedelta, or a text such as "90s". All that comes due has rung then.

        Raises:
            ValueError: it is no duration.
        """
        self._advance(self._now + seconds(duration))

    def advance_to(self, moment: datetime | float) -> None:
        """Turn time to this moment. All that comes due has rung then.

        Raises:
            ValueError: it is in the past: time is never turned back.
        """
        target = _seconds(moment)
        if target < self._now - ROUNDED:
            now = datetime.fromtimestamp(self._now, UTC)
            raise ValueError(f"{moment} is over: it is {now}, and time is never turned back")
        self._advance(target)

    def until_waiting(self, count: int = 1, *, within: float = 30.0) -> None:
        """Block until so many waits are pending: the event that a test waits for before it turns time.

        It blocks its thread: in a test that is a coroutine, `await asyncio.to_thread(clock.until_waiting)`.

        Args:
            count: of waits; time limits are none.
            within: real seconds after which the test has failed.

        Raises:
            TimeoutError: there were not so many.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._waits()) >= count, within):
                found = len(self._waits())
                raise TimeoutError(f"{found} waits are pending, and not {count}, after {within:g} s")
        self._loops_rest()  # what else could begin on the loop of a wait has begun

    # -- turning -----------------------------------------------------------------------------------------

    def _waits(self) -> list[float]:
        """The moments that are waited for; whoever asks holds the lock."""
        return sorted(due for due, _, alarm in self._alarms if not (alarm.limit or alarm.cancelled))

    def _advance(self, target: float) -> None:
        while True:
            with self._changed:
                while self._alarms and self._alarms[0][2].cancelled:
                    heapq.heappop(self._alarms)
                if not self._alarms or self._alarms[0][0] > target + ROUNDED:
                    self._now = max(self._now, target)
                    break
                due, _, alarm = heapq.heappop(self._alarms)
                self._now = max(self._now, due)
            alarm.ring()
        self._change()

    def _change(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _turn(self) -> None:
        """Turn to the next moment whenever nothing is at work, until the clock is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or (self._waits() and not working.count()))
                if self._closed:
                    return
                seen = self._changes
                self._changed.wait(SETTLED)
            due = self._next(seen) if self._loops_rest() else None
            if due is not None:
                self._advance(due)

    def _next(self, seen: int) -> float | None:
        """The next moment that is waited for, if nothing changed meanwhile."""
        with self._changed:
            changed = self._closed or self._changes != seen or working.count()
            return None if changed else min(self._waits(), default=None)

    def _loops_rest(self) -> bool:
        """Whether no body is in its middle: each event loop goes through some rounds, or waits as a whole."""
        with self._changed:
            loops = list(self._loops.items())
        still = threading.get_ident()
        at_work = [
            loop
            for loop, thread in loops
            if loop.is_running() and thread != still and not working.rests(thread)
        ]
        return all(_rounds(loop).wait(1.0) for loop in at_work)


def _rounds(loop: asyncio.AbstractEventLoop) -> threading.Event:
    """Is set once the loop went through some rounds and nothing is left to be done, or it is closed."""
    through, rounds = threading.Event(), itertools.count(1)
    ready: Sized = getattr(
        loop, "_ready", ()
    )  # where a loop does not tell what is to be done, rounds have to do

    def go_round() -> None:
        gone = next(rounds)
        if gone < ROUNDS or (ready and gone < MOST_ROUNDS):
            loop.call_soon(go_round)
        else:
            through.set()

    try:
        loop.call_soon_threadsafe(go_round)
    except RuntimeError:
        through.set()
    return through


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _seconds(moment: datetime | float) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)
