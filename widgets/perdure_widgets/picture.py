"""A picture that a notebook, a terminal and a log can each show in their own way."""

from __future__ import annotations

from typing import Any

from . import words
from .rows import Timeline


class Picture:
    """A timeline as it was when it was read; it shows as HTML, with text beside it."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline

    def __repr__(self) -> str:
        """One line: the run, its state and what its steps came to."""
        run = self.timeline.run
        return words.plain(
            f"<timeline of {run.workflow} {run.id}: {self.timeline.word}, {self.timeline.summary}>"
        )

    def bundle(self) -> dict[str, str]:
        """The same picture in each of its forms."""
        from .static import render_html
        from .text import render_text

        return {"text/html": render_html(self.timeline), "text/plain": render_text(self.timeline)}

    def metadata(self) -> dict[str, Any]:
        """Marks the output as a picture, which is drawn anew and never recorded."""
        return {"perdure": {"picture": self.timeline.run.id}}

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        return self.bundle(), self.metadata()
