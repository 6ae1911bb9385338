"""What the code of a call prints in a worker: taken down there, printed in the kernel."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

LIMIT = 1_000_000
"""Bytes that are taken down of one call; what is printed beyond them is dropped, and that is told."""

_FILES = {"stdout": 1, "stderr": 2}


class Printed:
    """What is printed, in order, over both streams."""

    def __init__(self) -> None:
        self._chunks: list[tuple[str, bytearray]] = []
        self._size = 0
        self._dropped = 0

    def add(self, stream: str, data: bytes) -> None:
        """Take down what was printed on a stream, as far as there is room."""
        kept = data[: max(0, LIMIT - self._size)]
        self._size += len(kept)
        self._dropped += len(data) - len(kept)
        if not kept:
            return
        if not self._chunks or self._chunks[-1][0] != stream:
            self._chunks.append((stream, bytearray()))
        self._chunks[-1][1].extend(kept)

    def texts(self) -> tuple[tuple[str, str], ...]:
        """What was printed, in order, each piece with its stream."""
        found = [(stream, data.decode("utf-8", "replace")) for stream, data in self._chunks]
        if self._dropped:
            said = f"\n[{self._dropped} bytes more were printed in the worker, and are not shown.]\n"
            found.append(("stderr", said))
        return tuple(found)


class _Raw(io.RawIOBase):
    """A stream of this process, for as long as it lives: a logger may keep it from one call to the next."""

    def __init__(self, stream: str) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Where a process that is started with this stream prints: where this process did."""
        return _FILES[self._stream]

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # it takes any buffer
        taken = bytes(data)
        if _taking is not None:
            _taking.add(self._stream, taken)
            return len(taken)
        return os.write(self.fileno(), taken)


_taking: Printed | None = None
_streams: dict[str, io.TextIOWrapper] = {}


@contextmanager
def taken_down(printed: Printed) -> Iterator[None]:
    """In the block, take down what this process prints."""
    global _taking  # noqa: PLW0603  a process has one pair of streams, and carries out one call at a time
    for name in _FILES:
        if name not in _streams or _streams[name].closed:
            # Nothing is buffered in between, so that the order over both streams stays.
            raw: Any = _Raw(name)
            _streams[name] = io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _streams["stdout"], _streams["stderr"]
    _taking = printed
    try:
        yield
    finally:
        for stream in _streams.values():
            with suppress(ValueError):  # it was closed by what printed on it
                stream.flush()
        _taking = None
        sys.stdout, sys.stderr = before
