"""Hashes of parts of blobs, as the digests of values need them: so a restored column need not even be read.

A blob's name tells its bytes, so what was found once of a part of it is true for good, in every process.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from .ledger import Ledger

if TYPE_CHECKING:
    from perdure.codec.known import Place

_LINE = re.compile(r"(([0-9a-f]{64}):\d+:\d+):([0-9a-f]{32}):([0-9a-f]{16})")
"""The part; its hash; and a sum over both, since what is cut or spoilt must not be believed."""

_MOST = 100_000
"""Hashes that are kept in mind, about 250 bytes each. With one more, all are forgotten."""


class Hashes:
    """The hashes of parts of the blobs in `folder`, shared by all processes."""

    def __init__(self, folder: Path) -> None:
        self._ledger = Ledger(folder / "hashes")
        self._found: dict[str, bytes] = {}

    def get(self, place: Place) -> bytes | None:
        """The hash of a part, if this process or another one noted it."""
        part = _told(place)
        if part not in self._found:
            self._learn()
        return self._found.get(part)

    def note(self, place: Place, found: bytes) -> None:
        """Tell everybody the hash of a part."""
        self._keep(_told(place), found)
        told = f"{_told(place)}:{found.hex()}"
        self._ledger.append([f"{told}:{_sum(told)}"])

    def tidy(self, present: Collection[str]) -> None:
        """Forget what is known of blobs that are gone."""
        lines = Ledger(self._ledger.path).news()
        kept = [line for line in dict.fromkeys(lines) if line.partition(":")[0] in present]
        if len(kept) < len(lines):
            self._ledger.keep(kept)

    def _learn(self) -> None:
        for line in self._ledger.news():
            found = _LINE.fullmatch(line)
            if found and _sum(line.rpartition(":")[0]) == found[4]:
                self._keep(found[1], bytes.fromhex(found[3]))

    def _keep(self, part: str, found: bytes) -> None:
        if len(self._found) >= _MOST:
            self._found.clear()
        self._found[part] = found


def _told(place: Place) -> str:
    return f"{place.name}:{place.offset}:{place.length}"


def _sum(told: str) -> str:
    import xxhash

    return xxhash.xxh3_64_hexdigest(told.encode())
