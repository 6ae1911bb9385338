"""What is under way in one pass over a body: attempts and child runs; and how all of it is brought to an end.

1. Whoever stops a pass stops each thread and each task once, where it is innermost: a step that the body
   waits for, rather than both.
2. Once a pass is over, nothing begins in it any more.
3. Of each work one side alone records the end: who carried it out, or who gave it up and would not wait.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass
from typing import Protocol

from .cancelling import Cancelled, Stop

Strands = frozenset[Hashable]
"""The thread or the task in which code goes on, and what waits for it there."""


EFFECT, CHILD, WAIT = "effect", "child", "wait"
KINDS = ("", EFFECT, CHILD, WAIT)


class Work(Protocol):
    """Something that is at work in a pass."""

    def give_up(self, why: BaseException) -> None:
        """Stop it as far as that can be done; it commits nothing more."""

    def fence(self, why: BaseException) -> None:
        """The same without stopping its code: something further inside is being stopped."""

    def abandon(self, why: Cancelled) -> None:
        """Record that it was given up: who carries it out has not done so, and will not any more."""


class Waiting:
    """What code waits for in its thread or task; once it is given up, that waits no more."""

    __slots__ = ("_stop", "over")

    def __init__(self, stop: Callable[[BaseException], None]) -> None:
        self._stop = stop
        self.over: BaseException | None = None
        """Why it was given up, if it was."""

    def give_up(self, why: BaseException) -> None:
        """End the wait."""
        self.over = why
        self._stop(why)

    def fence(self, why: BaseException) -> None:
        """Nothing is committed by a wait."""

    def abandon(self, why: Cancelled) -> None:
        """Nothing is recorded of it."""


@dataclass(slots=True)
class _Entry:
    work: Work
    strands: Strands
    kind: str
    branch: str | None = None
    settled: bool = False
    """Whether its end is being recorded."""


class UnderWay:
    """The works of one pass, in the order in which they began."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._abandoned: set[int] = set()
        self._cut: dict[str | None, Cancelled] = {}
        self._lock = threading.RLock()
        self._waiting: list[tuple[Callable[[_Entry], bool], concurrent.futures.Future[None]]] = []
        self._over: Cancelled | None = None
        self.stopped: Cancelled | None = None
        """Why the pass was stopped from outside, if it was."""

    @property
    def over(self) -> Cancelled | None:
        """Why nothing begins any more, once that is so."""
        return self._over

    # -- what works do -----------------------------------------------------------------------------------

    def check(self) -> None:
        """Do nothing, unless the pass is over: then what its code does is not kept.

        Raises:
            Cancelled: it is.
        """
        if self._over is not None:
            raise self._over.again()

    def check_stopped(self) -> None:
        """Do nothing, unless the pass was stopped from outside: the body is to hear of it.

        Raises:
            Cancelled: it was.
        """
        if self.stopped is not None:
            raise self.stopped.again()

    def begin(self, work: Work, strands: Strands, *, kind: str = "", branch: str | None = None) -> None:
        """A work begins. Where the pass is over already, or its branch, it is given up at once.

        Args:
            work: the work.
            strands: where it goes on.
            kind: `EFFECT` or `CHILD` for what the end of a body may wait for, `WAIT` for what only waits.
            branch: of the call whose attempt it is.
        """
        with self._lock:
            self._entries[id(work)] = _Entry(work, strands, kind, branch)
            over = self._over or self._cut.get(branch)
        if over is not None:
            work.give_up(over)

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """Around what leads to `begin`: the pass is not at rest meanwhile, whichever thread looks.

        Raises:
            Cancelled: the pass is over, and nothing is to begin in it.
        """
        place = Waiting(lambda _: None)
        with self._lock:
            self.check()
            self._entries[id(place)] = _Entry(place, frozenset(), "")
        try:
            yield
        finally:
            self.end(place)

    def goes_on_in(self, work: Work, strands: Strands) -> None:
        """Where a work goes on that began before that was known."""
        with self._lock:
            entry = self._entries.get(id(work))
            if entry is not None:
                entry.strands = strands

    def settle(self, work: Work) -> bool:
        """Whether the caller records the end of the work: nobody else did who would not wait for it."""
        with self._lock:
            entry = self._entries.get(id(work))
            if entry is not None:
                entry.settled = True
            return id(work) not in self._abandoned

    def end(self, work: Work) -> None:
        """The work is at an end, and recorded."""
        with self._lock:
            self._entries.pop(id(work), None)
            self._abandoned.discard(id(work))
            self._look()

    # -- what the pass does ------------------------------------------------------------------------------

    def close(self, why: Cancelled) -> None:
        """From now on nothing begins: the body has ended. What is at work goes on."""
        with self._lock:
            self._over = self._over or why

    def stop(self, why: Cancelled, body: Stop | None = None, strands: Strands = frozenset()) -> None:
        """The pass is over, from outside: give up all that is at work, and stop the body.

        Args:
            why: what goes through the code.
            body: stops the body.
            strands: where the body goes on.
        """
        with self._lock:
            if self.stopped is not None:
                return
            self.stopped = self._over = why
        if not self._give_up(why, lambda _: True) & strands and body is not None:
            body(why)

    def give_up(self, why: Cancelled, *, but: Collection[str] = ()) -> None:
        """Stop what is at work, but for these kinds."""
        self._give_up(why, lambda entry: entry.kind not in but)

    def cut(self, branches: Collection[str], why: Cancelled) -> None:
        """Stop what is at work in these branches, with what it waits for, and whatever begins there later."""
        with self._lock:
            self._cut |= dict.fromkeys(branches, why)
            there = [entry.strands for entry in self._entries.values() if entry.branch in branches]
        strands: Strands = frozenset().union(*there)
        self._give_up(why, lambda entry: bool(entry.strands & strands))

    def _give_up(self, why: Cancelled, which: Callable[[_Entry], bool]) -> Strands:
        """Give up these works; the strands of all that is at work."""
        with self._lock:
            entries = list(reversed(self._entries.values()))
        seen: Strands = frozenset()
        for entry in entries:
            if which(entry) and not entry.settled:
                (entry.work.fence if entry.strands & seen else entry.work.give_up)(why)
            seen |= entry.strands
        return seen

    @contextlib.contextmanager
    def waiting(self, stop: Callable[[BaseException], None], strands: Strands) -> Iterator[None]:
        """Around a wait: `stop` ends it when it is given up, which is then told.

        Raises:
            Cancelled: it was, or the pass is over.
        """
        wait = Waiting(stop)
        self.begin(wait, strands, kind=WAIT)
        try:
            yield
        finally:
            self.end(wait)
        self.check()
        if isinstance(wait.over, Cancelled):
            raise wait.over.again()

    def abandon(self) -> list[Work]:
        """The works that did not end although they were given up; the caller records that."""
        with self._lock:
            left = [entry.work for entry in self._entries.values() if not entry.settled]
            self._abandoned.update(id(work) for work in left)
            for work in left:
                del self._entries[id(work)]
            self._look()
        return left

    # -- waiting -----------------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        """Whether anything is at work."""
        return bool(self._entries)

    def at_rest(self, kinds: Collection[str] = KINDS) -> concurrent.futures.Future[None]:
        """Is done as soon as nothing of these kinds is at work."""
        found: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._lock:
            self._waiting.append((lambda entry: entry.kind in kinds, found))
            self._look()
        return found

    def _look(self) -> None:
        """Tell those who wait for what is at rest now; whoever calls this holds the lock."""
        for which, future in list(self._waiting):
            if not any(map(which, self._entries.values())):
                self._waiting.remove((which, future))
                if not future.done():
                    future.set_result(None)


def strands_here() -> Strands:
    """Where the calling code goes on: its task, or its thread with the task that it holds up."""
    return frozenset({threading.get_ident()} | tasks_here())


def tasks_here() -> Strands:
    """The running task, if there is one."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return frozenset()
    return frozenset() if task is None else frozenset({task})
