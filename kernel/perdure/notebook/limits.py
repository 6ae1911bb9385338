"""A time limit for code that does not await: the one place that uses a POSIX timer."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


@contextlib.contextmanager
def time_limit(seconds: float | None, error: Exception) -> Iterator[None]:
    """Raise `error` in the block when it runs longer than this; None sets no limit.

    Raises:
        RuntimeError: no such timer here: another system than POSIX, or another thread than the main one.
    """
    if seconds is None:
        yield
        return
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "a time limit for code that does not await needs the main thread of Linux or macOS"
        )

    def expire(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise error

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
