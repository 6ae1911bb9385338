"""The worker processes of a kernel: one for each core, as far as needed, each for one call at a time.

1. A worker that dies is a failed attempt of the call that it carried out, and of no other one.
2. To stop a call kills its worker, and no other; what waits for a worker is stopped and never begins.
3. No worker outlives the kernel, and none holds up its exit.

One thread looks after all of them: what others want of it they put into its queue, so that there is one order
in which calls begin, end and are stopped. It also starts the workers, which end with the thread that did so.
"""

from __future__ import annotations

import functools
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import Any

from . import processes
from .shelf import Shelf
from .slots import Job, Slot

IDLE = 60.0
"""Seconds after which a worker without work ends."""
LOOK = 1.0
"""Seconds between two looks at the workers that are at work."""
_EXIT = 10.0
"""Seconds that an exit of the interpreter waits for the workers to be killed."""

_log = logging.getLogger(__name__)


class Pool:
    """Workers, at most `size` at once.

    Args:
        size: how many.
        idle: seconds after which one without work ends.
    """

    def __init__(self, size: int, *, idle: float = IDLE) -> None:
        self.size = size
        self.process = os.getpid()
        self._idle = idle
        self._wishes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting: deque[Job] = deque()
        self._slots: list[Slot] = []
        """The one that was at work last stands last."""
        self._leaving: list[Slot] = []
        self._shelf = Shelf()
        self._looked = 0.0
        self._closed = False
        self._at_exit = False
        self._thread = threading.Thread(target=self._run, name="perdure-workers", daemon=True)
        self._thread.start()

    def begin(self, job: Job) -> None:
        """Carry out a call as soon as a worker is free."""
        job.future.add_done_callback(lambda future: self._ended(job) if future.cancelled() else None)
        self._wishes.put(functools.partial(self._take, job))

    def close(self) -> None:
        """Stop everything, and begin nothing more. Twice is fine."""
        closed = threading.Event()
        self._wishes.put(functools.partial(self._close, closed))
        closed.wait(_EXIT)

    def workers(self) -> int:
        """How many workers there are."""
        return len(self._slots)

    def _ended(self, job: Job) -> None:
        self._wishes.put(functools.partial(self._stop, job))

    # -- on the pool's own thread ------------------------------------------------------------------------

    def _run(self) -> None:
        processes.hold_interrupts_back()
        while True:
            try:
                pause = self._pause()
                if pause is not None and pause <= 0:
                    self._look()
                else:
                    self._wishes.get(timeout=pause)()
            except queue.Empty:
                continue
            except Exception:  # noqa: BLE001  workers end with this thread, so it never does
                _log.exception("The pool of workers goes on after an error")

    def _pause(self) -> float | None:
        """Seconds until somebody has to be looked at; None where nobody has."""
        now = time.monotonic()
        if self._leaving or self._shelf or any(slot.job for slot in self._slots):
            return self._looked + LOOK - now
        if not self._slots:
            return None
        return min(slot.idle_since for slot in self._slots) + self._idle - now

    def _take(self, job: Job) -> None:
        if self._closed:
            job.future.cancel()
            return
        self._waiting.append(job)
        self._dispatch()

    def _dispatch(self) -> None:
        """Begin what waits, as far as there are workers."""
        while self._waiting:
            job = self._waiting[0]
            try:
                if not job.future.done() and not self._begin(job):
                    return
            except Exception as error:  # noqa: BLE001  whoever waits for the call gets it
                job.settle(None, error)
            self._waiting.popleft()

    def _begin(self, job: Job) -> bool:
        """Begin a call; False where no worker is free."""
        while True:
            slot = self._free_slot()
            if slot is None:
                return False
            try:
                slot.begin(job)
            except BrokenExecutor:  # its worker died just now, and the call has not begun
                self._drop(slot)
            except BaseException:
                self._drop(slot)
                raise
            else:
                self._register_exit()
                return True

    def _free_slot(self) -> Slot | None:
        """A worker without work, the warmest first, or a new one; None where all have work."""
        for slot in reversed(self._slots):
            if slot.job is None:
                if not slot.dead:
                    self._slots.remove(slot)
                    self._slots.append(slot)
                    return slot
                self._drop(slot)
                break
        else:
            if len(self._slots) >= self.size:
                return None
        slot = Slot(self._done, self._shelf)
        self._slots.append(slot)
        return slot

    def _done(self, slot: Slot, done: Future[Any]) -> None:
        """Loky is done with a call: on its thread."""
        self._wishes.put(functools.partial(self._settle, slot, done))

    def _settle(self, slot: Slot, done: Future[Any] | None) -> None:
        if slot not in self._slots:
            return
        slot.end(done)
        if slot.doomed:
            self._drop(slot)
        self._dispatch()

    def _stop(self, job: Job) -> None:
        """A call is not wanted any more: where it has begun, its worker is killed."""
        for slot in self._slots:
            if slot.job is job:
                slot.kill()

    def _drop(self, slot: Slot) -> None:
        self._slots.remove(slot)
        slot.close(kill=slot.doomed or slot.dead)
        self._leaving.append(slot)

    def _look(self) -> None:
        """See who is idle, who died unnoticed, and how much memory those hold that are at work."""
        self._looked = now = time.monotonic()
        self._leaving = [slot for slot in self._leaving if not slot.left]
        for slot in list(self._slots):
            if slot.job is None:
                if now - slot.idle_since >= self._idle:
                    self._drop(slot)
            elif slot.look():
                self._settle(slot, None)
        if all(slot.job is None and now - slot.idle_since >= LOOK for slot in self._slots):
            self._shelf.clear()

    def _register_exit(self) -> None:
        """At exit, loky waits for its calls, so they are to be over: what was registered last runs first."""
        if not self._at_exit:
            self._at_exit = True
            try:
                threading._register_atexit(self.close)  # type: ignore[attr-defined]  # noqa: SLF001  as loky does
            except RuntimeError:  # it is the exit already
                self._close(threading.Event())

    def _close(self, closed: threading.Event) -> None:
        self._closed = True
        for slot in (*self._leaving, *self._slots):
            slot.kill()
        for slot in list(self._slots):
            if slot.job is not None:
                slot.job.future.cancel()
            self._drop(slot)
        for job in self._waiting:
            job.future.cancel()
        self._waiting.clear()
        self._shelf.clear()
        closed.set()


_pool: Pool | None = None
_making = threading.Lock()


def the_pool() -> Pool:
    """This process's pool, made when first needed."""
    global _pool  # noqa: PLW0603  one pool per process
    with _making:
        if _pool is None or _pool.process != os.getpid():
            _pool = Pool(cores())
        return _pool


def cores() -> int:
    """How many processors this process may use."""
    import loky

    return int(loky.cpu_count())
