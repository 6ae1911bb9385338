"""Files born whole and made durable: the only module that knows one system's files from another's."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".tmp-"
"""What the names of files begin with until they are whole."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_PIECE = 64 << 20


def write_whole(path: Path, data: bytes | memoryview, *, durable: bool = True) -> None:
    """Write a file so that it is there as a whole or not at all, readable by this user alone.

    With `durable`, bytes and name are on disk when this returns.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, _NEW, 0o600)
        try:
            view = memoryview(data).cast("B")
            while view:
                view = view[os.write(descriptor, view[:_PIECE]) :]
            if durable:
                sync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_path(path.parent)


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


def alive(pid: int) -> bool:
    """Whether a process of this machine lives, as far as can be told without touching it."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
