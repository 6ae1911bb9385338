"""joblib.Memory: a function's results as files. Nothing is synced."""

from __future__ import annotations

from typing import Any

from joblib import Memory

from bench.peers.caches import Cache


def opened(folder: str) -> Any:
    """A memory is there to be used."""
    return Memory(folder, verbose=0)


peer = Cache(opened, lambda folder, function: opened(folder).cache(function))
