"""In which module each name of the face is, so that it is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

PLACES: Final[Mapping[str, str]] = {
    "Fatal": "errors",
    "File": "engine.file",
    "Retry": "errors",
    "Run": "engine.handles",
    "Secret": "engine.secret",
    "current": "engine.current",
    "digest": "engine.values",
    "dumps": "engine.values",
    "exponential": "engine.retrying",
    "first_success": "engine.waits",
    "listen": "engine.events",
    "loads": "engine.values",
    "now": "engine.waits",
    "previous": "engine.waits",
    "race": "engine.waits",
    "random": "engine.waits",
    "register": "codec",
    "resumable": "engine.loops",
    "sleep": "engine.waits",
    "sleep_until": "engine.waits",
    "state": "engine.waits",
    "step": "engine.steps",
    "uuid4": "engine.waits",
    "workflow": "engine.workflows",
}


def found(name: str) -> Any:
    """What the face has under this name.

    Raises:
        AttributeError: nothing.
    """
    if name in PLACES:
        return getattr(import_module(f"perdure.{PLACES[name]}"), name)
    raise AttributeError(f"module 'perdure' has no attribute {name!r}")
