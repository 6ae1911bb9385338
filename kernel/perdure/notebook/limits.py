"""Time limits for code that awaits, and for code that does not: the one place that uses a POSIX timer."""

from __future__ import annotations

import asyncio
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


@contextlib.contextmanager
def awaiting_limit(seconds: float | None, error: Exception) -> Iterator[None]:
    """Raise `error` when the awaiting block runs longer than this; None sets no limit.

    Unlike `asyncio.timeout` it may stand around code that tells a cancellation as KeyboardInterrupt.
    """
    task = asyncio.current_task()
    if seconds is None or task is None:
        yield
        return
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    timer = task.get_loop().call_later(seconds, expire)
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt):
        if not expired or task.uncancel() > 0:
            raise
        raise error from None
    else:
        if expired:
            task.uncancel()
    finally:
        timer.cancel()
