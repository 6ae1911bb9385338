"""Turns are kept beside the loop: one at a time, in a thread, from bytes that nobody changes any more.

A turn that is due while another one is still on its way is not kept: nothing queues up. The thread is no
daemon: a process that ends waits for a turn that is on its way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Work:
    """One turn on its way.

    Args:
        do: puts it where it is kept.
        spend: is told what that took of a processor, in seconds.
    """

    def __init__(self, do: Callable[[], None], spend: Callable[[float], None]) -> None:
        self._parts: tuple[Callable[[], None], Callable[[float], None]] | None = (do, spend)
        self.error: BaseException | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        """Do it, once, and note what came of it. The bytes are let go of."""
        assert self._parts is not None
        (do, spend), self._parts = self._parts, None
        began = time.thread_time()
        try:
            do()
        except BaseException as error:  # noqa: BLE001  told by the loop, in its own thread
            self.error = error
        spend(time.thread_time() - began)
        del do, spend
        self.ended.set()


class Saver:
    """Does one work after the other."""

    def __init__(self) -> None:
        self._work: Work | None = None

    @property
    def busy(self) -> bool:
        """Whether a turn is on its way."""
        return self._work is not None and not self._work.ended.is_set()

    def begin(self, do: Callable[[], None], spend: Callable[[float], None]) -> None:
        """Do it in a thread, where nothing is on its way."""
        self._work = Work(do, spend)
        threading.Thread(target=self._work.run, name="perdure-loop").start()

    def failure(self) -> BaseException | None:
        """Why the last work failed, told once."""
        work = self._work
        if work is None or not work.ended.is_set():
            return None
        self._work = None
        return work.error

    def settle(self) -> None:
        """Wait until nothing is on its way."""
        work = self._work
        if work is not None:
            work.ended.wait()
