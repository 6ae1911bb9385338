"""Ties between names that a checkpoint does not keep: told when the step ends, in a sentence each.

Kept are the ties among the names that a cell made or changed, and from those to what it read. Not kept are
arrays that look into each other's memory, and objects that a cell reached by another way than by their name.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

_ALIKE = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset, range)
"""Types of which nobody can tell whether two names hold one object or two equal ones."""


def lost_ties(
    values: Mapping[str, Any], read: Mapping[str, Any], others: Mapping[str, Any]
) -> dict[str, str]:
    """For each of `values` that is tied to another name by more than is kept: a sentence.

    Args:
        values: what a cell made or changed, by name.
        read: what it read and did not change.
        others: the other names of the notebook.
    """
    known = {id(value): name for name, value in others.items() if not isinstance(value, _ALIKE)}
    same = {
        name: f"It is the same object as `{known[id(value)]}`; after a restore each is its own."
        for name, value in values.items()
        if id(value) in known
    }
    return same | _views(values, {**read, **others})


def _views(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, str]:
    """Arrays that share memory with the array of another name."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return {}
    arrays = {name: each for name, each in {**others, **values}.items() if type(each) is numpy.ndarray}
    owners: dict[int, str] = {}
    found: dict[str, str] = {}
    for name, array in sorted(arrays.items(), key=lambda item: item[1].base is not None):
        first = owners.setdefault(id(_memory(array)), name)
        if name in values and arrays[first] is not array and numpy.may_share_memory(arrays[first], array):
            found[name] = (
                f"It looks into the memory of `{first}`; after a restore each has memory of its own."
            )
    return found


def _memory(array: Any) -> Any:
    """The object that owns the memory of an array."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array
