"""What stops code that belongs to a run: the signal that goes through it, and the ways it gets there.

1. Code is stopped where Python lets it be: at an `await`, in a blocking call of the main thread, else at its
   next line. Its cleanup code runs.
2. The signal reaches nobody else: who has left the block in which it was to be stopped is not disturbed.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import threading
from types import FrameType
from typing import Any, Protocol, Self

CANCELLED, INTERRUPTED = "cancelled", "interrupted"
AGAIN = 0.05
"""Seconds after which the main thread is signalled again."""


class Cancelled(asyncio.CancelledError):
    """Goes through code that is stopped from outside; `except Exception` does not hold it up."""

    def __init__(self, reason: str = "", state: str = CANCELLED) -> None:
        super().__init__(*([reason] if reason else []))
        self.reason = reason
        """Why, as a person said it; may be empty."""
        self.state = state
        """What the run and its calls are then: `cancelled`, or `interrupted` where they may go on."""

    def again(self) -> Cancelled:
        """The same once more, to be raised in another place."""
        return Cancelled(self.reason, self.state)


class Stop(Protocol):
    """A block of code that can be stopped from outside, once, until it was left."""

    def __call__(self, why: BaseException) -> None:
        """Stop it now; nothing happens where it was left, or stopped before."""

    def __enter__(self) -> Self:
        """The block begins."""

    def __exit__(self, *_: object) -> None:
        """The block was left."""


class TaskStop:
    """Stops the running task by cancelling it, at its next await."""

    __slots__ = ("_loop", "_open", "_task")

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._loop = task, task.get_loop()
        self._open = True

    def __call__(self, why: BaseException) -> None:  # noqa: ARG002  a task is told by its cancellation alone
        """Cancel the task from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:
            return  # the loop was closed, and the task is over

    def _cancel(self) -> None:
        if self._open:  # looked at on the loop, so that who has left the block is not cancelled
            self._open = False
            self._task.cancel()

    def __enter__(self) -> Self:
        """The block begins."""
        return self

    def __exit__(self, *_: object) -> None:
        """The block was left."""
        self._open = False


class ThreadStop:
    """Stops the code of this thread: the main thread at once, by a signal, another one at its next line.

    While Perdure's own code is at work in the block it is `held`: that goes on to its end.
    """

    __slots__ = ("_held", "_lock", "_open", "_sent", "_thread")

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._open = True
        self._sent = False
        self._held = 0
        if _is_main(self._thread):
            _listen()

    def __call__(self, why: BaseException) -> None:  # noqa: ARG002  the attempt, or the run, says why
        """Raise `Cancelled` in the thread. A thread that stops itself goes on: who asked for it raises."""
        if threading.get_ident() == self._thread:
            return
        with self._lock:
            if not self._open or self._sent:
                return
            self._sent = True
            if not self._held:
                self._send()

    def _send(self) -> None:
        if not _is_main(self._thread):
            raise_in(self._thread, Cancelled)
        elif _can_signal:
            _sent.append(self)
            threading.Thread(target=self._signal, name="perdure-stop", daemon=True).start()

    def hold(self) -> None:
        """Perdure's own code begins: nothing is raised in it."""
        with self._lock:
            self._held += 1

    def let_go(self, error: BaseException | None) -> None:
        """It has ended, with this error.

        Raises:
            Cancelled: the block was to be stopped meanwhile, and no error goes through it.
        """
        with self._lock:
            self._held -= 1
            due = self._sent and not self._held and self._open
            self._open = self._open and not due
        if due and error is None:
            raise Cancelled

    def _signal(self) -> None:
        """Signal the main thread until it has heard: a call that is just about to block misses a signal."""
        pause = threading.Event()
        while self._open and self in _sent:
            signal.pthread_kill(self._thread, signal.SIGURG)
            pause.wait(AGAIN)

    def arrived(self) -> bool:
        """In the main thread: whether the signal is for code that is still in the block."""
        was, self._open = self._open, False
        return was

    def __enter__(self) -> Self:
        """The block begins."""
        return self

    def __exit__(self, *_: object) -> None:
        """The block was left: a signal that is still on its way arrives nowhere."""
        while True:
            try:
                with self._lock:
                    self._open = False
                if not self._sent:
                    return
                if not _is_main(self._thread):
                    raise_in(self._thread, None)
                elif self in _sent:
                    _sent.remove(self)
            except Cancelled:
                continue  # it arrived just now
            return


_can_signal = hasattr(signal, "pthread_kill") and hasattr(signal, "SIGURG")
_sent: list[ThreadStop] = []
"""Those that were sent a signal in the main thread, which has not arrived yet."""
_listens = False


def _is_main(thread: int) -> bool:
    return thread == threading.main_thread().ident


def _listen() -> None:
    """Have the main thread hear the signal, once: nobody else uses this one, and it ends blocking calls.

    An interrupt (SIGINT) would not do: event loops take it for the user's.
    """
    global _listens  # noqa: PLW0603  one main thread for a process
    if _listens or not _can_signal:
        return
    _listens = True
    before: Any = signal.getsignal(signal.SIGURG)

    def hear(number: int, frame: FrameType | None) -> None:
        stopped = [stop for stop in (_sent.pop() for _ in range(len(_sent))) if stop.arrived()]
        if stopped:
            raise Cancelled
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGURG, hear)


def raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Have `error` raised in another thread at its next line; None takes back one that has not come yet."""
    given = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), given)
