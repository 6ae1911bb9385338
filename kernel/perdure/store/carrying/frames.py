"""Records one after another in a file, each by itself: written as a journal keeps them, read with care."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from typing import Any, Final

from perdure.store.records import CallRecord, MessageRecord, Record, RunRecord, StateRecord, ValueRecord
from perdure.store.rows import TABLES, as_bytes, columns
from perdure.store.vault import well_formed

from .form import Newer, Unfit

LARGEST: Final = 64 << 20
"""Bytes of a record, at most: each is read as a whole."""

_LENGTH: Final = struct.Struct(">I")
_NAME: Final = re.compile(r"[rcv]_[0-9a-f]{1,64}")
_INTEGERS: Final = 1 << 63
_NUMBERS: Final = 1e11
_KINDS: Final = {
    table.name: kind for kind, table in TABLES.items() if kind not in (MessageRecord, StateRecord)
}
"""What goes with a run: no message to its owner, and no entry of a workflow's durable dict."""


def packed(record: Record) -> bytes:
    """A record as it stands in the file.

    Raises:
        Unfit: it is too large to be carried.
    """
    data = as_row(record)
    if len(data) > LARGEST:
        raise Unfit(
            f"a record of run {record.id if isinstance(record, RunRecord) else record.run} is larger "
            f"than {LARGEST >> 20} MiB."
        )
    return _LENGTH.pack(len(data)) + data


def as_row(record: Record) -> bytes:
    """The name of its table and its columns by name, as msgpack."""
    import ormsgpack

    kind = type(record)
    row = as_bytes(columns(kind).dump(record))
    return ormsgpack.packb([TABLES[kind].name, dict(zip(columns(kind).names, row, strict=True))])


def unpacked(data: memoryview, runs: frozenset[str]) -> Iterator[Record]:
    """The records in a member, one at a time, each of its kind and of one of these runs.

    Raises:
        Unfit: one is not.
    """
    at = 0
    while at < len(data):
        if len(data) - at < _LENGTH.size:
            raise Unfit("its records end in the middle of one.")
        (length,) = _LENGTH.unpack(data[at : at + _LENGTH.size])
        at += _LENGTH.size
        if length > min(LARGEST, len(data) - at):
            raise Unfit("its records end in the middle of one, or one is too large.")
        yield _record(bytes(data[at : at + length]), runs)
        at += length


def _record(data: bytes, runs: frozenset[str]) -> Record:
    import ormsgpack

    try:
        name, row = ormsgpack.unpackb(data)
        record = _checked(_KINDS[name], row)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unfit("a record in it cannot be read.") from error
    run = record.id if isinstance(record, RunRecord) else record.run
    ids = [run, record.id] if isinstance(record, CallRecord | ValueRecord) else [run]
    if run not in runs or not all(map(_NAME.fullmatch, ids)):
        raise Unfit("a record in it belongs to none of its runs.")
    return record


def _checked(kind: type[Any], row: dict[str, Any]) -> Record:
    """The record of a row whose columns hold what they should."""
    known = columns(kind)
    if set(row) - set(known.names):
        raise Newer("columns that are not known here")
    if not all(map(_storable, row.values())):
        raise ValueError(kind.__name__)
    record: Record = known.load(known.ordered(row))  # a column that came later has its default
    if isinstance(record, ValueRecord) and not well_formed(record):
        raise ValueError(kind.__name__)
    return record


def _storable(column: Any) -> bool:
    """Whether every journal can keep it, and every listing show it."""
    if isinstance(column, float):
        return math.isfinite(column) and abs(column) < _NUMBERS
    if isinstance(column, int):
        return -_INTEGERS <= column < _INTEGERS
    return column is None or isinstance(column, str | bytes)
