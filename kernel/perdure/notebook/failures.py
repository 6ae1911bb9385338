"""How a cell's failure shows: the user's frames alone, without the cells and functions that led to them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

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


def install(shell: InteractiveShell) -> Callable[[], None]:
    """From now on, what a cell raises shows no frames of Perdure; the function that is returned ends that."""
    show = shell.showtraceback

    def showtraceback(exc_tuple: Any = None, *args: Any, **options: Any) -> Any:
        error = sys.exc_info()[1] if exc_tuple is None else exc_tuple[1]
        if isinstance(error, BaseException):
            cleaned(error)
            exc_tuple = None if exc_tuple is None else (*exc_tuple[:2], error.__traceback__)
        return show(exc_tuple, *args, **options)

    shell.showtraceback = showtraceback

    def uninstall() -> None:
        if vars(shell).get("showtraceback") is showtraceback:
            del shell.showtraceback

    return uninstall
