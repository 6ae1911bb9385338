"""What is at work in this process: the code of attempts, as long as it does not wait for the clock.

A test clock that moves by itself asks: time stands while anything is at work, so that nothing is late in a
test only because the machine is slow.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Self

_lock = threading.Lock()
_count = 0
_told: Callable[[], None] | None = None
_resting: set[int] = set()


def count() -> int:
    """How many attempts are at work just now, and wait for no moment."""
    return _count


def rests(thread: int) -> bool:
    """Whether that thread as a whole waits for the clock."""
    return thread in _resting


def tell(told: Callable[[], None] | None) -> Callable[[], None] | None:
    """Have `told` called after each change of `count`; return what was called before."""
    global _told
    before, _told = _told, told
    return before


def _change(by: int) -> None:
    global _count  # noqa: PLW0603  one count for a process
    with _lock:
        _count += by
    if _told is not None:
        _told()


class working:  # noqa: N801  it is used as a verb
    """Around the work of one attempt, from its start to the commit of its end: it is at work.

    An attempt in whose code another one begins, in a run that it started, rests until that has ended.
    """

    __slots__ = ("_outer", "_token", "_waits")

    def __init__(self) -> None:
        self._waits = 0

    def __enter__(self) -> None:
        self._outer = _piece.get()
        self._token = _piece.set(self)
        _change(1)
        if self._outer is not None:
            self._outer.rest(1)

    def __exit__(self, *_: object) -> None:
        with _lock:
            waits, self._waits = self._waits, -1
        if self._outer is not None:
            self._outer.rest(-1)
        if not waits:
            _change(-1)
        _piece.reset(self._token)

    def rest(self, by: int) -> None:
        """Count a wait (1), or the end of one (-1), in the code of this attempt, whichever task it is in."""
        with _lock:
            if self._waits < 0:
                return  # a task that its attempt left behind
            self._waits += by
            change = -1 if by > 0 and self._waits == 1 else int(not self._waits)
        if change:
            _change(change)


_piece: ContextVar[working | None] = ContextVar("perdure_working", default=None)


class resting:  # noqa: N801  it is used as a verb
    """Around a wait for the clock, or for a run that may wait for it: its attempt is not at work meanwhile.

    Args:
        thread: the whole thread waits, with the event loop that may run there.
    """

    __slots__ = ("_open", "_piece", "_thread", "_woken")

    def __init__(self, *, thread: bool = False) -> None:
        self._open, self._woken = True, False
        self._piece = _piece.get()
        self._thread = threading.get_ident() if thread else None

    def __enter__(self) -> Self:
        if self._thread is not None:
            _resting.add(self._thread)
        if self._piece is not None:
            self._piece.rest(1)
        return self

    def wake(self) -> None:
        """What was waited for has come: from now on something is at work, until the waiting code went on."""
        with _lock:
            first = self._open and not self._woken
            self._woken |= first
        if first:
            _change(1)

    def __exit__(self, *_: object) -> None:
        with _lock:
            self._open = False
        if self._thread is not None:
            _resting.discard(self._thread)
        if self._piece is not None:
            self._piece.rest(-1)
        if self._woken:
            _change(-1)
