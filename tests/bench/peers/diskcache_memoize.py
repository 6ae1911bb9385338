"""diskcache: results in SQLite (WAL, synchronous=NORMAL), large ones as files. Nothing is synced."""

from __future__ import annotations

from typing import Any

import diskcache

from bench.peers.caches import Cache


def opened(folder: str) -> Any:
    """A cache is there to be used."""
    return diskcache.Cache(folder, size_limit=1 << 40)


peer = Cache(opened, lambda folder, function: opened(folder).memoize()(function))
