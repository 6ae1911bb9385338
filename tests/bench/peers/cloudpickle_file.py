"""What people write by hand: cloudpickle into a file that is renamed. BENCH_SYNC=1 syncs it."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle

from bench.peers import subject


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


def steps(folder: str, count: int) -> list[float]:
    """Seconds of each step."""
    path, times = opened(folder), []
    for number in range(count):
        began = time.perf_counter()
        _kept(path / f"tiny-{number}", subject.tiny, number)
        times.append(time.perf_counter() - began)
    return times


def replay(folder: str, count: int) -> tuple[float, list[float]]:
    """Seconds of the same calls again, and of each."""
    began = time.perf_counter()
    times = steps(folder, count)
    return time.perf_counter() - began, times


def keep(folder: str, name: str) -> float:
    """Seconds of the call that makes the frame."""
    return load(folder, name)[0]


def load(folder: str, name: str) -> tuple[float, Any]:
    """Seconds of the call, and the frame."""
    file = opened(folder) / name
    began = time.perf_counter()
    found = _kept(file, subject.frame, name)
    return time.perf_counter() - began, found
