"""What a method uses of its own class: the members that it, and what it calls, name as attributes.

The class as a whole is no part of a method's code: to edit one method leaves the others' calls valid. Where
the object goes on to what cannot be followed (a function of a package, `getattr`, an operator), all of the
class may be used, and counts.
"""

from __future__ import annotations

import types
from typing import Any, Protocol

from .definitions import Definition, definition, functions_in

_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)


class Walk(Protocol):
    """The walk from names to code, as far as it is needed here."""

    attributes: set[str]
    """The names of the attributes that were met."""

    def follow(self, value: Any, name: str) -> None:
        """Follow a value: to its code, or as data."""

    def whole(self, cls: type) -> None:
        """Follow all of a class."""


def own_classes(cls: type | None, module: str | None) -> tuple[type, ...]:
    """The classes of an object that were written where its method was: their code counts with the step's."""
    return () if cls is None else tuple(base for base in cls.__mro__ if base.__module__ == module)


def follow_members(walk: Walk, method: types.FunctionType, cls: type) -> None:
    """Follow what `method`, bound to an object of `cls` or to `cls` itself, uses of its class."""
    own = own_classes(cls, method.__module__)
    waiting: list[Definition] = [definition(method)]
    done: set[str] = set()
    while waiting or walk.attributes - done:
        if any(each.hands_on for each in waiting):
            for base in own:
                walk.whole(base)
            return
        waiting = []
        named = walk.attributes - done
        done |= named
        for base in own:
            for name in sorted(named & vars(base).keys()):
                waiting += _member(walk, base, name)


def _member(walk: Walk, base: type, name: str) -> list[Definition]:
    """Follow one member; tell of each of its functions that gets the object first."""
    value = vars(base)[name]
    if isinstance(value, _SLOTS):
        return []
    shown = f"{base.__qualname__.rpartition('<locals>.')[2]}.{name}"
    functions = list(functions_in(value))
    if not functions:
        walk.follow(value, shown)
        return []
    for function in functions:
        walk.follow(function, shown)
    return [] if isinstance(value, staticmethod) else [definition(function) for function in functions]
