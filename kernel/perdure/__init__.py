"""Perdure makes Jupyter notebooks durable: cells leave checkpoints, and work picks up where a kernel died."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .codec import register
    from .engine.current import current
    from .engine.file import File
    from .engine.loops import resumable
    from .engine.retrying import exponential
    from .engine.secret import Secret
    from .engine.steps import step
    from .engine.values import digest, dumps, loads
    from .engine.workflows import Run, workflow
    from .errors import Fatal, Retry

__all__ = [
    "Fatal", "File", "Retry", "Run", "Secret", "current", "digest", "dumps", "exponential", "loads",
    "register", "resumable", "step", "workflow",
]  # fmt: skip

_PLACES = {"Fatal": "errors", "Retry": "errors", "register": "codec", "current": "engine.current"}
_PLACES |= {"Run": "engine.workflows", "File": "engine.file", "Secret": "engine.secret"}
_PLACES["resumable"] = "engine.loops"
_PLACES |= dict.fromkeys(("digest", "dumps", "loads"), "engine.values")
_PLACES |= {"exponential": "engine.retrying", "step": "engine.steps", "workflow": "engine.workflows"}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for."""
    if name in _PLACES:
        return getattr(import_module(f"perdure.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'perdure' has no attribute {name!r}")


def load_ipython_extension(ip: Any) -> None:
    """Bring the magics (`%load_ext perdure`)."""
    import_module("perdure.notebook").load(ip)


def unload_ipython_extension(ip: Any) -> None:
    """Take the magics away (`%unload_ext perdure`)."""
    import_module("perdure.notebook").unload(ip)
