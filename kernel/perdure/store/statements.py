"""Records put into a SQLite journal, within a transaction of whoever calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .queries import query
from .records import MessageRecord, Record, StateRecord
from .rows import TABLES, Row, as_bytes, columns

if TYPE_CHECKING:
    import sqlite3

_VALUE = columns(StateRecord).names.index("value")
_IDENTITY = len(TABLES[StateRecord].identity)
"""Columns of a state that come first, and tell it from others."""


def put(connection: sqlite3.Connection, record: Record | MessageRecord) -> None:
    """Put the record; the same identity again replaces it."""
    put_row(connection, *row_of(record))


def row_of(record: Record | MessageRecord) -> tuple[str, Row]:
    """The table in which a record is kept, and its row there."""
    kind = type(record)
    return TABLES[kind].name, columns(kind).dump(record)


def put_row(connection: sqlite3.Connection, table: str, row: Row) -> None:
    """Put a row of a record, or delete the entry that it says is gone."""
    statement = query(f"put_{table}")
    if table == "states" and row[_VALUE] is None:
        statement, row = query("delete_states"), row[:_IDENTITY]
    try:
        connection.execute(statement, row)
    except UnicodeEncodeError:
        connection.execute(statement, as_bytes(row))
