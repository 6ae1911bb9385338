"""Files born whole and made durable: the only module that knows one system's files from another's."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .failpoints import reached

TEMPORARY = ".tmp-"
"""What the names of files begin with until they are whole."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_PIECE = 16 << 20
_WRITE_OUT = 2
"""SYNC_FILE_RANGE_WRITE of Linux."""


def write_whole(path: Path, data: bytes | memoryview, *, durable: bool = True, step: str = "file") -> None:
    """Write a file so that it is there as a whole or not at all, readable by this user alone.

    Args:
        path: where.
        data: what.
        durable: bytes and name are on disk when this returns.
        step: what its durable steps are called as fail points.
    """
    with newborn(path.parent, step=step) as file:
        file.write([memoryview(data).cast("B")])
        file.settle(path, durable=durable)


@contextlib.contextmanager
def newborn(folder: Path, *, step: str) -> Iterator[Newborn]:
    """A new file in `folder` that goes away unless it is settled under a name of its own."""
    place = folder / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"
    file = Newborn(place, os.open(place, _NEW, 0o600), step)
    try:
        reached(f"{step}.begun")
        yield file
    finally:
        file.close()
        with contextlib.suppress(OSError):
            place.unlink()


class Newborn:
    """A temporary file that is being written."""

    def __init__(self, place: Path, descriptor: int, step: str) -> None:
        self._place = place
        self._descriptor = descriptor
        self._step = step

    def write(self, views: Iterable[memoryview], *, early: bool = False) -> None:
        """Write the bytes of the views. With `early`, the disk begins now, not when it is waited for."""
        start = at = 0
        for view in views:
            rest = view
            while rest:
                written = os.write(self._descriptor, rest[:_PIECE])
                rest = rest[written:]
                at += written
                if early and at - start >= _PIECE:
                    _write_out(self._descriptor, start, at - start)
                    start = at

    def settle(self, path: Path, *, durable: bool) -> None:
        """Give the file, which is complete, its name; with `durable`, bytes and name are on disk then."""
        reached(f"{self._step}.written")
        if durable:
            sync(self._descriptor)
            reached(f"{self._step}.synced")
        self.close()
        self._place.replace(path)
        reached(f"{self._step}.renamed")
        if durable:
            sync_path(path.parent)
            reached(f"{self._step}.named")

    def settle_new(self, path: Path, dated: float, *, durable: bool) -> bool:
        """Give the file its name with this time of change, if nothing has that name; whether it is so.

        False also where the system cannot tell a new name from one that is there.
        """
        os.utime(self._place, (dated, dated))
        reached(f"{self._step}.written")
        if durable:
            sync(self._descriptor)
            reached(f"{self._step}.synced")
        self.close()
        try:
            path.hardlink_to(self._place)
        except OSError:
            return False
        reached(f"{self._step}.renamed")
        if durable:
            sync_path(path.parent)
            reached(f"{self._step}.named")
        return True

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _write_out(descriptor: int, start: int, length: int) -> None:
    """Let the disk write this part while the next one is made; where that is not possible, it waits."""
    if sys.platform == "linux":
        import ctypes

        call = ctypes.CDLL(None).sync_file_range
        call(descriptor, ctypes.c_int64(start), ctypes.c_int64(length), _WRITE_OUT)


def sync(descriptor: int) -> None:
    """Wait until what was written is on the disk itself, not only in its cache."""
    if sys.platform == "darwin":
        import fcntl

        with contextlib.suppress(OSError):  # some file systems know fsync only
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def sync_path(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    if sys.platform == "win32" and path.is_dir():
        return  # folders cannot be opened there, and their entries are journalled
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def make_private(folder: Path) -> None:
    """Make the folder, for this user alone, with its name on disk. One that is there is left as it is."""
    try:
        folder.mkdir(mode=0o700)
    except FileNotFoundError:
        make_private(folder.parent)
        make_private(folder)
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        sync_path(folder.parent)


def limited() -> bool:
    """Whether the system limits the size of files that this process writes."""
    if sys.platform == "win32":
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY


def seen_held(path: Path) -> bool:
    """Whether another process, or thread, holds the lock file; one that can only be read will do."""
    if sys.platform == "win32":
        try:
            with held(path, seconds=0):
                return False
        except StillHeld:
            return True
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        # Closing alone would leave it to a child that was forked this moment.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
    return False


class StillHeld(Exception):  # noqa: N818  not an error of the user: it is turned into one
    """A lock file did not become free in time."""


@contextlib.contextmanager
def held(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold the lock file at `path`, waiting at most so long for another process or thread.

    Raises:
        StillHeld: it did not become free in time.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False, fallback_to_soft=False, mode=0o600)
    try:
        lock.acquire(timeout=seconds, poll_interval=0.01)
    except Timeout as error:
        raise StillHeld(path) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def folder_held(folder: Path, *, shared: bool) -> Iterator[None]:
    """Hold a folder as one of several, or alone. It takes neither a file nor room on the disk.

    Raises:
        FileNotFoundError: the folder is not there.
    """
    if sys.platform == "win32":  # folders cannot be opened there
        with held(folder / ".lock", seconds=60):
            yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
