"""The moves of a call and its attempts, as the records that they leave: pure, and held to the states."""

from __future__ import annotations

from dataclasses import fields as fields_of
from dataclasses import replace
from operator import attrgetter
from typing import Any

from perdure.store.records import AttemptRecord, CallRecord, Output, RunRecord

from . import states
from .decide import BY_HAND, Request, Run

_UNENDED: dict[str, Any] = {
    "ended": None,
    "took": 0.0,
    "value": None,
    "shown": None,
    "error": None,
    "caught": False,
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
    return call, AttemptRecord(call.id, run.id, number, run.epoch, "running", now)


def ended(
    call: CallRecord,
    attempt: AttemptRecord,
    state: str,
    *,
    now: float,
    traceback: str | None,
    fields: dict[str, Any],
) -> tuple[CallRecord, AttemptRecord]:
    """A call and its attempt that end in this state; an attempt at an effect in doubt was interrupted."""
    moved = _changed(
        call, {**fields, "state": states.move(states.CALL, "call", call.state, state), "ended": now}
    )
    tried = states.move(
        states.ATTEMPT, "attempt", attempt.state, "interrupted" if state == "in doubt" else state
    )
    known = (attempt.call, attempt.run, attempt.number, attempt.epoch, tried, attempt.started)
    return moved, AttemptRecord(*known, now, moved.error, traceback)


_FIELDS = {field.name: at for at, field in enumerate(fields_of(CallRecord))}
_values = attrgetter(*_FIELDS)


def _changed(call: CallRecord, changes: dict[str, Any]) -> CallRecord:
    """As `dataclasses.replace`, in half the time: this is done for every call."""
    values = list(_values(call))
    for name, value in changes.items():
        values[_FIELDS[name]] = value
    return CallRecord(*values)


def settled(
    call: CallRecord, attempt: AttemptRecord | None
) -> tuple[CallRecord] | tuple[CallRecord, AttemptRecord]:
    """A call that was left running when its process died; nobody knows when it ended."""
    state = "in doubt" if call.kind == "effect" else "interrupted"
    lost = replace(call, state=states.move(states.CALL, "call", call.state, state))
    if attempt is None or attempt.state != "running":
        return (lost,)
    tried = states.move(states.ATTEMPT, "attempt", attempt.state, "interrupted")
    return lost, replace(attempt, state=tried)


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
        reason=BY_HAND,
        outputs=outputs,
        caught=state == "failed" and has_value,
    )
