"""`submit` and `map`: calls beside each other, each in a branch of its own.

Async steps become tasks of the running event loop; sync steps, and async steps where no loop runs, go to
threads. Results match their calls whatever finishes first.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from perdure.errors import WrongThread

from .calls import Call
from .cancelling import Cancelled
from .executors.choice import default_concurrency, executor_of
from .executors.threads import begin_in_threads
from .scope import Scope, context_in, own_code

if TYPE_CHECKING:
    from .callee import Callee

T = TypeVar("T")


class Beside:
    """What goes on beside the body, in branches of its own."""

    branches: tuple[str, ...] = ()

    def cancel(self) -> object:
        """Stop it, as far as that can be done. Twice is fine."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Whoever waited for it was stopped: nobody waits for it any more."""
        self.cancel()


class Future(Beside, Generic[T]):
    """The coming result of a call: `await` it, or ask for `.result()` from another thread than the loop's."""

    def __init__(
        self,
        name: str,
        waits: concurrent.futures.Future[T] | asyncio.Task[T],
        branches: tuple[str, ...] = (),
        stop: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._waits = waits
        self._stop = stop  # what has begun in a thread
        self.branches = branches

    def done(self) -> bool:
        """Whether the call has ended."""
        return self._waits.done()

    def result(self) -> T:
        """Wait for the value, and return it or raise the call's error.

        Raises:
            WrongThread: called on the event loop's own thread, which would then never finish.
        """
        if not self.done() and loop_runs_here():
            raise WrongThread(name=self._name, call="the future")
        self.wait()
        return self._waits.result()

    def wait(self) -> None:
        """Wait, on another thread than the loop's, until the call has ended, well or badly."""
        waits = self._waits
        if isinstance(waits, concurrent.futures.Future):
            concurrent.futures.wait([waits])
        elif not waits.done():
            ended = threading.Event()
            waits.get_loop().call_soon_threadsafe(waits.add_done_callback, lambda _: ended.set())
            ended.wait()

    def cancel(self) -> None:
        """Stop the call: at its next await, in a thread at its next line, in a process at once.

        Outside every run, and inside a step, a thread that has begun goes on to its end.
        """
        waits = self._waits
        if isinstance(waits, asyncio.Task) and not loop_runs_here():
            waits.get_loop().call_soon_threadsafe(waits.cancel)
        elif not waits.cancel() and not waits.done() and self._stop is not None:
            self._stop()

    def awaitable(self) -> asyncio.Future[T]:
        """What the event loop waits for. It is never a new task, which would be numbered as a branch."""
        return self._waits if isinstance(self._waits, asyncio.Task) else asyncio.wrap_future(self._waits)

    def __await__(self) -> Generator[Any, None, T]:
        return self.awaitable().__await__()


class Mapped(Beside, Generic[T]):
    """The coming results of a `map`: `await` it or ask for `.result()` for a list, or iterate in order."""

    def __init__(self, name: str, futures: list[Future[T]]) -> None:
        self._name = name
        self._futures = futures
        self.branches = tuple(branch for future in futures for branch in future.branches)

    def cancel(self) -> None:
        """Stop the calls that have not ended, as far as that can be done."""
        for future in self._futures:
            future.cancel()

    def __len__(self) -> int:
        return len(self._futures)

    def result(self) -> list[T]:
        """All values in the order of the items; the first error is raised when all have ended."""
        if loop_runs_here() and not all(future.done() for future in self._futures):
            raise WrongThread(name=self._name, call=f"{self._name}.map(...)")
        for future in self._futures:
            future.wait()
        return [future.result() for future in self._futures]

    def __iter__(self) -> Iterator[T]:
        for future in self._futures:
            yield future.result()

    async def __aiter__(self) -> Any:
        for future in self._futures:
            yield await future

    def __await__(self) -> Generator[Any, None, list[T]]:
        return self._all().__await__()

    async def _all(self) -> list[T]:
        waits = [future.awaitable() for future in self._futures]
        found = await asyncio.gather(*waits, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return cast("list[T]", list(found))


def submit(step: Callee, scope: Scope | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
    """Make one call in a branch of its own, and begin it."""
    with own_code(scope):
        return _begin(step, scope, [_made(step, _below(scope), args, kwargs)], 1)[0]


def map_over(
    step: Callee,
    scope: Scope | None,
    items: Iterable[Any],
    concurrency: int | None,
    first: tuple[Any, ...] = (),
) -> Mapped[Any]:
    """Make one call for each item, after the arguments `first`; begin them, at most `concurrency` at once."""
    if concurrency is not None and concurrency < 1:
        raise ValueError(f"concurrency must be 1 or more, not {concurrency}")
    with own_code(scope):
        own = _below(scope)
        works = [_made(step, _below(own), (*first, item), {}) for item in items]
        most = concurrency or default_concurrency(executor_of(step, scope))
        return Mapped(step.name, _begin(step, scope, works, most))


def _below(scope: Scope | None) -> Scope | None:
    """The next branch below, in a body that goes on by this; elsewhere calls are plain, without branches."""
    if scope is None or scope.in_step:
        return scope
    if scope.owner.failures:
        scope.owner.moved(scope.branch)
    return scope.below()


def _made(step: Callee, scope: Scope | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Work:
    """The call, made now with its arguments as they are now, to be carried out when its turn comes."""
    context = context_in(scope)
    if scope is None or scope.in_step:
        return Work(context, functools.partial(step.__wrapped__, *args, **kwargs))
    call = Call(step, scope, args, kwargs, later=True)
    return Work(context, call.arun if step.is_async else call.run, (scope.branch,))


@dataclass(frozen=True, slots=True)
class Work:
    """What to do when there is room, and in which context."""

    context: contextvars.Context
    do: Callable[[], Any]
    branches: tuple[str, ...] = ()


def _begin(step: Callee, scope: Scope | None, works: list[Work], concurrency: int) -> list[Future[Any]]:
    """Do the works as there is room: as tasks of the running loop, else in threads."""
    held_up = scope is not None and scope.within.stop is not None  # by a body that does not await
    if held_up or not (step.is_async and loop_runs_here()):
        return _in_threads(step, scope, works, concurrency)
    room = asyncio.Semaphore(concurrency)
    loop = asyncio.get_running_loop()

    async def in_turn(work: Work) -> Any:
        async with room:
            return await work.do()

    # A task with a context of its own is not numbered as a branch: the call has its branch already.
    tasks = [(loop.create_task(in_turn(work), context=work.context), work.branches) for work in works]
    return [Future(step.name, task, branches) for task, branches in tasks]


def _in_threads(step: Callee, scope: Scope | None, works: list[Work], concurrency: int) -> list[Future[Any]]:
    # What a run stopped holds up no exit; outside every run a call that was begun is carried out.
    calls = [
        functools.partial(work.context.run, _awaited(work.do) if step.is_async else work.do) for work in works
    ]
    begun = begin_in_threads(calls, concurrency, step.name, daemon=scope is not None)
    futures = []
    for work, future in zip(works, begun, strict=True):
        stop = None
        if scope is not None and work.branches:
            why = Cancelled("nobody waits for it any more")
            stop = functools.partial(scope.within.under_way.cut, work.branches, why)
        futures.append(Future(step.name, future, work.branches, stop))
    return futures


def _awaited(work: Callable[[], Any]) -> Callable[[], Any]:
    async def run() -> Any:
        return await work()

    return lambda: asyncio.run(run())


def loop_runs_here() -> bool:
    """Whether waiting would stop this thread's own event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
