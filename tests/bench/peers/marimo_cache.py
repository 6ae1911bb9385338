"""marimo's persistent cache, outside a notebook: a function's results as files. Nothing is synced."""

from __future__ import annotations

from typing import Any

import marimo

from bench.peers.caches import Cache


def opened(folder: str) -> Any:
    """A cache is there to be used."""
    return marimo.persistent_cache(save_path=folder)


def cached(folder: str, function: Any) -> Any:
    """The function; marimo looks at the frames of those who call it, and one must be between."""
    return opened(folder)(function)


peer = Cache(opened, cached)
