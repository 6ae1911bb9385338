"""Time limits by the clock that runs go by, for code that awaits and for work that is done elsewhere."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, TypeVar

from . import clock

if TYPE_CHECKING:
    from .attempt import Attempt

T = TypeVar("T")


@contextlib.asynccontextmanager
async def time_limit(deadline: float | None, error: BaseException) -> AsyncIterator[None]:
    """Raise `error` where the block awaits beyond the deadline; None sets no limit.

    A TimeoutError of the block's own passes through.
    """
    if deadline is None:
        yield
        return
    loop, over = asyncio.get_running_loop(), False

    def expire() -> None:
        if not over:
            limit.reschedule(loop.time())

    def ring() -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(expire)

    try:
        async with asyncio.timeout(None) as limit:
            alarm = clock.at(deadline, ring, limit=True)
            try:
                yield
            finally:
                over = True
                alarm.cancel()
    except TimeoutError:
        if not limit.expired():
            raise
        raise error from None


def waited(future: concurrent.futures.Future[T], attempt: Attempt, stop: Any, late: BaseException) -> T:
    """The result of work that is done elsewhere, as soon as it is there, or the attempt is given up.

    Args:
        future: of the work.
        attempt: whose work it is; it is given up when its deadline passes, or when the wait is interrupted.
        stop: stops the work, given the reason.
        late: the reason when the deadline passes.
    """
    ended = threading.Event()
    future.add_done_callback(lambda _: ended.set())

    def give_up(why: BaseException) -> None:
        stop(why)
        ended.set()

    attempt.stopped_by(give_up)
    try:
        if attempt.deadline is None:
            ended.wait()
        elif not clock.within(attempt.deadline, ended):
            attempt.give_up(late)
        attempt.check()
        return future.result()
    except BaseException as error:
        attempt.give_up(error)
        raise
    finally:
        attempt.stopped_by(None)
