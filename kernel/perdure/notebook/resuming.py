"""`%resume`: the namespace as it was last seen, without running a cell; and the plan, which only tells."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from perdure.codec.masking import escaped
from perdure.codec.notes import collected
from perdure.engine import doubts, questions
from perdure.engine.code.names import analyse
from perdure.engine.durations import size_words, words
from perdure.errors import PerdureError
from perdure.store.records import CallRecord, NoteRecord, RunRecord
from perdure.store.related import blobs_of

from . import lines
from .body import Body
from .loop_cells import kept_turns
from .namespace import snapshot
from .notebook_runs import choose, chosen, current, started
from .restoring import missing, restore
from .setup_sources import kept_source
from .takeover import told

if TYPE_CHECKING:
    from perdure.engine.owner import Owner

    from .session import Session


@dataclass(frozen=True, slots=True)
class Step:
    """What resuming does about one step, and why."""

    name: str
    action: str
    """`restore`, `not restored`, `run`, `ask`; after resuming `ran`, `not run`, `restored`, `not restored`,
    `not kept`."""
    why: str
    took: float = 0.0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Resumption:
    """A plan, or what came of it: a table in the notebook, and as text."""

    title: str
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        rows = [(step.action, step.name, *_figures(step), step.why) for step in self.steps]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
        table = [
            "  ".join(
                (
                    "",
                    *(
                        f"{text:{side}{width}}"
                        for text, side, width in zip(row, "<<>>", widths, strict=False)
                    ),
                    row[4],
                )
            )
            for row in rows
        ]
        return "\n".join([self.title, *table])

    def _repr_html_(self) -> str:
        heads = "".join(
            f"<th style='text-align:left'>{head}</th>" for head in ("", "step", "work", "size", "why")
        )
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:left'>{escape(text)}</td>"
                for text in (step.action, step.name, *_figures(step), step.why)
            )
            + "</tr>"
            for step in self.steps
        )
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if self.steps else ""
        return f"<p>{escape(self.title)}</p>{table}"


def _figures(step: Step) -> tuple[str, str]:
    return words(step.took) if step.took else "", size_words(step.size) if step.size else ""


def plan(session: Session, name: str | None = None) -> Resumption:
    """What resuming would do, step by step, and why; nothing is changed.

    The steps that were kept are restored while their code and inputs are unchanged; which of them the
    notebook's cells still hold is known when the cells run.
    """
    run = chosen(session, name)
    calls = session.store.journal.calls(run.id)
    setups = session.store.journal.notes(run.id, "setup")
    steps = [Step(note.name, "run", "a setup cell, which always runs") for note in setups]
    steps += [_planned(session, call) for call in current(calls)]
    steps += _missing(calls, kept_turns(session.store.journal, run.id))
    steps += _started(session, run)
    steps += _asked(session, run)
    told = "what a resume does" if steps else "nothing is kept yet"
    return Resumption(f"{run.workflow}: {told}", tuple(steps))


def _planned(session: Session, call: CallRecord) -> Step:
    flaw = _flaw(session, call)
    if flaw:
        return Step(call.step, "not restored", flaw, call.took, call.bytes)
    why = f"kept {lines.when(call.ended or call.started)}"
    refused = [lines.named(output) for output in call.outputs if output.how == "refused"]
    if refused:
        why += f"; without {', '.join(refused)}, which could not be kept"
    try:
        dynamic = analyse(Body(session.shell, call.source).tree).dynamic
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the store may be anybody's
        return Step(call.step, "restore", f"{why}; its recorded source is no code", call.took, call.bytes)
    if dynamic:
        why += "; it runs a command or code in a string, and what that reads is not compared"
    return Step(call.step, "restore", why, call.took, call.bytes)


def _flaw(session: Session, call: CallRecord) -> str:
    """Why a checkpoint would not load, as far as can be seen without reading or decoding it; else empty."""
    store = session.store
    for value in (call.value, call.shown, call.needs):
        if value is None:
            continue
        record = store.journal.value(value)
        standing = "gone" if record is None else store.vault.standing(record)
        if record is not None and standing == "foreign":
            return f"key {escaped(record.key_id)} signed it, which is not yours: `%perdure trust` tells more"
        if record is not None and standing == "yours" and not all(map(store.blobs.size, blobs_of(record))):
            standing = "gone"
        if standing != "yours":
            return _FLAWS[standing]
    return ""


_FLAWS = {
    "altered": "it is not as it was signed: run the step again with `--redo`",
    "gone": "a part of it is missing: run the step again with `--redo`",
    "newer": "a newer Perdure wrote it: upgrade with `pip install --upgrade perdure`",
}


def _missing(calls: list[CallRecord], turns: Mapping[str, str]) -> list[Step]:
    """The steps of which no call has an outcome, by their newest call; some have a kept turn of a loop."""
    kept = {call.step for call in current(calls)}
    newest = {call.step: call for call in sorted(calls, key=lambda each: each.seq) if call.step not in kept}
    found = []
    for call in newest.values():
        action, why = _why_missing(call, calls)
        on = f"; its loop goes on after {turns[call.id]}" if call.id in turns else ""
        found.append(Step(call.step, action, why + on))
    return found


def _why_missing(call: CallRecord, calls: list[CallRecord]) -> tuple[str, str]:
    """What to do about it, and why. What died while it ran is settled by the next owner of the run."""
    if doubts.is_open(call):
        return "ask", doubts.asked(call, calls)
    if call.state == "waiting":
        return "run", f"its last attempt failed: {call.error}; the next is due {lines.when(call.due or 0.0)}"
    if call.state == "failed":
        return "run", f"its last attempt failed: {call.error}"
    return "run", "it was running when the kernel died or was interrupted"


_ITS_CELL = {
    "done": "finished: its cell restores what it gave",
    "cancelled": "cancelled: its cell begins another run, which keeps what is recorded",
}


def _started(session: Session, run: RunRecord) -> list[Step]:
    """The workflows that this notebook's cells started: what they gave comes back with their cells."""
    return [
        Step(
            child.workflow, "by its cell", _ITS_CELL.get(child.state, "unfinished: its cell goes on with it")
        )
        for child in started(session.store.journal, run)
    ]


def _asked(session: Session, run: RunRecord) -> list[Step]:
    """What the runs that this notebook's cells started wait for a person to decide."""
    found = questions.of_started_runs(session.store.journal, run.id)
    return [Step(f"{call.step} in {run.workflow}", "ask", question) for run, call, question in found]


def resume(session: Session, name: str | None = None, *, steal: bool = False) -> Resumption:
    """Bring back the namespace as it was last seen: setup cells run, kept steps are restored in order.

    Names that were made outside of steps, and that no step needed, are listed with their cell. With `steal`,
    the run is taken from another kernel that is at work on it.
    """
    owner = choose(session, name, steal=steal)
    began = time.perf_counter()
    steps = [_set_up(session, owner, note) for note in owner.store.journal.notes(owner.run.id, "setup")]
    calls = [*owner.history.calls.values()]
    steps += [_restored(session, owner, call) for call in current(calls)]
    steps += _missing(calls, kept_turns(owner.store.journal, owner.run.id))
    steps += _started(session, owner.run)
    steps += _asked(session, owner.run)
    steps += _left_out(session, owner)
    saved = sum(step.took for step in steps if step.action == "restored")
    took = time.perf_counter() - began
    count = sum(step.action == "restored" for step in steps)
    noun = "step" if count == 1 else "steps"
    figures = f"{count} {noun} restored in {words(took)}, saved {words(saved)}"
    title = f"{owner.run.workflow}: {figures if count else 'no step is kept that could be restored'}"
    title = "; ".join((title, *told(owner)))
    return Resumption(title, tuple(steps))


def _restored(session: Session, owner: Owner, call: CallRecord) -> Step:
    began = time.perf_counter()
    try:
        with collected() as notes:
            found = restore(session, owner, call, None)
    except PerdureError as error:
        return Step(call.step, "not restored", " ".join(str(error).split()))
    took = time.perf_counter() - began
    owner.restored(call, reason="asked for with %resume", took=took)
    why = "still here" if found.present else f"in {words(took)}"
    left_out = missing(call, session.namespace)
    if left_out:
        why += f"; without {', '.join(left_out)}"
    why += "".join(f"; {note}" for note in notes)
    return Step(call.step, "restored", why, call.took, call.bytes)


def _left_out(session: Session, owner: Owner) -> list[Step]:
    """The cells that are no steps, each with the names that it made and that are not here."""
    cells: dict[int, list[str]] = {}
    for note in owner.store.journal.notes(owner.run.id, "names"):
        for name, cell in note.data.items():
            if name not in session.namespace:
                cells.setdefault(cell, []).append(f"`{name}`")
    return [
        Step(f"cell [{cell}]", "not kept", f"{', '.join(sorted(names))}: no step made this: run the cell")
        for cell, names in sorted(cells.items())
    ]


def _set_up(session: Session, owner: Owner, note: NoteRecord) -> Step:
    """Run a %%setup cell again, from its stored source."""
    began = time.perf_counter()
    try:
        source = kept_source(owner, note)
    except PerdureError as error:
        return Step(note.name, "not run", " ".join(str(error).split()))
    try:
        body = Body(session.shell, source)
        if body.is_async:
            return Step(note.name, "run", "a setup cell that awaits: run it by hand")
        before = snapshot(session.namespace)
        body.run()
        session.note_resources(before)
    except Exception as error:  # noqa: BLE001  the user's own code; the other cells are still restored
        return Step(note.name, "run", f"the setup cell failed: {type(error).__name__}: {error}")
    return Step(note.name, "ran", f"a setup cell, in {words(time.perf_counter() - began)}")
