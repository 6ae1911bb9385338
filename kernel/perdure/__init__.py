"""Perdure makes Jupyter notebooks durable: cells leave checkpoints, and work picks up where a kernel died."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._places import found as __getattr__  # noqa: F401  Python asks it for what is not imported yet

if TYPE_CHECKING:
    from .codec import register
    from .engine.current import current
    from .engine.events import listen
    from .engine.file import File
    from .engine.handles import Run
    from .engine.loops import resumable
    from .engine.retrying import exponential
    from .engine.secret import Secret
    from .engine.steps import step
    from .engine.values import digest, dumps, loads
    from .engine.waits import first_success, now, previous, race, random, sleep, sleep_until, state, uuid4
    from .engine.workflows import workflow
    from .errors import Fatal, Retry

__all__ = ["Fatal", "File", "Retry", "Run", "Secret", "current", "digest", "dumps", "exponential",
           "first_success", "listen", "loads", "now", "previous", "race", "random", "register", "resumable",
           "sleep", "sleep_until", "state", "step", "uuid4", "workflow"]  # fmt: skip


def load_ipython_extension(ip: Any) -> None:
    """Bring the magics (`%load_ext perdure`)."""
    import_module("perdure.notebook").load(ip)


def unload_ipython_extension(ip: Any) -> None:
    """Take the magics away (`%unload_ext perdure`)."""
    import_module("perdure.notebook").unload(ip)
