"""What the second pass restored and what it ran: taken from the journal alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perdure.store.protocols import Journal
from perdure.store.records import CallRecord, RunRecord
from perdure_widgets import words


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the resumed pass."""

    step: str
    word: str
    """`restored` or `ran`."""
    took: float
    saved: float


def notebook_run(journal: Journal) -> RunRecord | None:
    """The newest run of a notebook, not of a workflow that was started from it."""
    return next((run for run in journal.runs() if run.parent is None), None)


def kept_steps(journal: Journal) -> set[str]:
    """The steps that have a checkpoint by now."""
    run = notebook_run(journal)
    return {call.step for call in journal.calls(run.id) if call.state == "done"} if run else set()


def resumed_lines(journal: Journal) -> list[Line]:
    """The steps of the newest owner's pass, in their order: restored ones and ones that ran."""
    run = notebook_run(journal)
    if run is None:
        return []
    restored = {mark.call: mark for mark in journal.restores(run.id) if mark.epoch == run.epoch}
    lines = []
    for call in sorted(journal.calls(run.id), key=_place):
        if call.id in restored:
            mark = restored[call.id]
            lines.append(Line(call.step, "restored", mark.took, mark.saved))
        elif call.epoch == run.epoch and call.state == "done":
            lines.append(Line(call.step, "ran", call.took, 0.0))
    return lines


def _place(call: CallRecord) -> tuple[int, int]:
    return call.position, call.seq


def table(lines: Sequence[Line]) -> str:
    """The lines as a table of text, with totals."""
    total = Line("in total", "", sum(line.took for line in lines), sum(line.saved for line in lines))
    width = max(len(line.step) for line in (*lines, total))

    def row(line: Line) -> str:
        saved = words.took(line.saved) if line.saved else ""
        return f"  {line.step:<{width}}  {line.word:<8}  {words.took(line.took):>9}  {saved:>9}".rstrip()

    head = f"  {'step':<{width}}  {'':<8}  {'time':>9}  {'saved':>9}"
    return words.plain("\n".join([head, *map(row, lines), "  " + "-" * (len(head) - 2), row(total)]))
