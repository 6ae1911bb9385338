"""How a body asks for one of Perdure's own calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.engine import keeping
from perdure.engine.decide import Decision, Request, Restore, Run
from perdure.engine.inputs import combined
from perdure.engine.scope import Scope
from perdure.store.records import Part

if TYPE_CHECKING:
    from perdure.store.records import CallRecord


def asked(scope: Scope, step: str, kind: str, parts: tuple[Part, ...] = (), *, told: str = "") -> Request:
    """The request for such a call, counted among its equals.

    Args:
        scope: the body.
        step: such as `perdure.now`.
        kind: `noted` or `wait`.
        parts: what the call depends on.
        told: what is to be shown of it where it depends on nothing.
    """
    inputs = combined(parts) if parts else ""
    within = scope.within
    within.check_asked(scope.branch)
    return Request(
        step=step,
        inputs=inputs,
        code="",
        branch=scope.branch,
        occurrence=within.occurrence(scope.branch, step, inputs),
        kind=kind,
        input_parts=parts or ((Part(told, "", preview=told),) if told else ()),
        redo=within.why_redo(step),
        strict=within.strict,
    )


def noted(
    scope: Scope, step: str, make: Callable[[], Any], parts: tuple[Part, ...] = (), *, name: str = "value"
) -> Any:
    """What `make` gave when this was first asked in the run; what is given is a copy of what was kept.

    Raises:
        NotKeepable: it cannot be kept.
    """
    request = asked(scope, step, "noted", parts)
    decision = scope.owner.decide(request)
    if isinstance(decision, Restore):
        return recalled(scope, decision)
    run = ready(decision)
    value = make()
    encoded = codec.encode_atom(value) or keeping.encode(value, name=name)
    scope.owner.noted(request, run, encoded)
    scope.within.recorded()
    return value if codec.is_fixed(value) else keeping.decode(encoded)


def ready(decision: Decision) -> Run:
    """The decision, where it is to do it; else what stands against it is raised."""
    if not isinstance(decision, Run):
        assert not isinstance(decision, Restore)
        raise getattr(decision, "error", AssertionError(decision))
    return decision


def recalled(scope: Scope, decision: Restore) -> Any:
    """The value of a call that is restored."""
    owner = scope.owner
    value = stored(scope, decision.call)
    owner.restored(decision.call, reason=decision.reason, took=0.0)
    return value


def stored(scope: Scope, call: CallRecord) -> Any:
    """The value of a noted call."""
    subject = f"What `{call.step}` gave"
    encoded = scope.owner.open_value(call, "value", subject)
    return None if encoded is None else keeping.decode(encoded, subject=subject)
