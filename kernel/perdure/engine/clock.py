"""The clock that runs go by: what time it is, and who is to be told when a moment has come.

1. A moment is told by the time of the wall, so that a wait that outlives its process ends when it said.
2. Whoever waits costs nothing until then: one thread sleeps until the next moment, for all that wait.
3. `perdure.testing.HandClock` takes its place in tests, and is turned by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Protocol

from .working import resting

LONGEST = 30.0
"""Seconds between two looks at the time: the wall's clock may be set, and a machine may sleep."""

MANY = 256
"""Alarms among which those that were taken back may stay until their moment."""


class Alarm:
    """A call that is to come at a moment; `cancel` takes it back."""

    __slots__ = ("_call", "due", "limit")

    def __init__(self, due: float, call: Callable[[], None], *, limit: bool) -> None:
        self.due = due
        self.limit = limit
        """Whether it is a time limit, and not something that is waited for."""
        self._call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Call nothing any more. Twice is fine."""
        self._call = None

    @property
    def cancelled(self) -> bool:
        """Whether it rang, or was taken back."""
        return self._call is None

    def ring(self) -> None:
        """Call, once."""
        call, self._call = self._call, None
        if call is not None:
            call()


class Clock(Protocol):
    """What a clock does."""

    def now(self) -> float:
        """Seconds since 1970 (UTC)."""

    def at(self, due: float, call: Callable[[], None], *, limit: bool = False) -> Alarm:
        """Have `call` called, on a thread of the clock's, as soon as that moment has come.

        Args:
            due: seconds since 1970.
            call: short, and it raises nothing.
            limit: it is a time limit for something that is at work, and not a wait.
        """


class WallClock:
    """The machine's clock."""

    def __init__(self) -> None:
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._many = MANY

    def now(self) -> float:
        """Seconds since 1970 (UTC)."""
        return time.time()

    def at(self, due: float, call: Callable[[], None], *, limit: bool = False) -> Alarm:
        """Have `call` called as soon as that moment has come."""
        alarm = Alarm(due, call, limit=limit)
        with self._changed:
            self._sweep()
            heapq.heappush(self._alarms, (due, next(self._numbers), alarm))
            if self._thread is None or not self._thread.is_alive():  # it is not, in a process that was forked
                self._thread = threading.Thread(target=self._run, name="perdure-clock", daemon=True)
                self._thread.start()
            elif self._alarms[0][2] is alarm:
                self._changed.notify()
        return alarm

    def _sweep(self) -> None:
        """Drop what was taken back, now and then: each race in a loop may leave an alarm of days behind."""
        if len(self._alarms) > self._many:
            self._alarms = [each for each in self._alarms if not each[2].cancelled]
            heapq.heapify(self._alarms)
            self._many = max(MANY, 2 * len(self._alarms))

    def _run(self) -> None:
        while True:
            for alarm in self._come():
                alarm.ring()

    def _come(self) -> list[Alarm]:
        """Wait until a moment has come; the alarms of it."""
        with self._changed:
            while self._alarms and self._alarms[0][2].cancelled:
                heapq.heappop(self._alarms)
            wait = self._alarms[0][0] - self.now() if self._alarms else None
            if wait is None or wait > 0:
                self._changed.wait(None if wait is None else min(wait, LONGEST))
            found, now = [], self.now()
            while self._alarms and self._alarms[0][0] <= now:
                found.append(heapq.heappop(self._alarms)[2])
            return found


_wall: Clock = WallClock()
_clock: Clock = _wall


def now() -> float:
    """The time, in seconds since 1970 (UTC)."""
    return _clock.now()


def at(due: float, call: Callable[[], None], *, limit: bool = False) -> Alarm:
    """Have `call` called as soon as that moment has come; see `Clock.at`."""
    return _clock.at(due, call, limit=limit)


def use_clock(clock: Clock | None) -> Clock:
    """Go by this clock from now on (None: the machine's); return the one before."""
    global _clock
    before, _clock = _clock, _wall if clock is None else clock
    return before


def pause(due: float, woken: threading.Event | None = None) -> bool:
    """Block this thread until that moment, or until `woken` is set; whether it was woken."""
    event, rung = woken or threading.Event(), threading.Event()

    def ring() -> None:
        wait.wake()
        rung.set()
        event.set()

    with resting(thread=True) as wait:
        alarm = at(due, ring)
        try:
            event.wait()
        finally:
            alarm.cancel()
    return not rung.is_set()


def within(deadline: float, ended: threading.Event) -> bool:
    """Block this thread until what is at work elsewhere ended; whether it did before the deadline."""
    late = threading.Event()

    def ring() -> None:
        late.set()
        ended.set()

    alarm = at(deadline, ring, limit=True)
    try:
        ended.wait()
    finally:
        alarm.cancel()
    return not late.is_set()


async def until(due: float) -> None:
    """Await that moment."""
    loop = asyncio.get_running_loop()
    come: asyncio.Future[None] = loop.create_future()

    def ring() -> None:
        wait.wake()
        soon(loop, come)

    with resting() as wait:
        alarm = at(due, ring)
        try:
            await come
        finally:
            alarm.cancel()


def soon(loop: asyncio.AbstractEventLoop, come: asyncio.Future[None]) -> None:
    """Tell a future that it has come, from any thread; a loop that is closed waits for nothing any more."""

    def tell() -> None:
        if not come.done():
            come.set_result(None)

    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(tell)
