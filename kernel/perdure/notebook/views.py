"""Ties between names that a checkpoint does not keep: told when the step ends, in a sentence each.

Kept are the ties among the names that a cell made or changed, and from those to what it read; so is memory
that arrays and frames of one cell share. Not kept are arrays that look into the memory of another cell's, and
objects that a cell reached by another way than by their name.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from perdure.codec.packages.polars import memory as polars_memory
from perdure.codec.packages.pyarrow import memory as arrow_memory
from perdure.codec.rows.runs import bounds_of

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
    fixed: bool
    """Whether arrow or polars holds it, through which nobody writes."""
    lazy: bool
    """Whether a frame or series holds it, which copies what it shares with others before it writes."""

    @property
    def rank(self) -> int:
        """0 for what owns its memory; of two that share some, the higher looks into that of the lower."""
        return 1 if self.lazy else 2 if self.fixed else 3 * (self.memory.base is not None)


def _views(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, str]:
    """What shares memory with another name, where that is not kept."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return {}
    found: dict[str, str] = {}
    held = [each for name, value in {**others, **values}.items() for each in _held(name, value, numpy)]
    near: list[_Held] = []
    for each in sorted(held, key=lambda one: bounds_of(one.memory)[0]):
        low = bounds_of(each.memory)[0]
        near = [one for one in near if bounds_of(one.memory)[1] > low]
        for one in near:
            first, last = sorted((one, each), key=lambda two: (two.rank, two.name in values))
            if last.name in values and first.name not in values and _tied(one, each, numpy):
                told = (
                    f"It looks into the memory of `{first.name}`; after a restore each has memory of its own."
                )
                found.setdefault(last.name, told)
        near.append(each)
    return found


def _tied(one: _Held, other: _Held, numpy: Any) -> bool:
    """Whether a write through one may show in the other."""
    if one.memory is other.memory or (one.lazy and other.lazy) or (one.fixed and other.fixed):
        return False
    try:
        return bool(numpy.shares_memory(one.memory, other.memory, max_work=1000))
    except numpy.exceptions.TooHardError:
        return True


def _held(name: str, value: Any, numpy: Any) -> Iterator[_Held]:
    """The memory of an array or tensor, a frame, or a column of arrow or polars."""
    kind = type(value)
    if kind is numpy.ndarray:
        yield _Held(name, value, fixed=False, lazy=False)
    elif _is_of(kind, "pandas", "DataFrame", "Series"):
        for array in getattr(getattr(value, "_mgr", None), "arrays", ()):
            cells = getattr(array, "_ndarray", array)
            if type(cells) is numpy.ndarray:
                yield _Held(name, cells, fixed=False, lazy=True)
    elif _is_of(kind, "pyarrow", "Array", "ChunkedArray", "Table", "RecordBatch"):
        for array in arrow_memory(value):
            yield _Held(name, array, fixed=True, lazy=False)
    elif _is_of(kind, "polars", "DataFrame", "Series"):
        columns = value.get_columns() if hasattr(value, "get_columns") else [value]
        for array in (array for column in columns for array in polars_memory(column)):
            yield _Held(name, array, fixed=True, lazy=False)


def _is_of(kind: type, package: str, *names: str) -> bool:
    """Whether it is one of these classes of a package, or derived from one."""
    module = sys.modules.get(package)
    return module is not None and issubclass(kind, tuple(getattr(module, name) for name in names))
