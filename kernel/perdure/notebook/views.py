"""Ties between names that a checkpoint does not keep: told when the step ends, in a sentence each.

Kept are the ties among the names that a cell made or changed, and from those to what it read; so is memory
that arrays of one cell share. Not kept are arrays that look into the memory of another cell's or of a frame,
and objects that a cell reached by another way than by their name.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_ALIKE = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset, range, type(...), enum.Enum)
"""Types of which nobody can tell whether two names hold one object or two, or that come back as one."""
_VALUES = frozenset({"datetime", "zoneinfo", "decimal", "fractions", "uuid", "pathlib", "re", "ipaddress"})
"""Modules of whose objects the same is true: they never change."""
_MISSING = ("NaTType", "NAType")
"""What pandas has one object for."""


def lost_ties(
    values: Mapping[str, Any], read: Mapping[str, Any], others: Mapping[str, Any]
) -> dict[str, str]:
    """For each of `values` that is tied to another name by more than is kept: a sentence.

    Args:
        values: what a cell made or changed, by name.
        read: what it read and did not change.
        others: the other names of the notebook.
    """
    known = {id(value): name for name, value in others.items() if _can_be_told_apart(value)}
    same = {
        name: f"It is the same object as `{known[id(value)]}`; after a restore each is its own."
        for name, value in values.items()
        if id(value) in known
    }
    return same | _views(values, {**read, **others})


def _can_be_told_apart(value: Any) -> bool:
    """Whether it matters that two names hold one object, and not two equal ones."""
    kind = type(value)  # `isinstance` would ask the value itself
    return not (issubclass(kind, _ALIKE) or kind.__module__ in _VALUES or kind.__name__ in _MISSING)


class _Held(NamedTuple):
    """Memory that an object holds."""

    name: str
    memory: Any
    frame: bool
    """Whether a frame or series holds it."""


def _views(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, str]:
    """Arrays and frames that share memory with those of another name, where that is not kept.

    Frames among themselves copy before they write: nobody can tell what they share.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return {}
    held = [each for name, value in {**others, **values}.items() for each in _held(name, value, numpy)]
    owners: dict[int, _Held] = {}
    found: dict[str, str] = {}
    for each in sorted(held, key=lambda one: 1 if one.frame else 2 * (one.memory.base is not None)):
        first = owners.setdefault(id(_owner(each.memory)), each)
        kept = first.frame == each.frame and (each.frame or first.name in values)
        if each.name not in values or first.memory is each.memory or kept:
            continue
        if numpy.may_share_memory(first.memory, each.memory):
            found[each.name] = (
                f"It looks into the memory of `{first.name}`; after a restore each has memory of its own."
            )
    return found


def _held(name: str, value: Any, numpy: Any) -> Iterator[_Held]:
    """The arrays that an array or a frame of pandas consists of."""
    if type(value) is numpy.ndarray:
        yield _Held(name, value, frame=False)
    pandas = sys.modules.get("pandas")
    if pandas is not None and issubclass(type(value), pandas.DataFrame | pandas.Series):
        for array in getattr(getattr(value, "_mgr", None), "arrays", ()):
            if type(array) is numpy.ndarray:
                yield _Held(name, array, frame=True)


def _owner(array: Any) -> Any:
    """The object that owns the memory of an array."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array
