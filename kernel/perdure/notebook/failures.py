"""How a cell's failure shows: the user's frames alone, without the cells and functions that led to them."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from perdure.engine.tracebacks import cleaned, one_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def shown_plainly(shell: InteractiveShell, error: BaseException) -> BaseException:
    """The same error, which IPython shows by the frames of the body, as it would without a magic above it."""
    cleaned(error)
    if not hasattr(error, "_render_traceback_"):
        # Raising it on adds frames of ours to `__traceback__`, so the frames to show are held here.
        vars(error)["_render_traceback_"] = partial(_render, shell, error, error.__traceback__)
    return error


def _render(shell: InteractiveShell, error: BaseException, trace: TracebackType | None) -> list[str]:
    """The lines that IPython asks for; one where no frame is the user's, as in a cell that was waiting."""
    if trace is None:
        return [one_line(error)]
    lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, trace, tb_offset=0)
    return lines
