"""Arrays that look into each other's memory: kept as equal arrays, and told, because the tie is not kept."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


def ties(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, str]:
    """Of the arrays among `values`, those that share memory with another name's array, with that name.

    Args:
        values: what a cell made, by name.
        others: what it read.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return {}
    arrays = {name: each for name, each in {**others, **values}.items() if type(each) is numpy.ndarray}
    owners: dict[int, str] = {}
    found: dict[str, str] = {}
    for name, array in sorted(arrays.items(), key=lambda item: item[1].base is not None):
        first = owners.setdefault(id(_memory(array)), name)
        if name in values and arrays[first] is not array and numpy.may_share_memory(arrays[first], array):
            found[name] = first
    return found


def _memory(array: Any) -> Any:
    """The object that owns the memory of an array."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array
