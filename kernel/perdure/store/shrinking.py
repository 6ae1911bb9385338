"""How a journal in SQLite gets smaller: calls that go, and room that is given back to the disk."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from .queries import query

_WORTH = 1 << 20
"""Bytes of free room in the file from which on giving it back is worth the copy."""


def forget_calls(connection: sqlite3.Connection, run: str, calls: Iterable[str]) -> None:
    """Delete these calls of a run, with the values that no other call refers to."""
    gone = [{"run": run, "call": call} for call in calls]
    for name in ("forget_call", "forget_attempts_of_call", "forget_restores_of_call"):
        connection.executemany(query(name), gone)
    connection.execute(query("forget_values_of_calls"), {"run": run})


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
