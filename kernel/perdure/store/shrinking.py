"""How a journal in SQLite gets smaller: parts of runs that go, and room that is given back to the disk."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from .queries import query

_WORTH = 1 << 20
"""Bytes of free room in the file from which on giving it back is worth the copy."""


def forget_parts(connection: sqlite3.Connection, calls: Iterable[str], values: Iterable[str]) -> None:
    """Delete these calls, with their attempts and restores, and these values."""
    gone = [{"call": call} for call in calls]
    for name in ("forget_attempts_of_call", "forget_restores_of_call", "forget_call"):
        connection.executemany(query(name), gone)
    connection.executemany(query("forget_value"), [{"value": value} for value in values])


def compact(connection: sqlite3.Connection, path: Path) -> int:
    """Give the disk back what deleted records took, where that is worth it; return how many bytes."""
    free, pages, size = (
        connection.execute(query(name)).fetchone()[0] for name in ("free_pages", "pages", "page_size")
    )
    needed = 2 * (pages - free) * size  # a copy of what is left, and the log that carries it
    if free * size < _WORTH or free * 4 < pages or shutil.disk_usage(path.parent).free < needed:
        return 0
    before = on_disk(path)
    connection.execute(query("vacuum"))
    connection.execute(query("empty_log")).fetchall()
    return max(0, before - on_disk(path))


def on_disk(path: Path) -> int:
    """Bytes of a journal with its log."""
    total = 0
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            total += path.with_name(path.name + suffix).stat().st_size
    return total
