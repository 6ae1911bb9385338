"""A journal in one SQLite file, for any number of processes of one machine.

It is written through one connection of each process, and read through one that cannot write.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from . import shrinking
from .addition import add_runs
from .journal_file import JournalFile
from .log import Log
from .protocols import AlreadyMade
from .queries import query
from .records import (
    MessageRecord,
    Record,
    RunRecord,
    SessionRecord,
    ValueRecord,
    created_after,
)
from .rows import owned
from .sqlite_reads import SqliteReads
from .statements import put, row_of
from .transactions import T, Work
from .writer import Write, Writer

_FORGET = ("run", "sessions", "calls", "attempts", "restores", "notes", "messages")


class SqliteJournal(SqliteReads):
    """The journal at `path` (the file), which is made when it is missing."""

    def __init__(
        self, path: Path, *, durability: str = "power", readonly: bool = False, busy_timeout: float = 60.0
    ) -> None:
        file = JournalFile(path, readonly=readonly, seconds=busy_timeout)
        writer = Writer(file.writer, Log(path, file.mover), check=file.check_in_place, translate=file.error)
        super().__init__(file, writer)
        self.path = path
        self._durability = durability
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

    def claim(
        self,
        run: RunRecord,
        session: SessionRecord,
        check: Callable[[], None] | None = None,
        *,
        newest: str | None = None,
    ) -> int:
        """Make the session's process the owner of `run`; return the new epoch."""

        def add(connection: sqlite3.Connection) -> int:
            if check is not None:
                check()
            known = connection.execute(query("epoch"), {"run": run.id}).fetchone()
            epoch: int = 1 if known is None else known["epoch"] + 1
            if known is None:
                if newest is not None:
                    _check_newest(connection, run, newest)
                last = connection.execute(query("last_created"), {"workflow": run.workflow}).fetchone()
                put(connection, replace(created_after(run, last["created"]), epoch=epoch))
            else:
                connection.execute(query("raise_epoch"), {"run": run.id, "epoch": epoch})
            put(connection, replace(session, run=run.id, epoch=epoch))
            return epoch

        return self._do(add)

    def post(self, message: MessageRecord) -> None:
        """Leave a message for the owner of its run, in one commit on disk."""
        self._do(lambda connection: put(connection, message), "power")

    def drop_messages(self, ids: Iterable[str]) -> None:
        """Delete these messages: the owner acted on them."""
        gone = [{"id": each} for each in ids]
        self._do(lambda connection: connection.executemany(query("drop_message"), gone))

    def uncache(self, step: str | None = None) -> int:
        """Let no other run use the results of a step, or of any; return how many those were."""
        return self._do(lambda connection: connection.execute(query("uncache"), {"step": step}).rowcount)

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


def _check_newest(connection: sqlite3.Connection, run: RunRecord, newest: str) -> None:
    """Raise if the newest run of this workflow, parent and key is another one than that."""
    parts = {"workflow": run.workflow, "parent": run.parent, "key": run.key}
    found = connection.execute(query("find_run"), parts).fetchone()
    if found is not None and found["id"] != newest:
        raise AlreadyMade(found["id"])


_open_journals: weakref.WeakSet[SqliteJournal] = weakref.WeakSet()
_left_to_parent: list[SqliteJournal] = []

if hasattr(os, "register_at_fork"):
    # Closing an inherited connection in a forked child could wait for a lock that no thread of it holds.
    os.register_at_fork(after_in_child=lambda: _left_to_parent.extend(_open_journals))


@atexit.register
def _end_all() -> None:
    for journal in tuple(_open_journals):
        journal.end()
