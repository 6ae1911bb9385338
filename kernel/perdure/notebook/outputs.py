"""What a cell shows, recorded while it is shown, so that it can be shown again.

1. Printed text, displays, their later updates and figures are kept in their order; text as it was written.
2. Recording changes nothing of what is seen live, and prints of threads and loggers are kept as well.
3. A display keeps its id, so that a handle to it goes on working after it was shown again.
4. What is kept is plain data and bounded: of too much, the middle is left out, and a line says so.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from .outlets import Outlets
from .plain import plain_bundle
from .routes import alone, is_routed

Output: TypeAlias = dict[str, Any]
"""As in a notebook file: `stream`, `display_data`, or `update_display_data` for a display of another cell."""

LIMIT = 10_000_000
"""Characters of one recording."""
_CHUNK = 8192
_WIDGET = "application/vnd.jupyter.widget-view+json"


class Recorder:
    """Records what a cell shows. One recorder is for one recording."""

    def __init__(self, shell: Any, *, limit: int = LIMIT) -> None:
        self._shell = shell
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: list[Output] = []
        self._size = 0
        self._ids: set[str] = set()
        self._clear_before_next = False
        self._cut_at: int | None = None
        self._cut = 0

    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Record everything that is shown until the end, figures that are still open included."""
        outlets = Outlets.of(self._shell)
        outlets.add(self)
        try:
            yield self
        finally:
            # Figures would otherwise be drawn after the cell, when nobody records any more.
            inline = sys.modules.get("matplotlib_inline.backend_inline")
            try:
                if inline is not None:
                    inline.flush_figures()
            finally:
                outlets.remove(self)

    @contextmanager
    def recording_alone(self) -> Iterator[Recorder]:
        """Record what the code of the block shows, with its tasks and steps; nobody else sees it.

        In a terminal, where output has no cell, everybody sees it.
        """
        with alone(self) if is_routed() else self.recording():
            yield self

    @property
    def outputs(self) -> list[Output]:
        """What was shown so far, neighbouring text of one stream joined."""
        with self._lock:
            joined: list[Output] = []
            for index, output in enumerate(self._kept):
                if index == self._cut_at:
                    joined.append(_cut_line(self._cut))
                self._join(joined, output)
            if self._cut_at == len(self._kept):
                joined.append(_cut_line(self._cut))
            return joined

    # -- what the outlets tell ---------------------------------------------------------------------------

    def wrote(self, name: str, text: str) -> None:
        """Text was written to `stdout` or `stderr`."""
        with self._lock:
            self._clear_if_due()
            for start in range(0, len(text), _CHUNK):
                piece = text[start : start + _CHUNK]
                last = self._kept[-1] if self._kept and self._cut_at != len(self._kept) else {}
                if last.get("name") == name and len(last["text"]) < _CHUNK:
                    last["text"] += piece
                else:
                    self._kept.append({"output_type": "stream", "name": name, "text": piece})
                self._size += len(piece)
            self._shorten()

    def displayed(self, data: dict[str, Any], metadata: dict[str, Any], display_id: str | None) -> None:
        """A rich display was shown."""
        output: Output = {
            "output_type": "display_data",
            "data": plain_bundle(data),
            "metadata": plain_bundle(metadata),
        }
        with self._lock:
            self._clear_if_due()
            if display_id:
                output["display_id"] = display_id
                self._ids.add(display_id)
            self._append(output)

    def updated(self, data: dict[str, Any], metadata: dict[str, Any], display_id: str | None) -> None:
        """A display was changed in place; its last state is what counts."""
        state = {"data": plain_bundle(data), "metadata": plain_bundle(metadata)}
        with self._lock:
            mine = [output for output in self._kept if display_id and output.get("display_id") == display_id]
            for output in mine:
                self._size -= _size(output)
                output.update(state)
                self._size += _size(output)
            # One that was never seen here belongs to another cell, which shows it in its older state.
            if not mine and display_id and display_id not in self._ids:
                self._append({"output_type": "update_display_data", **state, "display_id": display_id})
            self._shorten()

    def cleared(self, *, wait: bool) -> None:
        """The output so far was wiped, or will be with the next one."""
        with self._lock:
            self._clear_before_next = True
            if not wait:
                self._clear_if_due()

    # -- bounds ------------------------------------------------------------------------------------------

    def _append(self, output: Output) -> None:
        self._kept.append(output)
        self._size += _size(output)
        self._shorten()

    def _clear_if_due(self) -> None:
        if self._clear_before_next:
            self._kept = [output for output in self._kept if output["output_type"] == "update_display_data"]
            self._size = sum(map(_size, self._kept))
            self._clear_before_next, self._cut_at, self._cut = False, None, 0

    def _shorten(self) -> None:
        """Leave out of the middle what is too much: the first half stays, and as much of the end as fits."""
        if self._size <= self._limit:
            return
        if self._cut_at is None:
            self._cut_at, room = 0, self._limit // 2
            for output in self._kept:
                room -= _size(output)
                if room < 0:
                    break
                self._cut_at += 1
        while self._size > self._limit and self._cut_at < len(self._kept):
            size = _size(self._kept.pop(self._cut_at))
            self._size -= size
            self._cut += size

    def _join(self, joined: list[Output], output: Output) -> None:
        last = joined[-1] if joined else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            joined.append(dict(output))


def show(shell: Any, outputs: list[Output]) -> None:
    """Show recorded outputs again. Live widgets are not, only their text or HTML."""
    for output in outputs:
        if output["output_type"] == "stream":
            getattr(sys, output["name"]).write(output["text"])
            continue
        data = {kind: value for kind, value in output["data"].items() if kind != _WIDGET}
        display_id = output.get("display_id")
        shell.display_pub.publish(
            data,
            output["metadata"],
            transient={"display_id": display_id} if display_id else {},
            update=output["output_type"] == "update_display_data",
        )
    sys.stdout.flush()
    sys.stderr.flush()


def _size(output: Output) -> int:
    if output["output_type"] == "stream":
        return len(output["text"])
    return sum(len(value) if isinstance(value, str) else len(str(value)) for value in output["data"].values())


def _cut_line(size: int) -> Output:
    text = f"\n[{size:,} characters of output are left out here: too much to keep]\n"
    return {"output_type": "stream", "name": "stderr", "text": text}
