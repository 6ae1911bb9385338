"""The notebook's own run: named by `%workflow`, and open for as long as the notebook is worked on."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from perdure.engine import keeping, questions
from perdure.engine.decide import is_outcome
from perdure.engine.doubts import is_open
from perdure.engine.durations import words
from perdure.engine.inputs import combined, input_part
from perdure.engine.outcomes import new_id
from perdure.engine.owner import Owner
from perdure.engine.plans import added
from perdure.engine.room import tight
from perdure.store.notices import notices
from perdure.store.records import CallRecord, RunRecord, Tag

from . import lines
from .loop_cells import kept_turns
from .session import notebook_path
from .takeover import told

if TYPE_CHECKING:
    from perdure.store.protocols import Journal

    from .session import Session


def begin(
    session: Session,
    name: str,
    *,
    params: frozenset[str] = frozenset(),
    fresh: bool = False,
    codec: str | None = None,
    steal: bool = False,
    tags: tuple[Tag, ...] = (),
) -> lines.Line:
    """Make `name` the notebook's workflow: go on with its run, or begin one; return the line that says which.

    Args:
        params: names whose values tell this run from others of the workflow.
        fresh: begin another run although there is one.
        codec: "full" or "safe", from now on and whenever the run is resumed; None leaves it as it is.
        steal: take the run from another kernel that is at work on it.
        tags: words by which the run is found again, in addition to those that it has.

    Raises:
        RunOwned: another kernel is at work on that run.
    """
    session.leave_lost_store()
    missing = sorted(param for param in params if param not in session.namespace)
    if missing:
        raise UsageError(
            f"%workflow {name}: --params names {', '.join(missing)}, which is not defined yet: set it above."
        )
    hidden = (
        session.store.encrypted
    )  # asked first: where nothing can be kept, that is told before a step runs
    parts = [input_part(param, session.namespace[param]) for param in sorted(params)]
    key = f"notebook:{combined(parts)}" if parts else "notebook"
    journal = session.store.journal
    known = None if fresh else journal.find_run(name, None, key)
    mine = session.owner is not None and session.owner.taken() is None
    if session.owner is not None and mine and known is not None and known.id == session.run_id:
        _choose_codec(session.owner, codec)
        _tag(session.owner, tags)
        now = () if codec is None else (f"codec {codec} holds from now on",)
        details = (f"run {known.id}", "this notebook's workflow already", *now)
        return lines.Line(name, details=details, notes=_codec_note())
    record = known or _new(name, key)
    before = state(journal, record) if known is not None else None
    session.take(record, steal=steal)
    owner = session.owner
    assert owner is not None
    _choose_codec(owner, codec)
    _tag(owner, tags)
    if owner.run.notebook != notebook_path():
        owner.change_run("run_started", notebook=notebook_path())
    else:
        owner.tell("run_started")
    if parts:
        owner.note("params", "params", {part.name: "" if hidden else part.preview for part in parts})
    if before is not None and owner.stolen_from is not None:
        before = replace(before, killed=False)
    line = before.line() if before is not None else _first(session, name, record)
    return replace(
        line,
        notes=(*line.notes, *told(owner), *_codec_note(), *notices(session.store), *tight(session.store)),
    )


def _choose_codec(owner: Owner, codec: str | None) -> None:
    """Record with which codec the run keeps its values; whoever owns the run uses it."""
    if codec is not None:
        owner.note("setting", "codec", {"codec": codec})
        keeping.use_codec(codec)


def _tag(owner: Owner, tags: tuple[Tag, ...]) -> None:
    """Add tags to the run."""
    if tags:
        owner.change_run("run_started", tags=added(owner.run.tags, tags))


def _codec_note() -> tuple[str, ...]:
    safe = keeping.the_codec() == "safe"
    return ("codec safe: what could only be pickled is neither kept nor loaded",) if safe else ()


def _new(name: str, key: str) -> RunRecord:
    now = time.time()
    return RunRecord(
        id=new_id("r"), workflow=name, key=key, kind="notebook", state="open", created=now, updated=now,
        notebook=notebook_path(),
    )  # fmt: skip


def _first(session: Session, name: str, record: RunRecord) -> lines.Line:
    path = session.store.path
    where = "memory, for this process only" if path is None else _shortened(path)
    return lines.Line(name, details=(f"new run {record.id}", f"what its steps make is kept in {where}"))


def _shortened(path: Path) -> str:
    """A path as people say it: from the current folder or from the home folder, where it lies below."""
    for folder, name in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(folder):
            return f"{name}{path.relative_to(folder)}"
    return str(path)


SHOWN = 3
"""Names of workflows that a line spells out."""


@dataclass(frozen=True, slots=True)
class RunState:
    """What is kept of a run, and how it was left."""

    run: RunRecord
    kept: tuple[CallRecord, ...]
    lost: tuple[CallRecord, ...]
    """Steps that were running when the process died."""
    seen: float
    killed: bool
    turns: tuple[str, ...] = ()
    """After which turns loops go on, such as "turn 41 of 100 of `train`"."""
    started: tuple[RunRecord, ...] = ()
    """The newest run of each workflow that the notebook's cells started."""
    questions: int = 0
    """How many calls wait for a decision, in this run and in those."""

    def line(self) -> lines.Line:
        """The one line that stands under `%workflow`."""
        steps = "1 step is" if len(self.kept) == 1 else f"{len(self.kept)} steps are"
        work = sum(call.took for call in self.kept)
        details = [f"run {self.run.id}"]
        if self.kept:
            details.append(f"{steps} kept, {words(work)} of work")
        if self.started:
            names = ", ".join(f"`{run.workflow}`" for run in self.started[:SHOWN])
            more = f" and {len(self.started) - SHOWN} more" if len(self.started) > SHOWN else ""
            what = (
                "is kept: its cell goes on with it"
                if len(self.started) == 1
                else "are kept: their cells go on"
            )
            details.append(f"{names}{more} {what}")
        if not (self.kept or self.started or self.turns):
            details.append("nothing is kept yet")
        seen = lines.when(self.seen)
        if self.lost:
            names = ", ".join(f"`{call.step}`" for call in self.lost)
            details.append(f"{'killed' if self.killed else 'left'} {seen} while {names} ran")
        else:
            details.append(f"{'killed' if self.killed else 'last at work'} {seen}")
        if self.turns:
            details.append(f"{' and '.join(self.turns)} is kept: its cell goes on after it")
        if self.questions:
            told = "1 question waits" if self.questions == 1 else f"{self.questions} questions wait"
            details.append(f"{told} for you: `%resume --plan` asks")
        elif self.kept:
            details.append("`%resume` goes on, `%resume --plan` shows what it would do")
        return lines.Line(self.run.workflow, details=tuple(details))


def state(journal: Journal, run: RunRecord) -> RunState:
    """What is kept of a run, and how it was left."""
    calls, sessions = journal.calls(run.id), journal.sessions(run.id)
    done = {call.step: call.seq for call in current(calls)}
    steps = {call.id: call.step for call in calls if call.seq > done.get(call.step, 0)}
    loops = kept_turns(journal, run.id)
    asked = sum(map(is_open, calls)) + len(list(questions.of_started_runs(journal, run.id)))
    return RunState(
        run,
        tuple(current(calls)),
        tuple(call for call in calls if call.state == "running"),
        sessions[-1].seen if sessions else run.updated,
        bool(sessions) and sessions[-1].ended is None,
        tuple(f"{turn} of `{steps[call]}`" for call, turn in loops.items() if call in steps),
        started(journal, run),
        asked,
    )


def started(journal: Journal, run: RunRecord) -> tuple[RunRecord, ...]:
    """Of each workflow that the cells of a notebook's run started, the newest run, the oldest first."""
    newest = {child.workflow: child for child in journal.children(run.id)}
    return tuple(sorted(newest.values(), key=lambda child: child.created))


def current(calls: list[CallRecord]) -> list[CallRecord]:
    """Of each step the last call that has an outcome, in the order in which they were last made."""
    newest: dict[str, CallRecord] = {}
    for call in sorted(calls, key=lambda each: each.seq):
        if is_outcome(call):
            newest.pop(call.step, None)
            newest[call.step] = call
    return list(newest.values())


def candidates(journal: Journal, name: str | None = None) -> list[RunRecord]:
    """The runs that this notebook may go on with, the newest first: its own, where its path is known."""
    runs = [run for run in journal.runs(workflow=name) if run.kind == "notebook"]
    here = notebook_path()
    return [run for run in runs if here is not None and run.notebook == here] or runs


def chosen(session: Session, name: str | None) -> RunRecord:
    """The run to resume: the notebook's own, that of the workflow named, or the only one that fits."""
    session.leave_lost_store()
    if session.owner is not None and name in (None, session.owner.run.workflow):
        return session.owner.run
    runs = candidates(session.store.journal, name)
    names = sorted({run.workflow for run in runs})
    if not runs:
        raise UsageError(
            "nothing is kept here yet"
            if name is None
            else f"no workflow {name} is kept here: %runs lists them."
        )
    if name is None and len(names) > 1:
        raise UsageError(f"say which workflow: %resume {'  or  %resume '.join(names)}")
    return runs[0]


def choose(session: Session, name: str | None, *, steal: bool = False) -> Owner:
    """Make the run to resume the notebook's own; with `steal`, take it from another kernel.

    Raises:
        RunOwned: another kernel is at work on that run.
    """
    run = chosen(session, name)
    if session.owner is None or session.owner.run.id != run.id or session.owner.taken() is not None:
        session.take(run, steal=steal)
    assert session.owner is not None
    return session.owner
