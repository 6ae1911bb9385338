"""Values of recorded calls, read many at a time, in the order in which a replay asks for them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from perdure.store.records import CallRecord, ValueRecord

if TYPE_CHECKING:
    from perdure.store.protocols import Journal

_FIRST, _MOST = 16, 512
"""Values that are read at once at first, and later: a replay that goes on is likely to ask for them all."""
_BYTES = 4 << 20
"""Bytes of values at which a batch ends."""


class Ahead:
    """The values of the calls that a run had recorded when its owner took it. Nothing is verified here."""

    def __init__(self, journal: Journal, calls: Iterable[CallRecord]) -> None:
        """Nothing is read yet.

        Args:
            journal: where the values are.
            calls: in the order in which they were made.
        """
        self._journal = journal
        self._order = [call for call in calls if call.value is not None]
        self._places: dict[str, int] | None = None
        self._next = 0
        self._size = _FIRST
        self._read: dict[str, ValueRecord] = {}
        self._lock = threading.Lock()

    def value(self, value: str) -> ValueRecord | None:
        """The value with this id, as the journal has it or had it a moment ago."""
        with self._lock:
            found = self._read.pop(value, None)
            if found is None and self._places is None:
                self._places = {str(call.value): place for place, call in enumerate(self._order)}
            if found is None and self._places is not None and self._places.get(value, -1) >= self._next:
                self._read_on(self._places[value])
                found = self._read.pop(value, None)
        return found or self._journal.value(value)

    def _read_on(self, place: int) -> None:
        """Read the values from this place on. Those before are passed over, and read alone if asked for."""
        wanted, size = list[str](), 0
        for call in self._order[place : place + self._size]:
            wanted.append(str(call.value))
            size += call.bytes
            if size > _BYTES:
                break
        self._next = place + len(wanted)
        self._size = min(2 * self._size, _MOST)
        self._read |= self._journal.values(wanted)
