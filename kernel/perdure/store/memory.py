"""A journal and blobs that live in this process only: twins of the real ones, for tests and trials."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from perdure.errors import AGAIN, Damaged, NotOwner, PerdureError

from .addition import of_runs
from .blobs.memory import plain
from .records import (
    AttemptRecord,
    CallRecord,
    Holding,
    NoteRecord,
    Record,
    Reference,
    RestoreRecord,
    RunRecord,
    SessionRecord,
    ValueRecord,
    created_after,
)
from .rows import TABLES, R, Table, from_row, owned, to_holding, to_row


class MemoryJournal:
    """A journal without a file. It keeps rows, as the real ones do, so that records are never shared."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._failed: dict[str, PerdureError] = {}
        self._tables: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {
            table.name: {} for table in TABLES.values()
        }

    def write(
        self, run: str, epoch: int, records: Sequence[Record], *, durability: str | None = None
    ) -> None:
        """Put the records at once, as the owner of `run` with `epoch`; nothing here outlives the process."""
        rows = [(TABLES[type(each)], to_row(each)) for each in owned(run, epoch, records)]
        with self._lock:
            error = self._failed.pop(run, None)
            if error is not None:
                raise error
            known = self.run(run)
            if known is None or known.epoch != epoch:
                if durability != "later":
                    raise NotOwner(run=run)
                self._failed[run] = NotOwner(run=run)
                return
            for table, row in rows:
                self._put(table, row)
            session = self._tables["sessions"].get((run, epoch))
            if session is not None:
                session["seen"] = time.time()

    def claim(self, run: RunRecord, session: SessionRecord, check: Callable[[], None] | None = None) -> int:
        """Make the session's process the owner of `run`; return the new epoch."""
        with self._lock:
            if check is not None:
                check()
            runs = self._select(RunRecord, workflow=run.workflow)
            last = max((each.created for each in runs), default=None)
            known = self.run(run.id) or replace(created_after(run, last), epoch=0)
            epoch = known.epoch + 1
            self._put(TABLES[RunRecord], to_row(replace(known, epoch=epoch)))
            self._put(TABLES[SessionRecord], to_row(replace(session, run=run.id, epoch=epoch)))
            return epoch

    def _put(self, table: Table, row: dict[str, Any]) -> None:
        self._tables[table.name][tuple(row[name] for name in table.identity)] = row

    def _select(self, record: type[R], /, **wanted: Any) -> list[R]:
        with self._lock:
            rows = [
                row
                for row in self._tables[TABLES[record].name].values()
                if all(row[name] == value for name, value in wanted.items())
            ]
            return [from_row(record, row) for row in rows]

    def run(self, run: str) -> RunRecord | None:
        """The run with this id."""
        with self._lock:
            row = self._tables["runs"].get((run,))
            return None if row is None else from_row(RunRecord, row)

    def runs(self, *, workflow: str | None = None, limit: int | None = None) -> list[RunRecord]:
        """Runs, the newest first."""
        found = [run for run in self._select(RunRecord) if workflow in (None, run.workflow)]
        return sorted(found, key=lambda each: (each.created, each.id), reverse=True)[:limit]

    def find_run(self, workflow: str, parent: str | None, key: str) -> RunRecord | None:
        """The newest run of this workflow, parent and key."""
        found = self._select(RunRecord, workflow=workflow, parent=parent, key=key)
        return max(found, key=lambda each: (each.created, each.id), default=None)

    def children(self, run: str) -> list[RunRecord]:
        """The runs that were started from this one, the oldest first."""
        return sorted(self._select(RunRecord, parent=run), key=lambda each: (each.created, each.id))

    def calls(self, run: str) -> list[CallRecord]:
        """All versions of all calls, by `seq`."""
        return sorted(self._select(CallRecord, run=run), key=lambda each: (each.seq, each.id))

    def attempts(self, run: str) -> list[AttemptRecord]:
        """Of all calls, by epoch, number and start."""
        found = self._select(AttemptRecord, run=run)
        return sorted(found, key=lambda each: (each.epoch, each.number, each.started, each.call))

    def sessions(self, run: str) -> list[SessionRecord]:
        """By epoch."""
        return sorted(self._select(SessionRecord, run=run), key=lambda each: each.epoch)

    def restores(self, run: str) -> list[RestoreRecord]:
        """By epoch and time."""
        return sorted(self._select(RestoreRecord, run=run), key=lambda each: (each.epoch, each.at, each.call))

    def notes(self, run: str, kind: str | None = None) -> list[NoteRecord]:
        """By time."""
        found = [note for note in self._select(NoteRecord, run=run) if kind in (None, note.kind)]
        return sorted(found, key=lambda each: (each.at, each.kind, each.name))

    def value(self, value: str) -> ValueRecord | None:
        """The value with this id."""
        with self._lock:
            row = self._tables["stored_values"].get((value,))
            return None if row is None else from_row(ValueRecord, row)

    def values(self, ids: Iterable[str]) -> dict[str, ValueRecord]:
        """The values with these ids, by id; one that is not there is left out."""
        found = [self.value(each) for each in ids]
        return {value.id: value for value in found if value is not None}

    def value_ids(self, run: str | None = None) -> list[str]:
        """The ids of all values, or of those of a run, the oldest first."""
        found = self._select(ValueRecord) if run is None else self._select(ValueRecord, run=run)
        return [value.id for value in sorted(found, key=lambda each: (each.created, each.id))]

    def key_ids(self) -> dict[str, int]:
        """How many values each key signed, by the key's id."""
        return dict(Counter(value.key_id for value in self._select(ValueRecord)))

    def replace_values(self, changes: Iterable[tuple[ValueRecord, ValueRecord]]) -> int:
        """Put values in the place of others with the same id, at once."""
        with self._lock:
            known = [(self.value(before.id), before, after) for before, after in changes]
            rows = [
                to_row(after)
                for found, before, after in known
                if found is not None and found.signature == before.signature
            ]
            for row in rows:
                self._put(TABLES[ValueRecord], row)
            return len(rows)

    def add_runs(
        self, runs: Iterable[str], records: Callable[[], Iterable[Record]], *, instead: bool = False
    ) -> None:
        """Put whole runs that come from elsewhere, with all that is theirs, at once."""
        wanted = frozenset(runs)
        with self._lock:
            before = {name: dict(rows) for name, rows in self._tables.items()}
            try:
                self._add_runs(wanted, records(), instead=instead)
            except BaseException:
                self._tables = before
                raise

    def _add_runs(self, runs: frozenset[str], records: Iterable[Record], *, instead: bool) -> None:
        known = {run: here.epoch for run in runs if (here := self.run(run)) is not None}
        if known and not instead:
            raise ValueError(f"run {min(known)} is here already")
        for kind, table in TABLES.items():
            owner = "id" if kind is RunRecord else "run"
            kept = {key: row for key, row in self._tables[table.name].items() if row[owner] not in known}
            self._tables[table.name] = kept
        for record in records:
            fenced = of_runs(record, runs, known)
            table, row = TABLES[type(fenced)], to_row(fenced)
            if isinstance(fenced, CallRecord | ValueRecord) and (fenced.id,) in self._tables[table.name]:
                raise ValueError(f"{fenced.id} is here already")
            self._put(table, row)

    def blob_names(self) -> set[str]:
        """The names of all blobs that a value refers to."""
        values = self._select(ValueRecord)
        streams = {value.stream_blob for value in values if value.stream_blob is not None}
        return streams.union(*(value.buffers for value in values))

    def holdings(self) -> list[Holding]:
        """What each value takes, and which blobs it needs."""
        with self._lock:
            rows = [dict(row) for row in self._tables["stored_values"].values()]
        return [to_holding({**row, "bytes": len(row["stream"] or b"") + len(row["preview"])}) for row in rows]

    def references(self) -> list[Reference]:
        """Which calls and runs refer to which values."""
        with self._lock:
            found = [
                Reference(value, call.run, call.id)
                for call in self._select(CallRecord)
                for value in (call.value, call.shown, call.needs)
                if value is not None
            ]
            return found + [
                Reference(value, run.id)
                for run in self._select(RunRecord)
                for value in (run.inputs, run.result)
                if value is not None
            ]

    def forget_parts(self, calls: Iterable[str], values: Iterable[str]) -> None:
        """Delete these calls, with their attempts and restores, and these values, at once."""
        gone = {"calls": set(calls), "stored_values": set(values)}
        gone |= {"attempts": gone["calls"], "restores": gone["calls"]}
        with self._lock:
            for table, ids in gone.items():
                name = "call" if table in ("attempts", "restores") else "id"
                kept = {key: row for key, row in self._tables[table].items() if row[name] not in ids}
                self._tables[table] = kept

    def compact(self) -> int:
        """Memory is given back at once: 0 bytes."""
        return 0

    def size(self) -> int:
        """Nothing lies on a disk: 0 bytes."""
        return 0

    def forget(self, runs: Iterable[str]) -> None:
        """Delete these runs with all that is theirs, but for values that a kept run refers to."""
        gone = set(runs)
        with self._lock:
            for kind, table in TABLES.items():
                if kind is ValueRecord:
                    continue
                owner = "id" if kind is RunRecord else "run"
                kept = {key: row for key, row in self._tables[table.name].items() if row[owner] not in gone}
                self._tables[table.name] = kept
            known = {run.id for run in self._select(RunRecord)}
            used = {reference.value for reference in self.references()}
            self._tables["stored_values"] = {
                key: row
                for key, row in self._tables["stored_values"].items()
                if row["run"] in known or row["run"] == "" or row["id"] in used
            }

    def check(self) -> str:
        """Always "ok": there is no file that could be damaged."""
        return "ok"

    def close(self) -> None:
        """Nothing is queued and nothing is held; what went wrong with a later write is told."""
        with self._lock:
            if self._failed:
                raise self._failed.popitem()[1]


class MemoryBlobs:
    """Blobs without files."""

    def __init__(self) -> None:
        self._blobs: dict[str, tuple[bytes, float]] = {}

    def put(
        self,
        data: bytes | memoryview,
        *,
        durability: str = "power",  # noqa: ARG002  nothing here outlives the process
        dated: float | None = None,
    ) -> str:
        """Keep the bytes; return their name."""
        from blake3 import blake3

        kept = bytes(plain(data))
        name = blake3(kept).hexdigest()
        new = dated is not None and name not in self._blobs
        self._blobs[name] = (kept, dated if new and dated is not None else time.time())
        return name

    def get(self, name: str, *, copy: bool = True, verify: bool = False) -> memoryview:  # noqa: ARG002
        """The bytes; with `copy`, writable and private to the caller."""
        try:
            data, _ = self._blobs[name]
        except KeyError:
            raise Damaged(
                subject=f"blob {name[:12]}",
                cause="it is missing.",
                advice=AGAIN,
            ) from None
        return memoryview(bytearray(data) if copy else data)

    def check(self, names: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
        """Nothing but what is missing can be wrong."""
        return ((name, "it is missing.") for name in names or () if name not in self._blobs)

    def sources(self, name: str) -> set[str]:  # noqa: ARG002  each is whole
        """None."""
        return set()

    def names(self, *, before: float | None = None) -> set[str]:
        """The names of all blobs, or of those last put before that time."""
        return {name for name, (_, at) in self._blobs.items() if before is None or at < before}

    def size(self, name: str) -> int:
        """Bytes of this blob, 0 if it is not there."""
        return len(self._blobs[name][0]) if name in self._blobs else 0

    def remove(self, names: Iterable[str], *, before: float | None = None) -> int:
        """Delete these, but for those put again since `before`; return the bytes that became free."""
        gone = self.names(before=before).intersection(names)
        return sum(len(self._blobs.pop(name)[0]) for name in gone)

    def sweep(self, *, before: float | None = None) -> int:  # noqa: ARG002  there is nothing to sweep
        """Nothing is left behind: 0 bytes."""
        return 0
