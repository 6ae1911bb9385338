"""A file of lines that processes share: each appends what it learnt and reads what others did.

It is a memory aid. It may be deleted, cut or written half at any time: what it does not tell is found out
again.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path

from perdure.store.failpoints import reached

from .memory import open_regular

FIRST = 1 << 20
"""Bytes, from the end, that are read of a ledger at first: older lines are not worth the time."""


class Ledger:
    """The lines in the file at `path`; only one that belongs to this user is believed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._at = -1
        self._inode = 0

    def append(self, lines: Iterable[str]) -> None:
        """Add lines, as far as that is possible: a disk that is full is no reason to fail."""
        # Each line ends the one before it, so that one that was cut spoils itself alone.
        data = "".join(f"\n{line}\n" for line in lines).encode()
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)
        reached("ledger.appended")

    def news(self) -> list[str]:
        """The whole lines that were added since the last time, by anybody."""
        with self._lock, contextlib.suppress(OSError):
            status = self.path.stat()
            if (status.st_ino, status.st_size) == (self._inode, self._at) or not _own(status):
                return []
            if status.st_ino != self._inode or status.st_size < self._at:
                self._inode, self._at = status.st_ino, max(0, status.st_size - FIRST)
            with open(self.path, "rb", opener=open_regular) as file:
                file.seek(self._at)
                data = file.read(status.st_size - self._at)
            end = data.rfind(b"\n") + 1
            self._at += end
            return data[:end].decode("utf-8", "replace").split()
        return []

    def keep(self, lines: Iterable[str]) -> None:
        """Hold these lines alone from now on. What others add at the same moment may be lost."""
        from perdure.store.files import write_whole

        data = "".join(f"{line}\n" for line in lines).encode()
        with contextlib.suppress(OSError):
            write_whole(self.path, data, durable=False, step="ledger")


def _own(status: os.stat_result) -> bool:
    mine = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return stat.S_ISREG(status.st_mode) and mine
