"""Records as rows of plain columns, and back, without loss. One mapping for every kind of journal.

Text, numbers, None and bytes are columns as they are. Truth values are 0 and 1. Tuples and dicts are
msgpack, with the dataclasses in them as lists of their fields.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from .records import (
    AttemptRecord,
    CallRecord,
    Holding,
    NoteRecord,
    Record,
    RestoreRecord,
    RunRecord,
    SessionRecord,
    ValueRecord,
)

R = TypeVar("R")
Row = dict[str, Any]


class Table(NamedTuple):
    """Where records of a kind are kept, and what makes two of them the same."""

    name: str
    identity: tuple[str, ...]


TABLES: Mapping[Any, Table] = types.MappingProxyType(
    {
        RunRecord: Table("runs", ("id",)),
        SessionRecord: Table("sessions", ("run", "epoch")),
        CallRecord: Table("calls", ("id",)),
        AttemptRecord: Table("attempts", ("run", "call", "number")),
        RestoreRecord: Table("restores", ("run", "call", "epoch")),
        NoteRecord: Table("notes", ("run", "kind", "name")),
        ValueRecord: Table("stored_values", ("id",)),
    }
)


def to_row(record: Record) -> Row:
    """The record's columns by name."""
    return {name: dump(getattr(record, name)) for name, dump, _ in _columns(type(record))}


def from_row(kind: type[R], row: Mapping[str, Any]) -> R:
    """The record that was made a row; a column that an older schema lacks has its default."""
    return kind(**{name: load(row[name]) for name, _, load in _columns(kind) if name in row})


def to_holding(row: Mapping[str, Any]) -> Holding:
    """What a value takes, from those of its columns that tell it."""
    blobs: list[str] = [] if row["buffers"] == _NONE else _unpack(row["buffers"])
    if row["stream_blob"] is not None:
        blobs.append(row["stream_blob"])
    return Holding(row["id"], row["run"], row["step"], row["role"], row["bytes"], tuple(blobs))


_NONE = b"\x90"
"""An empty list."""


def checked_rows(run: str, epoch: int, records: tuple[Record, ...]) -> list[tuple[Table, Row]]:
    """The rows of records that the owner of `run` with `epoch` may write.

    Raises:
        ValueError: a record belongs to another run.
    """
    rows = []
    for record in records:
        row = to_row(record)
        owner = row["id"] if isinstance(record, RunRecord) else row["run"]
        if owner != run and not (isinstance(record, ValueRecord) and owner == ""):
            raise ValueError(f"a record of run {owner!r} cannot be written as the owner of {run!r}")
        if isinstance(record, RunRecord):
            row["epoch"] = epoch  # the fence is raised by `claim` alone, never lowered by an older record
        rows.append((TABLES[type(record)], row))
    return rows


Convert = Callable[[Any], Any]


_known: dict[type, tuple[tuple[str, Convert, Convert], ...]] = {}


def _columns(kind: type[Any]) -> tuple[tuple[str, Convert, Convert], ...]:
    """The fields of a record, each with how it becomes a column and how it comes back."""
    if kind not in _known:
        hints = get_type_hints(kind)
        _known[kind] = tuple(
            (field.name, *_converters(hints[field.name])) for field in dataclasses.fields(kind)
        )
    return _known[kind]


def _converters(hint: Any) -> tuple[Convert, Convert]:
    """How a field of this type becomes a column, and how the column becomes the field."""
    if hint is bool:
        return int, bool
    if get_origin(hint) is dict:
        return _pack, _unpack
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if dataclasses.is_dataclass(item):
            make: Any = item
            names = [field.name for field in dataclasses.fields(item)]
            return (
                lambda items: _pack([[getattr(each, name) for name in names] for each in items]),
                lambda data: tuple(make(*each) for each in _unpack(data)),
            )
        return (lambda items: _pack(list(items))), (lambda data: tuple(_unpack(data)))
    if hint is str or hint == str | None:
        return _text, _untext
    return _same, _same


def checked(record: R) -> R:
    """The record, if each column of text or a number holds one: SQLite keeps anything in any column.

    Raises:
        TypeError: one does not.
    """
    kind: Any = type(record)
    for name, kinds in _kinds(kind):
        if not isinstance(getattr(record, name), kinds):
            raise TypeError(f"{name} is not of its kind")
    return record


@functools.cache
def _kinds(kind: Any) -> tuple[tuple[str, tuple[type, ...]], ...]:
    """The fields of a record that are columns as they are, with the types that each may have."""
    found = {name: get_args(hint) or (hint,) for name, hint in get_type_hints(kind).items()}
    plain = {name: kinds for name, kinds in found.items() if set(kinds) <= {str, int, float, type(None)}}
    return tuple((name, (*kinds, int) if float in kinds else kinds) for name, kinds in plain.items())


def _same(value: Any) -> Any:
    return value


def _text(value: str | None) -> str | bytes | None:
    """Text that is not UTF-8, such as a file name in an error, goes in as its bytes."""
    if value is None:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")
    return value


def _untext(column: str | bytes | None) -> str | None:
    return column.decode("utf-8", "surrogatepass") if isinstance(column, bytes) else column


def _pack(value: Any) -> bytes:
    import ormsgpack

    return ormsgpack.packb(value)


def _unpack(data: bytes) -> Any:
    import ormsgpack

    return ormsgpack.unpackb(data)
