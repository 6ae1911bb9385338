"""The notebook, to which values refer by name: `__main__`, or in a worker process what was sent of it.

What a value needs of it is noted when the value is encoded, so that it can be sent along with the value.
"""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from weakref import WeakKeyDictionary

_stand_in: ContextVar[types.ModuleType | None] = ContextVar("perdure_stand_in", default=None)
_needs: ContextVar[set[str] | None] = ContextVar("perdure_needs", default=None)

_GLOBAL_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS"})
_ATTRIBUTE_READS = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


def notebook() -> types.ModuleType | None:
    """The module that is the notebook to this code."""
    return _stand_in.get() or sys.modules.get("__main__")


@contextmanager
def standing_in(module: types.ModuleType) -> Iterator[None]:
    """In the block, this module is the notebook."""
    token = _stand_in.set(module)
    try:
        yield
    finally:
        _stand_in.reset(token)


@contextmanager
def noting_needs(names: set[str]) -> Iterator[None]:
    """In the block, add the names that a value needs which is encoded there."""
    token = _needs.set(names)
    try:
        yield
    finally:
        _needs.reset(token)


def note_name(name: str) -> None:
    """What is encoded now is found again by this name of the notebook's."""
    names = _needs.get()
    if names is not None:
        names.add(name)


def note_function(function: types.FunctionType) -> None:
    """What is encoded now is a function of the notebook's, which reads names when it is called."""
    names = _needs.get()
    if names is not None:
        names.update(reads(function))


_read: WeakKeyDictionary[types.FunctionType, tuple[types.CodeType, frozenset[str]]] = WeakKeyDictionary()


def reads(function: types.FunctionType) -> frozenset[str]:
    """The global names that a function reads, as `global_reads` of its code."""
    known = _read.get(function)
    if known is None or known[0] is not function.__code__:
        known = _read[function] = function.__code__, frozenset(global_reads(function.__code__))
    return known[1]


def global_reads(code: types.CodeType) -> set[str]:
    """The global names that code reads, functions inside it included.

    With what it reads of them at once: `scipy`, `scipy.stats` and `scipy.stats.norm`, for submodules.
    """
    found: set[str] = set()
    path = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname in _GLOBAL_READS:
            path = instruction.argval
        elif path and instruction.opname in _ATTRIBUTE_READS:
            path = f"{path}.{instruction.argval}"
        else:
            path = ""
            continue
        found.add(path)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= global_reads(constant)
    return found
