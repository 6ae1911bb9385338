"""The runs of a store as a table, for `%runs` and the command line."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from . import words
from .marks import glyph
from .rows import Timeline, read_of
from .static import style
from .text import columns

if TYPE_CHECKING:
    from perdure.store.protocols import Journal

_HEADS = ("workflow", "run", "state", "started", "took", "saved", "size")


@dataclass(frozen=True, slots=True)
class RunsTable:
    """A list of runs, the newest first; it shows as HTML, with text beside it."""

    timelines: Sequence[Timeline]
    now: float
    more: int = 0
    """How many older runs are not listed."""
    workflow: str | None = None
    """The workflow whose runs these are, where only its runs are listed."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The tags that they have, where only such runs are listed."""

    @classmethod
    def read(
        cls,
        journal: Journal,
        *,
        workflow: str | None = None,
        tags: Mapping[str, str] | None = None,
        limit: int = 50,
        now: float | None = None,
    ) -> RunsTable:
        """The newest runs of a journal: of one workflow, or with these tags, if that is asked for."""
        now = time.time() if now is None else now
        runs = journal.runs(workflow=workflow, tags=tags)
        timelines = [read_of(journal, run, now=now) for run in runs[:limit]]
        return cls(timelines, now, max(0, len(runs) - limit), workflow, tags or {})

    def __repr__(self) -> str:
        """One line: how many runs there are."""
        return f"<{words.counted(len(self.timelines) + self.more, 'run')}>"

    def text(self) -> str:
        """The table as plain text."""
        if not self.timelines:
            return self._empty()
        rows = [_HEADS, *map(self._cells, self.timelines)]
        tags = [words.tags(timeline.run.tags) for timeline in self.timelines]
        if any(tags):
            rows = [(*row, text) for row, text in zip(rows, ("tags", *tags), strict=True)]
        lines = columns(rows, frozenset({4, 5, 6}))
        return words.plain("\n".join([*lines, *self._older()]))

    def html(self) -> str:
        """The table as static HTML."""
        if not self.timelines:
            return f'<div class="pdr">{style()}<p class="pdr-p">{escape(self._empty())}</p></div>'
        classes = ("name", "id", "word", "when", "num", "num", "num")
        heads = "".join(
            f'<th scope="col" class="pdr-c-{kind}{" pdr-num" if kind == "num" else ""}">{name}</th>'
            for kind, name in zip(classes, _HEADS, strict=True)
        )
        rows = "".join(map(self._html_row, self.timelines))
        older = "".join(f'<p class="pdr-p">{escape(line)}</p>' for line in self._older())
        return (
            f'<div class="pdr">{style()}<table class="pdr-tab pdr-runs">'
            "<caption hidden>Runs, the newest first</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{older}</div>"
        )

    def _cells(self, timeline: Timeline) -> tuple[str, ...]:
        run = timeline.run
        saved = words.took(timeline.saved) if timeline.saved > 0 else words.NOTHING
        kept = sum(row.kept for row in timeline.rows)
        return (
            run.workflow,
            run.id,
            timeline.word,
            words.clock(run.created, self.now),
            words.took(timeline.took),
            saved,
            words.size(kept) if kept else words.NOTHING,
        )

    def _html_row(self, timeline: Timeline) -> str:
        name, run, word, when, *figures = (escape(cell) for cell in self._cells(timeline))
        look, tags = words.look(timeline.state), escape(words.tags(timeline.run.tags))
        small = f' <small class="pdr-d" title="{tags}">{tags}</small>' if tags else ""
        return (
            f'<tr class="pdr-run"><th scope="row"><span class="pdr-nm">{glyph(look.glyph, look.tone)}'
            f'<span class="pdr-t" title="{name}">{name}</span>{small}</span></th>'
            f'<td class="pdr-id"><code>{run}</code></td><td class="pdr-w pdr-is-{look.tone}">{word}</td>'
            f'<td class="pdr-when">{when}</td>'
            + "".join(f'<td class="pdr-num">{each}</td>' for each in figures)
            + "</tr>"
        )

    def _empty(self) -> str:
        if self.tags:
            told = ", ".join(f"{name}={value}" if value else name for name, value in self.tags.items())
            return f"No runs with the tag {told} here. `%runs` lists all."
        if self.workflow is not None:
            return f"No runs of `{self.workflow}` here. `%runs` lists those of all workflows."
        return "No runs here yet. Mark a cell with %%step NAME and run it."

    def _older(self) -> list[str]:
        return [f"{self.more:,} older, not listed"] if self.more else []

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.text()}
