"""Names that hold parts of what is kept, and are not kept themselves: after a kill they would hold older ones.

An optimizer that is not kept beside its model is the case in mind. The look is short, not thorough: from each
name a few hundred objects are followed, and what nobody changes does not count.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

_FAR, _NEAR = 5000, 500
"""Objects that are followed from what is kept in all, and from each other name."""
_CODE = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, CodeType, FrameType)
_FIXED = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset, range, type(...), property)
_DATA = frozenset({"numpy", "pandas", "polars", "pyarrow", "scipy", "xarray"})
"""Packages of data that a model refers to, rather than is made of."""


def tied(kept: Mapping[str, Any], rest: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each name of `rest` that holds parts of what the names of `kept` hold."""
    if not kept:
        return
    parts: dict[int, str] = {}
    for name, value in kept.items():
        for each in _reached(value, _FAR):
            parts.setdefault(id(each), name)
    for name, value in rest.items():
        if name.startswith("_") or isinstance_of(value, _CODE + _FIXED) or _is_data(value):
            continue
        owner = next((parts[id(each)] for each in _reached(value, _NEAR) if id(each) in parts), None)
        if owner is not None:
            yield (
                f"`{name}` holds parts of `{owner}`, which is kept: keep `{name}` too, or it will hold older ones "
                "when the loop goes on after a kill"
            )


def _is_data(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in _DATA


def isinstance_of(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether it is one of these; `isinstance` would ask the value itself."""
    return issubclass(type(value), kinds)


def _reached(value: Any, most: int) -> list[Any]:
    """The objects to which a value leads that may change, itself among them."""
    found: dict[int, Any] = {}
    waiting = [value]
    looked_at = 0
    modules = sys.modules
    while waiting and looked_at < most:
        each = waiting.pop(0)
        looked_at += 1
        if id(each) in found or isinstance_of(each, _CODE) or each is modules:
            continue
        if isinstance_of(each, (weakref.ref, weakref.ProxyType)):
            continue
        if not isinstance_of(each, _FIXED):
            found[id(each)] = each
        if gc.is_tracked(each) or isinstance_of(each, (tuple, dict)):
            waiting += gc.get_referents(each)
    return list(found.values())
