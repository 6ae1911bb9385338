"""A store: a journal with its blobs, locks and key, as one thing to open and close."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

from perdure.errors import NeedsPackage, StoreError

from .locks import Locks, Owner, RunLock
from .protocols import Blobs, Journal
from .records import RunRecord

if TYPE_CHECKING:
    from .keys import Key
    from .vault import Vault

MEMORY = ":memory:"


@dataclass
class Store:
    """Everything that is kept, in one place."""

    path: Path | None
    """The folder; None for a store that ends with the process."""
    journal: Journal
    blobs: Blobs
    locks: Locks = field(repr=False)
    durability: str = "power"
    closed: bool = field(default=False, init=False)
    _journal_file: tuple[int, int] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._journal_file = self._found()

    @property
    def lost(self) -> bool:
        """Whether the store was deleted, moved away, or replaced by another one since it was opened."""
        return self._found() != self._journal_file

    def _found(self) -> tuple[int, int] | None:
        """What tells the journal's file from another one in its place."""
        if self.path is None:
            return None
        try:
            status = (self.path / "journal.db").stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    @cached_property
    def key(self) -> Key:
        """The key that signs what is kept here, read when it is first needed: listing works without it."""
        from .keys import passing_key, user_key

        return passing_key() if self.path is None else user_key()

    @cached_property
    def vault(self) -> Vault:
        """The door for values."""
        from .vault import Vault

        return Vault(self.blobs, self.key, durability=self.durability, encrypt=self.encrypted)

    @cached_property
    def encrypted(self) -> bool:
        """Whether new values are encrypted: PERDURE_ENCRYPT, else what the store's own settings say.

        Raises:
            NeedsPackage: they are, and `cryptography` is not installed: said before anything runs.
        """
        from .settings import encrypts

        found = encrypts(self.path)
        if found and find_spec("cryptography") is None:
            raise NeedsPackage(what="Encryption", package="cryptography", extra="encrypt")
        return found

    def lock(self, run: RunRecord, *, steal: bool = False) -> RunLock:
        """Take the run for this process, or raise `RunOwned`, naming who has it.

        With `steal`, take it from whoever has it.
        """
        return self.locks.acquire(run, steal=steal)

    def owner(self, run: str) -> Owner | None:
        """The live process that holds the run."""
        return self.locks.owner(run)

    def close(self) -> None:
        """Write out what is queued and let go of the files. Twice is fine."""
        self.closed = True
        self.journal.close()

    def __enter__(self) -> Self:
        """The store, which is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def open_store(
    path: str | Path | None = None,
    *,
    durability: str = "power",
    readonly: bool = False,
    busy_timeout: float | None = None,
) -> Store:
    """Open the store in a folder, which is made when it is missing.

    A folder that cannot be written is opened for reading, and the first write says so.

    Args:
        path: the store's folder; ":memory:" for one that ends with the process; None for that of the
            current folder (PERDURE_STORE, or the nearest `.perdure`).
        durability: "power" waits for the disk at each commit, "process" survives the process only.
        readonly: change nothing, and make nothing.
        busy_timeout: seconds to wait for other processes; None takes PERDURE_BUSY_TIMEOUT, or else 60.

    Raises:
        StoreError: one of its kinds, by cause; a store that cannot be opened is left untouched.
    """
    if path is None:
        path = os.environ.get("PERDURE_STORE") or None
    if path is not None and str(path) == MEMORY:
        from .locks import MemoryLocks
        from .memory import MemoryBlobs, MemoryJournal

        return Store(None, MemoryJournal(), MemoryBlobs(), MemoryLocks(), durability)
    from .directory import DirectoryBlobs
    from .location import find_store, make_store, remember
    from .locks import FileLocks
    from .settings import restore_mode, verify_mode
    from .sqlite import SqliteJournal

    folder = find_store() if path is None else Path(path).expanduser()
    seconds = _busy_timeout(folder) if busy_timeout is None else busy_timeout
    if not readonly:
        make_store(folder)
    journal = SqliteJournal(
        folder / "journal.db", durability=durability, readonly=readonly, busy_timeout=seconds
    )
    if not readonly:
        remember(folder)
    locks = FileLocks(folder / "locks", seconds=seconds)
    blobs = DirectoryBlobs(folder / "blobs", restore=restore_mode(folder), verify=verify_mode(folder))
    return Store(folder, journal, blobs, locks, durability)


def _busy_timeout(folder: Path) -> float:
    text = os.environ.get("PERDURE_BUSY_TIMEOUT", "60")
    try:
        return float(text)
    except ValueError:
        cause = f"PERDURE_BUSY_TIMEOUT is {text!r}. Set it to a number of seconds."
        raise StoreError(path=str(folder), cause=cause) from None
