"""Objects of the standard library around other objects: they are made without calling what they wrap."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any

from .row import Row


def _by_attributes(tag: int, name: str) -> Row:
    """A class of `collections` whose objects are their attributes, and cannot be hashed."""

    def make(_parts: list[Any]) -> Any:
        return object.__new__(getattr(import_module("collections"), name))

    def fill(made: Any, parts: list[Any]) -> None:
        made.__dict__ = parts[0]

    says = "its attributes, in which its contents lie"
    return Row(tag, "collections", name, lambda value: (vars(value),), make, fill, says=says)


def _make_text(parts: list[Any]) -> Any:
    from collections import UserString

    if type(parts[0]) is not str:
        raise TypeError("a text was expected")
    return UserString(parts[0])


def _is_text(value: Any) -> bool:
    return list(vars(value)) == ["data"] and type(value.data) is str


def _make_proxy(parts: list[Any]) -> Any:
    from types import MappingProxyType

    return MappingProxyType(parts[0])


def _partial_parts(value: Any) -> tuple[Any, ...]:
    *parts, attributes = value.__reduce__()[2]
    return *parts, attributes or None


def _make_partial(parts: list[Any]) -> Any:
    from functools import partial

    made: Any = partial(len)
    made.__setstate__((parts[0], parts[1], parts[2], parts[3]))
    return made


def _make_layout(parts: list[Any]) -> Any:
    from struct import Struct

    return Struct(parts[0])


WRAPPERS: tuple[Row, ...] = (
    _by_attributes(103, "ChainMap"),
    _by_attributes(104, "UserDict"),
    _by_attributes(105, "UserList"),
    Row(
        *(106, "collections", "UserString", lambda value: (value.data,), _make_text),
        when=_is_text,
        says="its text; one with other attributes is pickled with them",
    ),
    Row(
        *(107, "builtins", "mappingproxy", lambda value: (gc.get_referents(value)[0],), _make_proxy),
        identity=True,
        says="the mapping that it shows",
        types="types.MappingProxyType",
    ),
    Row(
        *(108, "functools", "partial", _partial_parts, _make_partial),
        identity=True,
        says="function, arguments and attributes",
    ),
    Row(
        *(109, "_struct", "Struct", lambda value: (value.format,), _make_layout),
        says="its format",
        types="struct.Struct",
    ),
)
