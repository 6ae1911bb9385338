"""The end of a body: what it left behind is brought to an end before its run ends.

| the body       | effects that run         | child runs that run  | all else that runs      |
|----------------|--------------------------|----------------------|-------------------------|
| returned       | are waited for           | are waited for       | is given up: cancelled  |
| failed         | are waited for           | are interrupted      | is interrupted          |
| is interrupted | have a moment to end     | are interrupted      | is interrupted          |
| was cancelled  | are given up: in doubt   | are cancelled        | is cancelled            |

What was not begun never begins. What is given up has a moment for its cleanup.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from .blocking import block
from .cancelling import CANCELLED, INTERRUPTED, Cancelled
from .replaying import AT_WORK, Again
from .under_way import CHILD, EFFECT

if TYPE_CHECKING:
    from .under_way import UnderWay

GRACE = 2.0
"""Seconds that code which was stopped has for its cleanup, before its run ends without it."""

_Waits: TypeAlias = Iterator[tuple["concurrent.futures.Future[None]", float | None]]


def wind_up(under_way: UnderWay, error: BaseException | None) -> Cancelled:
    """Bring what is at work to an end; why, for what is still at work then.

    Args:
        under_way: the works of the pass whose body has ended.
        error: what the body ended with.
    """
    why = _why(under_way, error)
    for rest, seconds in _waits(under_way, error, why):
        block(rest, seconds)
    return why


async def awind_up(under_way: UnderWay, error: BaseException | None) -> Cancelled:
    """The same for a body that awaits: what is at work on its loop goes on meanwhile."""
    why = _why(under_way, error)
    for rest, seconds in _waits(under_way, error, why):
        await asyncio.wait([asyncio.wrap_future(rest)], timeout=seconds)
    return why


def _why(under_way: UnderWay, error: BaseException | None) -> Cancelled:
    if isinstance(
        under_way.over, Again
    ):  # the body may have heard of it as of any cancellation, or not at all
        return under_way.over
    if error is None:
        return Cancelled("the body of its run had ended", CANCELLED)
    return Cancelled("its run failed" if isinstance(error, Exception) else "", INTERRUPTED)


def _waits(under_way: UnderWay, error: BaseException | None, why: Cancelled) -> _Waits:
    """What to wait for, and for how many seconds."""
    under_way.close(why)
    if not under_way:
        return
    if isinstance(why, Again):
        yield under_way.at_rest(AT_WORK), None
    if under_way.stopped is None:
        lasting = (EFFECT, CHILD) if error is None else (EFFECT,)
        under_way.give_up(why, but=lasting)
        patient = error is None or isinstance(error, Exception)
        yield under_way.at_rest(lasting), None if patient else GRACE
        if under_way.stopped is None:
            under_way.give_up(why)
    yield under_way.at_rest(), GRACE
