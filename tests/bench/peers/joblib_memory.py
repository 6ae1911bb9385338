"""joblib.Memory: a function's results as files. Nothing is synced."""

from __future__ import annotations

import time
from typing import Any

from joblib import Memory

from bench.peers import subject


def opened(folder: str) -> Any:
    """A memory is there to be used."""
    return Memory(folder, verbose=0)


def steps(folder: str, count: int) -> list[float]:
    """Seconds of each step."""
    tiny, times = opened(folder).cache(subject.tiny), []
    for number in range(count):
        began = time.perf_counter()
        tiny(number)
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
    frame = opened(folder).cache(subject.frame)
    began = time.perf_counter()
    found = frame(name)
    return time.perf_counter() - began, found
