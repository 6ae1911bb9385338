"""Blobs as files of a folder: `ab/<name>`, where `ab` are the first two digits of the name.

A file is born whole and never changed, so it can be mapped: its pages are read when they are used, and a
write to them stays private to the mapping.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from weakref import WeakSet

from perdure.errors import Damaged

from .failures import system_errors
from .files import TEMPORARY, folder_held, make_private, sync_path, write_whole

MAPPED = 1 << 20
"""Bytes from which on mapping a file is cheaper than reading it."""

_DIGITS = 64


class DirectoryBlobs:
    """The blobs in `folder`, which is made when the first one is put."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._verified: set[tuple[str, int, int]] = set()
        self._bad: set[str] = set()

    def put(self, data: bytes | memoryview, *, durability: str = "power") -> str:
        """Keep the bytes; return their name. With "power", they are on disk when this returns."""
        from blake3 import blake3

        view = memoryview(data).cast("B")
        name = blake3(view).hexdigest()
        durable = durability == "power"
        with system_errors(self.folder.parent):
            if not self._refresh(name, len(view), durable=durable):
                path = self._path(name)
                make_private(path.parent)
                write_whole(path, view, durable=durable)
                self._bad.discard(name)
                self._verified.add(_state(name, path.stat()))
        return name

    def _refresh(self, name: str, size: int, *, durable: bool) -> bool:
        """Whether the blob is there already, as new as one that is put now; one known to be bad is not."""
        path = self._path(name)
        try:
            status = path.stat()
            if status.st_size != size or name in self._bad:
                return False
            with folder_held(path.parent, shared=True):  # removing looks once more, alone
                os.utime(path)  # collecting spares blobs that were put a short time ago
            if _state(name, status) in self._verified:
                self._verified.add(_state(name, path.stat()))
        except FileNotFoundError:
            return False
        if durable:  # it may have been put without waiting for the disk
            sync_path(path)
            sync_path(path.parent)
        return True

    def get(self, name: str, *, copy: bool = True) -> memoryview:  # noqa: ARG002  a mapping is private at no cost
        """The bytes, writable and private to the caller; verified when this process first meets them."""
        try:
            with open(self._path(name), "rb", opener=_open) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise _damaged(name, "it is a pipe or a device, not a file")
                view = _map(file.fileno(), status.st_size) or memoryview(bytearray(file.read()))
        except FileNotFoundError:
            raise _damaged(name, "it is missing") from None
        except OSError as error:
            raise _damaged(name, f"it cannot be read ({error.strerror})") from error
        if _state(name, status) not in self._verified:
            self._verify(name, view)
            self._verified.add(_state(name, status))
        return view

    def _verify(self, name: str, view: memoryview) -> None:
        from blake3 import blake3

        if blake3(view).hexdigest() != name:
            self._bad.add(name)  # so that putting the right bytes again mends it
            raise _damaged(name, f"its {len(view)} bytes are not those that were stored")

    def names(self, *, before: float | None = None) -> set[str]:
        """The names of all blobs, or of those last put before that time."""
        return {
            path.name
            for path in self._files()
            if len(path.name) == _DIGITS and (before is None or _modified(path) < before)
        }

    def size(self, name: str) -> int:
        """Bytes of this blob, 0 if it is not there."""
        try:
            return self._path(name).stat().st_size
        except OSError:
            return 0

    def remove(self, names: Iterable[str], *, before: float | None = None) -> int:
        """Delete these, but for those put again since `before`; return the bytes that became free."""
        freed = 0
        with system_errors(self.folder.parent):
            for digits, group in groupby(sorted(names), lambda name: name[:2]):
                with contextlib.suppress(FileNotFoundError):  # no folder, no blobs
                    freed += self._remove(self.folder / digits, group, before)
        return freed

    def _remove(self, folder: Path, names: Iterable[str], before: float | None) -> int:
        # Who puts one of them again now has either made it young already, or finds it gone and writes it.
        with folder_held(folder, shared=False):
            paths = [folder / name for name in names]
            return sum(_unlink(path) for path in paths if before is None or _modified(path) < before)

    def sweep(self, *, before: float | None = None) -> int:
        """Delete temporary files of killed writers; return the bytes that became free."""
        left = [path for path in self._files() if path.name.startswith(TEMPORARY)]
        with system_errors(self.folder.parent):
            return sum(_unlink(path) for path in left if before is None or _modified(path) < before)

    def _files(self) -> Iterator[Path]:
        for folder in self.folder.glob("??"):
            yield from folder.iterdir()

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name


def _open(path: str, flags: int) -> int:
    """Open a file; a pipe in its place, in a store of somebody else's, is not waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _map(descriptor: int, size: int) -> memoryview | None:
    """A private mapping of a large file; None where reading is better, or the only way left."""
    if size < MAPPED or len(_maps) >= _most_maps():
        return None
    with contextlib.suppress(OSError, ValueError):  # no descriptors left, or a file cut short just now
        if sys.version_info >= (3, 13):
            mapping = mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY, trackfd=False)
        else:
            mapping = mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)
        _maps.add(mapping)
        return memoryview(mapping)
    return None


@cache
def _most_maps() -> int:
    """How many files may be mapped at once: each takes a descriptor before Python 3.13, and these are few."""
    if sys.version_info >= (3, 13):
        return _MAPS
    try:
        from resource import RLIMIT_NOFILE, getrlimit
    except ImportError:  # Windows, where a mapping takes no descriptor
        return _MAPS
    return min(_MAPS, max(0, getrlimit(RLIMIT_NOFILE)[0]) // 4)


_MAPS = 16_000
"""A quarter of the mappings that Linux allows a process."""

_maps: WeakSet[mmap.mmap] = WeakSet()
"""The mappings that are alive in this process."""


def _state(name: str, status: os.stat_result) -> tuple[str, int, int]:
    """What changes when somebody changes the file."""
    return name, status.st_size, status.st_mtime_ns


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()  # it went away just now


def _unlink(path: Path) -> int:
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size


def _damaged(name: str, cause: str) -> Damaged:
    return Damaged(subject=f"blob {name[:12]}", cause=f"{cause}.", advice="Run its step again with `--redo`.")
