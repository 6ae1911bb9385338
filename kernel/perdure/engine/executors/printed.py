"""What the code of a call prints in a worker: taken down there, printed in the kernel."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT = 1_000_000
"""Bytes that are taken down of one call; what is printed beyond them is dropped, and that is told."""


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
    def __init__(self, printed: Printed, stream: str) -> None:
        self._printed = printed
        self._stream = stream

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Where a process that is started with this stream prints: where this process did."""
        return 1 if self._stream == "stdout" else 2

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # it takes any buffer
        taken = bytes(data)
        self._printed.add(self._stream, taken)
        return len(taken)


@contextmanager
def taken_down(printed: Printed) -> Iterator[None]:
    """In the block, take down what this process prints."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        # Nothing is buffered in between, so that the order over both streams stays.
        io.TextIOWrapper(_Raw(printed, name), "utf-8", "backslashreplace", write_through=True)  # type: ignore[type-var]
        for name in ("stdout", "stderr")
    )
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except ValueError:
                continue  # it was closed by what printed on it
        sys.stdout, sys.stderr = before
