"""Prompt interrupts for cells that await.

The stock kernel only notes SIGINT until something else wakes its event loop, and lets blocking code inside
an awaiting cell run on.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def interruptible(task: asyncio.Task[Any]) -> Iterator[None]:
    """While this lasts, SIGINT stops `task` now, by cancelling it where it waits, else by KeyboardInterrupt.

    Child tasks are stopped at their next await, through the cancellation of `task`. Outside the main thread,
    which alone gets signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = task.get_loop()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # Raised inside any other task, KeyboardInterrupt would leave the loop and end the kernel.
        if asyncio.current_task(loop) is task:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(task.cancel)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
