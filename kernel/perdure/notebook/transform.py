"""Cells that await under a cell magic.

A cell magic is a plain function, and IPython decides by the transformed source whether a cell awaits. So such
a cell is turned into one top-level `await` of the magic's own coroutine. Cells that do not await are left
alone: they run as any cell does, with the ordinary interrupt.
"""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

MAGICS = ("step", "workflow", "setup")


def awaits(source: str) -> bool:
    """True where this code, which holds no magics any more, awaits at its top level."""
    try:
        code = compile(source, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError):
        return False  # the magic itself reports it
    return bool(code.co_flags & inspect.CO_COROUTINE)


class AwaitingCells:
    """A line transform for `input_transformer_manager`, to stand before IPython's own."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell

    def __call__(self, lines: list[str]) -> list[str]:
        """The cell's lines, or one awaiting line in their place."""
        if not lines or not lines[0].startswith("%%") or not self._shell.autoawait:
            return lines
        name, _, arguments = lines[0][2:].strip().partition(" ")
        if name not in MAGICS:  # `%%step?` is none of them, and goes on to IPython's help
            return lines
        body = "".join(lines[1:])
        try:
            if not awaits(self._shell.input_transformer_manager.transform_cell(body)):
                return lines
        except SyntaxError:
            return lines
        magic = f"get_ipython().find_cell_magic({name!r}).__self__"
        return [f"await {magic}.run_async({name!r}, {arguments.strip()!r}, {body!r})\n"]


def install(shell: InteractiveShell) -> None:
    """Put the transform in place, once however often it is called."""
    uninstall(shell)
    shell.input_transformer_manager.line_transforms.insert(0, AwaitingCells(shell))


def uninstall(shell: InteractiveShell) -> None:
    """Take the transform away; nothing happens where there is none."""
    transforms = shell.input_transformer_manager.line_transforms
    # By name: after the package was loaded anew, the old class is another one.
    transforms[:] = [
        transform for transform in transforms if type(transform).__name__ != AwaitingCells.__name__
    ]
