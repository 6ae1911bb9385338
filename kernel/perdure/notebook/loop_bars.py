"""Progress bars of resumable loops: a display for each, changed in place; its last state is an output."""

from __future__ import annotations

import html
import secrets
from types import FrameType
from typing import Any

from perdure.engine.loops.progress import Progress

from . import lines


class NotebookFace:
    """Shows loops under the cell that runs them.

    Args:
        shell: where.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._shown: dict[int, str] = {}
        """The display ids of bars."""

    def show(self, progress: Progress) -> None:
        """Display a bar, or change what is displayed."""
        known = self._shown.get(progress.bar)
        display_id = known or f"perdure-loop-{secrets.token_hex(8)}"
        self._shown[progress.bar] = display_id
        self._shell.display_pub.publish(
            {"text/plain": _text(progress), "text/html": _markup(progress)},
            {},
            transient={"display_id": display_id},
            update=known is not None,
        )

    def say(self, sentence: str, frame: FrameType) -> None:  # noqa: ARG002  the cell is where it is said
        """Say it in a line under the cell."""
        lines.show(self._shell, lines.Line("resumable", details=(sentence,)))

    def shown_as(self, bar: int) -> str:
        """The id of the bar's display."""
        return self._shown.get(bar, "")

    def shown_again(self, bars: dict[int, str]) -> None:
        """These bars have displays of such ids from now on; any other one gets a new display."""
        self._shown = {bar: display_id for bar, display_id in bars.items() if display_id}


def _text(progress: Progress) -> str:
    if progress.share is None:
        return progress.told()
    return f"{100 * progress.share:.0f} % · {progress.told()}"


def _markup(progress: Progress) -> str:
    told = html.escape(progress.told())
    bar = "<progress></progress>"
    if progress.share is not None:
        bar = f'<progress value="{progress.share:.4f}" max="1"></progress>'
    elif progress.state != "running":
        bar = ""
    return f'<div style="font-variant-numeric: tabular-nums">{bar} {told}</div>'
