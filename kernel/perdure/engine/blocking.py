"""Blocking a thread until a future is done."""

from __future__ import annotations

import concurrent.futures
import time
from typing import Any

_SLICE = 0.5
"""Seconds after which a blocked thread looks up: it notices an interrupt that came as it blocked."""


def block(future: concurrent.futures.Future[Any], seconds: float | None = None) -> bool:
    """Block until the future is done, or so many seconds are over; whether it is done."""
    end = None if seconds is None else time.monotonic() + seconds
    while not future.done():
        left = _SLICE if end is None else min(_SLICE, end - time.monotonic())
        if left <= 0:
            break
        concurrent.futures.wait([future], left)
    return future.done()
