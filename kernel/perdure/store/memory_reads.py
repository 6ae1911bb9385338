"""What the journal in memory reads: rows in dicts, as the real ones have them in tables."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .records import (
    AttemptRecord,
    CallRecord,
    Holding,
    MessageRecord,
    NoteRecord,
    Reference,
    RestoreRecord,
    RunRecord,
    SessionRecord,
    StateRecord,
    ValueRecord,
    tagged,
)
from .rows import TABLES, R, from_row, to_holding


class MemoryReads:
    """The reads of a journal without a file."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._commits = 0
        self._tables: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {
            table.name: {} for table in TABLES.values()
        }

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

    def runs(
        self,
        *,
        workflow: str | None = None,
        tags: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> list[RunRecord]:
        """Runs, the newest first."""
        found = [
            run
            for run in self._select(RunRecord)
            if workflow in (None, run.workflow) and tagged(run, tags or {})
        ]
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

    def messages(self, run: str | None = None) -> list[MessageRecord]:
        """Of a run or of all, by time."""
        found = self._select(MessageRecord) if run is None else self._select(MessageRecord, run=run)
        return sorted(found, key=lambda each: (each.at, each.id))

    def states(self, workflow: str, name: str) -> list[StateRecord]:
        """The entries of a durable dict, by item."""
        return sorted(self._select(StateRecord, workflow=workflow, name=name), key=lambda each: each.item)

    def all_states(self) -> list[StateRecord]:
        """The entries of all durable dicts."""
        return sorted(self._select(StateRecord), key=lambda each: (each.workflow, each.name, each.item))

    def cached_call(self, step: str, inputs: str, code: str) -> CallRecord | None:
        """The newest finished call with these parts whose result other runs may use."""
        return next(iter(self._cached(step=step, inputs=inputs, code=code)), None)

    def cached_calls(self) -> list[CallRecord]:
        """All such calls, the newest first."""
        return self._cached()

    def _cached(self, **parts: str) -> list[CallRecord]:
        found = self._select(CallRecord, cached=1, state="done", **parts)
        there = [call for call in found if call.value is not None]
        return sorted(there, key=lambda each: (each.ended or 0.0, each.id), reverse=True)

    def changes(self) -> int:
        """A number that is another one after each commit."""
        return self._commits

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
        """Which calls, runs and durable dicts refer to which values."""
        with self._lock:
            found = [
                Reference(value, call.run, call.id)
                for call in self._select(CallRecord)
                for value in (call.value, call.shown, call.needs)
                if value is not None
            ]
            found += [
                Reference(value, run.id)
                for run in self._select(RunRecord)
                for value in (run.inputs, run.result)
                if value is not None
            ]
            states = self.all_states()
            return found + [Reference(each.value, "") for each in states if each.value is not None]

    def compact(self) -> int:
        """Memory is given back at once: 0 bytes."""
        return 0

    def size(self) -> int:
        """Nothing lies on a disk: 0 bytes."""
        return 0

    def check(self) -> str:
        """Always "ok": there is no file that could be damaged."""
        return "ok"
