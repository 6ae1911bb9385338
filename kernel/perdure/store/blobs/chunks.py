"""Chunks: the parts of a large buffer by which it is recognised in buffers that are stored already.

A chunk is about a mebibyte and begins anew at each row of the memory, so that a frame's column makes the
same chunks wherever in its block it lies. A chunk's digest (xxh3) only says where to look: bytes are compared
before they count as the same.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from .ledger import Ledger

CHUNK = 1 << 20
"""Bytes of a chunk, where its row is not at its end."""

ROW = 64 << 10
"""Bytes of the shortest row at which chunks begin anew: shorter ones are passed over."""

_MOST = 100_000
"""Chunks that are kept in mind, about 130 bytes each."""

NAME = re.compile(r"[0-9a-f]{64}")
"""What the name of a blob looks like."""

_ENTRY = struct.Struct("<I16s")
_OFFSET = 48


def row_length(data: bytes | memoryview) -> int:
    """Bytes of a row of the memory, by its shape; all bytes where it has no rows worth the name."""
    view = memoryview(data)
    row, lengths = view.nbytes, view.shape or ()
    for length in lengths if view.c_contiguous else reversed(lengths):
        if length and row // length < ROW:
            break
        row //= length or 1
    return row


def cut(view: memoryview, row: int) -> list[memoryview]:
    """The chunks of the bytes, in order."""
    size = view.nbytes
    return [
        view[start : min(start + CHUNK, begin + row, size)]
        for begin in range(0, size, row)
        for start in range(begin, min(begin + row, size), CHUNK)
    ]


def digest(chunk: memoryview) -> bytes:
    """By what a chunk is looked up."""
    import xxhash

    return xxhash.xxh3_128_digest(chunk)


def spread(chunks: Sequence[memoryview], count: int = 16) -> list[memoryview]:
    """A few chunks from all over."""
    return list(chunks[:: max(1, len(chunks) // count)])[:count]


@dataclass(frozen=True, slots=True)
class Table:
    """The chunks of a whole blob: their lengths and digests, in order."""

    name: str
    entries: tuple[tuple[int, bytes], ...]

    def line(self) -> str:
        """As a line of a ledger."""
        data = b"".join(_ENTRY.pack(*entry) for entry in self.entries)
        return f"{self.name}:{base64.b64encode(data).decode()}"

    @staticmethod
    def read(line: str) -> Table | None:
        """The table in a line; None if it holds none."""
        name, _, text = line.partition(":")
        if not NAME.fullmatch(name):
            return None
        try:
            return Table(name, tuple(_ENTRY.iter_unpack(base64.b64decode(text))))
        except (binascii.Error, struct.error):
            return None


class Index:
    """Where chunks are stored, as far as it is known here and worth to be kept in mind."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._blobs: list[str] = []
        self._places: dict[bytes, int] = {}

    def refresh(self) -> None:
        """Learn what other processes stored."""
        self._learn(table for line in self._ledger.news() if (table := Table.read(line)))

    def add(self, name: str, chunks: Iterable[tuple[int, bytes]]) -> None:
        """Tell everybody the chunks of a blob that is stored as a whole."""
        table = Table(name, tuple(chunks))
        if table.entries and self.find(table.entries[0][1]) != (name, 0):
            self._learn([table])
            self._ledger.append([table.line()])

    def find(self, digest: bytes) -> tuple[str, int] | None:
        """The blob, and the offset in it, at which this chunk is supposed to lie."""
        place = self._places.get(digest)
        return None if place is None else (self._blobs[place >> _OFFSET], place & ((1 << _OFFSET) - 1))

    def tidy(self, present: Iterable[str]) -> None:
        """Let the ledger forget blobs that are gone."""
        known = set(present)
        tables = self._ledger_tables()
        kept = [table.line() for table in tables if table.name in known]
        if len(kept) < len(tables):
            self._ledger.keep(kept)

    def _ledger_tables(self) -> list[Table]:
        found = {
            table.name: table for line in Ledger(self._ledger.path).news() if (table := Table.read(line))
        }
        return list(found.values())

    def _learn(self, tables: Iterable[Table]) -> None:
        with self._lock:
            for table in tables:
                self._places.update(self._placed(table))
            if len(self._places) > _MOST:
                self._places = dict(islice(self._places.items(), len(self._places) - _MOST // 2, None))

    def _placed(self, table: Table) -> Iterator[tuple[bytes, int]]:
        offset = len(self._blobs) << _OFFSET
        self._blobs.append(table.name)
        for length, found in table.entries:
            yield found, offset
            offset += length
