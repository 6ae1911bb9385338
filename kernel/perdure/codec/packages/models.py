"""Models of msgspec, pydantic and attrs in the pickle leaf: no validator runs when they load."""

from __future__ import annotations

from typing import Any

from perdure.codec.rows.models import (
    fill_model,
    generic_of,
    is_plain_model,
    make_generic,
    make_model,
    model_parts,
)

KEPT: dict[str, str] = {
    "pydantic.TypeAdapter": "its type, from which it is made again",
    "msgspec.NODEFAULT": "by its name, as the one object that it is",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:
    """The reduced form of a model that does not change how it is pickled, or `NotImplemented`."""
    if not is_plain_model(obj):
        return NotImplemented
    cls, *state = model_parts(obj)
    return make_model, (cls,), state, None, None, fill_model


def content(obj: Any) -> Any:
    """What stands in a digest for a model; of a parametrised class, what it was made of."""
    if not is_plain_model(obj):
        return NotImplemented
    cls, *state = model_parts(obj)
    return make_model, (_spelled(cls),), state


def _spelled(cls: Any) -> Any:
    generic = generic_of(cls) if isinstance(cls, type) else None
    return cls if generic is None else (generic[0], *map(_spelled, generic[1]))


def reduce_class(cls: type) -> Any:
    """The reduced form of a parametrised class of pydantic, or `NotImplemented`."""
    generic = generic_of(cls)
    return NotImplemented if generic is None else (make_generic, (generic[0], *generic[1]))
