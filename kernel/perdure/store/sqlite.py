"""A journal in one SQLite file, for any number of processes of one machine.

The file is born whole under a temporary name, so whatever carries the journal's name has its schema. It is
written by one thread of each process, and read through a connection that cannot write.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perdure.errors import (
    NotOwner,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreForked,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
)

from . import shrinking
from .addition import add_runs
from .failures import from_sqlite, system_errors
from .files import TEMPORARY, StillHeld, held, sync_path
from .queries import query, schema
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
from .rows import R, checked, checked_rows, from_row, to_holding, to_row
from .writer import T, Work, Writer

APPLICATION = 0x50524455
VERSION = 2

_FORGET = ("run", "sessions", "calls", "attempts", "restores", "notes")


class SqliteJournal:
    """The journal at `path` (the file), which is made when it is missing."""

    def __init__(
        self, path: Path, *, durability: str = "power", readonly: bool = False, busy_timeout: float = 60.0
    ) -> None:
        self.path = path
        self._durability = durability
        self._readonly = readonly
        self._full = False
        self._seconds = busy_timeout
        self._pid = os.getpid()
        self._reading = threading.Lock()
        with system_errors(path.parent):
            found = path.exists()
        if not found:
            if readonly:
                raise StoreError(path=str(path.parent), cause=f"there is no {path.name} in it.")
            self._create()
        self._inspect()
        self._file = _identity(path)
        self._reader = self._open_reader()
        self._migrate()
        self._writer = Writer(self._open_writer, self._error)
        _open_journals.add(self)

    # -- writing -----------------------------------------------------------------------------------------

    def write(
        self, run: str, epoch: int, records: Sequence[Record], *, durability: str | None = None
    ) -> None:
        """Put the records in one commit, as the owner of `run` with `epoch`."""
        rows = checked_rows(run, epoch, tuple(records))

        def put(connection: sqlite3.Connection) -> None:
            newest = connection.execute(query("epoch"), {"run": run}).fetchone()
            if newest is None or newest["epoch"] != epoch:
                raise NotOwner(run=run)
            for table, row in rows:
                connection.execute(query(f"put_{table.name}"), row)
            connection.execute(query("seen"), {"run": run, "epoch": epoch, "now": time.time()})

        self._do(put, durability)

    def claim(self, run: RunRecord, session: SessionRecord, check: Callable[[], None] | None = None) -> int:
        """Make the session's process the owner of `run`; return the new epoch."""

        def add(connection: sqlite3.Connection) -> int:
            if check is not None:
                check()
            newest = connection.execute(query("epoch"), {"run": run.id}).fetchone()
            epoch: int = 1 if newest is None else newest["epoch"] + 1
            if newest is None:
                place = {"workflow": run.workflow, "parent": run.parent, "key": run.key}
                row = connection.execute(query("find_run"), place).fetchone()
                last = None if row is None else from_row(RunRecord, dict(row))
                connection.execute(query("put_runs"), to_row(replace(created_after(run, last), epoch=epoch)))
            else:
                connection.execute(query("raise_epoch"), {"run": run.id, "epoch": epoch})
            connection.execute(query("put_sessions"), to_row(replace(session, run=run.id, epoch=epoch)))
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
        with self._errors(), contextlib.closing(self._open_writer()) as connection:
            return shrinking.compact(connection, self.path)

    def size(self) -> int:
        """What the journal takes on the disk, with its log."""
        return shrinking.on_disk(self.path)

    def add_runs(
        self, runs: Iterable[str], records: Callable[[], Iterable[Record]], *, instead: bool = False
    ) -> None:
        """Put whole runs that come from elsewhere, with all that is theirs, in one commit on disk."""
        wanted = frozenset(runs)
        self._do(lambda each: add_runs(each, wanted, records(), instead=instead), "power")

    def replace_values(self, changes: Iterable[tuple[ValueRecord, ValueRecord]]) -> int:
        """Put values in the place of others with the same id, in one commit, whoever owns their runs."""

        def put(connection: sqlite3.Connection) -> int:
            count = 0
            for before, after in changes:
                known = connection.execute(query("signature"), {"id": before.id}).fetchone()
                if known is not None and known["signature"] == before.signature:
                    connection.execute(query("put_stored_values"), to_row(after))
                    count += 1
            return count

        return self._do(put)

    def _do(self, work: Work[T], durability: str | None = None) -> T:
        self._check_process()
        if self._readonly:
            raise (StoreFull if self._full else StoreReadOnly)(path=str(self.path.parent))

        def in_place(connection: sqlite3.Connection) -> T:
            if _identity(self.path) != self._file:
                cause = (
                    f"{self.path.name} was moved or deleted while it was open.\n"
                    "Put it back and try again; or begin in a new store: in a notebook `%workflow NAME` does."
                )
                raise StoreError(path=str(self.path.parent), cause=cause)
            return work(connection)

        return self._writer.do(in_place, power=(durability or self._durability) == "power")

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
        """By start, of all calls."""
        return self._select(AttemptRecord, "attempts", run=run)

    def sessions(self, run: str) -> list[SessionRecord]:
        """By epoch."""
        return self._select(SessionRecord, "sessions", run=run)

    def restores(self, run: str) -> list[RestoreRecord]:
        """By time."""
        return self._select(RestoreRecord, "restores", run=run)

    def notes(self, run: str, kind: str | None = None) -> list[NoteRecord]:
        """By time."""
        return self._select(NoteRecord, "notes", run=run, kind=kind)

    def value(self, value: str) -> ValueRecord | None:
        """The value with this id."""
        return next(iter(self._select(ValueRecord, "value", value=value)), None)

    def value_ids(self, run: str | None = None) -> list[str]:
        """The ids of all values, or of those of a run, the oldest first."""
        return [row["id"] for row in self._rows("value_ids", run=run)]

    def key_ids(self) -> dict[str, int]:
        """How many values each key signed, by the key's id."""
        return {str(row["key_id"]): row["number"] for row in self._rows("key_ids")}

    def blob_names(self) -> set[str]:
        """The names of all blobs that a value refers to."""
        import ormsgpack

        rows = self._rows("blob_names")
        streams = {row["stream_blob"] for row in rows if row["stream_blob"] is not None}
        try:
            return streams.union(*(ormsgpack.unpackb(row["buffers"]) for row in rows))
        except (ValueError, TypeError) as error:
            raise self._unreadable(error) from error

    def holdings(self) -> list[Holding]:
        """What each value takes, and which blobs it needs."""
        rows = self._rows("value_holdings")
        try:
            return [to_holding(row) for row in rows]
        except (ValueError, TypeError) as error:
            raise self._unreadable(error) from error

    def references(self) -> list[Reference]:
        """Which calls and runs refer to which values."""
        return [Reference(row["value"], row["run"], row["call"]) for row in self._rows("references")]

    def check(self) -> str:
        """What SQLite's own integrity check found: "ok", or what is wrong."""
        try:
            return "\n".join(row[0] for row in self._rows("integrity_check"))
        except StoreDamaged as error:
            return error.cause

    def _select(self, kind: type[R], name: str, /, **parameters: Any) -> list[R]:
        rows = self._rows(name, **parameters)
        try:
            records = [from_row(kind, dict(row)) for row in rows]
            # Of a value, the vault looks at each part: one that is altered is told apart from its neighbours.
            return records if kind is ValueRecord else [checked(record) for record in records]
        except (ValueError, TypeError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> StoreDamaged:
        return StoreDamaged(path=str(self.path.parent), cause=f"a record cannot be read ({error})")

    def _rows(self, name: str, /, **parameters: Any) -> list[sqlite3.Row]:
        self._check_process()
        # The cursor stays unnamed: an interrupt frees it, and with it the moment in time that it reads.
        with self._reading, self._errors():
            return self._reader.execute(query(name), parameters).fetchall()

    # -- opening and closing -----------------------------------------------------------------------------

    def close(self) -> None:
        """Write out what is queued and let go. Twice is fine."""
        if os.getpid() != self._pid:
            return
        with self._reading:
            self._reader.close()
        self._writer.close()  # the last connection to close moves the write-ahead log into the file

    def _connect(self, options: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{options}",
            uri=True,
            timeout=self._seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        return connection

    def _create(self) -> None:
        folder, temporary = (
            self.path.parent,
            self.path.with_name(f"{TEMPORARY}journal-{secrets.token_hex(4)}"),
        )
        try:
            with system_errors(folder), held(folder / "journal.lock", seconds=self._seconds):
                if self.path.exists():
                    return  # another process was quicker
                os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                with self._errors(), contextlib.closing(sqlite3.connect(temporary)) as connection:
                    connection.executescript(schema())
                    connection.execute(query("write_ahead"))
                sync_path(temporary)
                temporary.replace(self.path)
                sync_path(folder)
        except StillHeld as error:
            raise StoreBusy(path=str(folder), seconds=self._seconds) from error
        finally:
            for leftover in folder.glob(f"{temporary.name}*"):
                with contextlib.suppress(OSError):
                    leftover.unlink()

    def _inspect(self) -> None:
        """Look at the head of the file before anything could change it.

        Not through SQLite: a process that was killed while it moved its log into the file leaves a file that
        is whole with the log only, and a look with the log may change the file. What stands where:
        https://sqlite.org/fileformat.html#the_database_header
        """
        with system_errors(self.path.parent), self.path.open("rb") as file:
            head = file.read(100)
        if not head.startswith(b"SQLite format 3\0") or len(head) < 100:  # noqa: PLR2004  the head's length
            raise StoreDamaged(path=str(self.path.parent), cause=f"{self.path.name} is not a database")
        found = int.from_bytes(head[60:64], "big")
        if int.from_bytes(head[68:72], "big") != APPLICATION:
            raise StoreDamaged(path=str(self.path.parent), cause=f"{self.path.name} is not one of Perdure's")
        if found > VERSION:
            raise StoreTooNew(path=str(self.path.parent), found=found, known=VERSION)

    def _check_version(self, connection: sqlite3.Connection) -> None:
        found = connection.execute(query("user_version")).fetchone()[0]
        if found > VERSION:
            raise StoreTooNew(path=str(self.path.parent), found=found, known=VERSION)

    def _open_reader(self) -> sqlite3.Connection:
        connection = self._connect("mode=ro")
        try:
            self._check_version(connection)
        except sqlite3.OperationalError as error:
            connection.close()
            log = self.path.with_name(f"{self.path.name}-wal")
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY or (log.exists() and log.stat().st_size):
                raise self._error(error) from error
            # A folder that cannot be written has no room for SQLite's shared memory. As no write is waiting
            # to be moved into the file, the file alone is the whole journal, and nobody can change it.
            self._readonly = True
            # The same holds where the disk has no room for it; then what is asked to be written is told that.
            self._full = error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHMSIZE
            return self._connect("mode=ro&immutable=1")
        return connection

    def _migrate(self) -> None:
        """Bring an older journal to this schema, in one transaction; one that is read only stays."""
        if self._readonly or self._reader.execute(query("user_version")).fetchone()[0] == VERSION:
            return
        with self._errors(), contextlib.closing(self._open_writer()) as connection:
            connection.execute(query("synchronous_power"))
            try:
                connection.execute(query("begin"))
                # Asked for again inside the transaction: another process may have been quicker.
                if connection.execute(query("user_version")).fetchone()[0] < VERSION:
                    for change in ("add_packing", "add_index_of_keys", "set_version_2"):
                        connection.execute(query(change))
                self._check_version(connection)
                connection.execute(query("commit"))
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                    raise

    def _open_writer(self) -> sqlite3.Connection:
        connection = self._connect("mode=rw")
        connection.execute(query("fullfsync"))
        return connection

    # -- errors ------------------------------------------------------------------------------------------

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise StoreForked(path=str(self.path.parent))

    def _error(self, error: BaseException) -> BaseException:
        """The error that the caller gets."""
        if isinstance(error, sqlite3.Error):
            return from_sqlite(error, self.path.parent, self._seconds)
        return error

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._error(error) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """What stays the same as long as the file at `path` is the same file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


_open_journals: weakref.WeakSet[SqliteJournal] = weakref.WeakSet()
_left_to_parent: list[SqliteJournal] = []

if hasattr(os, "register_at_fork"):
    # Closing an inherited connection in a forked child could wait for a lock that no thread of it holds.
    os.register_at_fork(after_in_child=lambda: _left_to_parent.extend(_open_journals))
