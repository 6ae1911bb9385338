"""Digests that are known already: of memory in which stored bytes lie as they were stored.

A digest of such bytes holds wherever they are mapped again. Who maps them can prove that nobody wrote to
them, and is asked each time; memory of which that cannot be proven is hashed. Nothing else is believed:
whoever holds an array, a frame or a column of arrow's can reach its memory in ways that leave no mark.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

_T = TypeVar("_T")

WORTH = 1 << 18
"""Bytes from which on asking is cheaper than hashing."""

_MOST = 1 << 14
"""Results that are kept in mind, a few hundred bytes each. With one more, all are forgotten."""


class Hashes(Protocol):
    """What somebody keeps in mind of the bytes that he stored: the hash (xxh3) of parts of them."""

    def get(self, place: Place) -> bytes | None:
        """The hash of the bytes at this place, if it was noted."""

    def note(self, place: Place, found: bytes) -> None:
        """Keep it in mind."""


@dataclass(frozen=True, slots=True)
class Place:
    """Stored bytes: the name of the whole that they are part of, where they begin in it, and how many."""

    name: str
    offset: int
    length: int
    hashes: Hashes = field(compare=False, repr=False)


finders: set[Callable[[int, int], Place | None]] = set()
"""Asked with an address and a length: which stored bytes lie there, provably as they were stored."""

_kept: dict[Hashable, object] = {}


def place(low: int, high: int) -> Place | None:
    """Which stored bytes lie untouched between two addresses; None where that cannot be proven."""
    return next((found for finder in finders if (found := finder(low, high - low))), None)


def hash_of(low: int, high: int, find: Callable[[], bytes]) -> bytes:
    """The hash of the bytes between two addresses; `find()` gives it where it is not known."""
    before = place(low, high)
    if before is None:
        return find()
    known = before.hashes.get(before)
    if known is None:
        known = find()
        if place(low, high) == before:  # otherwise somebody wrote while the bytes were read
            before.hashes.note(before, known)
    return known


def remembered(told: Callable[[], Hashable | None], find: Callable[[], _T]) -> _T:
    """What `find()` gives, or gave in this process for the same bytes.

    Args:
        told: all that the result depends on, with the places of the bytes; None where one is not known.
        find: gives what is not changed afterwards, and refers to nothing large.
    """
    key = told()
    if key is None:
        return find()
    kept = _kept.get(key)
    if kept is not None:
        return kept  # type: ignore[return-value]  # under this key, what the same `find` gave
    found = find()
    if told() == key:
        if len(_kept) >= _MOST:
            _kept.clear()
        _kept[key] = found
    return found
