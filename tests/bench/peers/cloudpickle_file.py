"""What people write by hand: cloudpickle into a file that is renamed. BENCH_SYNC=1 syncs it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle

from bench.peers.caches import Cache


def opened(folder: str) -> Path:
    """A folder is there to be used."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    return path


def _kept(file: Path, function: Callable[[Any], Any], given: Any) -> Any:
    if file.exists():
        with file.open("rb") as stream:
            return pickle.load(stream)
    value = function(given)
    temporary = file.with_suffix(".part")
    with temporary.open("wb") as stream:
        cloudpickle.dump(value, stream, protocol=5)
        if os.environ.get("BENCH_SYNC"):
            stream.flush()
            os.fsync(stream.fileno())
    temporary.replace(file)
    return value


def cached(folder: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function; each result has a file of its own."""
    path = opened(folder)
    return lambda given: _kept(path / f"{function.__name__}-{given}", function, given)


peer = Cache(opened, cached)
