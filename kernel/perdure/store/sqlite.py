"""A journal in one SQLite file, for any number of processes of one machine.

It is written through one connection of each process, and read through one that cannot write.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perdure.errors import StoreDamaged, StoreForked

from . import shrinking
from .addition import add_runs
from .journal_file import JournalFile
from .log import Log
from .queries import query
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
from .rows import TABLES, R, columns, owned, to_holding
from .statements import put, row_of
from .transactions import T, Work
from .writer import Write, Writer

_FORGET = ("run", "sessions", "calls", "attempts", "restores", "notes")
_VALUES = TABLES[ValueRecord].name


class SqliteJournal:
    """The journal at `path` (the file), which is made when it is missing."""

    def __init__(
        self, path: Path, *, durability: str = "power", readonly: bool = False, busy_timeout: float = 60.0
    ) -> None:
        self.path = path
        self._durability = durability
        self._pid = os.getpid()
        self._reading = threading.Lock()
        self._file = JournalFile(path, readonly=readonly, seconds=busy_timeout)
        self._reader = self._file.reader()
        self._writer = Writer(
            self._file.writer,
            Log(path, self._file.mover),
            check=self._file.check_in_place,
            translate=self._file.error,
        )
        # One that nobody holds any more ends its thread; what it was to write later is written.
        self._end = weakref.finalize(self, self._writer.close)
        self._end.atexit = False
        _open_journals.add(self)

    # -- writing -----------------------------------------------------------------------------------------

    def write(
        self, run: str, epoch: int, records: Sequence[Record], *, durability: str | None = None
    ) -> None:
        """Put the records in one commit, as the owner of `run` with `epoch`."""
        self._check_process()
        if self._file.full:
            self._open_again()
        self._file.check_writable()
        level = durability or self._durability
        write = Write(run, epoch, [row_of(each) for each in owned(run, epoch, records)], level == "power")
        if level == "later":
            self._writer.write_later(write)
        else:
            self._writer.write(write)

    def claim(self, run: RunRecord, session: SessionRecord, check: Callable[[], None] | None = None) -> int:
        """Make the session's process the owner of `run`; return the new epoch."""

        def add(connection: sqlite3.Connection) -> int:
            if check is not None:
                check()
            newest = connection.execute(query("epoch"), {"run": run.id}).fetchone()
            epoch: int = 1 if newest is None else newest["epoch"] + 1
            if newest is None:
                last = connection.execute(query("last_created"), {"workflow": run.workflow}).fetchone()
                put(connection, replace(created_after(run, last["created"]), epoch=epoch))
            else:
                connection.execute(query("raise_epoch"), {"run": run.id, "epoch": epoch})
            put(connection, replace(session, run=run.id, epoch=epoch))
            return epoch

        return self._do(add)

    def forget(self, runs: Iterable[str]) -> None:
        """Delete these runs with all that is theirs, but for values that a kept run refers to."""
        gone = [{"run": run} for run in runs]

        def delete(connection: sqlite3.Connection) -> None:
            for table in _FORGET:
                connection.executemany(query(f"forget_{table}"), gone)
            connection.execute(query("forget_values"))

        self._do(delete, "power")  # what is deleted next, such as blobs, must not outlive this

    def forget_parts(self, calls: Iterable[str], values: Iterable[str]) -> None:
        """Delete these calls, with their attempts and restores, and these values, in one commit on disk."""
        parts = tuple(calls), tuple(values)
        self._do(lambda connection: shrinking.forget_parts(connection, *parts), "power")

    def compact(self) -> int:
        """Give the disk back what deleted records took, where that is worth it; return how many bytes."""
        self._check_process()
        self._file.check_writable()
        with (
            self._writer.still(),
            self._file.errors(),
            contextlib.closing(self._file.writer()) as connection,
        ):
            return shrinking.compact(connection, self.path)

    def size(self) -> int:
        """What the journal takes on the disk, when all that is in its log lies in the file."""
        pages, each = (self._rows(name, None)[0][0] for name in ("pages", "page_size"))
        return int(pages * each)

    def add_runs(
        self, runs: Iterable[str], records: Callable[[], Iterable[Record]], *, instead: bool = False
    ) -> None:
        """Put whole runs that come from elsewhere, with all that is theirs, in one commit on disk."""
        wanted = frozenset(runs)
        self._do(lambda each: add_runs(each, wanted, records(), instead=instead), "power")

    def replace_values(self, changes: Iterable[tuple[ValueRecord, ValueRecord]]) -> int:
        """Put values in the place of others with the same id, in one commit, whoever owns their runs."""

        def exchange(connection: sqlite3.Connection) -> int:
            count = 0
            for before, after in changes:
                known = connection.execute(query("signature"), {"id": before.id}).fetchone()
                if known is not None and known["signature"] == before.signature:
                    put(connection, after)
                    count += 1
            return count

        return self._do(exchange)

    def _do(self, work: Work[T], durability: str | None = None) -> T:
        self._check_process()
        if self._file.full:
            self._open_again()
        self._file.check_writable()
        return self._writer.do(work, power=(durability or self._durability) == "power")

    def _open_again(self) -> None:
        """Try once more what the disk had no room for when the journal was opened."""
        with self._reading, self._file.errors():
            before, self._reader = self._reader, self._file.reader_again(self._reader)
            if before is not self._reader:
                before.close()

    # -- reading -----------------------------------------------------------------------------------------

    def run(self, run: str) -> RunRecord | None:
        """The run with this id."""
        return next(iter(self._select(RunRecord, "run", run=run)), None)

    def runs(self, *, workflow: str | None = None, limit: int | None = None) -> list[RunRecord]:
        """Runs, the newest first."""
        most = -1 if limit is None else limit
        if workflow is None:
            return self._select(RunRecord, "all_runs", limit=most)
        return self._select(RunRecord, "runs_of_workflow", workflow=workflow, limit=most)

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
        """Which calls and runs refer to which values."""
        return [Reference(row["value"], row["run"], row["call"]) for row in self._rows("references", None)]

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
        return StoreDamaged(path=str(self.path.parent), cause=f"a record cannot be read ({error})")

    def _rows(self, name: str, table: str | None, /, **parameters: Any) -> list[sqlite3.Row]:
        """What a query finds, also in what is to be written later to this table, or any."""
        self._check_process()
        self._writer.settle(table)
        # The cursor stays unnamed: an interrupt frees it, and with it the moment in time that it reads.
        with self._reading, self._file.errors():
            return self._reader.execute(query(name), parameters).fetchall()

    # -- the end -----------------------------------------------------------------------------------------

    def close(self) -> None:
        """Write out what is queued and let go. Twice is fine.

        Raises:
            NotOwner, StoreError: something that was to be written later was not, and no write told it.
        """
        if os.getpid() != self._pid:
            return
        with self._reading:
            self._reader.close()
        self._end.detach()
        self._writer.close()  # the last connection to close moves the write-ahead log into the file
        error = self._writer.failed()
        if error is not None:
            raise error

    def end(self) -> None:
        """Write what was to be written later, and from now on at once: the process is about to end."""
        if os.getpid() == self._pid:
            self._writer.end()

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise StoreForked(path=str(self.path.parent))


_open_journals: weakref.WeakSet[SqliteJournal] = weakref.WeakSet()
_left_to_parent: list[SqliteJournal] = []

if hasattr(os, "register_at_fork"):
    # Closing an inherited connection in a forked child could wait for a lock that no thread of it holds.
    os.register_at_fork(after_in_child=lambda: _left_to_parent.extend(_open_journals))


@atexit.register
def _end_all() -> None:
    for journal in tuple(_open_journals):
        journal.end()
