"""What all peers have in common that keep a function's results under its arguments."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench.peers import subject


class Cache:
    """A peer that needs no workflow: a call whose result is kept is answered with it."""

    def __init__(
        self, opened: Callable[[str], Any], cached: Callable[[str, Callable[[Any], Any]], Any]
    ) -> None:
        """A peer.

        Args:
            opened: makes it ready for use in a folder.
            cached: gives a function whose results are kept there.
        """
        self.opened = opened
        self._cached = cached

    def steps(self, folder: str, count: int) -> list[float]:
        """Seconds of each step."""
        tiny, times = self._cached(folder, subject.tiny), []
        for number in range(count):
            began = time.perf_counter()
            tiny(number)
            times.append(time.perf_counter() - began)
        return times

    def replay(self, folder: str, count: int) -> tuple[float, list[float]]:
        """Seconds of the same calls again, and of each."""
        began = time.perf_counter()
        times = self.steps(folder, count)
        return time.perf_counter() - began, times

    def keep(self, folder: str, name: str) -> float:
        """Seconds of the call that makes the frame."""
        return self.load(folder, name)[0]

    def load(self, folder: str, name: str) -> tuple[float, Any]:
        """Seconds of the call, and the frame."""
        frame = self._cached(folder, subject.frame)
        began = time.perf_counter()
        found = frame(name)
        return time.perf_counter() - began, found
