"""The places through which a kernel's output leaves, watched while anybody records.

In a kernel the methods of the very stream and publisher objects are wrapped, so that loggers that hold the
stream, and threads, are seen as well. Streams whose methods cannot be set, in a terminal, are replaced.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from typing import Any

from .routes import Listener, listens_alone


class Outlets:
    """The outlets of one shell. They are wrapped once, however many record, in whatever order they end."""

    def __init__(self, shell: Any) -> None:
        self._publisher = shell.display_pub
        self._listeners: list[tuple[Listener, str | None]] = []
        self._undo: list[Callable[[], None]] = []
        self._busy = threading.local()

    @classmethod
    def of(cls, shell: Any) -> Outlets:
        """The outlets of this shell's present publisher."""
        for outlets in _open:
            if outlets._publisher is shell.display_pub:  # noqa: SLF001  of this very class
                return outlets
        return cls(shell)

    def add(self, listener: Listener) -> None:
        """Tell `listener` from now on what the present cell shows."""
        if not self._listeners:
            _open.append(self)
            self._watch()
        self._listeners.append((listener, _cell(self._publisher)))

    def remove(self, listener: Listener) -> None:
        """Tell it no more."""
        self._listeners = [pair for pair in self._listeners if pair[0] is not listener]
        if not self._listeners and self in _open:
            _open.remove(self)
            while self._undo:
                self._undo.pop()()

    def _watch(self) -> None:
        for name in ("stdout", "stderr"):
            self._watch_stream(name)
        publish, clear_output = self._publisher.publish, self._publisher.clear_output

        def watched_publish(data: Any, metadata: Any = None, *args: Any, **kwargs: Any) -> Any:
            display_id = (kwargs.get("transient") or {}).get("display_id")
            self._published(data, metadata or {}, display_id, update=bool(kwargs.get("update")))
            return self._quietly(publish, data, metadata, *args, **kwargs)

        def watched_clear(wait: bool = False) -> Any:  # noqa: FBT001, FBT002  as it is called
            for listener in self._present(self._publisher):
                listener.cleared(wait=wait)
            return self._quietly(clear_output, wait)

        self._set(self._publisher, "publish", watched_publish)
        self._set(self._publisher, "clear_output", watched_clear)

    def _set(self, target: Any, name: str, value: Any) -> None:
        """Set an attribute of the instance, over a method of its class."""
        before = vars(target).get(name)
        setattr(target, name, value)

        def restore() -> None:
            if before is None:
                vars(target).pop(name, None)
            else:
                setattr(target, name, before)

        self._undo.append(restore)

    def _watch_stream(self, name: str) -> None:
        stream = getattr(sys, name)
        write = stream.write

        def watched(text: str) -> Any:
            for listener in self._present(stream):
                listener.wrote(name, text)
            return write(text)

        try:
            self._set(stream, "write", watched)
        except AttributeError:
            tee = _Tee(stream, watched)
            setattr(sys, name, tee)

            def restore() -> None:
                if getattr(sys, name) is tee:
                    setattr(sys, name, stream)

            self._undo.append(restore)

    def _published(
        self, data: Any, metadata: dict[str, Any], display_id: str | None, *, update: bool
    ) -> None:
        if "perdure" in metadata:  # a line of Perdure's own, which is not part of what the cell shows
            return
        for listener in self._present(self._publisher):
            (listener.updated if update else listener.displayed)(data, metadata, display_id)

    def _present(self, outlet: Any) -> list[Listener]:
        """The listeners whose cell shows this output; that of another cell's task is shown there."""
        if getattr(self._busy, "publishing", False) or listens_alone():
            return []
        cell = _cell(outlet)
        return [listener for listener, own in tuple(self._listeners) if cell is None or own in (None, cell)]

    def _quietly(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a publisher's method; in a terminal it prints, which must not be recorded as text again."""
        self._busy.publishing = True
        try:
            return method(*args, **kwargs)
        finally:
            self._busy.publishing = False


_open: list[Outlets] = []
"""Those that are watched at present."""


def _cell(outlet: Any) -> str | None:
    """The request that an outlet's output belongs to at this moment, where the kernel tells it."""
    header = getattr(outlet, "parent_header", None)
    return header.get("msg_id") if isinstance(header, dict) else None


class _Tee(io.TextIOBase):
    """Stands for a stream, and passes on what is written by another function."""

    def __init__(self, stream: Any, write: Callable[[str], Any]) -> None:
        self._stream = stream
        self._write = write

    def write(self, text: str) -> int:
        """Write and tell."""
        self._write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream itself."""
        self._stream.flush()

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """As the stream itself."""
        return bool(self._stream.isatty())

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's."""
        return getattr(self._stream, name)
