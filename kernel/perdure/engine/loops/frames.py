"""The names of a frame that runs: what they hold, and binding them from outside.

A name is looked up where the frame's own code would: among its locals and those of the functions around it,
else among the globals. Python 3.13 writes through `f_locals` (PEP 667); older ones are told to take them over.
"""

from __future__ import annotations

import ctypes
import inspect
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from types import FrameType
from typing import Any

_WRITES_THROUGH = sys.version_info >= (3, 13)


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


def others(frame: FrameType, names: Iterable[str]) -> dict[str, Any]:
    """What the frame's other names hold: its locals, which are the globals in a cell or module."""
    left_out = set(names)
    return {name: value for name, value in frame.f_locals.items() if name not in left_out}


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


def _is_local(frame: FrameType, name: str, local: Mapping[str, Any]) -> bool:
    code = frame.f_code
    if code.co_flags & inspect.CO_OPTIMIZED:
        return name in code.co_varnames or name in code.co_cellvars or name in code.co_freevars
    return name in local or name not in frame.f_globals
