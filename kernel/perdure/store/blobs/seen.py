"""What was seen to hold the right bytes since the machine started, so that it is not hashed again.

A fact is a blob with the state of each file that it needs: size, times, inode. When one of these changes, or
the machine starts anew, the fact is no longer known, and the bytes are verified.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from .ledger import Ledger

PREFIX = "seen-"
"""What the ledgers of facts are called before the machine's start that they belong to."""

LARGEST = 8 << 20
"""Bytes of a ledger that is begun anew when it is collected."""

_DIGITS = 32


def fact(name: str, *states: os.stat_result) -> str:
    """That the blob came out right when its files were in these states."""
    import xxhash

    told = [(s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for s in states]
    return xxhash.xxh3_128_hexdigest(f"{name} {told}".encode())


class Seen:
    """The facts about the blobs in `folder`, shared by all processes since the machine started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ledger = Ledger(folder / f"{PREFIX}{boot()}")
        self._facts: set[str] = set()

    def knows(self, fact: str) -> bool:
        """Whether this process, or another one since the machine started, found it so."""
        if fact not in self._facts:
            self._learn()
        return fact in self._facts

    def note(self, facts: Iterable[str]) -> None:
        """Tell everybody that this was found so."""
        new = [fact for fact in dict.fromkeys(facts) if fact not in self._facts]
        if new:
            self._facts.update(new)
            self._ledger.append(f"+{fact}" for fact in new)

    def revoke(self, facts: Iterable[str]) -> None:
        """Tell everybody that this is not so after all."""
        gone = list(facts)
        self._learn()
        self._facts.difference_update(gone)
        self._ledger.append(f"-{fact}" for fact in gone)

    def tidy(self) -> None:
        """Delete what was noted before the machine started, and a ledger that became too long."""
        for path in self._folder.glob(f"{PREFIX}*"):
            with contextlib.suppress(FileNotFoundError):
                if path != self._ledger.path or path.stat().st_size > LARGEST:
                    path.unlink()

    def _learn(self) -> None:
        for line in self._ledger.news():
            if len(line) == _DIGITS + 1:
                (self._facts.add if line[0] == "+" else self._facts.discard)(line[1:])


@cache
def boot() -> str:
    """Which start of the machine this is."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except OSError:  # not Linux: the time of the start, as well as it can be told
        return f"at-{round((time.time() - time.monotonic()) / 100)}"
