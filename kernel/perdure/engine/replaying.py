"""Always replaying: a mode for tests in which a body is executed again from its top after every record.

A body that does not come to the same end in this mode as in one pass is not deterministic: it will take
another way one day, when a process was killed in its middle. `perdure.testing.always_replay` turns it on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .cancelling import Cancelled, TaskStop
from .under_way import CHILD, EFFECT, tasks_here

if TYPE_CHECKING:
    from .under_way import UnderWay

AT_WORK = ("", EFFECT, CHILD)
"""What a further pass waits for; not what waits itself."""


class Again(Cancelled):
    """Ends a pass, so that the next one begins."""


_on = False


def is_on() -> bool:
    """Whether bodies are executed again after every record."""
    return _on


@contextmanager
def always_replay() -> Iterator[None]:
    """In the block, the bodies of runs that begin are executed again from their top after every record.

    What a step did, and what was noted, is restored in each further pass; the result has to be the same.
    """
    global _on  # noqa: PLW0603  a mode of the process
    before, _on = _on, True
    try:
        yield
    finally:
        _on = before


class Turn:
    """Where the calls of one pass wait, once they are recorded, until nothing is at work any more.

    Args:
        under_way: what is at work in the pass.
        end: ends the pass, with this error.
    """

    def __init__(self, under_way: UnderWay, end: Callable[[Again], object]) -> None:
        self._under_way = under_way
        self._end = end

    def over(self) -> None:
        """The pass is over, for code that does not await.

        Raises:
            Again: always.
        """
        why = Again()
        self._under_way.close(why)
        raise why

    async def wait(self) -> None:
        """Wait until the pass is over.

        Raises:
            Cancelled: it is.
        """
        self._look(asyncio.get_running_loop())
        with TaskStop() as stop, self._under_way.waiting(stop, tasks_here()):
            await asyncio.get_running_loop().create_future()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the pass as soon as nothing is at work, from the loop itself, where no lock is held."""
        rest = self._under_way.at_rest(AT_WORK)

        def end() -> None:
            if self._under_way.at_rest(AT_WORK).done():
                self._end(Again())
            else:
                self._look(loop)

        rest.add_done_callback(lambda _: loop.call_soon_threadsafe(end))
