"""What a SQLite journal reads: through one connection that cannot write, also what waits to be written."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from perdure.errors import StoreDamaged, StoreForked

from .journal_file import JournalFile
from .queries import query
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
from .rows import TABLES, R, columns, to_holding
from .writer import Writer

_VALUES = TABLES[ValueRecord].name
_STATES = TABLES[StateRecord].name
_SINCE = dict.fromkeys(
    (
        *("messages", "all_messages", "states", "all_states", "references_of_states"),
        *("cached_call", "cached_calls"),
    ),
    4,
)
"""The schema that brought what a query asks for: an older one, which is read only, has nothing of it."""


class SqliteReads:
    """The reads of a journal in one process."""

    def __init__(self, file: JournalFile, writer: Writer) -> None:
        """Open what reads.

        Args:
            file: the journal's file.
            writer: has what is to be written later, and writes it before it is read.
        """
        self._file = file
        self._writer = writer
        self._pid = os.getpid()
        self._reading = threading.Lock()
        self._reader = file.reader()
        self._readers = 1
        """How many there were: each has numbers of its own for what changed."""

    def run(self, run: str) -> RunRecord | None:
        """The run with this id."""
        return next(iter(self._select(RunRecord, "run", run=run)), None)

    def runs(
        self,
        *,
        workflow: str | None = None,
        tags: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> list[RunRecord]:
        """Runs, the newest first."""
        most = -1 if limit is None or tags else limit
        if workflow is None:
            found = self._select(RunRecord, "all_runs", limit=most)
        else:
            found = self._select(RunRecord, "runs_of_workflow", workflow=workflow, limit=most)
        return [run for run in found if tagged(run, tags)][:limit] if tags else found

    def find_run(self, workflow: str, parent: str | None, key: str) -> RunRecord | None:
        """The newest run of this workflow, parent and key."""
        return next(
            iter(self._select(RunRecord, "find_run", workflow=workflow, parent=parent, key=key)), None
        )

    def children(self, run: str) -> list[RunRecord]:
        """The runs that were started from this one, the oldest first."""
        return self._select(RunRecord, "children", run=run)

    def calls(self, run: str) -> list[CallRecord]:
        """All versions of all calls, by `seq`."""
        return self._select(CallRecord, "calls", run=run)

    def attempts(self, run: str) -> list[AttemptRecord]:
        """Of all calls, by epoch, number and start."""
        return self._select(AttemptRecord, "attempts", run=run)

    def sessions(self, run: str) -> list[SessionRecord]:
        """By epoch."""
        return self._select(SessionRecord, "sessions", run=run)

    def restores(self, run: str) -> list[RestoreRecord]:
        """By epoch and time."""
        return self._select(RestoreRecord, "restores", run=run)

    def notes(self, run: str, kind: str | None = None) -> list[NoteRecord]:
        """By time."""
        return self._select(NoteRecord, "notes", run=run, kind=kind)

    def messages(self, run: str | None = None) -> list[MessageRecord]:
        """Of a run or of all, by time."""
        if run is None:
            return self._select(MessageRecord, "all_messages")
        return self._select(MessageRecord, "messages", run=run)

    def states(self, workflow: str, name: str) -> list[StateRecord]:
        """The entries of a durable dict, by item."""
        return self._select(StateRecord, "states", workflow=workflow, name=name)

    def all_states(self) -> list[StateRecord]:
        """The entries of all durable dicts."""
        return self._select(StateRecord, "all_states")

    def cached_call(self, step: str, inputs: str, code: str) -> CallRecord | None:
        """The newest finished call with these parts whose result other runs may use."""
        found = self._select(CallRecord, "cached_call", step=step, inputs=inputs, code=code)
        return next(iter(found), None)

    def cached_calls(self) -> list[CallRecord]:
        """All such calls, the newest first."""
        return self._select(CallRecord, "cached_calls")

    def changes(self) -> int:
        """A number that is another one after each commit of any process."""
        self._check_process()
        with self._reading, self._file.errors():
            return self._readers << 32 | int(self._reader.execute(query("changes")).fetchone()[0])

    def value(self, value: str) -> ValueRecord | None:
        """The value with this id."""
        return next(iter(self._select(ValueRecord, "value", value=value)), None)

    def values(self, ids: Iterable[str]) -> dict[str, ValueRecord]:
        """The values with these ids, by id; one that is not there is left out."""
        wanted = json.dumps([each for each in ids if isinstance(each, str)])
        return {value.id: value for value in self._select(ValueRecord, "values", ids=wanted)}

    def value_ids(self, run: str | None = None) -> list[str]:
        """The ids of all values, or of those of a run, the oldest first."""
        if run is None:
            return [row["id"] for row in self._rows("value_ids", _VALUES)]
        return [row["id"] for row in self._rows("value_ids_of_run", _VALUES, run=run)]

    def key_ids(self) -> dict[str, int]:
        """How many values each key signed, by the key's id."""
        return {str(row["key_id"]): row["number"] for row in self._rows("key_ids", _VALUES)}

    def blob_names(self) -> set[str]:
        """The names of all blobs that a value refers to."""
        import ormsgpack

        rows = self._rows("blob_names", _VALUES)
        streams = {row["stream_blob"] for row in rows if row["stream_blob"] is not None}
        try:
            return streams.union(*(ormsgpack.unpackb(row["buffers"]) for row in rows))
        except (ValueError, TypeError) as error:
            raise self._unreadable(error) from error

    def holdings(self) -> list[Holding]:
        """What each value takes, and which blobs it needs."""
        rows = self._rows("value_holdings", _VALUES)
        try:
            return [to_holding(row) for row in rows]
        except (ValueError, TypeError) as error:
            raise self._unreadable(error) from error

    def references(self) -> list[Reference]:
        """Which calls, runs and durable dicts refer to which values."""
        found = [Reference(row["value"], row["run"], row["call"]) for row in self._rows("references", None)]
        return found + [Reference(row["value"], "") for row in self._rows("references_of_states", _STATES)]

    def size(self) -> int:
        """What the journal takes on the disk, when all that is in its log lies in the file."""
        pages, each = (self._rows(name, None)[0][0] for name in ("pages", "page_size"))
        return int(pages * each)

    def check(self) -> str:
        """What SQLite's own integrity check found: "ok", or what is wrong."""
        try:
            return "\n".join(row[0] for row in self._rows("integrity_check", None))
        except StoreDamaged as error:
            return error.cause

    def _select(self, kind: type[R], name: str, /, **parameters: Any) -> list[R]:
        each = columns(kind)
        rows: Sequence[Any] = self._rows(name, TABLES[kind].name, **parameters)
        try:
            if rows and tuple(rows[0].keys()) != each.names:  # of an older schema that is read only
                rows = [each.ordered(dict(row)) for row in rows]
            return [each.load(row) for row in rows]
        except (ValueError, TypeError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> StoreDamaged:
        return StoreDamaged(path=str(self._file.path.parent), cause=f"a record cannot be read ({error})")

    def _rows(self, name: str, table: str | None, /, **parameters: Any) -> list[sqlite3.Row]:
        """What a query finds, also in what is to be written later to this table, or any."""
        self._check_process()
        self._writer.settle(table)
        # The cursor stays unnamed: an interrupt frees it, and with it the moment in time that it reads.
        with self._reading, self._file.errors():
            if not self._file.has(_SINCE.get(name, 1), self._reader):
                return []
            return self._reader.execute(query(name), parameters).fetchall()

    def _open_again(self) -> None:
        """Try once more what the disk had no room for when the journal was opened."""
        with self._reading, self._file.errors():
            before, self._reader = self._reader, self._file.reader_again(self._reader)
            if before is not self._reader:
                before.close()
                self._readers += 1

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise StoreForked(path=str(self._file.path.parent))
