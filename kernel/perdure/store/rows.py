"""Records as rows of plain columns, and back, without loss. One mapping for every kind of journal.

Text, numbers, None and bytes are columns as they are. Truth values are 0 and 1. Tuples and dicts are
msgpack, with the dataclasses in them as lists of their fields.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from .records import (
    AttemptRecord,
    CallRecord,
    Holding,
    MessageRecord,
    NoteRecord,
    Record,
    RestoreRecord,
    RunRecord,
    SessionRecord,
    StateRecord,
    ValueRecord,
)

R = TypeVar("R")
Row: TypeAlias = Sequence[Any]
"""The columns of a record, in the order of its fields."""


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
        MessageRecord: Table("messages", ("id",)),
        StateRecord: Table("states", ("workflow", "name", "item")),
        ValueRecord: Table("stored_values", ("id",)),
    }
)


def owned(run: str, epoch: int, records: Iterable[Record]) -> list[Record]:
    """The records, if the owner of `run` with `epoch` may write them.

    Raises:
        ValueError: one belongs to another run.
    """
    checked = []
    for record in records:
        owner = record.id if isinstance(record, RunRecord) else record.run
        if owner != run and not (isinstance(record, ValueRecord) and owner == ""):
            raise ValueError(f"a record of run {owner!r} cannot be written as the owner of {run!r}")
        # The fence is raised by `claim` alone, never lowered by an older record.
        checked.append(dataclasses.replace(record, epoch=epoch) if isinstance(record, RunRecord) else record)
    return checked


def to_row(record: Record | MessageRecord) -> dict[str, Any]:
    """The record's columns by name, as any database and file can keep them."""
    each = columns(type(record))
    return dict(zip(each.names, as_bytes(each.dump(record)), strict=True))


def from_row(kind: type[R], row: Mapping[str, Any]) -> R:
    """The record that was made a row; a column that an older schema lacks has its default.

    Raises:
        TypeError, ValueError: a column does not hold what it may.
    """
    return columns(kind).load(columns(kind).ordered(row))


def to_holding(row: Any) -> Holding:
    """What a value takes, from those of its columns that tell it."""
    import ormsgpack

    blobs: list[str] = [] if row["buffers"] == _EMPTY else ormsgpack.unpackb(row["buffers"])
    if row["stream_blob"] is not None:
        blobs.append(row["stream_blob"])
    return Holding(row["id"], row["run"], row["step"], row["role"], row["bytes"], tuple(blobs))


def columns(kind: type[R]) -> Columns[R]:
    """How records of a kind become rows, and rows records."""
    found = _known.get(kind)
    if found is None:
        found = _known[kind] = Columns(kind)
    return found


_known: dict[type, Columns[Any]] = {}


class Columns(Generic[R]):
    """The columns of a kind of record, with what is to be done to each worked out beforehand."""

    def __init__(self, kind: type[R]) -> None:
        hints = get_type_hints(kind)
        fields: Any = kind
        self.names = tuple(field.name for field in dataclasses.fields(fields))
        self._defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(fields)}
        self._kind = kind
        self._get = attrgetter(*self.names)
        packed = [(at, *_converters(hints[name])) for at, name in enumerate(self.names)]
        self._dumps = [(at, dump) for at, dump, _ in packed if dump is not None]
        self._loads = [(at, load) for at, _, load in packed if load is not None]
        plain = [(at, _plain(hints[name])) for at, name in enumerate(self.names)]
        self._plain = [(at, kinds) for at, kinds in plain if kinds]
        for at, dump in self._dumps:
            default = self._defaults[self.names[at]]
            if default is not dataclasses.MISSING:
                self._defaults[self.names[at]] = dump(default)
        self._sound: set[tuple[type, ...]] = set()
        # Of a value, the vault looks at each part: one that is altered is told apart from its neighbours.
        self._strict = kind is not ValueRecord

    def dump(self, record: R) -> list[Any]:
        """The record's columns, in the order of `names`."""
        row = list(self._get(record))
        for at, dump in self._dumps:
            row[at] = dump(row[at])
        return row

    def ordered(self, row: Mapping[str, Any]) -> Row:
        """The columns of a row by name, in the order of `names`."""
        return [row[name] if name in row else self._default(name) for name in self.names]

    def _default(self, name: str) -> Any:
        default = self._defaults[name]
        if default is dataclasses.MISSING:
            raise TypeError(f"{name} is missing")
        return default

    def load(self, row: Row) -> R:
        """The record that was made a row.

        Raises:
            TypeError, ValueError: a column holds another kind of thing: SQLite keeps anything in any column.
        """
        # Rows whose columns are of the types of an earlier sound row are sound: one look at a set.
        shape = tuple(map(type, row))
        if shape not in self._sound:
            row = self._mended(row)
            if tuple(map(type, row)) == shape:
                self._sound.add(shape)
        if self._loads:
            row = list(row)
            for at, load in self._loads:
                row[at] = load(row[at])
        return self._kind(*row)

    def _mended(self, row: Row) -> Row:
        """The row with text where it was kept as bytes, if each plain column holds what it may."""
        row = list(row)
        for at, kinds in self._plain:
            if str in kinds and isinstance(row[at], bytes):
                row[at] = row[at].decode("utf-8", "surrogatepass")
            if self._strict and not isinstance(row[at], kinds):
                raise TypeError(f"{self.names[at]} is not of its kind")
        return row


def as_bytes(row: Row) -> list[Any]:
    """The row with text that is not UTF-8, such as a file name in an error, as its bytes."""
    return [_encoded(column) if isinstance(column, str) else column for column in row]


def _encoded(text: str) -> str | bytes:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


Convert: TypeAlias = Callable[[Any], Any]


def _converters(hint: Any) -> tuple[Convert | None, Convert | None]:
    """How a field of this type becomes a column, and how the column becomes the field; None: as it is."""
    import ormsgpack

    pack, unpack = ormsgpack.packb, ormsgpack.unpackb
    if hint is bool:
        return int, bool
    if get_origin(hint) is dict:
        return pack, unpack
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if dataclasses.is_dataclass(item):
            make: Any = item
            get = attrgetter(*(field.name for field in dataclasses.fields(item)))

            # The parts of a step's code are the same for all its calls.
            @functools.lru_cache(maxsize=_REMEMBERED)
            def load(data: bytes) -> tuple[Any, ...]:
                return tuple([make(*each) for each in unpack(data)])

            return (lambda items: pack(list(map(get, items))) if items else _EMPTY), load
        return pack, lambda data: tuple(unpack(data))
    return None, None


_REMEMBERED = 512
_EMPTY = b"\x90"
"""An empty list."""


def _plain(hint: Any) -> tuple[type, ...]:
    """The types that a column as it is may have; empty for columns that are converted."""
    kinds = (hint,) if get_origin(hint) in (None, dict, tuple) else get_args(hint)
    if not set(kinds) <= {str, int, float, type(None)}:
        return ()
    return (*kinds, int) if float in kinds else kinds
