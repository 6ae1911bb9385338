"""Whether a call is restored or runs: a pure function of the history and the request.

Look-up, from the exact to the general (the design, section 5):

1. an explicit key; 2. all parts equal: restore; 3. all but the code: as `on_edit` says; 4. name and
occurrence alone: run, and say which input changed; 5. nothing: a new call.

| kind       | found again by                          | code edited    | killed in the middle |
|------------|-----------------------------------------|----------------|----------------------|
| `pure`     | name, inputs, code, occurrence          | as `on_edit`   | runs again           |
| `effect`   | key, else name, inputs, occurrence      | kept           | in doubt             |
| `volatile` | name and occurrence                     | kept           | runs again           |
| `wait`     | name, inputs, occurrence                | kept           | goes on              |
| `noted`    | name, inputs (if any), occurrence       | kept           | is noted anew        |
| `child`    | name, inputs, occurrence                | (the child's)  | goes on              |

The first three are kinds of steps; the others are Perdure's own: a sleep, what `now()` gave or which branch
won a race, and a run that was started from this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from perdure.errors import (
    CodeEdited,
    DiedTwice,
    EffectUnclear,
    InDoubt,
    NotRepeatable,
    PerdureError,
    StrictDrift,
)
from perdure.frozen import frozen
from perdure.store.records import CallRecord, Part

from .history import History, within
from .order import line

BY_HAND = "decided by hand"
"""The reason of an effect in doubt that a person settled."""
DIED = "the process died twice while it ran"
"""The reason of a call that is in doubt for that, whatever its kind."""
TOOK_PLACE = "it took place, and its result cannot be kept"
"""The reason of an effect that is in doubt for that."""
KINDS = ("pure", "effect", "volatile")
ON_EDIT = ("rerun", "keep", "ask")
NEW = "new call"
UNWON = "perdure.first_success"
"""A race that leaves no record where all failed."""
_KEPT = {"volatile": "recorded for this run", "noted": "recorded for this run", "wait": "it was over before"}


@frozen
class Request:
    """A call that the body is about to make."""

    step: str
    inputs: str
    code: str
    branch: str = ""
    occurrence: int = 0
    kind: str = "pure"
    on_edit: str = "rerun"
    key: str | None = None
    input_parts: tuple[Part, ...] = ()
    code_parts: tuple[Part, ...] = ()
    redo: str | None = None
    """Why it must run although it is recorded, such as "asked for with --redo"."""
    strict: bool = False
    idempotent: bool = False
    """An effect that may simply be repeated when it is in doubt."""


@frozen
class Restore:
    """Use the checkpoint (or replay the failure) of `call`."""

    call: CallRecord
    reason: str
    older_code: bool = False


@frozen
class Run:
    """Run it: as a further attempt at `call`, or as a new call."""

    reason: str
    call: CallRecord | None = None


@frozen
class Wait:
    """It goes on once `call.due` has come: it sleeps, or pauses before its next attempt."""

    call: CallRecord
    reason: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A person has to decide; `error` says what, and what to type."""

    error: PerdureError


@dataclass(frozen=True, slots=True)
class Refuse:
    """It may not run; `error` says why."""

    error: PerdureError


Decision: TypeAlias = Restore | Run | Wait | Ask | Refuse


def decide(history: History, request: Request) -> Decision:
    """Whether the requested call is restored, runs, is asked about or refused, and why."""
    if request.redo is not None:
        return Run(request.redo)
    if request.kind == "effect":
        decision = _effect(history, request)
    elif request.kind == "volatile":
        decision = _finished_or_run(history.at(request.branch, request.step, request.occurrence), request)
    elif request.kind in ("wait", "noted", "child"):
        place = (request.branch, request.step, request.inputs, request.occurrence)
        keyed = request.key is not None
        found = history.keyed(request.step, request.key or "") if keyed else history.uncoded(*place)
        decision = _finished_or_run(found, request)
    else:
        decision = _pure(history, request)
    if request.strict:
        decision = _strictly(decision, request)
    return _in_order(history, decision, request)


def _pure(history: History, request: Request) -> Decision:
    if request.key is not None:
        found = history.keyed(request.step, request.key)
        if found is None:
            return Run(NEW)
        if found.code == request.code:
            return _finished_or_run(found, request)
        return _edited(found, request)
    place = (request.branch, request.step, request.inputs, request.occurrence)
    found = history.exact(*place, request.code)
    if found is not None:
        return _finished_or_run(found, request)
    found = history.uncoded(*place)
    if found is not None:
        return _edited(found, request)
    return Run(why_new(history, request))


def _edited(found: CallRecord, request: Request) -> Decision:
    """All parts are equal but the code."""
    changed = changed_code(found, request)
    if not is_outcome(found) or request.on_edit == "rerun":
        return Run(f"code of {changed} changed")
    if request.on_edit == "keep":
        return Restore(found, f"kept, although the code of {changed} changed", older_code=True)
    return Ask(CodeEdited(step=request.step, changed=changed))


def _effect(history: History, request: Request) -> Decision:
    if request.key is not None:
        found = history.keyed(request.step, request.key)
    else:
        found = history.uncoded(request.branch, request.step, request.inputs, request.occurrence)
    if found is not None:
        return _finished_or_run(found, request)
    if request.key is None and any(_may_be_it(call, request) for call in history.unclaimed(request.step)):
        cause = (
            f"it is recorded in this run with other inputs or in another place ({why_new(history, request)})"
        )
        return Ask(EffectUnclear(step=request.step, cause=cause))
    return Run(NEW)


def _may_be_it(call: CallRecord, request: Request) -> bool:
    """Whether a recorded effect may be the requested one, spelled in another way or moved.

    An effect of a branch beside this one is left alone unless its inputs are equal: its own branch will ask
    for it, and may only not have come that far yet.
    """
    if call.state not in ("done", "in doubt"):
        return False
    one_line = within(call.branch, request.branch) or within(request.branch, call.branch)
    return one_line or call.inputs == request.inputs


def _finished_or_run(found: CallRecord | None, request: Request) -> Decision:
    """The call that was found is used when it has an outcome, and else tried again."""
    if found is None:
        return Run(NEW)
    if found.state == "in doubt":
        return _doubtful(found, request)
    if is_outcome(found):
        older = found.code != request.code
        return Restore(found, _why_kept(found, request, older=older), older_code=older)
    if found.state == "waiting":
        return Wait(found, "it waits, and the moment is kept")
    return Run(_why_unfinished(found), found)


def _why_unfinished(found: CallRecord) -> str:
    if found.state == "failed":
        return f"its last attempt failed: {found.error}"
    if found.state == "cancelled":
        return "it was cancelled"
    return "it was running when the kernel died or was interrupted"


def _doubtful(found: CallRecord, request: Request) -> Decision:
    """Nobody knows whether it took place, or the process died of it again and again."""
    if found.reason == DIED:
        return Ask(DiedTwice(step=request.step, cause=found.error or DIED, run=found.run))
    if request.idempotent:
        return Run("in doubt, and idempotent: it may be repeated", found)
    cut_off = "the process died, or it was cut off, while it ran"
    cause = TOOK_PLACE if found.reason == TOOK_PLACE else cut_off
    return Ask(InDoubt(step=request.step, cause=cause, run=found.run))


def _why_kept(found: CallRecord, request: Request, *, older: bool) -> str:
    if found.reason == BY_HAND:
        return BY_HAND
    if older:
        return "kept, although its code was edited"
    if request.key is not None:
        return f"found by its key `{request.key}`"
    return _KEPT.get(request.kind, "code and inputs are unchanged")


def is_outcome(call: CallRecord) -> bool:
    """Whether the call ended with something to restore: a checkpoint, or a failure that the body caught."""
    return call.state == "done" or (call.state == "failed" and call.caught and call.value is not None)


def why_new(history: History, request: Request) -> str:
    """Why no recorded call fits: in the names of the inputs that changed."""
    before = history.predecessor(request.branch, request.step)
    if before is None:
        return NEW
    old = {part.name: part for part in before.input_parts}
    new = {part.name: part for part in request.input_parts}
    changes = [
        f"`{name}` changed{_from_to(old[name], part)}"
        for name, part in new.items()
        if name in old and old[name].digest != part.digest
    ]
    changes += [f"`{name}` is a new input" for name in new.keys() - old.keys()]
    changes += [f"`{name}` is no input any more" for name in old.keys() - new.keys()]
    if before.code != request.code:
        changes.append(f"code of {changed_code(before, request)} changed")
    return ", ".join(changes) or NEW


def changed_code(before: CallRecord, request: Request) -> str:
    """The names of the functions and classes whose code differs, for a sentence."""
    old = {part.name: part.digest for part in before.code_parts}
    new = {part.name: part.digest for part in request.code_parts}
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return ", ".join(f"`{name}`" for name in names) or f"`{request.step}`"


def _from_to(old: Part, new: Part) -> str:
    return f": {old.preview} → {new.preview}" if old.preview != new.preview else ""


def _in_order(history: History, decision: Decision, request: Request) -> Decision:
    """Where an order is expected, as in a strict pass, another call than the expected one is refused."""
    expected = history.expected(line(request.branch, request.kind))
    if expected is None or _is(decision, expected) or isinstance(decision, Ask | Refuse):
        return decision
    if _without_outcome(decision, request):
        return decision
    cause = f"its order is another one: {spelled(expected)} was expected, and {requested(request)} found"
    error = StrictDrift if request.strict else NotRepeatable
    return Refuse(error(step=request.step, cause=cause))


def _strictly(decision: Decision, request: Request) -> Decision:
    """With --strict nothing may have drifted, and no input may be known by its origin alone."""
    weak = [part.name for part in request.input_parts if part.weak]
    if weak:
        names = ", ".join(f"`{name}`" for name in weak)
        return Refuse(StrictDrift(step=request.step, cause=f"{names} cannot be compared by content"))
    if isinstance(decision, Run) and decision.call is None and decision.reason != NEW:
        return Refuse(StrictDrift(step=request.step, cause=f"it would run again: {decision.reason}"))
    if isinstance(decision, Restore) and decision.older_code:
        return Refuse(StrictDrift(step=request.step, cause="its code was edited"))
    return decision


def _without_outcome(decision: Decision, request: Request) -> bool:
    """Whether the call has no outcome to be in order: it was cancelled, or is a race that nobody won."""
    if not isinstance(decision, Run):
        return False
    lost = decision.call is not None and decision.call.state == "cancelled"
    return lost or (decision.call is None and request.step == UNWON)


def _is(decision: Decision, expected: CallRecord) -> bool:
    """Whether what was decided is about the call that was expected."""
    return (
        isinstance(decision, Restore | Run | Wait)
        and decision.call is not None
        and (decision.call.id == expected.id)
    )


def spelled(call: CallRecord) -> str:
    """A recorded call as code would write it."""
    return _written(call.step, call.input_parts)


def requested(request: Request) -> str:
    """A call that is about to be made, as code would write it."""
    return _written(request.step, request.input_parts)


def _written(step: str, parts: tuple[Part, ...]) -> str:
    inputs = ", ".join(f"{part.name}={part.preview}" for part in parts if part.preview)
    return f"`{step}({inputs})`"
