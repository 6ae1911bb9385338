"""How an execution ends, and who records that: its own code, or whoever cancelled it.

1. One side alone records the end: who carried the body out, or who cancelled it and found that its code would
   not be stopped.
2. Once a run has ended, nothing is at work in it any more.
3. A run is let go before anybody hears of its end.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from perdure.errors import EffectUnclear, InDoubt, PerdureError, RunCancelled

from . import clock
from .cancelling import CANCELLED, INTERRUPTED, Cancelled, Stop
from .inbox import inbox
from .scope import lost
from .tracebacks import cleaned, one_line, show_users_frames
from .under_way import Strands, UnderWay
from .winding_up import GRACE

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import MessageRecord, RunRecord

    from .children import ChildCall
    from .owner import Owner
    from .plans import Plan

CANCEL = "cancel"
"""Kind of the message by which a run is cancelled from elsewhere."""


class Ending:
    """An execution, as far as it ends.

    Args:
        store: where the run is.
        plan: what is to be executed.
        record: the run, as it was found or is to be made.
        child: the call of the parent whose run it is.
    """

    _under_way: UnderWay

    def __init__(self, store: Store, plan: Plan, record: RunRecord, child: ChildCall | None) -> None:
        self.store = store
        self.plan = plan
        self.record = record
        self.owner: Owner | None = None
        self.outcome: concurrent.futures.Future[Any] = concurrent.futures.Future()
        """The result of the run, or the error that its caller gets, once it has ended."""
        self.loop: asyncio.AbstractEventLoop | None = None
        """The event loop on which its body goes on, if it awaits."""
        self._child = child
        self._lock = threading.Lock()
        self._ender: int | None = None  # the thread that records its end, once there is one
        self._body: Stop | None = None
        self._strands: Strands = frozenset()

    @property
    def run_id(self) -> str:
        """The run that this pass belongs to."""
        return self.record.id

    def _failed(self, owner: Owner, error: BaseException) -> None:
        """Record how the run ended, unless somebody did.

        Raises:
            RunCancelled: it was cancelled.
            Cancelled: so was the run that started it.
        """
        show_users_frames()
        cleaned(error)
        with self._lock:
            mine = self._claim_end()
        stopped = self._under_way.stopped
        if mine:
            self._end(owner, error)
        if stopped is not None:
            raise self._told() from None

    def _claim_end(self) -> bool:
        """Whether the caller, who holds the lock, is the first to record the end."""
        first = self._ender is None
        if first:
            self._ender = threading.get_ident()
        return first

    def _end(self, owner: Owner, error: BaseException) -> None:
        """Record the end of a run that is not done."""
        stopped = self._under_way.stopped
        if stopped is not None:
            state, said = stopped.state, stopped.reason or stopped.state
        else:
            state, said = _state_after(error), one_line(error)
        try:
            self._settle(owner, stopped or Cancelled("its run ended", INTERRUPTED))
            if state != CANCELLED:
                owner.ended_by(error)
            self.record = owner.change_run("run_ended", state=state, error=said, finished=clock.now())
            if state == CANCELLED:
                drop_cancels(self.store, self.run_id)
        except PerdureError as failure:
            error.add_note(f"The end of the run could not be recorded either: {failure}")
        finally:
            try:
                let_go(owner)
            finally:
                self._tell(self._told() if stopped is not None else error)

    def _settle(self, owner: Owner, why: Cancelled) -> None:
        """Record the end of what is at work still, and would not be stopped."""
        for work in self._under_way.abandon():
            work.abandon(why)
        if why.state == CANCELLED:
            owner.settle_waits()

    def _tell(self, error: BaseException | None = None, value: Any = None) -> None:
        """Tell the parent, and whoever waits for the run."""
        child = self._child
        try:
            if child is not None and error is not None:
                child.failed(error)
        except PerdureError as failure:
            assert error is not None
            error.add_note(f"The end of the run could not be recorded with its parent: {failure}")
        finally:
            if child is not None:
                child.ended(self)
            if error is None:
                self.outcome.set_result(value)
            else:
                self.outcome.set_exception(error)

    def _told(self) -> BaseException:
        """What the caller of a run that was stopped gets."""
        stopped = self._under_way.stopped
        assert stopped is not None
        above = None if self._child is None else self._child.over
        if above is not None:
            return above.again()
        if stopped.state != CANCELLED:
            return stopped.again()
        why = f": {stopped.reason}" if stopped.reason else ""
        return RunCancelled(run=self.run_id, workflow=self.plan.workflow, reason=stopped.reason, why=why)

    # -- cancelling --------------------------------------------------------------------------------------

    def cancel(self, reason: str = "") -> bool:
        """Stop the run and all that is at work in it; whether it had not ended before.

        Its code has a moment for its cleanup; a run whose code does not end by then ends without it.
        """
        why = Cancelled(reason)
        if not self._stop(why):
            return False
        watch = threading.Timer(2 * GRACE, self.abandon, [why])
        watch.daemon = True
        watch.start()
        self.outcome.add_done_callback(lambda _: watch.cancel())
        return True

    def _stop(self, why: Cancelled) -> bool:
        with self._lock:
            if self._ender is not None or self.owner is None:
                return False
            self._under_way.stop(why, self._body, self._strands)
            return True

    def give_up(self, why: BaseException) -> None:
        """Stop it, as a work of its parent's pass."""
        self._stop(why if isinstance(why, Cancelled) else Cancelled())

    fence = give_up

    def abandon(self, why: Cancelled) -> None:
        """Record its end, if it has not ended: its code will not be stopped."""
        if self.owner is None:
            return
        self._stop(why)
        with self._lock:
            if not self._claim_end():
                return
        self._end(self.owner, why)

    def wait_for_end(self) -> bool:
        """Wait until the end that is being recorded is; False where that is this thread's own to do."""
        if self._ender == threading.get_ident():
            return False
        concurrent.futures.wait([self.outcome])
        return True


def _state_after(error: BaseException) -> str:
    """The state of a run that ended with this error."""
    if isinstance(error, InDoubt | EffectUnclear):
        return "in doubt"
    if lost(error):
        return CANCELLED
    return "failed" if isinstance(error, Exception) else INTERRUPTED


def let_go(owner: Owner) -> None:
    """The run is at work here no more."""
    inbox.close(owner)
    owner.close()


def drop_cancels(store: Store, run: str) -> None:
    """Nobody need cancel the run any more."""
    found = [message.id for message in store.journal.messages(run) if message.kind == CANCEL]
    if found:
        store.journal.drop_messages(found)


def _asked(owner: Owner, message: MessageRecord) -> bool:
    """Cancel a run for somebody; the message stays until that is recorded."""
    found = at_work(owner.run.id)
    return found is None or not found.cancel(message.data.get("reason", ""))


_at_work: WeakValueDictionary[str, Ending] = WeakValueDictionary()


def begun(execution: Ending) -> None:
    """An execution is at work in this process."""
    _at_work[execution.run_id] = execution


def at_work(run: str) -> Ending | None:
    """The execution of a run in this process, as long as it has not ended."""
    found = _at_work.get(run)
    return None if found is None or found.outcome.done() else found


inbox.handle(CANCEL, _asked)
