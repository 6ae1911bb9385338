"""Resumable loops: after a kill a loop goes on after its last kept turn, with the state of that turn.

1. A turn is kept as a whole or not at all, and the loop goes on with all of it: the names, the place in all
   loops around, random numbers, and what a cell had shown.
2. Keeping takes 2 % of the loop's time at most: it is done more rarely than asked for where it costs more.
3. A loop goes on only where its call goes on: the same step with the same inputs and the same code.
4. What cannot go on in sense says so in a sentence, and nothing that was kept is lost by that.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from datetime import timedelta
from types import FrameType
from typing import Generic, TypeVar, cast, overload

from perdure.engine.durations import seconds

from .items import AsyncItems, Fewer, Items, length
from .loop import Loop, Wanted
from .statements import check_for_statement
from .turns import Turn

__all__ = ["AsyncResumable", "Resumable", "resumable"]

T = TypeVar("T")
ON_EDIT = ("rerun", "keep")
EVERY = "30s"


class Resumable(Generic[T]):
    """What `resumable` gives: a `for` statement iterates it, each time as a loop of its own."""

    def __init__(self, iterable: Iterable[T], frame: FrameType, wanted: Wanted) -> None:
        self._iterable = iterable
        self._frame = frame
        self._wanted = wanted

    def __len__(self) -> int:
        found = length(self._iterable)
        if found is None:
            raise TypeError("the iterable of this resumable loop has no length")
        return found

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[T]:
        check_for_statement(sys._getframe(1), "GET_ITER", "FOR_ITER")  # noqa: SLF001  the only way to it
        return self._turns()

    def _turns(self) -> Iterator[T]:
        loop = Loop(self._frame, self._wanted, length(self._iterable))
        turn = loop.enter()
        items = Items(self._iterable)
        if turn is not None:
            try:
                items.skip(turn.done)
            except Fewer as fewer:
                raise loop.fewer(turn, fewer.args[0]) from None
        loop.begin(turn, items)
        state = "left"
        try:
            for item in items:
                yield item
                loop.turned()
            state = "ended"
        finally:
            loop.end(state)


class AsyncResumable(Generic[T]):
    """The same for an asynchronous iterable and `async for`."""

    def __init__(self, iterable: AsyncIterable[T], frame: FrameType, wanted: Wanted) -> None:
        self._iterable = iterable
        self._frame = frame
        self._wanted = wanted

    def __aiter__(self) -> AsyncIterator[T]:
        check_for_statement(sys._getframe(1), "GET_AITER", "GET_ANEXT")  # noqa: SLF001  the only way to it
        return _AsyncTurns(self._iterable, Loop(self._frame, self._wanted, length(self._iterable)))


class _AsyncTurns(Generic[T]):
    """The turns of an asynchronous loop. It is no generator: one would not end where the loop is left."""

    def __init__(self, iterable: AsyncIterable[T], loop: Loop) -> None:
        self._iterable = iterable
        self._loop = loop
        self._items: AsyncItems | None = None

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        loop = self._loop
        if self._items is None:
            self._items = await self._begun(loop)
        else:
            loop.turned()
        try:
            item: T = await self._items.next()
        except StopAsyncIteration:
            self._end("ended")
            raise
        return item

    async def _begun(self, loop: Loop) -> AsyncItems:
        turn: Turn | None = loop.enter()
        items = AsyncItems(self._iterable)
        if turn is not None:
            try:
                await items.skip(turn.done)
            except Fewer as fewer:
                raise loop.fewer(turn, fewer.args[0]) from None
        loop.begin(turn, items)
        return items

    def _end(self, state: str) -> None:
        if self._items is not None and not self._loop.closed:
            self._loop.end(state)

    def __del__(self) -> None:
        self._end("left")


@overload
def resumable(
    iterable: Iterable[T],
    /,
    *,
    keep: str | Iterable[str] = (),
    every: str | float | timedelta = EVERY,
    on_edit: str = "rerun",
) -> Resumable[T]: ...


@overload
def resumable(
    iterable: AsyncIterable[T],
    /,
    *,
    keep: str | Iterable[str] = (),
    every: str | float | timedelta = EVERY,
    on_edit: str = "rerun",
) -> AsyncResumable[T]: ...


def resumable(
    iterable: Iterable[T] | AsyncIterable[T],
    /,
    *,
    keep: str | Iterable[str] = (),
    every: str | float | timedelta = EVERY,
    on_edit: str = "rerun",
) -> Resumable[T] | AsyncResumable[T]:
    """Iterate so that the loop goes on after its last kept turn when the process was killed.

    It stands in a `for` statement in a step, or in a cell of a notebook with a workflow:
    `for epoch in resumable(range(100), keep=["model", "losses"]):`. Elsewhere it is a plain loop.

    Args:
        iterable: what is iterated. When the loop goes on, what is done of it must be the same.
        keep: names of the function or cell around, whose objects are kept with the turn and bound again.
        every: how often a turn is kept: seconds, or a duration such as "30s". More rarely where that would
            take more than 2 % of the loop's time.
        on_edit: what to do about a kept turn of the step's older code: "rerun" begins anew, and says so;
            "keep" goes on after it.

    Raises:
        ValueError, TypeError: an option has no such value.
    """
    if on_edit not in ON_EDIT:
        raise ValueError(f"on_edit={on_edit!r} is none of {', '.join(ON_EDIT)}")
    names = tuple(dict.fromkeys([keep] if isinstance(keep, str) else keep))
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"keep= takes names as text, not {name!r}")
        if not name.isidentifier():
            raise ValueError(
                f"keep={name!r} is no name: keep the object that the attribute or item belongs to"
            )
    wanted, frame = Wanted(names, seconds(every), on_edit), sys._getframe(1)  # noqa: SLF001  the only way to it
    if isinstance(iterable, Iterable) or hasattr(iterable, "__getitem__"):
        return Resumable(cast("Iterable[T]", iterable), frame, wanted)
    if isinstance(iterable, AsyncIterable):
        return AsyncResumable(iterable, frame, wanted)
    raise TypeError(f"resumable() takes something that can be iterated, not {type(iterable).__name__}")
