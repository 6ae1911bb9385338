"""Weak references to what lies in the same value; others would come back dead."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from perdure.codec.model import Refusal

_ADVICE = "Keep the object itself beside it, or a plain set or dict of the objects."


KEPT: dict[str, str] = {
    "weakref.ref, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary": (
        "what it refers to, where the value holds that elsewhere too; else refused, and so is one that "
        "calls back"
    ),
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def make_dead() -> weakref.ref[Any]:
    """A reference whose object is gone."""
    return weakref.ref(weakref.WeakSet())


def _reduce_reference(reference: Any) -> tuple[Any, ...]:
    if reference.__callback__ is not None:
        raise Refusal(reference, "It is a weak reference that calls back.", _ADVICE)
    referent = reference()
    return (make_dead, ()) if referent is None else (weakref.ref, (referent,))


_FORMS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    weakref.ref: _reduce_reference,
    weakref.WeakSet: lambda value: (weakref.WeakSet, (frozenset(value),)),
    weakref.WeakValueDictionary: lambda value: (weakref.WeakValueDictionary, (dict(value),)),
    weakref.WeakKeyDictionary: lambda value: (weakref.WeakKeyDictionary, (dict(value),)),
}
_KINDS = tuple(_FORMS)


def reduced_weak(value: Any) -> Any:
    """The reduced form of a weak reference or collection; `NotImplemented` for anything else.

    Raises:
        Refusal: there is more to it than what it refers to.
    """
    form = _FORMS.get(type(value))
    if form is None:
        if isinstance(value, _KINDS):
            raise Refusal(value, "Its class is derived from a weak one, and may do more.", _ADVICE)
        return NotImplemented
    if type(value) is not weakref.ref and vars(value).keys() != vars(type(value)()).keys():
        raise Refusal(value, "Attributes hang on it.", _ADVICE)
    return form(value)


def referents(value: Any) -> list[Any]:
    """What a weak reference or collection refers to weakly; nothing for anything else."""
    if type(value) is weakref.ref:
        referent = value()
        return [] if referent is None else [referent]
    if type(value) is weakref.WeakValueDictionary:
        return list(value.values())
    return list(value) if type(value) in _FORMS else []


def lost(value: Any) -> Refusal:
    """For a weak reference to what the value holds nowhere else."""
    cause = "It refers weakly to an object that is kept nowhere else in the value."
    return Refusal(value, cause, _ADVICE)
