"""Large buffers that are on their way to workers: alike ones lie in one parcel, whoever asked for them.

A step that reads a table of the notebook's is sent with it at every call. So the table is written once, and
mapped by all workers: what a call then costs is a look at its content.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import xxhash

from perdure.engine.memory import at_most

from .parcel import Parcel
from .wire import Part

_SHARE = 8
"""What part of the memory that processes may hold here is filled with buffers that nobody uses just now."""

Key = tuple[bytes, int]
"""The digest of a buffer's content, and its size."""


@dataclass(slots=True)
class _Kept:
    parcel: Parcel
    users: int = 0


class Shelf:
    """Buffers by content, as long as somebody uses them, and some of them longer.

    Args:
        limit: bytes of those that nobody uses; None: a share of the memory that there is.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._kept: dict[Key, _Kept] = {}
        """Those that were used last stand last."""

    def lend(self, part: Part) -> Key:
        """Put a buffer here, if none like it is; it stays until it is given back."""
        view = memoryview(part)
        key = xxhash.xxh3_128_digest(view), view.nbytes
        found = self._kept.pop(key, None)
        if found is None:
            found = _Kept(Parcel())
            try:
                found.parcel.put([view])
            except BaseException:
                found.parcel.close()
                raise
        found.users += 1
        self._kept[key] = found
        return key

    def address(self, key: Key) -> str:
        """Where a worker finds a buffer that is lent."""
        return self._kept[key].parcel.address

    def give_back(self, keys: Iterable[Key]) -> None:
        """Somebody uses these no more. The oldest that nobody uses go when there are too many."""
        for key in keys:
            self._kept[key].users -= 1
        if self._limit is None:
            self._limit = at_most() // _SHARE
        unused = sum(size for (_, size), kept in self._kept.items() if not kept.users)
        for key in [key for key, kept in self._kept.items() if not kept.users]:
            if unused <= self._limit:
                return
            unused -= key[1]
            self._kept.pop(key).parcel.close()

    def clear(self) -> None:
        """Keep nothing that nobody uses."""
        for key in [key for key, kept in self._kept.items() if not kept.users]:
            self._kept.pop(key).parcel.close()

    def __len__(self) -> int:
        return len(self._kept)
