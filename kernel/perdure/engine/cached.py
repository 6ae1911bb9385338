"""A result that another run has: for a pure step that says so, it need not be computed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import PerdureError

from . import clock
from .decide import Request, Restore
from .durations import words
from .stored import place_of

if TYPE_CHECKING:
    from .owner import Owner


def cached(owner: Owner, request: Request, lasting: float, source: str) -> Restore | None:
    """The call as one of this run, done with another run's result; None where there is none to be used.

    The value is this run's own from now on: it is there even if the other run is forgotten.

    Args:
        owner: of the run.
        request: a call of a pure step that is not recorded in this run.
        lasting: seconds for which a result may be used.
        source: the step's code as it was typed.
    """
    if any(part.weak for part in request.input_parts):
        return None
    store = owner.store
    found = store.journal.cached_call(request.step, request.inputs, request.code)
    if found is None or found.value is None:
        return None
    age = clock.now() - (found.ended or found.started)
    if age > lasting:
        return None
    try:
        record = store.journal.value(found.value)
        if record is None:
            return None
        encoded = store.vault.unseal(record, place_of(found, "value"), subject="A cached value")
    except PerdureError:
        return None  # damaged, or signed by another key: it is computed again
    reason = f"cached by run {found.run} {words(age)} ago"
    return Restore(owner.adopt(request, encoded, found, reason=reason, source=source), reason)
