"""Perdure makes Jupyter notebooks durable: cells leave checkpoints, and work picks up where a kernel died."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .codec import digest, register
    from .engine.file import File
    from .engine.secret import Secret
    from .engine.steps import step
    from .engine.values import dumps, loads
    from .engine.workflows import Run, workflow

__all__ = ["File", "Run", "Secret", "digest", "dumps", "loads", "register", "step", "workflow"]

_PLACES = {
    "File": "perdure.engine.file",
    "Run": "perdure.engine.workflows",
    "Secret": "perdure.engine.secret",
    "digest": "perdure.engine.values",
    "dumps": "perdure.engine.values",
    "loads": "perdure.engine.values",
    "register": "perdure.codec",
    "step": "perdure.engine.steps",
    "workflow": "perdure.engine.workflows",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for."""
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'perdure' has no attribute {name!r}")


def load_ipython_extension(ip: Any) -> None:
    """Bring the magics (`%load_ext perdure`)."""
    from .notebook import load

    load(ip)


def unload_ipython_extension(ip: Any) -> None:
    """Take the magics away (`%unload_ext perdure`)."""
    from .notebook import unload

    unload(ip)
