"""A run's body against its journal: what a replay would restore, without a step that runs.

1. Nothing is written, no step's code runs, and nobody's lock is taken.
2. A branch goes on as long as what it calls is recorded. Where it calls something else, what that would give
   is not known, and the branch ends; of a step whose code alone was edited, the recorded value stands in.
3. The code of the body itself is executed: what it does beside its calls, it does.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perdure.store.records import CallRecord, Place, Record, RunRecord

from . import keeping
from .cancelling import Cancelled
from .decide import NEW, Decision, Request, Restore, Run, Wait, requested, spelled
from .defined import defined
from .finding import ancestors
from .history import History, uncollected
from .origins import with_origins
from .owner import Owner
from .plans import AS_USUAL
from .scope import Pass, Scope, entered, numbered_tasks
from .stored import unsealed
from .tracebacks import one_line

if TYPE_CHECKING:
    from perdure.store import Store

_PATIENCE = 1.0
"""Seconds for what the body left running: nothing of it is work, unless the body itself works or waits."""
EXTRA, CHANGED, MISSING, NEXT = "extra", "changed", "missing", "next"


@dataclass(frozen=True, slots=True)
class Finding:
    """One call in which the body and the journal differ."""

    kind: str
    """`changed` (it would run again), `extra` (called, and not recorded), `missing` (recorded, and not called
    any more), or `next`: with what an unfinished run would go on."""
    call: str
    """As code would write it."""
    why: str


@dataclass(slots=True)
class Rehearsal:
    """What came of it."""

    run: RunRecord
    restores: list[Restore] = field(default_factory=list)
    """The calls that would be restored, in the order of the body."""
    findings: list[Finding] = field(default_factory=list)
    ended: str = ""
    """With which error the body ended, in one line; empty where it came to its end, or to a call."""
    whole: bool = False
    """Whether the body came to its end."""

    @property
    def restored(self) -> int:
        """How many calls would be restored."""
        return len(self.restores)

    @property
    def alike(self) -> bool:
        """Whether body and journal tell the same."""
        return not any(each.kind != NEXT for each in self.findings)


class _Unknown(Cancelled):
    """Ends a branch at a call of which nobody knows what it would give."""


class _Reader(Owner):
    """The owner's part in a rehearsal: it decides as the owner does, and writes nothing."""

    def __init__(self, store: Store, run: RunRecord, history: History, found: Rehearsal) -> None:
        super().__init__(store, run, None, history, 0)
        self._found = found
        self._asleep: dict[str, tuple[Request, Decision]] = {}

    def decide(self, request: Request) -> Decision:
        decision = super().decide(request)
        if isinstance(decision, Restore):
            self._found.restores.append(decision)
            if decision.older_code:
                self._note(CHANGED, request, decision.reason)
            if request.kind == "child" and not self._is_there(decision.call, request):
                raise _Unknown  # it would run
            return decision
        if request.kind == "wait" and isinstance(decision, Run | Wait) and decision.call is not None:
            self._asleep[decision.call.id] = request, decision  # it matters once somebody waits for it
            return decision
        if isinstance(decision, Run) and decision.call is not None and decision.call.state == "cancelled":
            return decision  # it matters once it is begun: what lost a race is not
        place = (request.branch, request.step, request.inputs, request.occurrence)
        edited = self.history.uncoded(*place)
        if (
            isinstance(decision, Run)
            and request.kind == "pure"
            and edited is not None
            and edited.state == "done"
        ):
            self.history.claim(edited)
            self._note(CHANGED, request, decision.reason)
            return Restore(edited, decision.reason, older_code=True)
        self._note(self._kind(decision), request, _why(decision))
        raise _Unknown

    def settle(self) -> None:
        """Take what was left running as the next owner would find it."""
        self._settle([call for call in self.history.calls.values() if call.run == self.run.id], died=None)

    def start(self, request: Request, decision: Run, **_: Any) -> CallRecord:
        """Nothing is begun in a rehearsal: the branch ends."""
        self._note(self._kind(decision), request, _why(decision))
        raise _Unknown

    def wait_again(self, call: str) -> None:
        """Nobody sleeps in a rehearsal: the branch ends."""
        request, decision = self._asleep[call]
        self._note(self._kind(decision), request, _why(decision))
        raise _Unknown

    def _is_there(self, call: CallRecord, request: Request) -> bool:
        """Whether the result of a child run would be used as it is."""
        child = None if call.child is None else self.store.journal.run(call.child)
        return call.state == "failed" or (
            child is not None and child.state == "done" and child.code == request.code
        )

    def _kind(self, decision: Decision) -> str:
        if self.run.state != "done" and (isinstance(decision, Wait) or _begun(decision)):
            return NEXT
        if isinstance(decision, Run) and decision.reason == NEW:
            return EXTRA if self.run.state == "done" else NEXT
        return CHANGED

    def _note(self, kind: str, request: Request, why: str) -> None:
        self._found.findings.append(Finding(kind, requested(request), why))

    def tell(self, kind: str, call: CallRecord | None = None) -> None:
        """Tell nobody."""

    def _write(self, *records: Record, durability: str | None = None) -> None:
        """Write nothing."""


def rehearse(store: Store, run: RunRecord) -> Rehearsal:
    """Replay the body of a run of a `@workflow` function, with the inputs that it was begun with.

    Raises:
        NoSuchWorkflow: its workflow is not defined in this process.
        InputsDiffer: it takes other inputs now.
    """
    workflow = defined(store, run)
    subject = f"The inputs of run {run.id} of `{run.workflow}`"
    assert run.inputs is not None
    stored = unsealed(store, run.inputs, Place(run.id, role="inputs"), subject)
    plan, body = workflow.again(store, run, keeping.decode(stored, subject=subject), AS_USUAL)
    return rehearse_body(store, run, body, is_async=workflow.is_async, executor=plan.executor)


def rehearse_body(
    store: Store, run: RunRecord, body: Callable[[], Any], *, is_async: bool, executor: Any = None
) -> Rehearsal:
    """Replay a body against the journal of a run, in a thread of its own.

    Args:
        store: where the run is.
        run: the run.
        body: gives an awaitable if it is async.
        is_async: whether it is.
        executor: where its steps would run.
    """
    found = Rehearsal(run)
    with uncollected():
        calls = with_origins(store.journal, ancestors(store, run), store.journal.calls(run.id))
    reader = _Reader(store, run, History(calls), found)
    if store.owner(run.id) is None:
        reader.settle()
    reader.expect_order(held=False)
    work = functools.partial(
        _carry_out, Scope(reader, Pass(executor=executor)), found, body, is_async=is_async
    )
    thread = threading.Thread(target=work, name=f"perdure-rehearsal-{run.id}", daemon=True)
    thread.start()  # the calling thread may have an event loop that runs
    thread.join()
    if found.whole or not found.findings:
        found.findings += [
            Finding(MISSING, spelled(call), "recorded, and not called any more") for call in _left(reader)
        ]
    return found


def _carry_out(scope: Scope, found: Rehearsal, body: Callable[[], Any], *, is_async: bool) -> None:
    try:
        if is_async:
            asyncio.run(_awaited(scope, body))
        else:
            with entered(scope):
                body()
        found.whole = True
    except Cancelled:
        return
    except Exception as error:  # noqa: BLE001  the body's own, as a replay would raise it
        found.ended = one_line(error)
        found.whole = found.run.state != "done"


async def _awaited(scope: Scope, body: Callable[[], Awaitable[Any]]) -> None:
    """Await the body; its branches come to their own ends."""
    try:
        with numbered_tasks(), entered(scope):
            await body()
    finally:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=_PATIENCE)


def _left(reader: Owner) -> list[CallRecord]:
    return [call for call in reader.history.left() if call.state != "waiting"]


def _begun(decision: Decision) -> bool:
    """Whether it is a further attempt at a call that was not finished."""
    return isinstance(decision, Run) and decision.call is not None


def _why(decision: Decision) -> str:
    if isinstance(decision, Restore | Run | Wait):
        return decision.reason
    return " ".join(str(decision.error).split())
