"""The write-ahead log of a SQLite journal: with room ahead, and moved into the file in good time.

1. Nobody who commits or reads waits for the log to be moved, as long as it is small. When all of it is moved,
   the next commit begins it anew, and waits for the disk once: so it is not moved more often than is good.
2. A commit that waits for the disk writes into room that the log has already: the file does not grow with it.

SQLite tells the end of a log by salts and checksums, not by the file's size: zeros behind it do no harm.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from . import failpoints
from .files import sync
from .queries import query

ROOM = 4 << 20
"""Bytes of room that are made beforehand."""
_SLICE = 512 << 10
"""Bytes of room that are made at one time, while nobody can write."""
_SPARE = 64 * ROOM
"""Bytes that must be free on a disk on which room is made."""
FEW, MANY = 60, 1000
"""Commits after which the log is moved: of those that wait for the disk, and of others."""
LARGE = 64 << 20
"""Bytes of a log from which on writers and readers are waited for, so that it does not grow without end."""
_FRAME = 24
"""Bytes that the log adds to a page."""


class Log:
    """The log of the journal at `path`."""

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
        self._path = path.with_name(f"{path.name}-wal")
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self.still = threading.Lock()
        """Whoever holds it, the log is not moved meanwhile: not by this process."""
        self._page = 0
        self._bytes = 0
        self._known = ROOM
        self._large = LARGE

    def due(self, commits: int, *, power: bool) -> bool:
        """Whether it is time to move the log: after so many commits, or when it outgrows what it has had."""
        return commits > 0 and (commits >= (FEW if power else MANY) or self._size() > self._known)

    @property
    def large(self) -> bool:
        """Whether the log is such that readers and writers should be waited for, when it was last moved."""
        return self._bytes >= self._large

    def move(self, *, wait: bool = False) -> bool:
        """Move what can be moved into the file; tell whether that was all there was when it began.

        Args:
            wait: for readers and writers, for a moment.
        """
        with (
            self.still,
            contextlib.suppress(sqlite3.Error),
        ):  # the log is whole: the next one to come moves it
            if self._connection is None:
                self._connection = self._connect()
                self._page = self._connection.execute(query("page_size")).fetchone()[0]
            name = "restart_log" if wait else "move_log"
            held, pages, moved = self._connection.execute(query(name)).fetchone()
            failpoints.reached("log.moved")
            self._bytes = pages * (self._page + _FRAME)
            if wait:
                # A reader that stays keeps the log as it is: asked again when that has cost as much more.
                self._large = 2 * self._large if held else LARGE
                self._bytes = self._bytes if held else 0
            if pages == moved:
                self._known = max(ROOM, self._size())
            return bool(pages == moved)
        return False

    def make_room(self, connection: sqlite3.Connection) -> bool:
        """Make a slice of room, holding other writers off meanwhile; tell whether there is enough now."""
        try:
            if self._size() >= ROOM or shutil.disk_usage(self._path.parent).free < _SPARE:
                return True
            connection.execute(query("begin"))
            try:
                self._lengthen()
            finally:
                connection.execute(query("rollback"))
            failpoints.reached("log.lengthened")
        except (OSError, sqlite3.Error):
            return True  # it is a matter of speed alone
        return False

    def _size(self) -> int:
        with contextlib.suppress(OSError):  # it is a matter of speed alone
            return self._path.stat().st_size
        return 0

    def _lengthen(self) -> None:
        with self._path.open("r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            try:
                file.write(bytes(min(_SLICE, max(0, ROOM - end))))
                sync(file.fileno())
            except OSError:
                file.truncate(end)
                raise

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
