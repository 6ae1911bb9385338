"""Large bytes between the kernel and a worker of its own: a file that both open, and no disk holds.

On Linux it is memory, which goes away with the processes however they end. Elsewhere it is a temporary file,
which the kernel removes. What is in it is mapped, so that nothing is copied twice.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from .wire import Part

_PAGE = mmap.ALLOCATIONGRANULARITY


class Parcel:
    """A file of the kernel's, by an address at which a worker finds it for as long as it is open."""

    def __init__(self) -> None:
        self._path: str | None = None
        self._file, self.address = -1, ""
        if hasattr(os, "memfd_create"):
            self._file = os.memfd_create("perdure")
            self.address = f"/proc/{os.getpid()}/fd/{self._file}"
        if not os.path.exists(self.address):  # noqa: PTH110  no such memory, or no /proc to find it in
            self.close()
            self._file, self.address = tempfile.mkstemp(prefix="perdure-")
            self._path = self.address

    def put(self, parts: Sequence[Part]) -> list[int]:
        """Write the parts; their sizes, by which they are found."""
        return _write(self._file, parts)

    def take(self, sizes: Sequence[int]) -> list[memoryview]:
        """What a worker wrote, mapped: memory of this process's own from then on."""
        return _mapped(self._file, sizes)

    def close(self) -> None:
        """Let go of it; what was mapped stays. Twice is fine."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if self._path is not None:
                with suppress(OSError):
                    os.unlink(self._path)  # noqa: PTH108  the address is a text


def received(address: str, sizes: Sequence[int]) -> list[memoryview]:
    """In a worker: what the kernel put into a parcel, mapped."""
    file = os.open(address, os.O_RDONLY)
    try:
        return _mapped(file, sizes)
    finally:
        os.close(file)


def sent(address: str, parts: Sequence[Part]) -> list[int]:
    """In a worker: write parts into a parcel; their sizes."""
    file = os.open(address, os.O_RDWR)
    try:
        return _write(file, parts)
    finally:
        os.close(file)


def _write(file: int, parts: Sequence[Part]) -> list[int]:
    at, sizes = 0, []
    for part in parts:
        view = memoryview(part)
        sizes.append(view.nbytes)
        os.lseek(file, at, os.SEEK_SET)
        written = 0
        while written < view.nbytes:
            written += os.write(file, view[written:])
        at += _padded(view.nbytes)
    os.ftruncate(file, at)
    return sizes


def _mapped(file: int, sizes: Sequence[int]) -> list[memoryview]:
    """The parts over one map, whose pages become this process's own as they are written to."""
    total = sum(map(_padded, sizes))
    if not total:
        return [memoryview(b"") for _ in sizes]
    memory = memoryview(mmap.mmap(file, total, access=mmap.ACCESS_COPY))
    found, at = [], 0
    for size in sizes:
        found.append(memory[at : at + size])
        at += _padded(size)
    return found


def _padded(size: int) -> int:
    return -(-size // _PAGE) * _PAGE
