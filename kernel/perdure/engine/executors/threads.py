"""A call in a thread of its own, which can be stopped as far as Python lets a thread be."""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from perdure.engine.cancelling import raise_in

T = TypeVar("T")


class _Ended(Exception):  # noqa: N818  it is raised nowhere
    """Stands for the error that would stop a call, once it has ended."""


class ThreadWork(Generic[T]):
    """A call at work in its thread; `future` has its value or error once the thread is done with it.

    The thread holds up no exit of the interpreter.
    """

    def __init__(self, call: Callable[[], T], context: contextvars.Context, name: str) -> None:
        self.future: Future[T] = Future()
        self._call = call
        self._context = context
        self._lock = threading.Lock()
        self._begun = False
        self._stopped: type[BaseException] | None = None
        self._thread = threading.Thread(target=self._run, name=f"perdure-{name}", daemon=True)
        self._thread.start()

    def stop(self, error: BaseException) -> None:
        """Raise this error in the thread, at the next instruction of Python's that it carries out there.

        A call that waits in C, such as for a lock or a server, goes on until that returns. The first error
        counts, and none reaches a call that has ended.
        """
        with self._lock:
            if self._stopped is None:
                self._stopped = _raiser(error)
                if self._begun:
                    assert self._thread.ident is not None
                    raise_in(self._thread.ident, self._stopped)

    def _run(self) -> None:
        try:
            self._settle(*self._carried_out())
        except BaseException as late:  # noqa: BLE001  it was raised between the call and what takes its result
            self._settle(None, late)

    def _carried_out(self) -> tuple[Any, BaseException | None]:
        value, error = None, None
        try:
            with self._lock:
                if self._stopped is not None:
                    raise self._stopped  # noqa: TRY301  it is caught like one that comes later
                self._begun = True  # from here on an error that is raised in this thread is caught below
            value = self._context.run(self._call)
        except BaseException as failure:  # noqa: BLE001  the caller gets it
            error = failure
        with self._lock:
            self._stopped = self._stopped or _Ended
        raise_in(threading.get_ident(), None)
        return value, error

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(value)


def begin_in_thread(call: Callable[[], T], context: contextvars.Context, name: str) -> ThreadWork[T]:
    """Begin a call in a thread of its own, in this context.

    Args:
        call: what is called there.
        context: its context.
        name: of the step, for the thread's.
    """
    return ThreadWork(call, context, name)


def begin_in_threads(
    calls: Sequence[Callable[[], T]], concurrency: int, name: str, *, daemon: bool
) -> list[Future[T]]:
    """Begin calls in their order, in threads, at most so many at once.

    Args:
        calls: what is called there.
        concurrency: how many threads there are at most.
        name: of the step, for the threads'.
        daemon: whether they hold up no exit of the interpreter.
    """
    futures: list[Future[T]] = [Future() for _ in calls]
    waiting = deque(zip(futures, calls, strict=True))
    for number in range(min(concurrency, len(calls))):
        thread = f"perdure-{name}_{number}"
        threading.Thread(target=_serve, args=(waiting,), name=thread, daemon=daemon).start()
    return futures


def _serve(waiting: deque[tuple[Future[T], Callable[[], T]]]) -> None:
    """Carry out what waits, until nothing does."""
    while True:
        try:
            future, call = waiting.popleft()
        except IndexError:
            return
        if not future.set_running_or_notify_cancel():
            continue
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001  who waits for it gets it
            future.set_exception(error)
        else:
            future.set_result(value)
            del value
        del future, call  # this thread holds nothing of it while it waits for the next


def _raiser(error: BaseException) -> type[BaseException]:
    """A class that raises as an error like this one: Python itself makes what it raises in a thread.

    It is another object, since two threads that raise one would write over each other's traceback.
    """
    kind: Any = type(error)
    like = kind.__new__(kind, *error.args)
    like.args = error.args
    vars(like).update(vars(error))

    class Raised(kind):  # type: ignore[misc]  # the base is known at run time only
        def __new__(cls, *_: Any) -> Any:
            return like  # also where Python asks again, with the error that it got

    Raised.__name__, Raised.__qualname__ = kind.__name__, kind.__qualname__
    return Raised
