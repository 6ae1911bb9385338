"""Where a kernel's output goes: into the cell that runs, or to one listener alone.

What code shows for which somebody listens `alone` goes to that listener, and into no cell. That code is what
has the listener in its context, with its tasks and steps; a thread that it starts by hand has not.

Streams and publisher get a class of ours for that, once: a method that is set on the object itself would be
taken away by whoever sets one meanwhile, as IPython does while a cell runs. At the cell's end IPython puts
back what it found: so a method may outlive its class, after a `%reload_ext`, and none of them uses `super()`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol


class Listener(Protocol):
    """Who is told what is shown."""

    def wrote(self, name: str, text: str) -> None:
        """Text was written to `stdout` or `stderr`."""

    def displayed(self, data: dict[str, Any], metadata: dict[str, Any], display_id: str | None) -> None:
        """A rich display was shown."""

    def updated(self, data: dict[str, Any], metadata: dict[str, Any], display_id: str | None) -> None:
        """A rich display was changed in place."""

    def cleared(self, *, wait: bool) -> None:
        """What was shown so far was wiped, or will be when more is shown."""


_alone: ContextVar[Listener | None] = ContextVar("perdure_alone", default=None)
_routed = 0


@contextlib.contextmanager
def alone(listener: Listener) -> Iterator[None]:
    """Tell `listener`, and nobody else, what the code of the block shows."""
    token = _alone.set(listener)
    try:
        yield
    finally:
        _alone.reset(token)


def listens_alone() -> bool:
    """Whether somebody listens alone to the calling code."""
    return _alone.get() is not None


def is_routed() -> bool:
    """Whether output can go to one listener alone: in a kernel."""
    return bool(_routed)


def install(shell: Any) -> Callable[[], None]:
    """Have output of this shell routed; the function that is returned ends that."""
    global _routed  # noqa: PLW0603  one kernel for a process
    streams = [(name, getattr(sys, name)) for name in ("stdout", "stderr")]
    if not all(hasattr(stream, "pub_thread") for _, stream in streams):
        return lambda: None  # no kernel's
    undo = [_as(stream, _stream_class(type(stream), name)) for name, stream in streams]
    undo.append(_as(shell.display_pub, _publisher_class(type(shell.display_pub))))
    _routed += 1

    def uninstall() -> None:
        global _routed  # noqa: PLW0603
        _routed -= 1
        for each in undo:
            each()

    return uninstall


def _as(target: Any, kind: type) -> Callable[[], None]:
    before = target.__class__
    target.__class__ = kind

    def restore() -> None:
        target.__class__ = before

    return restore


def _stream_class(kind: Any, name: str) -> type:
    class Routed(kind):  # type: ignore[misc]  # the kernel's class, whichever it is
        def write(self, text: str) -> int | None:
            listener = _alone.get()
            if listener is None:
                written: int | None = kind.write(self, text)
                return written
            listener.wrote(name, text)
            return len(text)

    return _named(Routed, kind)


def _publisher_class(kind: Any) -> type:
    class Routed(kind):  # type: ignore[misc]  # the same
        def publish(self, data: Any, metadata: Any = None, *args: Any, **kwargs: Any) -> Any:
            listener, update = _alone.get(), bool(kwargs.get("update"))
            ours = "perdure" in (metadata or {})
            if listener is None or (ours and update):  # a picture is drawn anew where it stands
                return kind.publish(self, data, metadata, *args, **kwargs)
            if not ours:
                display_id = (kwargs.get("transient") or {}).get("display_id")
                (listener.updated if update else listener.displayed)(data, metadata or {}, display_id)
            return None

        def clear_output(self, wait: bool = False) -> Any:  # noqa: FBT001, FBT002  as it is called
            listener = _alone.get()
            return kind.clear_output(self, wait) if listener is None else listener.cleared(wait=wait)

    return _named(Routed, kind)


def _named(routed: type, kind: type) -> type:
    """The class under the name of the one that it stands for."""
    routed.__name__, routed.__qualname__, routed.__module__ = (
        kind.__name__,
        kind.__qualname__,
        kind.__module__,
    )
    return routed
