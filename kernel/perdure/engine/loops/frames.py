"""The names of frames that run: what they hold, and binding them from outside.

A name is looked up where the frame's own code would: among its locals and those of the functions around it,
else among the globals. Python 3.13 writes through `f_locals` (PEP 667); older ones are told to take it over.
"""

from __future__ import annotations

import ctypes
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from types import FrameType
from typing import Any

_WRITES_THROUGH = sys.version_info >= (3, 13)
_NOT_USERS = frozenset(
    {"perdure", "IPython", "ipykernel", "asyncio", "concurrent", "threading", "contextlib"}
)
"""Packages whose frames stand between those of a user."""


def held(frame: FrameType, names: Iterable[str]) -> dict[str, Any]:
    """What these names hold in the frame; one that is not bound is left out."""
    local, found = frame.f_locals, {}
    for name in names:
        if _is_local(frame, name, local):
            if name in local:
                found[name] = local[name]
        elif name in frame.f_globals:
            found[name] = frame.f_globals[name]
    return found


def around(frame: FrameType) -> Iterator[FrameType]:
    """The frame, and those that wait for it, without those that are not of the user's code."""
    each: FrameType | None = frame
    while each is not None:
        if str(each.f_globals.get("__name__")).partition(".")[0] not in _NOT_USERS:
            yield each
        each = each.f_back


def bind(frame: FrameType, values: Mapping[str, Any]) -> None:
    """Bind names in the frame, as an assignment in its code would."""
    local: MutableMapping[str, Any] = frame.f_locals  # asked for once: older Pythons make it anew each time
    changed = False
    for name, value in values.items():
        if _is_local(frame, name, local):
            local[name] = value
            changed = True
        else:
            frame.f_globals[name] = value
    if changed and not _WRITES_THROUGH and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))


def rebind(frame: FrameType, instead: Mapping[int, Any]) -> None:
    """Have the names of the frame that hold one of these objects, told by identity, hold another one."""
    values = {name: instead[id(value)] for name, value in frame.f_locals.items() if id(value) in instead}
    if values:
        bind(frame, values)


def _is_local(frame: FrameType, name: str, local: Mapping[str, Any]) -> bool:
    code = frame.f_code
    if code.co_flags & inspect.CO_OPTIMIZED:
        return name in code.co_varnames or name in code.co_cellvars or name in code.co_freevars
    return name in local or name not in frame.f_globals
