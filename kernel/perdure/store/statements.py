"""Records put into a SQLite journal, within a transaction of whoever calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .queries import query
from .records import Record
from .rows import TABLES, Row, as_bytes, columns

if TYPE_CHECKING:
    import sqlite3


def put(connection: sqlite3.Connection, record: Record) -> None:
    """Put the record; the same identity again replaces it."""
    put_row(connection, *row_of(record))


def row_of(record: Record) -> tuple[str, Row]:
    """The table in which a record is kept, and its row there."""
    kind = type(record)
    return TABLES[kind].name, columns(kind).dump(record)


def put_row(connection: sqlite3.Connection, table: str, row: Row) -> None:
    """Put a row of a record."""
    try:
        connection.execute(query(f"put_{table}"), row)
    except UnicodeEncodeError:
        connection.execute(query(f"put_{table}"), as_bytes(row))
