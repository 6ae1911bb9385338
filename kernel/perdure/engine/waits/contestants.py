"""What takes part in a race: how it is begun, and how one that lost is let go."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any

from perdure.engine import clock
from perdure.engine.parallel import Beside, Future
from perdure.engine.scope import Scope, branch_of, context_in

from .sleeping import Sleep

PATIENCE = 5.0
"""Seconds for which the clean-up of what was cancelled is waited for."""

_left: set[asyncio.Future[Any]] = set()
"""What goes on beside its body: the event loop itself does not hold its tasks."""


class Contestant:
    """One of those that race: begun at most once."""

    def __init__(self, awaitable: Awaitable[Any], scope: Scope | None) -> None:
        """Nothing is begun.

        Args:
            awaitable: what takes part.
            scope: its place, with a branch of its own in a body; None outside every run.
        """
        self._awaitable = awaitable
        self._scope = scope
        self.future: asyncio.Future[Any] | None = None
        """What to wait for, once it was begun."""

    def begin(self) -> asyncio.Future[Any]:
        """Have it run, in its own branch; what runs already goes on as it is."""
        found: Any = self._awaitable
        if self.future is not None:
            return self.future
        if asyncio.isfuture(found):
            future = found
        elif isinstance(found, Future):
            future = found.awaitable()
        else:
            # With a context of its own a task is not numbered again: the race gave it a branch.
            coroutine = found if asyncio.iscoroutine(found) else _awaited(found)
            loop = asyncio.get_running_loop()
            future = loop.create_task(coroutine, context=context_in(self._scope))
        self.future = future
        return future

    @property
    def succeeded(self) -> bool:
        """Whether it ended otherwise than by failing."""
        return not isinstance(self.error, Exception | asyncio.CancelledError)

    @property
    def error(self) -> BaseException | None:
        """With what it failed, if it ended so."""
        if self.future is None or not self.future.done():
            return None
        return asyncio.CancelledError() if self.future.cancelled() else self.future.exception()

    def leave(self) -> None:
        """Let it go on beside the body."""
        future = self.future or self.begin()
        _left.add(future)
        future.add_done_callback(_left.discard)
        if self._scope is not None and not self._scope.in_step:
            self._scope.owner.history.pass_over(self._branches(self._scope))

    def lose(self) -> None:
        """Cancel it, since it lost: what it did is cancelled, and not taken up again on a replay."""
        found = self._awaitable
        if self._scope is not None and not self._scope.in_step:
            self._scope.lose(self._branches(self._scope))
        self.cancel()
        if isinstance(found, Beside):
            found.cancel()

    def _branches(self, scope: Scope) -> tuple[str, ...]:
        """The branches in which it makes its calls."""
        found = self._awaitable
        branches = found.branches if isinstance(found, Beside) else ()
        task = branch_of(found) if asyncio.isfuture(found) else None
        return (scope.branch, *branches, *(() if task is None else (task,)))

    def settle(self) -> None:
        """Record that nobody waits for it any more, if it is a sleep."""
        if isinstance(self._awaitable, Sleep):
            self._awaitable.cancel()

    def cancel(self) -> None:
        """Cancel it, as far as that can be done; what was not begun never is."""
        found = self._awaitable
        if self.future is None and (isinstance(found, Future) or asyncio.isfuture(found)):
            self.begin()
        if self.future is not None:
            self.future.add_done_callback(_seen)
            if not (isinstance(self.future, asyncio.Task) and self.future.cancelling()):
                self.future.cancel()  # not twice, which would cut off its clean-up
        elif asyncio.iscoroutine(found):
            close(found)
        if isinstance(found, Beside):
            found.give_up()


def close(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Close a coroutine that is never begun, with those that it was given: nobody else can await them."""
    inside: list[Any] = []
    if inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
        for each in inspect.getcoroutinelocals(coroutine).values():
            inside += each if isinstance(each, list | tuple) else [each]
    coroutine.close()
    for each in inside:
        if inspect.iscoroutine(each) and inspect.getcoroutinestate(each) == inspect.CORO_CREATED:
            close(each)


async def gone(contestants: Iterable[Contestant]) -> None:
    """Wait until those that were cancelled have ended, so that their clean-up ran.

    One that does not stop is not waited for without end: it goes on beside the body.
    """
    futures = [each.future for each in contestants if each.future is not None and not each.future.done()]
    if not futures:
        return
    loop = asyncio.get_running_loop()
    late: asyncio.Future[None] = loop.create_future()
    alarm = clock.at(clock.now() + PATIENCE, lambda: clock.soon(loop, late), limit=True)
    try:
        everything = asyncio.gather(*futures, return_exceptions=True)
        await asyncio.wait((asyncio.shield(everything), late), return_when=asyncio.FIRST_COMPLETED)
    finally:
        alarm.cancel()


async def _awaited(found: Awaitable[Any]) -> Any:
    return await found


def _seen(future: asyncio.Future[Any]) -> None:
    """Look at how it ended: nobody else does, and asyncio would report that."""
    if not future.cancelled():
        future.exception()
