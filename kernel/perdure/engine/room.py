"""Room on the disk: that it runs out is said once in each process, before it does, with the ways out."""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.codec.masking import escaped
from perdure.errors import StoreError
from perdure.store.reserve import put_aside
from perdure.store.settings import size_limit, warn_free

from .durations import size_words

if TYPE_CHECKING:
    from perdure.store import Store

SHARE, MOST = 20, 2_000_000_000
"""Where nothing is set, it is said when less than a twentieth of the disk is free, at most so many bytes."""

SECONDS, BYTES = 5.0, 64 << 20
"""A look is taken after so many seconds, or bytes of checkpoints: it costs more than a small step may."""


class StoreTight(UserWarning):
    """The disk of a store is nearly full, or the store has grown beyond the limit that was set for it."""


class Room:
    """The room of one store, looked at now and then until something was said of it."""

    def __init__(self) -> None:
        self._said = False
        self._next = 0.0
        self._unseen = 0
        """Bytes of checkpoints since the last look."""
        self._size: int | None = None
        """What the store takes at most: measured, with all checkpoints since."""

    def after(self, store: Store, added: int) -> str:
        """What is to be said after a checkpoint of so many bytes; nearly always nothing."""
        self._unseen += added
        if self._said or (self._unseen < BYTES and time.monotonic() < self._next):
            return ""
        return self.look(store)

    def look(self, store: Store) -> str:
        """What is to be said of it now; empty where there is enough, or it was said before."""
        folder = store.path
        if self._said or folder is None:
            return ""
        self._next, unseen, self._unseen = time.monotonic() + SECONDS, self._unseen, 0
        self._size = None if self._size is None else self._size + unseen
        put_aside(folder)
        try:
            found = self._tight(folder) or self._large(store, folder)
        except StoreError as error:  # settings that cannot be understood
            found = " ".join(str(error).split())
        except OSError:
            return ""  # who writes there next is told what is wrong
        self._said = bool(found)
        return escaped(found)

    def _tight(self, folder: Path) -> str:
        disk, wanted = shutil.disk_usage(folder), warn_free(folder)
        if disk.free >= (min(disk.total // SHARE, MOST) if wanted is None else wanted):
            return ""
        return (
            f"only {size_words(disk.free)} are left on the disk of this store: `perdure du` shows what it "
            "takes, `perdure gc --keep 3` forgets older runs, and PERDURE_STORE can name another disk"
        )

    def _large(self, store: Store, folder: Path) -> str:
        limit = size_limit(folder)
        if limit is None:
            return ""
        if self._size is None or self._size > limit:
            from perdure.store.gc import size

            self._size = size(store)
        if self._size <= limit:
            return ""
        return (
            f"this store takes {size_words(self._size)}, and {size_words(limit)} are set for it: "
            f"`perdure du` shows by what, `perdure gc --max-size {limit}` forgets the oldest runs"
        )


def _warn(sentence: str) -> None:
    warnings.warn(f"Perdure: {sentence}", StoreTight, stacklevel=2)


tell: Callable[[str], None] = _warn
"""How it is said; a notebook says it under the cell."""

_rooms: dict[Path | None, Room] = {}
"""By folder, however often a store is opened."""


def tight(store: Store) -> tuple[str, ...]:
    """The sentence that is due when a notebook begins, if there is one."""
    sentence = _rooms.setdefault(store.path, Room()).look(store)
    return (sentence,) if sentence else ()


def checkpointed(store: Store, added: int) -> None:
    """Take a look after a checkpoint of so many bytes, and say it if room runs out."""
    room = _rooms.get(store.path) or _rooms.setdefault(store.path, Room())
    sentence = room.after(store, added)
    if sentence:
        tell(sentence)
