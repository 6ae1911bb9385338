"""The moves of a call and its attempts, as the records that they leave: pure, and held to the states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from operator import attrgetter
from typing import Any

from perdure.store.records import AttemptRecord, CallRecord, Output, RunRecord

from . import states
from .decide import BY_HAND, DIED, Request, Run
from .decide import KINDS as STEPS
from .memory import last_known

_UNENDED: dict[str, Any] = {
    "ended": None,
    "took": 0.0,
    "value": None,
    "shown": None,
    "error": None,
    "caught": False,
    "due": None,
}
"""What an ended call has, and one that begins again has not."""


def begun(
    run: RunRecord,
    request: Request,
    decision: Run,
    before: AttemptRecord | None,
    *,
    new: str,
    seq: int,
    now: float,
    executor: str = "",
    details: dict[str, Any],
) -> tuple[CallRecord, AttemptRecord]:
    """A call that begins, with its attempt: a further one at a call that was found, or the first of a new.

    Args:
        run: the run that it belongs to, with the owner's epoch.
        request: the call as it is made.
        decision: why it runs.
        before: the newest attempt at the call that was found.
        new: the id of a new call.
        seq: its place in the run's order.
        now: the time.
        executor: where its code runs.
        details: fields that only the caller knows, such as `source` and `cell`.
    """
    fields: dict[str, Any] = {
        "kind": request.kind,
        "key": request.key,
        "code": request.code,
        "input_parts": request.input_parts,
        "code_parts": request.code_parts,
        "state": "running",
        "epoch": run.epoch,
        "seq": seq,
        "started": now,
        "reason": decision.reason,
        **details,
    }
    found = decision.call
    number = 1
    if found is not None and found.run == run.id:
        states.move(states.CALL, "call", found.state, "running")
        call = replace(found, **_UNENDED, **fields)
        number = before.number + 1 if before else 1
    else:
        call = CallRecord(
            id=new,
            run=run.id,
            branch=request.branch,
            step=request.step,
            inputs=request.inputs,
            occurrence=request.occurrence,
            **fields,
        )
    return call, AttemptRecord(call.id, run.id, number, run.epoch, "running", now, executor=executor)


def adopted(
    run: RunRecord, request: Request, found: CallRecord, *, new: str, seq: int, now: float
) -> CallRecord:
    """A call that is done at once, with what another run's call took and gave."""
    return CallRecord(
        id=new,
        run=run.id,
        seq=seq,
        branch=request.branch,
        step=request.step,
        inputs=request.inputs,
        occurrence=request.occurrence,
        code=request.code,
        kind=request.kind,
        state="done",
        epoch=run.epoch,
        started=now,
        key=request.key,
        ended=now,
        took=found.took,
        input_parts=request.input_parts,
        code_parts=request.code_parts,
    )


def taken_over(run: RunRecord, call: CallRecord, *, new: str, seq: int) -> CallRecord:
    """A call of a run that this one was forked from, as one of its own; its values stay where they are."""
    return replace(
        call, id=new, run=run.id, seq=seq, epoch=run.epoch, value=None, shown=None, needs=None, outputs=()
    )


def ended(
    call: CallRecord,
    attempt: AttemptRecord,
    state: str,
    *,
    now: float,
    traceback: str | None,
    memory: int | None = None,
    fields: dict[str, Any],
) -> tuple[CallRecord, AttemptRecord]:
    """A call and its attempt that end in this state.

    An attempt at an effect in doubt was interrupted; one at a call that waits for the next one failed.
    """
    moved = _changed(
        call, {**fields, "state": states.move(states.CALL, "call", call.state, state), "ended": now}
    )
    tried = states.move(states.ATTEMPT, "attempt", attempt.state, _TRIED.get(state, state))
    known = (attempt.call, attempt.run, attempt.number, attempt.epoch, tried, attempt.started)
    looked_at = attempt.memory if memory is None else memory
    return moved, AttemptRecord(*known, now, moved.error, traceback, attempt.executor, looked_at)


_TRIED = {"in doubt": "interrupted", "waiting": "failed"}
"""The state of an attempt, where it is not its call's."""

_FIELDS = {field.name: at for at, field in enumerate(fields_of(CallRecord))}
_values = attrgetter(*_FIELDS)


def _changed(call: CallRecord, changes: dict[str, Any]) -> CallRecord:
    """As `dataclasses.replace`, in half the time: this is done for every call."""
    values = list(_values(call))
    for name, value in changes.items():
        values[_FIELDS[name]] = value
    return CallRecord(*values)


def settled(
    call: CallRecord,
    attempts: Sequence[AttemptRecord],
    *,
    died: float | None = None,
    kept: float = 0.0,
) -> tuple[CallRecord, *tuple[AttemptRecord, ...]]:
    """A call that was left running when its process died; nobody knows when it ended.

    Args:
        call: the call.
        attempts: all tries at it, in their order.
        died: None where the process died; the time at which the run was taken from one that lives.
        kept: when it last kept a turn of a loop: deaths before that did not stop it.
    """
    tried = [
        replace(each, state=states.move(states.ATTEMPT, "attempt", each.state, "interrupted"), ended=died)
        for each in attempts
        if each.state == "running"
    ]
    deaths = [each for each in attempts if each.state == "interrupted" and each.ended is None]
    deaths += [each for each in tried if each.ended is None]
    # Those in vain: the one after it last kept a turn, and all that followed.
    deaths = [
        *[each for each in deaths if each.started < kept][-1:],
        *[each for each in deaths if each.started >= kept],
    ]
    often = len(deaths) >= DEATHS and call.kind in STEPS
    state = "in doubt" if often or call.kind == "effect" else "interrupted"
    lost = replace(call, state=states.move(states.CALL, "call", call.state, state))
    if often:
        lost = replace(lost, reason=DIED, error=f"{DIED}{last_known(deaths[-1].memory)}")
    return lost, *tried


DEATHS = 2
"""After so many deaths of its process inside one call, the next try is asked about."""


def resolved(
    call: CallRecord, state: str, *, now: float, outputs: tuple[Output, ...], has_value: bool
) -> CallRecord:
    """An effect in doubt, as a person decided: `done`, `failed` with an error, or else to be tried again."""
    moved = states.move(states.CALL, "call", call.state, state)
    by_hand = f"marked by hand as {'failed' if has_value else 'not done'}"
    return replace(
        call,
        state=moved,
        ended=now,
        error=None if state == "done" else by_hand,
        failures=0,
        reason=BY_HAND,
        outputs=outputs,
        caught=state == "failed" and has_value,
    )
