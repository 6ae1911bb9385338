"""The file of a SQLite journal: made whole, looked at before it is touched, brought to this schema, opened.

The file is born under a temporary name, so whatever carries the journal's name has its schema.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from perdure.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly, StoreTooNew

from . import failpoints
from .failures import from_sqlite, system_errors
from .files import TEMPORARY, StillHeld, held, sync_path
from .queries import query, schema, table

APPLICATION = 0x50524455
VERSION = 4

_CHANGES = {
    1: ("add_packing", "add_index_of_keys"),
    2: ("drop_index_of_keys", "drop_index_of_runs", "add_index_of_runs", "add_index_of_workflows"),
    3: (
        "add_tags",
        "add_due",
        "add_failures",
        "add_cached",
        "add_child",
        "add_index_of_cached",
        "add_index_of_messages",
    ),
}
"""What brings a schema to the next one, by its version."""
_REMADE = {2: ("restores",), 3: ("attempts",)}
"""The tables that are made anew on the way, with what is in them."""
_MADE = {3: ("messages", "states")}
"""The tables that are new."""


class JournalFile:
    """The file at `path`, which is made when it is missing and brought to this schema when it is older."""

    def __init__(self, path: Path, *, readonly: bool, seconds: float) -> None:
        """Open nothing that stays open.

        Args:
            path: the file.
            readonly: change nothing, and make nothing.
            seconds: how long to wait for other processes.
        """
        self.path = path
        self.readonly = readonly
        self.full = False
        """Whether it is read only because there is no room at all on its disk."""
        self._version_read = VERSION
        self._seconds = seconds
        with system_errors(path.parent):
            found = path.exists()
        if not found:
            if readonly:
                raise StoreError(path=str(path.parent), cause=f"there is no {path.name} in it.")
            self._create()
        self._inspect()
        self._identity = _identity(path)

    # -- connections -------------------------------------------------------------------------------------

    def reader(self) -> sqlite3.Connection:
        """A connection that cannot write, to a file that is of this schema now, if it may be changed."""
        connection = self._connect("mode=ro")
        try:
            found = self._version(connection)
        except sqlite3.OperationalError as error:
            connection.close()
            log = self.path.with_name(f"{self.path.name}-wal")
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY or (log.exists() and log.stat().st_size):
                raise self.error(error) from error
            # A folder that cannot be written has no room for SQLite's shared memory. As no write is waiting
            # to be moved into the file, the file alone is the whole journal, and nobody can change it.
            self.readonly = True
            # The same holds where the disk has no room for it; then what is asked to be written is told that.
            self.full = error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHMSIZE
            connection = self._connect("mode=ro&immutable=1")
            self._version_read = self._version(connection)
            return connection
        if found < VERSION and not self.readonly:
            self._migrate()
            found = self._version(connection)
        self._version_read = found
        return connection

    def reader_again(self, reader: sqlite3.Connection) -> sqlite3.Connection:
        """A reader as `reader` gives it, if the disk has room for it now; else the one that there is."""
        self.readonly = self.full = False
        try:
            again = self.reader()
        except BaseException:
            self.readonly = self.full = True
            raise
        if not self.full:
            return again
        again.close()
        return reader

    def has(self, version: int, reader: sqlite3.Connection) -> bool:
        """Whether what a reader reads is of that schema, or a newer one; an older one may not be changed."""
        if self._version_read < version:
            self._version_read = self._version(reader)  # another process may have brought it on
        return self._version_read >= version

    def writer(self) -> sqlite3.Connection:
        """A connection that can write, and leaves it to others to move the log."""
        connection = self._connect("mode=rw")
        connection.execute(query("fullfsync"))
        connection.execute(query("no_checkpoints"))
        return connection

    def mover(self) -> sqlite3.Connection:
        """A connection that moves the log; where it waits for others at all, it does so for a moment."""
        connection = self._connect("mode=rw", seconds=min(0.5, self._seconds))
        connection.execute(query("fullfsync"))
        connection.execute(query("no_checkpoints"))
        return connection

    def _connect(self, options: str, *, seconds: float | None = None) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{options}",
            uri=True,
            timeout=self._seconds if seconds is None else seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        return connection

    def check_writable(self) -> None:
        """Raise if nothing can be written."""
        if self.readonly:
            raise (StoreFull if self.full else StoreReadOnly)(path=str(self.path.parent))

    def check_in_place(self) -> None:
        """Raise if what is written would not be found at `path` again."""
        if _identity(self.path) != self._identity:
            cause = (
                f"{self.path.name} was moved or deleted while it was open. Put it back, or begin in the "
                "store that is found now: in a notebook with `%workflow NAME`."
            )
            raise StoreError(path=str(self.path.parent), cause=cause)

    # -- making and changing -----------------------------------------------------------------------------

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
                with self.errors(), contextlib.closing(sqlite3.connect(temporary)) as connection:
                    connection.execute(query("synchronous_off"))  # nobody knows the file before it is synced
                    connection.executescript(schema())
                    connection.execute(query("write_ahead"))
                sync_path(temporary)
                failpoints.reached("journal.made")
                temporary.replace(self.path)
                sync_path(folder)
                failpoints.reached("journal.named")
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

    def _version(self, connection: sqlite3.Connection) -> int:
        found: int = connection.execute(query("user_version")).fetchone()[0]
        if found > VERSION:
            raise StoreTooNew(path=str(self.path.parent), found=found, known=VERSION)
        return found

    def _migrate(self) -> None:
        """Bring an older journal to this schema, in one transaction; one that is read only stays."""
        with self.errors(), contextlib.closing(self.writer()) as connection:
            connection.execute(query("synchronous_power"))
            try:
                connection.execute(query("begin"))
                # Asked for again inside the transaction: another process may have been quicker.
                found = self._version(connection)
                for version in range(found, VERSION):
                    _bring_on(connection, version)
                connection.execute(query("set_version"))
                failpoints.reached("journal.changed")
                connection.execute(query("commit"))
                failpoints.reached("journal.migrated")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                    raise

    # -- errors ------------------------------------------------------------------------------------------

    def error(self, error: BaseException) -> BaseException:
        """The error that the caller gets."""
        if isinstance(error, sqlite3.Error):
            return from_sqlite(error, self.path.parent, self._seconds)
        return error

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Raise what SQLite could not do as an error of the store."""
        try:
            yield
        except sqlite3.Error as error:
            raise self.error(error) from error


def _bring_on(connection: sqlite3.Connection, version: int) -> None:
    """Bring a schema to the next one."""
    for name in _MADE.get(version, ()):
        connection.execute(table(name))
        failpoints.reached("journal.change")
    for change in _CHANGES[version]:
        connection.execute(query(change))
        failpoints.reached("journal.change")
    for name in _REMADE.get(version, ()):
        connection.execute(query(f"set_{name}_aside"))
        connection.execute(table(name))
        connection.execute(query(f"copy_{name}"))
        connection.execute(query(f"drop_old_{name}"))
        failpoints.reached("journal.change")


def _identity(path: Path) -> tuple[int, int] | None:
    """What stays the same as long as the file at `path` is the same file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
