"""`sleep` and `sleep_until`: waits that outlive the process.

1. The moment at which a sleep ends is fixed when it is called, recorded at once, and kept: after a kill it
   neither starts over nor wakes early. One that passed meanwhile is over.
2. Sleeps beside each other take as long as the longest, and none costs anything until it ends.
3. One that nobody awaits holds nothing back.
4. Waiting for one can be cut off (a timeout, a race): the moment stays, for whoever waits for it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import types
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.engine import clock
from perdure.engine.cancelling import TaskStop
from perdure.engine.decide import Restore, Run, Wait
from perdure.engine.durations import seconds, words
from perdure.engine.moment import Moment
from perdure.engine.parallel import loop_runs_here
from perdure.engine.scope import current_scope, in_body, lost
from perdure.engine.under_way import strands_here, tasks_here
from perdure.engine.working import resting
from perdure.errors import WrongThread
from perdure.store.records import Part

from .asking import asked, ready

if TYPE_CHECKING:
    from perdure.engine.owner import Owner

_LAST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""No later moment can be told as a date."""


def sleep(duration: str | float | timedelta) -> Sleep:
    """Wait for so long: `await` it, or ask for `.result()` where no event loop runs.

    It ends so long after this call, whenever it is awaited, and in whichever process.

    Args:
        duration: seconds, a text such as "90s" or "1h 30m", or a timedelta.

    Raises:
        TypeError, ValueError: it is no duration, or one that ends after the year 9999.
    """
    if not isinstance(duration, str | int | float | timedelta):
        raise TypeError(f"sleep() takes seconds, a text such as '90s', or a timedelta, not {duration!r}")
    length = seconds(duration)
    due = clock.now() + length
    if due > _LAST:
        raise ValueError(f"{duration!r} is too long to sleep: it would end after the year 9999")
    return _sleep("perdure.sleep", due, "duration", length, words(length))


def sleep_until(moment: datetime) -> Sleep:
    """Wait until that moment; one that has passed is over at once.

    Args:
        moment: an aware datetime, or a naive one, which is taken as local time.

    Raises:
        TypeError: it is no datetime.
    """
    if not isinstance(moment, datetime):
        raise TypeError(f"sleep_until() takes a datetime, not {moment!r}")
    text = moment.isoformat(sep=" ")
    return _sleep("perdure.sleep_until", min(moment.timestamp(), _LAST), "moment", moment, text)


def _sleep(step: str, due: float, name: str, given: object, text: str) -> Sleep:
    """A sleep until that moment.

    Args:
        step: what it is called by.
        due: seconds since 1970.
        name: of its input.
        given: its input.
        text: the same, to be shown.
    """
    scope = in_body()
    if scope is None:
        return Sleep(due, Moment())
    owner = scope.owner
    request = asked(scope, step, "wait", (Part(name, codec.digest(given).hex, preview=text),))
    decision = owner.decide(request)
    if isinstance(decision, Restore):
        call = decision.call
        owner.restored(call, reason=decision.reason, took=0.0)
    elif isinstance(decision, Wait):
        call = decision.call
    elif isinstance(decision, Run) and decision.call is not None and decision.call.due is not None:
        call = decision.call  # cancelled, since nobody waited for it: taken up where somebody does
    else:
        call = owner.wait(request, ready(decision), due)
    owner.history.claim(call)
    return Sleep(due if call.due is None else call.due, owner.moment(call), owner, call.id)


class Sleep:
    """A wait until a moment: `await` it, or ask for `.result()` from another thread than the loop's."""

    def __init__(self, due: float, moment: Moment, owner: Owner | None = None, call: str = "") -> None:
        self._due = due
        self._moment = moment
        self._owner = owner
        self._call = call

    def done(self) -> bool:
        """Whether it is over: its moment has come, or somebody woke it."""
        return self._moment.come or clock.now() >= self._due

    def result(self) -> None:
        """Block this thread until it is over.

        Raises:
            WrongThread: called on the event loop's own thread, which would stand still meanwhile.
        """
        if not self.done():
            if loop_runs_here():
                raise WrongThread(name="sleep", call="sleep(...)")
            with self._waiting(thread=True) as given_up:
                self._moment.block(given_up)
        ended, scope = self._end(), in_body()
        if ended and scope is not None:
            scope.within.recorded()

    def __await__(self) -> Generator[Any, None, None]:
        return self._reached().__await__()

    async def _reached(self) -> None:
        if self.done():
            await _turn()
        else:
            with self._waiting():
                await self._moment.reached()
        ended, scope = self._end(), in_body()
        if ended and scope is not None:
            await scope.within.arecorded()

    def cancel(self) -> None:
        """Note that nobody waits for it; whoever does later, waits for the same moment."""
        if self._owner is not None:
            self._owner.cancel_wait(self._call)

    @contextlib.contextmanager
    def _waiting(self, *, thread: bool = False) -> Iterator[threading.Event]:
        """In the block, which awaits or blocks its thread, the moment comes when it is due.

        It is given what is set where a blocked thread is to wait no more, since its run is cancelled.

        Raises:
            Cancelled: it is.
        """
        if self._owner is not None:
            self._owner.wait_again(self._call)
            self._owner.make_sure()
        given_up = threading.Event()
        with _stopped_by(given_up, thread=thread), resting(thread=thread) as wait:

            def ring() -> None:
                wait.wake()
                self._moment.ring()

            alarm = clock.at(self._due, ring)
            try:
                yield given_up
            except asyncio.CancelledError as error:
                if lost(error):
                    self.cancel()
                raise
            finally:
                alarm.cancel()

    def _end(self) -> bool:
        """Record that it is over; whether that is news."""
        return self._owner is not None and self._owner.end_wait(self._call)

    def __repr__(self) -> str:
        return (
            f"<sleep until {datetime.fromtimestamp(self._due, UTC).isoformat(sep=' ', timespec='seconds')}>"
        )


@contextlib.contextmanager
def _stopped_by(given_up: threading.Event, *, thread: bool) -> Iterator[None]:
    """In the block, which waits, the code is stopped where its run is cancelled."""
    scope = current_scope()
    if scope is None or (scope.in_step and not thread):
        yield  # an async step is stopped as a whole
    elif thread:
        with scope.within.under_way.waiting(lambda _: given_up.set(), strands_here()):
            yield
    else:
        with TaskStop() as stop, scope.within.under_way.waiting(stop, tasks_here()):
            yield


@types.coroutine
def _turn() -> Generator[None, None, None]:
    """Let the loop go on with others, once: also a sleep that is over gives way."""
    yield
