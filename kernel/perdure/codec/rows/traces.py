"""Tracebacks as plain data: where each frame stood, and how its source read when that was recorded.

A traceback that is made again has real frames of functions that never ran: they hold no variables and lead
to no caller. Where the source is gone or reads otherwise now, the recorded lines stand in for it.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from itertools import islice
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any

_MOST = 20
"""Source lines that are kept of one frame: those over which the expression stretches."""


def trace_parts(trace: TracebackType | None) -> list[list[Any]]:
    """For each frame: file, function, line, position (as `co_positions` tells it), and source lines."""
    found = []
    while trace is not None:
        frame = trace.tb_frame
        code = frame.f_code
        position = list(next(islice(code.co_positions(), trace.tb_lasti // 2, None), (None,) * 4))
        stands: int | None = trace.tb_lineno  # None where the code does not tell
        first = position[0] or stands or 1
        last = min(position[1] or first, first + _MOST) if stands else 0
        lines = [
            linecache.getline(code.co_filename, line, frame.f_globals).rstrip()
            for line in range(first, last + 1)
        ]
        found.append([code.co_filename, code.co_name, stands, position, lines])
        trace = trace.tb_next
    return found


def make_trace(parts: list[list[Any]]) -> TracebackType | None:
    """A traceback that prints as the one that `trace_parts` took apart."""
    made: TracebackType | None = None
    known: dict[str, tuple[FrameType, int]] = {}
    for file, name, line, position, lines in reversed(parts):
        key = repr((file, name, line, position))
        if key not in known:
            known[key] = _frame(_readable(file, position[0] or line, lines), name, position)
        frame, at = known[key]
        made = TracebackType(made, frame, at, -1 if line is None else line)
    return made


def _frame(file: str, name: str, position: list[Any]) -> tuple[FrameType, int]:
    """The frame of a generator that never started, and an instruction in it at the position."""
    tree: Any = ast.parse("def f():\n yield")
    placed = None not in position and (position[0], position[2]) <= (position[1], position[3])
    first, last, start, end = position if placed else (1, 1, 0, 0)
    nodes: Iterator[Any] = ast.walk(tree)
    for node in nodes:
        if hasattr(node, "lineno"):
            node.lineno, node.end_lineno, node.col_offset, node.end_col_offset = first, last, start, end
    module = compile(tree, "", "exec")
    code = next(constant for constant in module.co_consts if isinstance(constant, CodeType))
    at = list(code.co_positions()).index((first, last, start, end))
    table = code.co_linetable if placed else _nowhere(len(code.co_code) // 2)
    code = code.replace(co_filename=file, co_name=name, co_qualname=name, co_linetable=table)
    return FunctionType(code, {"__name__": name})().gi_frame, 2 * at


def _nowhere(units: int) -> bytes:
    """The table of positions of code that tells none: entries of kind 15, for at most eight units each."""
    return b"\xff" * (units // 8) + bytes(0xF8 | units % 8 - 1 for _ in range(min(units % 8, 1)))


def _readable(file: str, line: int, lines: list[str]) -> str:
    """A name of a file that has these lines: the file's own, or one under which they are remembered."""
    if not any(lines):
        return file
    name, turn = file, 1
    while not _reads(name, line, lines):
        turn += 1
        name = f"{file} (as it was{'' if turn == 2 else f' {turn - 1}'})"  # noqa: PLR2004  the first other name
    return name


def _reads(name: str, line: int, lines: list[str]) -> bool:
    """Whether the file of this name has the lines, or can be said to have them."""
    known = [linecache.getline(name, at).rstrip() for at in range(line, line + len(lines))]
    if known == lines:
        return True
    entry: Any = linecache.cache.get(name, (0, None, []))
    if any(known) or len(entry) == 1 or entry[1] is not None:
        return False  # it reads otherwise, or belongs to a file that is there
    text = [*entry[2], *["\n"] * (line + len(lines) - 1 - len(entry[2]))]
    text[line - 1 : line - 1 + len(lines)] = [f"{each}\n" for each in lines]
    linecache.cache[name] = sum(map(len, text)), None, text, name
    return True
