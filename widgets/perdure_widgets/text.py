"""A timeline as plain text, for terminals, logs and front ends without HTML."""

from __future__ import annotations

from . import words
from ._fold import shown
from ._row import Row
from .rows import Timeline
from .static import facts, kernel_lines


def render_text(timeline: Timeline) -> str:
    """The picture of a run as a table in plain text, each cause in words behind its row."""
    run = timeline.run
    lines = [_line("  ".join([run.workflow, run.id, timeline.word, *facts(timeline)]))]
    if run.error and timeline.state in ("failed", "cancelled"):
        lines.append(f"  {_line(run.error)}")
    rows, others = shown(timeline.rows)
    lines += ["", *_table([_cells(row, timeline.now) for row in rows])] if rows else []
    if others:
        lines.append(f"  {others}")
    lines += ["", *(f"  {line}" for line in kernel_lines(timeline)), f"  {_line(timeline.summary)}"]
    return words.plain("\n".join(lines))


def columns(rows: list[tuple[str, ...]], right: frozenset[int]) -> list[str]:
    """Rows of equal length as aligned lines; the columns in `right` are right-aligned."""
    rows = [tuple(map(_line, row)) for row in rows]
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


def _cells(row: Row, now: float) -> tuple[str, ...]:
    name = " ".join(part for part in (row.step, row.detail) if part)
    lost = f"{words.took(row.lost)} lost" if row.lost >= 1 else ""
    kind = "run" if row.kind == "run" and row.count == 1 else ""
    notes = [" ".join(part for part in (kind, *row.notes[:1]) if part), *row.notes[1:], lost, *row.causes]
    return name, row.word, row.spent(now) or "-", "; ".join(note for note in notes if note)


def _line(text: str) -> str:
    """The text on one line, without control characters (a terminal would obey them)."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
