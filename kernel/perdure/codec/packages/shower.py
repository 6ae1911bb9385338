"""The form of what is shown of objects of packages, and what several of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from perdure.codec.masking import shown

COLUMNS, ELEMENTS, ITEMS = 12, 8, 12
"""Columns of a table, elements of an array, items of a container that are shown."""


@dataclass(frozen=True, slots=True)
class Say:
    """How a value inside another is put into words, masked where that is called for."""

    brief: Callable[[Any], str]
    """One short line."""
    under: Callable[[Any, Any], str]
    """One short line for a value under a name."""
    cell: Callable[[Any, Any], str]
    """The same without its type, for a table."""


def _nothing(_value: Any, _say: Say) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Shower:
    """How objects of one class are shown."""

    brief: Callable[[Any, Say], dict[str, Any]]
    """Kind, and text or shape."""
    details: Callable[[Any, Say], dict[str, Any]] = _nothing
    """Columns, rows, first elements, fields, bytes."""


def sized(kind: str, shape: Iterable[int], dtype: Any) -> dict[str, Any]:
    """Kind, shape and dtype."""
    return {"kind": kind, "shape": [int(length) for length in shape], "dtype": dtype_name(dtype)}


def dtype_name(dtype: Any) -> str:
    """The name of a dtype; of one of the user's own, only that of its class."""
    known = type(dtype).__module__.partition(".")[0] in _MAKERS
    return shown(str(dtype) if known else type(dtype).__name__)


_MAKERS = ("numpy", "pandas", "polars", "pyarrow", "torch", "builtins")


def label(name: Any, say: Say) -> str:
    """The name of a column or dimension, which may be any object."""
    return shown(name) if type(name) is str else say.brief(name)
