"""How long a process spends on importing."""

from __future__ import annotations

import _frozen_importlib  # type: ignore[import-not-found]
import time
from typing import Any, Self


class Imports:
    """Seconds that the process spent on importing, while this is open."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def __enter__(self) -> Self:
        find = self._find = _frozen_importlib._find_and_load

        def timed(name: str, import_: Any) -> Any:
            began, self._depth = time.perf_counter(), self._depth + 1
            try:
                return find(name, import_)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - began

        _frozen_importlib._find_and_load = timed
        return self

    def __exit__(self, *_: object) -> None:
        _frozen_importlib._find_and_load = self._find
