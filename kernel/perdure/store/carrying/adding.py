"""Bringing the runs of a file into a store.

1. Nothing is written before all of the file was checked, and what is here is never put over unasked.
2. Blobs come first, then all records in one commit: a kill in between leaves blobs that nothing refers to.
3. What is here already, as it is in the file, is not written again.
4. No run that is here uses what came with a file, unless it is a fork of it: a cache is filled here alone.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.codec.masking import escaped
from perdure.errors import NotImportable, RunDiffers
from perdure.store.records import CallRecord, Record, RunRecord, SessionRecord, ValueRecord
from perdure.store.related import blobs_of

from .frames import as_row
from .reading import Carried, open_file

if TYPE_CHECKING:
    from perdure.store.protocols import Journal
    from perdure.store.store import Store


@dataclass(slots=True)
class Imported:
    """What came of an import."""

    run: RunRecord
    """The run that the file is about."""
    added: tuple[RunRecord, ...] = ()
    replaced: tuple[RunRecord, ...] = ()
    known: tuple[RunRecord, ...] = ()
    """Runs that were here already, as they are in the file."""
    values: int = 0
    encrypted: int = 0
    """How many values open with the key only that encrypted them."""
    strangers: Counter[str] = field(default_factory=Counter)
    """How many values each key signed that is not this user's."""
    key: str = ""
    """Id of the key that signed the file."""
    yours: bool = True
    """Whether that is one of this user's."""
    next: RunRecord | None = None
    """The run with which the workflow goes on here: this one, or one that is newer."""


def import_file(store: Store, path: Path, *, instead: bool = False, dry_run: bool = False) -> Imported:
    """Add the runs of a file to a store, owned by nobody.

    Args:
        store: where they are to be.
        path: what `export` wrote.
        instead: take the place of runs that are here already with another content.
        dry_run: only check, and tell.

    Raises:
        NotImportable: the file is no export, is damaged, was altered, or a newer Perdure wrote it.
        RunDiffers: a run is here already with another content.
        RunOwned: a live process holds one of its runs.
        StoreError: nothing was added.
    """
    file = open_file(path, store.key)
    done = _planned(store, file, instead=instead)
    if (done.added or done.replaced) and not dry_run:
        with contextlib.ExitStack() as stack:
            for run in _tops(file, (*done.added, *done.replaced)):
                stack.enter_context(store.lock(run))
            done = _planned(store, file, instead=instead)  # anew: another import may have been quicker
            _add(store, file, done)
    found = store.journal.find_run(done.run.workflow, done.run.parent, done.run.key)
    return replace(done, next=found)


def _planned(store: Store, file: Carried, *, instead: bool) -> Imported:
    """Which runs are new, known or to be replaced."""
    known = _fingerprints(store.journal, [run for run in file.runs if store.journal.run(run) is not None])
    differing = {
        _run_of(record)
        for record in (file.records() if known else ())
        if _run_of(record) in known and not known[_run_of(record)] >= _fingerprint(record)
    }
    if differing and not instead:
        run = file.runs[next(run for run in file.runs if run in differing)]
        raise RunDiffers(
            run=run.id,
            workflow=escaped(run.workflow),
            path=file.path,
            here=_last_sign(run.id, _recorded(store.journal, run.id)),
            there=_last_sign(run.id, file.records()),
        )
    done = Imported(
        file.runs[file.manifest.run],
        added=tuple(run for run in file.runs.values() if run.id not in known),
        replaced=tuple(run for run in file.runs.values() if run.id in differing),
        known=tuple(run for run in file.runs.values() if run.id in known.keys() - differing),
        key=file.key,
        yours=file.yours,
    )
    for value in _values(file):
        done.values += 1
        done.encrypted += "aes" in value.packing
        if store.key.known(value.key_id) is None:
            done.strangers[value.key_id] += 1
    return done


def _add(store: Store, file: Carried, done: Imported) -> None:
    wanted = {run.id for run in (*done.added, *done.replaced)}
    put: set[str] = set()
    for value in _values(file):
        for name in blobs_of(value):
            if value.run in wanted and name not in put:
                _put(store, file, name)
                put.add(name)

    def records() -> Iterator[Record]:
        return (_uncached(record) for record in file.records() if _run_of(record) in wanted)

    try:
        store.journal.add_runs(wanted, records, instead=bool(done.replaced))
    except ValueError as error:
        raise NotImportable(
            path=file.path,
            cause=f"what is here already carries an id of it ({error}).",
            advice="Import it into a store of its own: `perdure --store FOLDER import FILE`.",
        ) from error


def _put(store: Store, file: Carried, name: str) -> None:
    if store.blobs.put(file.blob(name), durability="power") != name:
        cause = "it was changed while it was read."
        raise NotImportable(path=file.path, cause=cause, advice="Import it when it is at rest.")


def _values(file: Carried) -> Iterator[ValueRecord]:
    return (record for record in file.records() if isinstance(record, ValueRecord))


def _tops(file: Carried, runs: Iterable[RunRecord]) -> list[RunRecord]:
    """The runs from which these were started in the end: whoever owns such a one executes the others."""
    tops: dict[str, RunRecord] = {}
    for run in runs:
        seen = {run.id}
        top = run
        while top.parent in file.runs and top.parent not in seen:
            top = file.runs[top.parent]
            seen.add(top.id)
        tops[top.id] = top
    return list(tops.values())


def _run_of(record: Record) -> str:
    return record.id if isinstance(record, RunRecord) else record.run


def _fingerprints(journal: Journal, runs: Iterable[str]) -> dict[str, frozenset[bytes]]:
    """The fingerprints of all that is recorded of these runs."""
    return {run: frozenset[bytes]().union(*map(_fingerprint, _recorded(journal, run))) for run in runs}


def _recorded(journal: Journal, run: str) -> Iterator[Record]:
    known = journal.run(run)
    if known is not None:
        yield known
    for of in (journal.sessions, journal.calls, journal.attempts, journal.restores, journal.notes):
        yield from of(run)
    for value in journal.value_ids(run):
        record = journal.value(value)
        if record is not None:
            yield record


def _fingerprint(record: Record) -> frozenset[bytes]:
    """What tells a record from others, as a set; empty for what is no content: who was at work, and when.

    A value is the same whoever signed it.
    """
    from blake3 import blake3

    if isinstance(record, SessionRecord):
        return frozenset()
    if isinstance(record, RunRecord):
        record = replace(record, epoch=0, updated=0.0, notebook=None)
    if isinstance(record, ValueRecord):
        record = replace(record, format=0, key_id="", signature=b"")
    return frozenset({blake3(as_row(_uncached(record))).digest()})


def _uncached(record: Record) -> Record:
    """The record, if it is a call's, without leave for runs that are here to use its result as theirs."""
    return replace(record, cached=False) if isinstance(record, CallRecord) else record


def _last_sign(run: str, records: Iterable[Record]) -> str:
    """When a run was last at work, as its records tell."""
    signs = [
        record.updated if isinstance(record, RunRecord) else max(record.seen, record.ended or 0.0)
        for record in records
        if isinstance(record, RunRecord | SessionRecord) and _run_of(record) == run
    ]
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(max(signs)))
