"""The rows of a timeline, made from a run's records alone: no clock, no file, nothing is decoded.

Promises: 7 (what was shown is told as recorded), 8 (no value is opened), 11 (why is on each row).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from perdure.engine import doubts
from perdure.errors import NoSuchRun
from perdure.store.records import AttemptRecord, CallRecord, RestoreRecord, RunRecord, SessionRecord

from . import _own, words
from ._calls import CallRows
from ._fold import fold, versions
from ._row import WORK, Mark, Row, Segment, covered
from .kernels import Kernel, kernels

if TYPE_CHECKING:
    from perdure.store.protocols import Journal

_Of = TypeVar("_Of", AttemptRecord, RestoreRecord)

__all__ = ["Kernel", "Mark", "Row", "Segment", "Timeline", "read", "timeline"]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that a picture of a run shows."""

    run: RunRecord
    state: str
    word: str
    kernels: tuple[Kernel, ...]
    rows: tuple[Row, ...]
    took: float
    """Seconds with a kernel; of a notebook, where people think between cells, seconds in which steps ran."""
    saved: float
    """Seconds of work that were not needed again."""
    lost: float
    """Seconds of work that are known to be lost with a kernel."""
    summary: str
    """One line: how many steps came to what, and what that saved and lost."""
    now: float
    """When the picture was made."""


def timeline(
    run: RunRecord,
    sessions: Sequence[SessionRecord] = (),
    calls: Sequence[CallRecord] = (),
    attempts: Sequence[AttemptRecord] = (),
    restores: Sequence[RestoreRecord] = (),
    *,
    children: Sequence[RunRecord] = (),
    borrowed: Sequence[CallRecord] = (),
    winners: Mapping[str, str] | None = None,
    questions: Mapping[str, str] | None = None,
    now: float,
    alive: bool = True,
) -> Timeline:
    """The timeline of one run.

    Args:
        run: its record.
        sessions: the processes that owned it, by epoch.
        calls: all versions of its calls.
        attempts: all tries at them, by start.
        restores: the checkpoints that were used, by time.
        children: runs that were started from this one.
        borrowed: calls of other runs that this one restored.
        winners: who won each race, by call.
        questions: what is asked in runs that were started from this one, by run.
        now: seconds since 1970; running bars end here.
        alive: whether the process of the last session lives.
    """
    alive = alive and bool(sessions) and sessions[-1].ended is None
    last = sessions[-1].epoch if sessions else run.epoch
    used = _by_call(restores)
    # An owner of another run made these: their work has no place in this run's time.
    everything = [*(replace(call, epoch=0, seq=0) for call in borrowed), *calls]
    activity = _activity(sessions, calls, attempts, restores, children)
    found = kernels(
        sessions,
        activity,
        now=now,
        alive=alive,
        busy=alive and _busy(calls, children, last, now),
    )
    maker = CallRows(
        run,
        found,
        calls,
        _by_call(attempts),
        used,
        children={child.id: child for child in children},
        questions=questions or {},
        winners=winners or {},
        living=last if alive else None,
        ended=_ended_under(calls, sessions),
        passed=_passed(run, last, activity),
        now=now,
    )
    return _summed_up(run, _rows(maker, everything), found, restores, alive=alive, now=now)


def _rows(maker: CallRows, calls: Sequence[CallRecord]) -> list[Row]:
    """The rows of all calls, and of the children that no call started, in their order."""
    rows = fold([maker.row(group) for group in versions(maker.run, calls, maker.restores, maker.ended)])
    called = {call.child for call in calls}
    rows += [maker.child(child) for name, child in maker.children.items() if name not in called]
    return sorted(rows, key=_place)


def _summed_up(
    run: RunRecord,
    rows: Sequence[Row],
    found: tuple[Kernel, ...],
    restores: Sequence[RestoreRecord],
    *,
    alive: bool,
    now: float,
) -> Timeline:
    """The timeline with these rows and kernels."""
    state = _state(run, rows, alive=alive)
    lost = sum(row.lost for row in rows)
    return Timeline(
        run=run,
        state=state,
        word=words.look(state).word,
        kernels=found,
        rows=tuple(rows),
        took=_working(rows) if run.kind == "notebook" else sum(kernel.end - kernel.start for kernel in found),
        saved=sum(restore.saved for restore in restores),
        lost=lost,
        summary=_summary(rows, restores, lost),
        now=now,
    )


def read(journal: Journal, run_id: str, *, now: float | None = None, alive: bool | None = None) -> Timeline:
    """The timeline of a run as it stands in the journal.

    Args:
        journal: where the run is kept.
        run_id: such as `r_5a9e31c2`.
        now: the time of the picture; None takes the clock.
        alive: whether the run's last process lives; None asks the system, as far as it can tell.

    Raises:
        NoSuchRun: the journal has no run of this id.
    """
    run = journal.run(run_id)
    if run is None:
        raise NoSuchRun(run=run_id, path=str(getattr(journal, "path", "this store")))
    return read_of(journal, run, now=now, alive=alive)


def read_of(
    journal: Journal, run: RunRecord, *, now: float | None = None, alive: bool | None = None
) -> Timeline:
    """The timeline of a run whose record was read just now; the rest as for `read`."""
    sessions, calls, restores = journal.sessions(run.id), journal.calls(run.id), journal.restores(run.id)
    if alive is None:
        from .liveness import alive as process_lives

        alive = bool(sessions) and process_lives(sessions[-1])
    children = journal.children(run.id)
    known = {call.id for call in calls} | {child.id for child in children}
    missing = {restore.call for restore in restores} - known
    borrowed = _borrowed(journal, run, missing)
    races = _own.races([*borrowed, *calls])
    return timeline(
        run,
        sessions,
        calls,
        journal.attempts(run.id),
        restores,
        children=children,
        borrowed=borrowed,
        winners=_own.winners(races, journal.values(races.values())) if races else {},
        questions=_questions(journal, children, alive=alive),
        now=time.time() if now is None else now,
        alive=alive,
    )


def _busy(calls: Sequence[CallRecord], children: Sequence[RunRecord], living: int, now: float) -> bool:
    """Whether something runs, or waits for a moment to come, under the owner of this epoch."""
    return (
        any(call.state == "running" and call.epoch == living for call in calls)
        or any(call.state == "waiting" and (call.due or 0.0) > now for call in calls)
        or any(child.state == "running" for child in children)
    )


def _questions(journal: Journal, children: Sequence[RunRecord], *, alive: bool) -> dict[str, str]:
    """What a person is asked in those of these runs that wait for a decision, by run."""
    found = {}
    for child in children:
        if child.state == "in doubt" or (child.state in ("running", "interrupted") and not alive):
            calls = journal.calls(child.id)
            asked = [f"`{call.step}`: {doubts.asked(call, calls)}" for call in filter(doubts.is_open, calls)]
            if asked:
                found[child.id] = "; ".join(asked)
    return found


def _borrowed(journal: Journal, run: RunRecord, missing: set[str]) -> list[CallRecord]:
    """The calls of earlier runs that this run restored: of those it was forked from, else of its workflow."""
    found: list[CallRecord] = []
    source, seen = run.forked_from, {run.id}
    while missing and source is not None and source not in seen:
        seen.add(source)
        found += [call for call in journal.calls(source) if call.id in missing]
        missing = missing - {call.id for call in found}
        other = journal.run(source)
        source = other.forked_from if other else None
    for other in journal.runs(workflow=run.workflow) if missing else ():
        if other.id not in seen:
            found += [call for call in journal.calls(other.id) if call.id in missing]
    return found


def _passed(run: RunRecord, last: int, activity: Sequence[tuple[int, float]]) -> int | None:
    """The newest epoch, if a whole pass over the body was finished in it.

    A pass that restored the run's result whole made no call, and tells nothing about those that there are.
    """
    if run.kind == "notebook" or run.state != "done":
        return None
    return last if any(epoch == last for epoch, _ in activity) else None


def _by_call(records: Sequence[_Of]) -> dict[str, list[_Of]]:
    found: dict[str, list[_Of]] = {}
    for record in records:
        found.setdefault(record.call, []).append(record)
    return found


def _owner_at(sessions: Sequence[SessionRecord], at: float) -> int | None:
    """The epoch of the owner at that time."""
    return next((session.epoch for session in reversed(sessions) if session.started <= at), None)


def _ended_under(calls: Sequence[CallRecord], sessions: Sequence[SessionRecord]) -> dict[str, int]:
    """The owner under which each sleep ended, which may be a later one than that which began it, by call."""
    found = {}
    for call in calls:
        owner = None if call.kind != "wait" or call.ended is None else _owner_at(sessions, call.ended)
        if owner is not None:
            found[call.id] = max(call.epoch, owner)
    return found


def _activity(
    sessions: Sequence[SessionRecord],
    calls: Sequence[CallRecord],
    attempts: Sequence[AttemptRecord],
    restores: Sequence[RestoreRecord],
    children: Sequence[RunRecord],
) -> list[tuple[int, float]]:
    """(epoch, time) of all that is known to have happened."""
    found = [(restore.epoch, restore.at) for restore in restores]
    ended = _ended_under(calls, sessions)
    records: list[CallRecord | AttemptRecord] = [*calls, *attempts]
    for record in records:
        found.append((record.epoch, record.started))
        if record.ended is not None:
            epoch = ended.get(record.id, record.epoch) if isinstance(record, CallRecord) else record.epoch
            found.append((epoch, record.ended))
    for child in children:
        for at in (child.created, child.finished or child.updated):
            owner = _owner_at(sessions, at)
            found += [] if owner is None else [(owner, at)]
    return found


def _place(row: Row) -> tuple[int, float]:
    """Rows stand in the order in which they first happened."""
    first = row.segments[0] if row.segments else None
    if first is not None:
        return first.epoch, first.start
    return (row.marks[0].epoch, row.marks[0].at) if row.marks else (0, 0.0)


def _state(run: RunRecord, rows: Sequence[Row], *, alive: bool) -> str:
    """The run's state as a person sees it: a notebook is what its steps are, a dead run is interrupted."""
    if run.state == "open":
        states = {row.state for row in rows}
        return next((state for state in words.ATTENTION if state in states), "open")
    if run.state == "running" and not alive:
        return "in doubt" if any(row.state == "in doubt" for row in rows) else "interrupted"
    return run.state


def _working(rows: Sequence[Row]) -> float:
    """Seconds in which at least one step ran."""
    return covered(each for row in rows for each in row.segments if each.kind == WORK)


def _summary(rows: Sequence[Row], restores: Sequence[RestoreRecord], lost: float) -> str:
    counts: Counter[str] = Counter()
    for row in rows:
        if row.kind != "noted":
            counts.update(dict(row.counts))
    order = {state: place for place, state in enumerate(words.LOOKS)}
    parts = []
    for state in sorted(counts, key=lambda state: order.get(state, len(order))):
        part = f"{counts[state]:,} {words.look(state).word}"
        if state == "restored" and restores:
            part += f" in {words.took(sum(restore.took for restore in restores))}"
        parts.append(part)
    if lost >= 1:
        parts.append(f"{words.took(lost)} lost")
    return " · ".join(parts) or "no steps"
