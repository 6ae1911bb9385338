"""Collecting what no run needs any more.

1. A run is forgotten only if `forgetting` finds that nothing needs it.
2. A blob that a value needs, by itself or as the source of another one, is never removed. While a process is
   at work, nor is one that it may have put just now and not yet recorded. The value of a durable dict's entry
   is needed until the entry is replaced or deleted: the two are written in one commit.
3. A collection that is killed leaves a store that is whole, with some garbage left.
4. Room is made before it is taken: what nobody needs goes first, then the journal forgets, which takes some
   room itself.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from perdure.errors import StoreFull

from . import reserve
from .dicts import in_dict
from .failpoints import reached
from .failures import system_errors
from .files import TEMPORARY
from .forgetting import Forgettable, Limits, Unit, old_versions
from .kept_turns import LOOP, call_of
from .locks import Owner
from .records import Holding
from .sizes import needed_by
from .store import Store

GRACE = 3600.0
"""Seconds for which a blob may wait for its record."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed, or would be."""

    runs: tuple[str, ...]
    workflows: tuple[tuple[str, int], ...]
    """How many of them are of which workflow."""
    calls: int
    """Older versions of calls in runs that stay."""
    blobs: int
    bytes: int
    """Of the blobs."""
    waiting: int
    """Bytes that nothing needs, and that stay for now: a process at work may have put them just now."""
    journal: int = field(default=0, compare=False)
    """Bytes that the journal gave back, which only doing it can tell."""
    leftovers: int = field(default=0, compare=False)
    """Bytes that killed processes had left half-written; they are found by doing it."""
    left: int = field(default=0, compare=False)
    """What the store takes afterwards."""


class _Choice(NamedTuple):
    """What is to be forgotten."""

    units: list[Unit]
    calls: list[str]
    values: set[str]
    """All values that nothing refers to then, those of the runs that go among them."""

    @property
    def runs(self) -> tuple[str, ...]:
        return tuple(run for unit in self.units for run in sorted(unit.runs))


def collect(store: Store, limits: Limits | None = None, *, dry_run: bool = False) -> Collected:
    """Remove what no run needs, after older runs and versions where there are limits.

    Args:
        store: the store; no run of it gets a new owner in the meantime.
        limits: how much is to stay; None forgets no run.
        dry_run: only tell.
    """
    limits = limits or Limits()
    if store.path is not None and not dry_run:
        reserve.release(store.path)
    with store.locks.still() as owners:
        owned = {owner.run for owner in owners}
        before = time.time() - GRACE if owned else None
        leftovers = 0 if dry_run else _sweep(store, before, alone=not owned)
        first = _Removal(store, before)
        if not dry_run:
            first.carry_out()
        choice = _choose(store, limits, owners)
        last = _Removal(store, before, choice.values)
        made, given_back = [last], 0
        if dry_run:
            left = size(store) - last.bytes
        else:
            bits = _forget(store, choice, before)
            last = _Removal(store, before) if bits else last
            last.carry_out()
            made = [first, *bits, last]
            given_back = 0 if owned else store.journal.compact()
            left = size(store)
            if store.path is not None:
                reserve.put_aside(store.path)
        return Collected(
            runs=choice.runs,
            workflows=_by_workflow(choice),
            calls=len(choice.calls),
            blobs=sum(each.blobs for each in made),
            bytes=sum(each.bytes for each in made),
            waiting=last.waiting,
            journal=given_back,
            leftovers=leftovers,
            left=left,
        )


def size(store: Store) -> int:
    """What the store takes: its journal and its blobs."""
    return store.journal.size() + sum(map(store.blobs.size, store.blobs.names()))


class _Removal:
    """The blobs that can go; `carry_out` removes them, and tells what really went."""

    def __init__(self, store: Store, before: float | None, gone: Iterable[str] = ()) -> None:
        """Find them.

        Args:
            store: where.
            before: those that were put later stay; None where nobody is at work.
            gone: values that count as forgotten.
        """
        self._store = store
        self._before = before
        blobs, without = store.blobs, set(gone)
        # The folder is listed first: what is put and recorded between the two is then in neither or in both.
        there = blobs.names()
        old = there if before is None else blobs.names(before=before)
        holdings = [each for each in store.journal.holdings() if each.value not in without]
        needed = needed_by(blobs, (name for holding in holdings for name in holding.blobs))
        self.waiting = sum(map(blobs.size, there - old - needed))
        # What is young and stays needs its sources, recorded or not.
        self._names = old - needed_by(blobs, needed | (there - old))
        self.blobs = len(self._names)
        self.bytes = sum(map(blobs.size, self._names))

    def carry_out(self) -> None:
        """Remove them: first what is put together from others, so that nothing stays without its sources."""
        blobs = self._store.blobs
        pieced = {name for name in self._names if blobs.sources(name)}
        self.bytes = blobs.remove(pieced, before=self._before)
        reached("gc.pieced")
        self.bytes += blobs.remove(self._names - pieced, before=self._before)
        reached("gc.removed")
        if self._before is not None:  # some may have been put again meanwhile
            self.blobs = len(self._names - blobs.names())


def _choose(store: Store, limits: Limits, owners: list[Owner]) -> _Choice:
    """What goes by the limits, and what nothing refers to even so."""
    journal, now = store.journal, time.time()
    owned = {owner.run for owner in owners}
    forgettable = Forgettable(journal, owners, now)
    calls = set[str]()
    if limits.old_versions:
        calls = {call.id for run in forgettable.notebooks for call in old_versions(journal, run)}
    holdings, references = journal.holdings(), journal.references()
    runs = {run.id for run in journal.runs()}

    def unreferred(gone: set[str]) -> set[str]:
        """The values to which nothing refers once these runs, and the calls, are gone."""
        used = {each.value for each in references if each.run not in gone and each.call not in calls}
        return {
            each.value
            for each in holdings
            if each.value not in used
            and (each.run in gone or in_dict(each) or (each.run in runs - owned and not _stands(each, calls)))
        }

    units = forgettable.beyond(limits, now)
    most = limits.max_size
    if most is not None:
        gone = unreferred({run for unit in units for run in unit.runs})
        room = _Room(store, [each for each in holdings if each.value not in gone], shrinks=not owned)
        units += forgettable.until(lambda: room.taken <= most, units, limits, room.drop)
    return _Choice(units, sorted(calls), unreferred({run for unit in units for run in unit.runs}))


def _stands(holding: Holding, gone: set[str]) -> bool:
    """Whether a value stays without a reference: a setup cell's source; a kept turn unless its call goes."""
    return holding.role == "setup" or (holding.role == LOOP and call_of(holding.value) not in gone)


class _Room:
    """What a store takes while runs are chosen to go, as far as can be told beforehand."""

    def __init__(self, store: Store, holdings: list[Holding], *, shrinks: bool) -> None:
        """Begin with what is there.

        Args:
            store: whose room it is.
            holdings: what stays without further choice.
            shrinks: whether the journal's file will get smaller, which it does while nobody is at work.
        """
        self._blobs = store.blobs
        names: dict[str, list[str]] = {}
        self._inline = Counter[str]()
        for each in holdings:
            names.setdefault(each.run, []).extend(each.blobs)
            self._inline[each.run] += each.bytes if shrinks else 0
        self._of = {run: needed_by(store.blobs, found) for run, found in names.items()}
        self._uses = Counter(name for found in self._of.values() for name in found)
        self.taken = store.journal.size() + sum(map(store.blobs.size, self._uses))

    def drop(self, unit: Unit) -> None:
        """Let a unit's share go."""
        for run in unit.runs:
            self.taken -= self._inline[run]
            for name in self._of.get(run, ()):
                self._uses[name] -= 1
                self.taken -= 0 if self._uses[name] else self._blobs.size(name)


def _forget(store: Store, choice: _Choice, before: float | None) -> list[_Removal]:
    """Delete from the journal what was chosen; where its disk is too full for that at once, bit by bit.

    Returns:
        What was removed on the way.
    """
    made: list[_Removal] = []
    try:
        if choice.runs:
            store.journal.forget(choice.runs)
    except StoreFull:
        for unit in sorted(choice.units, key=lambda each: len(each.runs)):
            store.journal.forget(unit.runs)
            made.append(_Removal(store, before))
            made[-1].carry_out()
    reached("gc.forgotten")
    store.locks.forget(choice.runs)
    if choice.calls or choice.values:
        store.journal.forget_parts(choice.calls, choice.values)
        reached("gc.parted")
    runs = {run.id for run in store.journal.runs()}
    unheard = [message.id for message in store.journal.messages() if message.run not in runs]
    if unheard:
        store.journal.drop_messages(unheard)
    return made


def _by_workflow(choice: _Choice) -> tuple[tuple[str, int], ...]:
    counts = Counter[str]()
    for unit in choice.units:
        counts[unit.head.workflow] += len(unit.runs)
    return tuple(sorted(counts.items()))


def _sweep(store: Store, before: float | None, *, alone: bool) -> int:
    """Delete what killed processes left half-made; return the bytes of the blobs among it."""
    if store.path is not None and alone:
        with system_errors(store.path):
            for place in (store.path, store.path / "locks"):
                for path in place.glob(f"{TEMPORARY}*"):
                    path.unlink(missing_ok=True)
    return store.blobs.sweep(before=before)
