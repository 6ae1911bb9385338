"""Frozen records that are made quickly: every call makes a dozen of them, and every replay reads as many.

`dataclass(frozen=True)` sets each field through `object.__setattr__`, five times as slow as an assignment.
Here an object is of an open twin of its class, with the same slots, for as long as its `__init__` runs.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def frozen(cls: type[T]) -> type[T]:
    """As `dataclass(frozen=True, slots=True)`, for fields without `default_factory`."""
    made: Any = dataclasses.dataclass(frozen=True, slots=True, init=False)(cls)
    fields = dataclasses.fields(made)
    names = tuple(field.name for field in fields)
    defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    scope: dict[str, Any] = {
        "_turn": object.__setattr__,
        "_open": type(f"_Open{cls.__name__}", (), {"__slots__": names}),
        "_made": made,
        "_defaults": defaults,
    }
    arguments = ", ".join(f"{name}=_defaults[{name!r}]" if name in defaults else name for name in names)
    lines = [
        f"def __init__(self, {arguments}):",
        "    _turn(self, '__class__', _open)",
        *(f"    self.{name} = {name}" for name in names),
        "    self.__class__ = _made",
    ]
    exec("\n".join(lines), scope)  # noqa: S102  as dataclasses does; the names are those of our own fields
    made.__init__ = scope["__init__"]
    made.__init__.__qualname__ = f"{cls.__qualname__}.__init__"
    kept: type[T] = made
    return kept
