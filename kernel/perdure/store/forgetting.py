"""Which runs, and which older versions of calls, may be forgotten: a choice by what the journal tells.

1. A run that is unfinished, in doubt, or in one tree with a run that a live process holds, stays.
2. What a run that stays was forked from stays, and what a run at work reuses: they restore its calls.
3. Of what a notebook started, what its next Run All or `%resume` would use stays, as far as its last two
   kernels tell; so do all effects.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .records import CallRecord, RunRecord

if TYPE_CHECKING:
    from .locks import Owner
    from .protocols import Journal

KERNELS = 2
"""So many kernels that used a workflow, or a step, tell what of it a notebook still uses."""


LENT = "lent"
"""Kind of the note with which a run names others whose calls it may restore as well."""

_SOON = 60.0
"""Seconds within which a run that begins has written that note."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is to stay. Without any limit, all runs do."""

    keep: int | None = None
    """So many finished runs of each workflow, the newest ones, stay. The others go; where there is a limit
    of age or size, only by that."""
    older_than: float | None = None
    """Seconds: runs that finished later stay."""
    max_size: int | None = None
    """Bytes: the oldest runs go until the store takes no more; the newest of each workflow stays, unless
    `keep` says how many."""
    old_versions: bool = False
    """Whether calls of a notebook's own run go that a newer version took the place of."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A run with all that it started: they stay or go together."""

    head: RunRecord
    runs: frozenset[str]
    finished: float


class Forgettable:
    """What may go without harm: a choice among these is made by `beyond`, or by size."""

    def __init__(self, journal: Journal, owners: Iterable[Owner], now: float) -> None:
        """Look through the runs.

        Args:
            journal: which is read, and not changed.
            owners: the live processes that hold runs.
            now: the time.
        """
        owned = {owner.run for owner in owners}
        self._journal = journal
        self._runs = journal.runs()
        self._known = {run.id: run for run in self._runs}
        self._newest = _newest(self._runs)
        trees: dict[str, list[RunRecord]] = defaultdict(list)
        for run in self._runs:
            trees[self._root(run).id].append(run)
        self.notebooks: list[RunRecord] = []
        """The notebooks' own runs that nobody is at work on."""
        self.units: list[Unit] = []
        """What could go, the newest first."""
        self._held: set[str] = set()
        for root, tree in trees.items():
            if not any(run.id in owned for run in tree):
                self._divide(self._known[root], tree)
        self.units.sort(key=lambda unit: (unit.head.created, unit.head.id), reverse=True)
        self._of = {run: unit for unit in self.units for run in unit.runs}
        lent = {run for owner in owners for run in self._lent(owner, now)}
        self._held |= {self._of[run].head.id for run in lent & self._of.keys()}
        self._forks: dict[str, set[str]] = defaultdict(set)
        for run in self._runs:
            origin = self._of.get(run.forked_from or "")
            if origin is not None and run.id not in origin.runs:
                self._forks[origin.head.id].add(run.id)

    def _lent(self, owner: Owner, now: float) -> set[str]:
        """The runs of which a run that is at work may restore calls, though it is no fork of theirs."""
        run = self._known.get(owner.run)
        if run is not None and run.kind == "notebook":
            return set()  # its cells begin runs of their own
        if now - owner.since < _SOON:
            return {run.id for run in self._runs if run.workflow == owner.workflow}
        return {run for note in self._journal.notes(owner.run, LENT) for run in note.data["runs"]}

    def _root(self, run: RunRecord) -> RunRecord:
        """The run from which this one was started in the end."""
        seen = {run.id}
        while run.parent in self._known and run.parent not in seen:
            run = self._known[run.parent]
            seen.add(run.id)
        return run

    def _divide(self, root: RunRecord, tree: list[RunRecord]) -> None:
        """Take in a tree of runs: as one, or, below a notebook that goes on, what it started one by one."""
        if all(map(self._ended, tree)):
            self.units.append(_unit(root, tree))
            return
        if root.state != "open":
            return
        self.notebooks.append(root)
        below: dict[str, list[RunRecord]] = defaultdict(list)
        for run in tree:
            if run is not root:
                below[self._first_below(run, root)].append(run)
        ended = [
            _unit(self._known[head], each) for head, each in below.items() if all(map(self._ended, each))
        ]
        self.units += ended
        self._held |= self._in_use(root, [self._known[head] for head in below])

    def _first_below(self, run: RunRecord, root: RunRecord) -> str:
        while run.parent is not None and run.parent != root.id:
            run = self._known[run.parent]
        return run.id

    def _ended(self, run: RunRecord) -> bool:
        if run.state == "open":  # a notebook's own run ends when `--fresh` began another in its place
            replaced = self._newest[run.workflow, run.parent, run.key] is not run
            return replaced and not any(map(_unsettled, self._journal.calls(run.id)))
        return run.finished is not None and run.state != "in doubt"

    def _in_use(self, root: RunRecord, started: list[RunRecord]) -> set[str]:
        """The runs that a notebook used in the last kernels in which it used their workflow at all."""
        kernels = sorted(session.started for session in self._journal.sessions(root.id))
        uses: dict[str, set[int]] = {run.id: {bisect_right(kernels, run.created)} for run in started}
        for run in started:
            uses[run.id] |= {
                bisect_right(kernels, session.started) for session in self._journal.sessions(run.id)
            }
        for restore in self._journal.restores(root.id):
            if restore.call in uses:
                uses[restore.call].add(bisect_right(kernels, restore.at))
        return _lately(uses, {run.id: run.workflow for run in started})

    # -- choosing ----------------------------------------------------------------------------------------

    def beyond(self, limits: Limits, now: float) -> list[Unit]:
        """What `keep` alone, or `older_than`, does not let stay."""
        if limits.older_than is None and (limits.keep is None or limits.max_size is not None):
            return []
        spared = self._foremost(limits.keep or 0)
        oldest = now - (limits.older_than or 0.0)
        chosen = {
            unit.head.id: unit
            for unit in self.units
            if unit.head.id not in spared and (limits.older_than is None or unit.finished < oldest)
        }
        while needed := [head for head, unit in chosen.items() if not self._free(unit, chosen.values())]:
            for head in needed:
                del chosen[head]
        return list(chosen.values())

    def until(
        self, fits: Callable[[], bool], gone: list[Unit], limits: Limits, drop: Callable[[Unit], None]
    ) -> list[Unit]:
        """More that goes, the oldest first, each told to `drop`, until it `fits` or nothing is left to go."""
        spared = self._foremost(1 if limits.keep is None else limits.keep)
        there = {unit.head.id for unit in gone}
        left = [unit for unit in self.units if unit.head.id not in spared | there]
        left.sort(key=lambda unit: (unit.finished, unit.head.id))
        more: list[Unit] = []
        while not fits():
            unit = next((each for each in left if self._free(each, [*gone, *more])), None)
            if unit is None:
                break
            left.remove(unit)
            more.append(unit)
            drop(unit)
        return more

    def _foremost(self, number: int) -> set[str]:
        """The newest finished runs of each workflow (for each notebook by itself), and those in use."""
        counts: dict[tuple[str | None, str], int] = defaultdict(int)
        found = set(self._held)
        for unit in self.units:
            counts[unit.head.parent, unit.head.workflow] += 1
            if counts[unit.head.parent, unit.head.workflow] <= number:
                found.add(unit.head.id)
        return found

    def _free(self, unit: Unit, gone: Iterable[Unit]) -> bool:
        """Whether nothing that stays was forked from it."""
        forks = self._forks[unit.head.id]
        return not forks or forks <= frozenset[str]().union(*(each.runs for each in gone))


def _unit(head: RunRecord, runs: list[RunRecord]) -> Unit:
    return Unit(head, frozenset(run.id for run in runs), max(run.finished or run.updated for run in runs))


def _newest(runs: list[RunRecord]) -> dict[tuple[str, str | None, str], RunRecord]:
    """Of each workflow, parent and key the run that is found again. The runs come the newest first."""
    found: dict[tuple[str, str | None, str], RunRecord] = {}
    for run in runs:
        found.setdefault((run.workflow, run.parent, run.key), run)
    return found


def _unsettled(call: CallRecord) -> bool:
    """An effect of which nobody knows whether it took place."""
    return call.kind == "effect" and call.state in ("in doubt", "running")


def _lately(uses: dict[str, set[int]], group: dict[str, str]) -> set[str]:
    """What was used in the last kernels in which anything of its group was."""
    kernels: dict[str, set[int]] = defaultdict(set)
    for each, numbers in uses.items():
        kernels[group[each]] |= numbers
    last = {name: sorted(numbers)[-KERNELS:] for name, numbers in kernels.items()}
    return {each for each, numbers in uses.items() if numbers.intersection(last[group[each]])}


def old_versions(journal: Journal, notebook: RunRecord) -> list[CallRecord]:
    """The calls of a notebook's own run that a newer version took the place of.

    Of each step its newest call and its newest checkpoint stay. A call with the same code and other inputs
    stays if one of the last kernels used it: cells may have been run in another order than they stand.
    """
    calls = sorted(journal.calls(notebook.id), key=lambda call: call.seq)
    newest = {call.step: call for call in calls}
    kept = {call.step: call for call in calls if call.state == "done"}
    uses = {call.id: {call.epoch} for call in calls}
    for restore in journal.restores(notebook.id):
        if restore.call in uses:
            uses[restore.call].add(restore.epoch)
    lately = _lately(uses, {call.id: call.step for call in calls})
    return [
        call
        for call in calls
        if call.kind == "pure"
        and call.state in ("done", "failed", "interrupted")
        and call.key is None
        and call not in (newest[call.step], kept.get(call.step))
        and (call.code != kept.get(call.step, newest[call.step]).code or call.id not in lately)
    ]
