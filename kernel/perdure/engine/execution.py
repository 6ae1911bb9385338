"""One pass over a workflow's body: which run it belongs to, and how the run ends.

Which run: the same workflow, parent and key (its inputs, if no key is given) is the same run. Unfinished or
failed, it goes on; finished and unchanged, its result is restored; finished and edited, or cancelled, it is
forked, and keeps every call that is still valid; with other inputs it is a new run.

One side alone records how it ends: who carried it out, or who cancelled it and found that its code would not
be stopped.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from perdure.errors import EffectUnclear, InDoubt, PerdureError, RunCancelled
from perdure.store.forgetting import LENT
from perdure.store.records import Place, RunRecord

from . import clock, keeping, replaying
from .cancelling import CANCELLED, INTERRUPTED, Cancelled, Stop, TaskStop, ThreadStop
from .events import Event, listeners
from .finding import ancestors
from .inbox import inbox
from .owner import Owner
from .plans import Plan
from .scope import Pass, Scope, current_scope, entered, lost, numbered_tasks
from .stored import unsealed
from .tracebacks import cleaned, one_line, show_users_frames
from .under_way import Strands, strands_here, tasks_here
from .winding_up import GRACE, awind_up, wind_up

if TYPE_CHECKING:
    from perdure import codec
    from perdure.store import Store
    from perdure.store.records import MessageRecord

    from .children import ChildCall

CANCEL = "cancel"
"""Kind of the message by which a run is cancelled from elsewhere."""


class Execution:
    """A pass over a body: `run` or `arun` carries it out, once. `starting.begin` makes it.

    Args:
        store: where the run is.
        plan: what is to be executed.
        record: the run, as it was found or is to be made.
        how: `new`, `resumed`, `forked` or `restored`.
        child: the call of the parent whose run it is.
        above: the owner of the run from which it is started by no call: the notebook's.
        newest: the id of the run that was found by the plan's key, or empty; None where that is not asked.
        beside: whether it goes on beside its caller.
    """

    def __init__(
        self,
        store: Store,
        plan: Plan,
        record: RunRecord,
        how: str,
        *,
        child: ChildCall | None = None,
        above: Owner | None = None,
        newest: str | None = None,
        beside: bool = False,
    ) -> None:
        self.store = store
        self.plan = plan
        self.record = record
        self.how = how
        self.outcome: concurrent.futures.Future[Any] = concurrent.futures.Future()
        """The result of the run, or the error that its caller gets, once it has ended."""
        self._child = child
        self._above = above
        self._beside = beside
        self._lock = threading.Lock()
        self._ended = False
        self._body: Stop | None = None
        self._strands: Strands = frozenset()
        self.owner: Owner | None = None
        if how == "restored":
            return
        if child is not None:
            child.begin(record)
        try:
            self.owner = self._take(newest)
        except BaseException as error:
            if child is not None:
                child.failed(error)
            raise
        _at_work[self.run_id] = self
        if child is not None:
            child.at_work(self)
        inbox.open(self.owner, waiting=how == "resumed")

    def _take(self, newest: str | None) -> Owner:
        store, plan, record = self.store, self.plan, self.record
        origins = ancestors(store, record)
        others = {record.id, *origins}
        earlier = reversed(store.journal.runs(workflow=plan.workflow)) if plan.choice.reuse else ()
        reuse = tuple(run.id for run in earlier if run.state == "done" and run.id not in others)
        steal = plan.choice.steal
        owner = Owner.take(store, record, origins=origins, reuse=reuse, steal=steal, newest=newest)
        try:
            self._open(owner)
            if reuse:  # so that collecting spares them while this run is at work
                owner.note(LENT, "runs", {"runs": list(reuse)})
        except BaseException:
            owner.close()
            raise
        return owner

    def _open(self, owner: Owner) -> None:
        self.record = owner.run
        choice = self.plan.choice
        if choice.strict:
            owner.expect_order()
        inputs = owner.seal(self.plan.arguments, Place(owner.run.id, role="inputs"))
        fields: dict[str, Any] = {
            "inputs": inputs.id,
            "code": self.plan.code,
            "error": None,
            "finished": None,
        }
        if self.record.state != "running":
            fields["state"] = "running"
        self.record = owner.change_run("run_started", inputs, **fields)
        self._begin_pass(owner, current_scope())

    def _begin_pass(self, owner: Owner, above: Scope | None) -> None:
        choice = self.plan.choice
        within = Pass(choice.redo, choice.redo_from, choice.strict, self.plan.executor, above=above)
        # What is asked for with redo would run again in each pass.
        if replaying.is_on() and not (choice.redo or choice.redo_from):
            within.turn = replaying.Turn(within.under_way, self._stop)
        self._scope, self._under_way = Scope(owner, within), within.under_way

    def _again(self, owner: Owner) -> bool:
        """Whether only a pass ended, and not the body: then the next one has begun."""
        again = isinstance(self._under_way.over, replaying.Again)
        if again:
            owner.history.begin_pass()
            if self.plan.choice.strict:
                owner.expect_order()
            self._begin_pass(owner, self._scope.within.above)
        return again

    @property
    def run_id(self) -> str:
        """The run that this pass belongs to."""
        return self.record.id

    def arguments(self) -> dict[str, Any]:
        """The inputs, decoded: the body works on copies."""
        found: dict[str, Any] = keeping.decode(self.plan.arguments)
        return found

    # -- carrying it out ---------------------------------------------------------------------------------

    def run(self, body: Callable[[], Any]) -> Any:
        """Call a sync body, and return the run's result as it was kept."""
        if self.owner is None:
            return self._kept()
        owner = self.owner
        try:
            while True:
                try:
                    with self._going_on(ThreadStop(), strands_here()), entered(self._scope):
                        value = body()
                    wind_up(self._under_way, None)
                except BaseException as error:
                    wind_up(self._under_way, error)
                    if self._again(owner):
                        continue
                    raise
                if not self._again(owner):
                    break
            encoded = self._ready(owner, value)
        except BaseException as error:
            self._failed(owner, error)
            raise
        return self._done(owner, encoded)

    async def arun(self, body: Callable[[], Awaitable[Any]]) -> Any:
        """Await an async body, and return the run's result."""
        if self.owner is None:
            return self._kept()
        owner, asked = self.owner, _asked_to_cancel()
        try:
            while True:
                try:
                    with self._going_on(TaskStop(), tasks_here()), numbered_tasks(), entered(self._scope):
                        value = await body()
                    await awind_up(self._under_way, None)
                except BaseException as error:
                    await awind_up(self._under_way, error)
                    if self._again(owner):
                        _not_asked_to_cancel(asked)  # that was for the pass
                        continue
                    raise
                if not self._again(owner):
                    break
            encoded = self._ready(owner, value)
        except BaseException as error:
            try:
                self._failed(owner, error)
            except RunCancelled:
                _not_asked_to_cancel(asked)  # that was for the body, and not for who awaits it
                raise
            raise
        return self._done(owner, encoded)

    @contextlib.contextmanager
    def _going_on(self, stop: Stop, strands: Strands) -> Iterator[None]:
        """In the block the body goes on, until it is stopped by this."""
        with self._lock:
            self._body, self._strands = stop, strands
        if isinstance(stop, ThreadStop):
            self._scope.within.stop = stop
        if self._child is not None:
            self._child.goes_on(self, strands, beside=self._beside)
        self._under_way.check()
        with stop:
            yield

    # -- how it ends -------------------------------------------------------------------------------------

    def _ready(self, owner: Owner, value: Any) -> codec.Encoded:
        """The value as it is to be kept; from here on the run is not cancelled any more."""
        owner.check_all_made()
        keep = self.plan.keep
        encoded = keeping.encode(value, name=f"{self.plan.workflow}(...)") if keep is None else keep(value)
        with self._lock:
            self._under_way.check_stopped()
            if not self._ended:
                self._ended = True
                return encoded
        raise self._told()

    def _done(self, owner: Owner, encoded: codec.Encoded) -> Any:
        try:
            value = self._kept_now(owner, encoded)
        except BaseException as error:
            self._tell(error)
            raise
        self._tell(value=value)
        return value

    def _kept_now(self, owner: Owner, encoded: codec.Encoded) -> Any:
        """Record that the run is done, let go of it, and give its result as it was kept."""
        try:
            self._settle(owner, Cancelled("the body of its run had ended"))
            result = owner.seal(encoded, Place(owner.run.id, role="result"))
            self.record = owner.change_run(
                "run_ended", result, state="done", result=result.id, finished=clock.now()
            )
        finally:
            _let_go(owner)
        if self._child is not None:
            self._child.done()
        if encoded.buffers:  # mapped from the store, as a replay would, rather than copied
            encoded = unsealed(self.store, result.id, Place(owner.run.id, role="result"), "The result")
        return keeping.decode(encoded)

    def _failed(self, owner: Owner, error: BaseException) -> None:
        """Record how the run ended, unless somebody did.

        Raises:
            RunCancelled: it was cancelled.
            Cancelled: so was the run that started it.
        """
        show_users_frames()
        cleaned(error)
        with self._lock:
            recorded, self._ended = self._ended, True
        stopped = self._under_way.stopped
        if not recorded:
            self._end(owner, error)
        if stopped is not None:
            raise self._told() from None

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
                _let_go(owner)
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

    def _kept(self) -> Any:
        """The result of a run that was finished before."""
        assert self.record.result is not None
        began = time.perf_counter()
        subject = f"The result of run {self.run_id} of `{self.plan.workflow}`"
        encoded = unsealed(self.store, self.record.result, Place(self.run_id, role="result"), subject)
        value = keeping.decode(encoded, subject=subject)
        took = time.perf_counter() - began
        if self._child is not None:
            self._child.restored(self.record, took)
        elif self._above is not None:
            self._above.restored(self.record, reason="finished, and nothing changed", took=took)
        listeners.tell(Event("run_restored", clock.now(), self.record))
        self.outcome.set_result(value)
        return value

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
            if self._ended or self.owner is None:
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
            if self._ended:
                return
            self._ended = True
        self._end(self.owner, why)


def _state_after(error: BaseException) -> str:
    """The state of a run that ended with this error."""
    if isinstance(error, InDoubt | EffectUnclear):
        return "in doubt"
    if lost(error):
        return CANCELLED
    return "failed" if isinstance(error, Exception) else INTERRUPTED


def _let_go(owner: Owner) -> None:
    inbox.close(owner)
    owner.close()


def _asked_to_cancel() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _not_asked_to_cancel(before: int) -> None:
    """Take back what the running task was asked since."""
    task = asyncio.current_task()
    while task is not None and task.cancelling() > before:
        task.uncancel()


def drop_cancels(store: Store, run: str) -> None:
    """Nobody need cancel the run any more."""
    found = [message.id for message in store.journal.messages(run) if message.kind == CANCEL]
    if found:
        store.journal.drop_messages(found)


def _asked(owner: Owner, message: MessageRecord) -> bool:
    """Cancel a run for somebody; the message stays until that is recorded."""
    found = at_work(owner.run.id)
    return found is None or not found.cancel(message.data.get("reason", ""))


_at_work: WeakValueDictionary[str, Execution] = WeakValueDictionary()


def at_work(run: str) -> Execution | None:
    """The execution of a run in this process, as long as it has not ended."""
    found = _at_work.get(run)
    return None if found is None or found.outcome.done() else found


inbox.handle(CANCEL, _asked)
