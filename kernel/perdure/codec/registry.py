"""Classes that say themselves how they are kept: their own two methods, or a registration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.errors import BadRegistration

_registered: dict[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {}


def register(
    cls: type, *, dump: Callable[[Any], Any] | None = None, load: Callable[[Any], Any] | None = None
) -> None:
    """Keep objects of exactly this class through `dump(object) -> data`, and make them by `load(data)`.

    A class of your own needs no registration when it defines `__perdure_dump__(self)` and the class method
    `__perdure_load__(cls, data)`.

    Raises:
        BadRegistration: one of the two is missing, or `cls` is no class.
    """
    name = getattr(cls, "__qualname__", repr(cls))
    if not isinstance(cls, type):
        raise BadRegistration(name=name, cause="it is no class.")
    if dump is None and load is None:
        raise BadRegistration(name=name, cause="neither a dump nor a load function was given.")
    if dump is None or load is None:
        missing = "dump" if dump is None else "load"
        raise BadRegistration(name=name, cause=f"its {missing} function is missing.")
    _registered[cls] = dump, load


def is_registered(cls: type) -> bool:
    """Whether objects of this class are kept in their own way.

    Raises:
        BadRegistration: the class defines one of the two methods only.
    """
    if cls in _registered:
        return True
    dumps, loads = hasattr(cls, "__perdure_dump__"), hasattr(cls, "__perdure_load__")
    if dumps != loads:
        missing = "__perdure_load__" if dumps else "__perdure_dump__"
        raise BadRegistration(name=cls.__qualname__, cause=f"its method `{missing}` is missing.")
    return dumps


def registered_parts(value: Any) -> tuple[type, Any]:
    """The class, and the data that its dump function makes of the object."""
    cls = type(value)
    if cls in _registered:
        return cls, _registered[cls][0](value)
    return cls, value.__perdure_dump__()


def make_registered(cls: Any, data: Any) -> Any:
    """The object that the class's load function makes of the data."""
    if cls in _registered:
        return _registered[cls][1](data)
    return cls.__perdure_load__(data)
