"""Which mapped blobs nobody wrote to, as the kernel of the system tells.

A blob is mapped privately: the first write to one of its pages, by whatever means, gives the process a copy
of that page, and Linux shows in `/proc/self/pagemap` which pages are such copies. A page that is none holds
what the file holds, and the file holds what it held when it was verified, as long as its state is the same.
Where the system does not tell, or what it tells was not seen to be true, nothing counts as untouched.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import count
from tempfile import TemporaryFile

from perdure.codec import known

_PAGEMAP = "/proc/self/pagemap"
_ENTRY = 8
_AT_ONCE = 1 << 17
"""Pages that are asked about at once: of half a gibibyte."""

_FLAGS, _ABSENT, _OF_FILE = 0xE0, 0x00, 0xA0
"""Of an entry's last byte: in memory, swapped, of a file; a page that is not there; one of the file's own."""

_UNWRITTEN = bytes(last for last in range(256) if last & _FLAGS in (_ABSENT, _OF_FILE))


@dataclass(frozen=True, slots=True)
class _Mapping:
    memory: weakref.ref[mmap.mmap]
    size: int
    name: str
    holds: Callable[[], bool]
    hashes: known.Hashes


_GONE = 1000
"""After so many mappings, those that are gone are forgotten."""

_mappings: list[tuple[int, int, _Mapping]] = []
"""By address, each with a number of its own: so they are ordered without comparing mappings, in one move that
no other thread gets into."""

_numbers = count()


def note(view: memoryview, name: str, holds: Callable[[], bool], hashes: known.Hashes) -> None:
    """Note that a blob is mapped here.

    Args:
        view: a private mapping of the whole file.
        name: what its bytes are called.
        holds: whether the file still holds these bytes.
        hashes: what is known of its parts.
    """
    number = next(_numbers)
    if number % _GONE == 0:
        _mappings[:] = [each for each in _mappings if each[2].memory() is not None]
    address = ctypes.addressof(ctypes.c_char.from_buffer(view))
    mapping = _Mapping(weakref.ref(view.obj), view.nbytes, name, holds, hashes)  # type: ignore[arg-type]
    insort(_mappings, (address, number, mapping))
    known.finders.add(place_of)


def place_of(address: int, length: int) -> known.Place | None:
    """The part of a blob that lies here, if nobody wrote to its pages."""
    found = _mapping_at(address)
    if found is None:
        return None
    start, mapping = found
    if address + length > start + mapping.size or not _is_told_truly():
        return None
    if not (_unwritten(address, length) and mapping.holds()):
        return None
    return known.Place(mapping.name, address - start, length, mapping.hashes)


def _mapping_at(address: int) -> tuple[int, _Mapping] | None:
    for start, _, mapping in reversed(_mappings[: bisect_left(_mappings, (address + 1,))]):
        memory = mapping.memory()
        if memory is not None and not memory.closed:
            return start, mapping
    return None


def _unwritten(address: int, length: int) -> bool:
    first, last = address // mmap.PAGESIZE, (address + length - 1) // mmap.PAGESIZE
    try:
        descriptor = os.open(_PAGEMAP, os.O_RDONLY)  # anew: an open one goes on telling of its opener
    except OSError:
        return False
    try:
        return all(
            _all_unwritten(descriptor, page, min(_AT_ONCE, last + 1 - page))
            for page in range(first, last + 1, _AT_ONCE)
        )
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _all_unwritten(descriptor: int, page: int, pages: int) -> bool:
    entries = os.pread(descriptor, pages * _ENTRY, page * _ENTRY)
    return len(entries) == pages * _ENTRY and not entries[_ENTRY - 1 :: _ENTRY].translate(None, _UNWRITTEN)


@cache
def _is_told_truly() -> bool:
    """Whether the system was seen to tell a page that was written from one that was read."""
    try:
        with TemporaryFile() as file:
            file.truncate(2 * mmap.PAGESIZE)
            memory = mmap.mmap(file.fileno(), 2 * mmap.PAGESIZE, access=mmap.ACCESS_COPY)
    except OSError:
        return False
    memory[mmap.PAGESIZE] = memory[0]  # the same byte: it is the write that counts
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return _unwritten(start, mmap.PAGESIZE) and not _unwritten(start + mmap.PAGESIZE, mmap.PAGESIZE)
