"""Memory for blobs: mapped from a file, made fresh, seen as plain bytes, compared."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import stat
import sys
from functools import cache
from pickle import PickleBuffer
from typing import Any
from weakref import WeakSet

MAPPED = 1 << 20
"""Bytes from which on mapping a file is cheaper than reading it."""

_HUGE = 4 << 20
"""Bytes from which on memory is asked for in large pages: it is then filled four times as fast."""


def plain(data: bytes | memoryview) -> memoryview:
    """The bytes in the order in which they lie in memory, whatever their shape; nothing is copied."""
    view = memoryview(data)
    if not view.nbytes:  # what has no elements has no order either, and cannot be cast
        return memoryview(b"")
    return view.cast("B") if view.c_contiguous else PickleBuffer(view).raw()


def open_regular(path: str, flags: int) -> int:
    """Open a file; a pipe or a device in its place, in a store of somebody else's, is not waited for.

    Raises:
        NotRegular: it is one.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegular(path)
    return descriptor


class NotRegular(OSError):  # noqa: N818  it says what is there
    """A pipe or a device, not a file."""


def mapped(descriptor: int, size: int) -> memoryview | None:
    """A private mapping of a large file; None where reading is better, or the only way left."""
    if size < MAPPED or len(_maps) >= _most_maps():
        return None
    with contextlib.suppress(OSError, ValueError):  # no descriptors left, or a file cut short just now
        return memoryview(_mapping(descriptor, size, mmap.ACCESS_COPY))
    return None


def is_mapped(view: memoryview) -> bool:
    """Whether this memory is the mapping of a file."""
    return isinstance(view.obj, mmap.mmap) and view.obj in _maps


def lent(descriptor: int, size: int) -> memoryview:
    """The bytes of a file, to look at for a moment."""
    if size == 0:
        return memoryview(b"")
    return memoryview(_mapping(descriptor, size, mmap.ACCESS_READ))


def fresh(size: int) -> memoryview:
    """Writable memory, in large pages where the system has them."""
    if size < _HUGE:
        return memoryview(bytearray(size))
    if sys.platform == "win32":
        return memoryview(mmap.mmap(-1, size))
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def fill(memory: memoryview, descriptor: int, offset: int) -> None:
    """Read the part of a file that begins at `offset` into all of `memory`.

    Raises:
        EOFError: the file ends before.
    """
    while memory:
        read = _read_at(descriptor, memory, offset)
        if read == 0:
            raise EOFError
        memory, offset = memory[read:], offset + read


def _read_at(descriptor: int, memory: memoryview, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [memory], offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    data = os.read(descriptor, min(len(memory), MAPPED))
    memory[: len(data)] = data
    return len(data)


def alike(one: memoryview, other: memoryview) -> bool:
    """Whether two memories hold the same bytes; as fast as the memory is, other threads going on."""
    if len(one) != len(other):
        return False
    if len(one) < MAPPED:
        return bytes(one) == bytes(other)
    return bool(_memcmp()(address(one), address(other), len(one)) == 0)


@cache
def _memcmp() -> Any:
    library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    compare = library.memcmp
    compare.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    return compare


def address(memory: memoryview) -> int:
    """Where the bytes lie."""
    # Of memory that may not be written, ctypes tells no address.
    import numpy as np

    return int(np.frombuffer(memory, "u1").ctypes.data)


def _mapping(descriptor: int, size: int, access: int) -> mmap.mmap:
    if sys.version_info >= (3, 13):
        mapping = mmap.mmap(descriptor, size, access=access, trackfd=False)
    else:
        mapping = mmap.mmap(descriptor, size, access=access)
    _maps.add(mapping)
    return mapping


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
