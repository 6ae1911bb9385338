"""The source of functions that were kept by value: they know it by a file name of a process that is gone.

With their lines at hand, such a function digests as it did when it was made, and its tracebacks show them.
"""

from __future__ import annotations

import functools
import linecache
from collections.abc import Iterable
from types import CodeType, FunctionType, MethodType
from typing import Any

_DEPTH = 3


def tell_lines(values: Iterable[Any], source: str) -> None:
    """Tell the lines of the cell in which these functions, and those inside these values, were written."""
    lines = ["\n", *(f"{line}\n" for line in source.splitlines())]  # the magic's line stood above
    for function in _functions(values, _DEPTH):
        name = function.__code__.co_filename
        if _stands_in(lines, function.__code__) and not linecache.getlines(name):
            linecache.cache[name] = (sum(map(len, lines)), None, lines, name)


def _stands_in(lines: list[str], code: CodeType) -> bool:
    """Whether the code may have been written here; another cell's function may have got a new name here."""
    line = "".join(lines[code.co_firstlineno - 1 : code.co_firstlineno])
    if code.co_name == "<lambda>":
        return "lambda" in line
    return f"def {code.co_name}" in line or line.lstrip().startswith("@")


def _functions(values: Iterable[Any], depth: int) -> Iterable[FunctionType]:
    for value in values:
        if isinstance(value, FunctionType):
            yield value
            inside: list[Any] = [cell.cell_contents for cell in value.__closure__ or () if _is_full(cell)]
        elif isinstance(value, functools.partial):
            inside = [value.func]
        elif isinstance(value, MethodType):
            inside = [value.__func__]
        elif type(value) in (list, tuple):
            inside = list(value)
        elif type(value) is dict:
            inside = list(value.values())
        else:
            continue
        if depth:
            yield from _functions(inside, depth - 1)


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
