"""What a replay of a run's body would do: its calls are looked up, and none is carried out.

1. Nothing is written, locked or told, and no step runs. What stands between the calls does.
2. A call that would run ends its branch: what it would give is not known. Other branches go on.
3. What is recorded, and lies beyond such a call, is not reached, and not taken for missing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from perdure.store.records import CallRecord, Place

from . import keeping, moves
from .decide import NEW, Ask, Decision, Refuse, Request, Restore, Run, decide
from .defined import defined
from .finding import ancestors
from .history import History
from .order import expected
from .owner import Owner, kept_calls
from .plans import AS_USUAL
from .scope import Pass, Scope, entered, numbered_tasks
from .stored import unsealed
from .tracebacks import one_line

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import Record, RunRecord

RESTORE, RUN, CHANGED, EXTRA, MISSING, ASK = "restore", "run", "changed", "extra", "missing", "ask"
DRIFTED: Final = (CHANGED, EXTRA, MISSING)
"""What a run whose code is as it was has none of."""

_TURNS = 1.0
"""Seconds that branches have to come to their ends once the body has ended."""


class Unmade(BaseException):
    """Ends a branch at a call that would not be restored; no `except Exception` goes on instead."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the body, or one that it does not make any more."""

    kind: str
    """`restore`; `changed` (it runs again), `extra` (it is not recorded), `run` (it was not finished), `ask`
    (a person decides first); `missing` (it is recorded, and not made)."""
    step: str
    inputs: str
    """As they are shown."""
    why: str
    record: CallRecord | None = None
    """The call that is recorded, or whose place it takes."""


@dataclass(slots=True)
class Replay:
    """What came of a replay."""

    run: RunRecord
    calls: list[Call] = field(default_factory=list)
    """Those that the body made, in their order, then those that are missing."""
    unreached: int = 0
    """How many recorded calls lie beyond one that would run."""
    error: str = ""
    """The error with which the body ended, if with one of its own."""

    @property
    def drifted(self) -> list[Call]:
        """Where the body does not do what is recorded."""
        return [call for call in self.calls if call.kind in DRIFTED]


class Reader(Owner):
    """Answers as the owner of a run would, and changes nothing."""

    def __init__(self, store: Store, run: RunRecord, replay: Replay) -> None:
        own = store.journal.calls(run.id)
        origins = kept_calls(store.journal, ancestors(store, run), "done", "in doubt")
        super().__init__(store, run, None, History([*origins, *own]), 0)
        self._replay = replay
        self._met: set[str] = set()
        for call in own:
            if call.state == "running":  # as the next owner would find it
                self.history.add(moves.settled(call, self.tries(call.id))[0])
        used = store.journal.restores(run.id)
        self._expected = expected(self.history.calls.values(), used, finished=run.state == "done")

    def decide(self, request: Request) -> Decision:
        """Restore what would be restored; where anything else is decided, the branch ends."""
        with self._mutex:
            if self.failures:
                self.moved(request.branch)
            decision = decide(self.history, self._private(request))
            if isinstance(decision, Restore):
                self.history.claim(decision.call)
                self._note(RESTORE, request, decision.reason, decision.call)
                return decision
            if _is_left(request, decision):
                return decision
            unmade: Any = self._unmade(request, decision)
            return Refuse(unmade)

    def start(self, request: Request, decision: Run, **_: Any) -> CallRecord:  # type: ignore[override]
        """Nothing is started: the branch ends.

        Raises:
            Unmade: always.
        """
        with self._mutex:
            last = self._replay.calls[-1] if self._replay.calls else None
            if last is not None and last.kind == RESTORE and last.step == request.step:
                self._replay.calls.pop()  # a child whose call is restored, and whose run is not
            raise self._unmade(request, decision)

    def wait_again(self, call: str) -> None:
        """A sleep that nobody waited for is waited for now.

        Raises:
            Unmade: always.
        """
        found = self.history.calls[call]
        self._replay.calls.append(Call(RUN, found.step, _shown(found.input_parts), "it waits", found))
        raise Unmade

    def left(self) -> None:
        """Note what is recorded and was not called; the body has ended."""
        finished = not any(call.kind not in (RESTORE, MISSING) for call in self._replay.calls)
        finished = finished and not self._replay.error
        claimed = {call.record.id for call in self._replay.calls if call.record is not None} | self._met
        for line in self._expected.values():
            met = [place for place, call in enumerate(line) if call in claimed]
            reached = len(line) if finished else max(met, default=-1)
            for place, name in enumerate(line):
                if name in claimed:
                    continue
                if place > reached:
                    self._replay.unreached += 1
                    continue
                call = self.history.calls[name]
                why = "recorded, and not called any more"
                self._replay.calls.append(Call(MISSING, call.step, _shown(call.input_parts), why, call))

    def _unmade(self, request: Request, decision: Decision) -> Unmade:
        found = getattr(decision, "call", None)
        kind, why = RUN, getattr(decision, "reason", "")
        if isinstance(decision, Ask | Refuse):
            kind, why = ASK, str(decision.error).partition("\n")[0]
        elif isinstance(decision, Run) and decision.call is None:
            found = self.history.predecessor(request.branch, request.step)
            kind = EXTRA if why == NEW else CHANGED
            if kind == CHANGED and found is not None:
                self.history.claim(found)
        self._note(kind, request, why, None if kind == EXTRA else found)
        return Unmade()

    def _note(self, kind: str, request: Request, why: str, call: CallRecord | None) -> None:
        parts = request.input_parts
        if call is not None and not any(part.preview for part in parts):
            parts = call.input_parts
        self._replay.calls.append(Call(kind, request.step, _shown(parts), why, call))

    # -- what an owner would write -----------------------------------------------------------------------

    def restored(self, used: CallRecord | RunRecord, **_: Any) -> None:  # type: ignore[override]
        """It is not noted."""

    def tell(self, kind: str, call: CallRecord | None = None) -> None:
        """Nobody is told."""

    def _write(self, *records: Record, durability: str | None = None) -> None:
        """Nothing is written."""


def replay_of(store: Store, run: RunRecord) -> Replay:
    """Replay the body of a run, as its workflow is defined here, with the inputs that are kept.

    Raises:
        NoSuchWorkflow: it is not defined here.
        InputsDiffer: it takes other inputs now.
    """
    workflow = defined(store, run)
    subject = f"The inputs of run {run.id} of `{run.workflow}`"
    assert run.inputs is not None
    stored = unsealed(store, run.inputs, Place(run.id, role="inputs"), subject)
    _, body = workflow.again(store, run, keeping.decode(stored, subject=subject), AS_USUAL)
    return replay(store, run, body, is_async=workflow.is_async)


def replay(store: Store, run: RunRecord, body: Callable[[], Any], *, is_async: bool) -> Replay:
    """Replay the body of a run, in a thread of its own, and tell what it would do.

    Args:
        store: where the run is.
        run: the run.
        body: its body, which gives an awaitable if it is async.
        is_async: whether it is.
    """
    found = Replay(run)
    reader = Reader(store, run, found)
    scope = Scope(reader, Pass())

    def go() -> None:
        try:
            if is_async:
                asyncio.run(_awaited(body, scope))
            else:
                with entered(scope):
                    body()
        except Unmade:
            return
        except BaseException as error:  # noqa: BLE001  the run may have ended with it, too
            if not _is_unmade(error):
                found.error = one_line(error)

    thread = threading.Thread(target=go, name=f"perdure-replay-{run.id}", daemon=True)
    thread.start()
    thread.join()
    reader.left()
    return found


async def _awaited(body: Callable[[], Awaitable[Any]], scope: Scope) -> None:
    """Await the body, then give its branches time to come to their own ends."""
    try:
        with numbered_tasks(), entered(scope):
            await body()
    finally:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=_TURNS)


def _is_left(request: Request, decision: Decision) -> bool:
    """Whether it is a sleep for which nobody waited: that it is asked for again is as it was."""
    call = decision.call if isinstance(decision, Run) else None
    return request.kind == "wait" and call is not None and call.state == "cancelled" and call.due is not None


def _is_unmade(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(Unmade) is not None
    return isinstance(error, Unmade)


def _shown(parts: Any) -> str:
    return ", ".join(part.preview for part in parts if part.preview)
