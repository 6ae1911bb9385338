"""One try at a call, as the step's own code may know it, and the fence around what is over.

1. What belongs to an attempt (entries of a state, kept turns of a loop) is committed with it, or not at all.
2. An attempt that was given up, because its time was over or its run was cancelled, commits nothing more,
   however long its code goes on in some thread.
3. The idempotency key is the same for all attempts at a call, also in later processes: whoever asks for it
   finds the call's start on disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from perdure.errors import NotInRun

from . import clock
from .tracebacks import one_line

if TYPE_CHECKING:
    from perdure.store.records import CallRecord, Record

    from .cancelling import Cancelled
    from .owner import Owner


@dataclass(frozen=True, slots=True)
class Current:
    """Where the calling code is: in which run, step and attempt. It may be sent to a worker."""

    run: str
    """Id of the run."""
    workflow: str
    step: str | None = None
    """None in the body of a workflow."""
    call: str | None = None
    """Id of the call."""
    attempt: int = 0
    """Number of the attempt, from 1; 0 in a body."""
    started: datetime | None = None
    """When this attempt began (UTC)."""
    deadline: datetime | None = None
    """When its time is over, if it has a time limit (UTC)."""

    @property
    def idempotency_key(self) -> str:
        """The same text for all attempts at this call, and no other call's: for services that take one.

        Raises:
            NotInRun: the calling code is in no step.
        """
        if self.call is None:
            raise NotInRun(what="an idempotency key belongs to a step's call, and this")
        return f"{self.run}-{self.call}"


class Shown(Protocol):
    """What an attempt's code shows, while it runs."""

    def taken(self) -> list[dict[str, Any]]:
        """All that was shown so far, as plain data."""

    def again(self, outputs: list[dict[str, Any]]) -> None:
        """Show this in place of what was shown so far."""


class Attempt:
    """One try at a call, while it is at work.

    Args:
        owner: of the run.
        call: the call's record, as it began.
        number: of the attempt, from 1.
        deadline: when its time is over, in seconds since 1970; None for no limit.
    """

    __slots__ = (
        "_known",
        "_lock",
        "_over",
        "_stop",
        "call",
        "changes",
        "deadline",
        "loops",
        "number",
        "owner",
        "shown",
    )

    def __init__(self, owner: Owner, call: CallRecord, number: int, deadline: float | None = None) -> None:
        self.owner = owner
        self.call = call
        self.number = number
        self.deadline = deadline
        self.changes: list[Record] = []
        """What is to be written in the commit of its end."""
        self.loops: object | None = None
        """What the resumable loops of its code have in common (`perdure.engine.loops`)."""
        self.shown: Shown | None = None
        """What its code shows, where that is recorded."""
        self._known = call.kind == "effect"
        self._over: BaseException | None = None
        self._stop: Callable[[BaseException], None] | None = None
        self._lock = threading.Lock()

    @property
    def over(self) -> BaseException | None:
        """Why it was given up, if it was."""
        return self._over

    def check(self) -> None:
        """Do nothing, unless the attempt was given up: what its code does from then on is not kept."""
        if self._over is not None:
            raise self._over

    def stopped_by(self, stop: Callable[[BaseException], None] | None) -> None:
        """Have `stop` called, with the reason, when the attempt is given up; at once if it was already."""
        with self._lock:
            self._stop, over = stop, self._over
        if over is not None and stop is not None:
            stop(over)

    def give_up(self, why: BaseException) -> None:
        """Stop its code as far as that can be done, and commit nothing of it; the first reason counts."""
        with self._lock:
            if self._over is not None:
                return
            self._over, stop = why, self._stop
        if stop is not None:
            stop(why)

    def fence(self, why: BaseException) -> None:
        """Commit nothing of it any more; its code is stopped by what it waits for."""
        with self._lock:
            self._over = self._over or why

    def abandon(self, why: Cancelled) -> None:
        """Record that it was given up, whatever its code still does in some thread."""
        took = max(0.0, clock.now() - self.call.started)
        self.owner.fail(self.call, state=why.state, error=one_line(why), took=took)

    def current(self) -> Current:
        """What its code may know. Its start is on disk from now on: its id may go out into the world."""
        if not self._known:
            self.owner.make_known(self.call)
            self._known = True
        run, call = self.owner.run, self.call
        deadline = None if self.deadline is None else datetime.fromtimestamp(self.deadline, UTC)
        started = datetime.fromtimestamp(call.started, UTC)
        return Current(run.id, run.workflow, call.step, call.id, self.number, started, deadline)
