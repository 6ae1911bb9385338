"""What else holds the objects that a loop keeps: other names of them, and names that hold parts of them.

1. Where a loop goes on, each name of the functions around it that held the object of a kept name holds the
   restored one, as in one go.
2. A name that holds parts of what is kept, and is not kept itself, would hold older ones after a kill, which
   is told: think of an optimizer that is not kept beside its model. The look is short, not thorough.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from perdure import codec

from .frames import around, rebind

_FAR, _NEAR = 5000, 500
"""Objects that are followed from what is kept in all, and from each other name."""
_CODE = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, CodeType, FrameType)
_PASSED_OVER = (*_CODE, weakref.ref, weakref.ProxyType)
_FIXED = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset, range, type(...), property)
_DATA = frozenset({"numpy", "pandas", "polars", "pyarrow", "scipy", "xarray"})
"""Packages of data that a model refers to, rather than is made of."""
_RECORDS = frozenset({"In", "Out"})
"""Names of a shell's record of its cells, whose values nobody goes on with."""


def replace(frame: FrameType, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Have every name of the frame, and of those that wait for it, that held an object hold the new one.

    Args:
        frame: of the loop.
        before: what its names held.
        after: what they hold now.
    """
    pairs = [(before[name], value) for name, value in after.items() if name in before]
    instead = {
        id(old): new
        for old, new in pairs
        if old is not new and not codec.is_fixed(old) and not _is_of(old, _PASSED_OVER + _FIXED)
    }
    if instead:
        for each in around(frame):
            rebind(each, instead)


def tied(frame: FrameType, kept: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each name around that holds parts of what the kept names of the frame hold."""
    if not kept:
        return
    spaces = {id(vars(module)) for module in tuple(sys.modules.values()) if isinstance(module, ModuleType)}
    same = set(map(id, kept.values()))
    parts: dict[int, str] = {}
    for name, value in kept.items():
        for each in _reached(value, _FAR, spaces):
            parts.setdefault(id(each), name)
    for name, value in _others(frame):
        if id(value) in same or name in _RECORDS or name.startswith("_") or not name.isidentifier():
            continue
        if _is_of(value, _CODE + _FIXED) or type(value).__module__.partition(".")[0] in _DATA:
            continue
        reached = _reached(value, _NEAR, spaces)
        owner = next((parts[id(each)] for each in reached if id(each) in parts), None)
        if owner is not None:
            yield (
                f"`{name}` holds parts of `{owner}`, which is kept: keep `{name}` too, or it will hold older "
                "ones when the loop goes on after a kill"
            )


def _others(frame: FrameType) -> Iterator[tuple[str, Any]]:
    for each in around(frame):
        yield from each.f_locals.items()


def _is_of(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether it is one of these; `isinstance` would ask the value itself."""
    return issubclass(type(value), kinds)


def _reached(value: Any, most: int, spaces: set[int]) -> list[Any]:
    """The objects to which a value leads and that may change, itself among them; not through namespaces."""
    found: dict[int, Any] = {}
    waiting, looked_at = deque([value]), 0
    while waiting and looked_at < most:
        each = waiting.popleft()
        looked_at += 1
        if id(each) in found or id(each) in spaces or _is_of(each, _PASSED_OVER):
            continue
        if not _is_of(each, _FIXED):
            found[id(each)] = each
        if gc.is_tracked(each):
            waiting += gc.get_referents(each)
    return list(found.values())
