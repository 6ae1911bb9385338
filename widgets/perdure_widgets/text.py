"""A timeline as plain text, for terminals, logs and front ends without HTML."""

from __future__ import annotations

from collections.abc import Iterator

from . import words
from ._calls import Row
from ._fold import shown
from .rows import Timeline
from .static import facts


def render_text(timeline: Timeline) -> str:
    """The picture of a run as a table in plain text, each cause in words behind its row."""
    run = timeline.run
    lines = ["  ".join([_line(run.workflow), run.id, timeline.word, *facts(timeline)])]
    if run.error and timeline.state == "failed":
        lines.append(f"  {_line(run.error)}")
    rows, others = shown(timeline.rows)
    lines += ["", *_table([_cells(row) for row in rows])] if rows else []
    if others:
        lines.append(f"  {others}")
    lines += ["", *_kernels(timeline), f"  {timeline.summary}"]
    return words.plain("\n".join(lines))


def columns(rows: list[tuple[str, ...]], right: frozenset[int]) -> list[str]:
    """Rows of equal length as aligned lines; the columns in `right` are right-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return [
        "  ".join(
            cell.rjust(wide) if column in right else cell.ljust(wide)
            for column, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    return [f"  {line}" for line in columns(rows, frozenset({2}))]


def _cells(row: Row) -> tuple[str, ...]:
    name = " ".join(_line(part) for part in (row.step, row.detail) if part)
    took = words.took(row.took) if row.segments or row.took else "-"
    lost = f"{words.took(row.lost)} lost" if row.lost >= 1 else ""
    notes = [row.kind if row.kind != "pure" else "", row.badge, lost, _line(row.why)]
    return name, row.word, took, "; ".join(note for note in notes if note)


def _kernels(timeline: Timeline) -> Iterator[str]:
    """When each kernel was at work, where there was more than one or it was killed."""
    if len(timeline.kernels) < 2 and not any(each.ended == "killed" for each in timeline.kernels):  # noqa: PLR2004
        return
    for number, kernel in enumerate(timeline.kernels, 1):
        start, end = (words.clock(at, timeline.now) for at in (kernel.start, kernel.end))
        yield f"  kernel {number}: {start} to {end}" + (f", {kernel.ended}" if kernel.ended else "")


def _line(text: str) -> str:
    """The text on one line, without control characters (a terminal would obey them)."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
