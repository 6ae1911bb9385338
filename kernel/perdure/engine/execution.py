"""One pass over a workflow's body, from its owner's first record to the result of the run."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from perdure.errors import RunCancelled
from perdure.store.forgetting import LENT
from perdure.store.records import NoteRecord, Place, RunRecord

from . import clock, keeping, replaying
from .cancelling import Cancelled, Stop, TaskStop, ThreadStop
from .defined import noted
from .ending import Ending, begun, let_go
from .events import Event, listeners
from .finding import ancestors
from .inbox import inbox
from .owner import Owner
from .plans import Plan, added
from .scope import Pass, Scope, current_scope, entered, numbered_tasks
from .stored import unsealed
from .under_way import Strands, strands_here, tasks_here
from .winding_up import awind_up, wind_up

if TYPE_CHECKING:
    from perdure import codec
    from perdure.store import Store
    from perdure.store.records import Record

    from .children import ChildCall

FORKED = "fork"
"""Kind of the note of the step from which on a fork uses nothing of its origin."""


class Execution(Ending):
    """A pass over a body: `run` or `arun` carries it out, once. `starting.begin` makes it.

    Args:
        store: where the run is.
        plan: what is to be executed.
        record: the run, as it was found or is to be made.
        how: `new`, `resumed`, `forked` or `restored`.
        child: the call of the parent whose run it is.
        above: the owner of the run from which it is started by no call: the notebook's.
        newest: the id of the run that was found by the plan's key, or empty; None where that is not asked.
        anew_from: of a fork, the step from which on nothing of its origin is used.
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
        anew_from: str | None = None,
        beside: bool = False,
    ) -> None:
        super().__init__(store, plan, record, child)
        self.how = how
        self._above = above
        self._anew_from = anew_from
        self._beside = beside
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
        begun(self)
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
            "tags": added(self.record.tags, choice.tags),
        }
        if self.record.state != "running":
            fields["state"] = "running"
        self.record = owner.change_run("run_started", inputs, *self._notes(owner), **fields)
        self._begin_pass(owner, current_scope())

    def _notes(self, owner: Owner) -> list[Record]:
        """What is kept of where the workflow is defined, and of where the run was forked."""
        run, defined = owner.run, self.plan.defined
        notes = noted(owner, defined) if defined else []
        if self._anew_from is not None:
            notes.append(NoteRecord(run.id, FORKED, "at", clock.now(), {"step": self._anew_from}))
        elif run.forked_from is not None and self.how == "resumed":
            forks = self.store.journal.notes(run.id, FORKED)
            self._anew_from = forks[-1].data["step"] if forks else None
        owner.anew_from = self._anew_from
        return notes

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
            strict = self.plan.choice.strict
            owner.check_all_made(strict=strict, ended=False)
            owner.history.begin_pass()
            # Else where a coroutine was made, but not when, is the same again.
            owner.expect_order(held=strict)
            self._begin_pass(owner, self._scope.within.above)
        return again

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
        self.loop = asyncio.get_running_loop()
        owner, asked = self.owner, _asked_to_cancel()
        try:
            while True:
                try:
                    with self._going_on(TaskStop(), tasks_here()), numbered_tasks(), entered(self._scope):
                        value = await body()
                    await awind_up(self._under_way, None)
                except GeneratorExit:
                    raise  # nothing is awaited any more: what is at work is left to itself
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
        self._scope.within.check_asked("")
        owner.check_all_made(strict=self.plan.choice.strict)
        keep = self.plan.keep
        encoded = keeping.encode(value, name=f"{self.plan.workflow}(...)") if keep is None else keep(value)
        with self._lock:
            self._under_way.check_stopped()
            if self._claim_end():
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
            let_go(owner)
        if self._child is not None:
            self._child.done()
        if encoded.buffers:  # mapped from the store, as a replay would, rather than copied
            encoded = unsealed(self.store, result.id, Place(owner.run.id, role="result"), "The result")
        return keeping.decode(encoded)

    def _kept(self) -> Any:
        """The result of a run that was finished before."""
        try:
            value = self._restored()
        except BaseException as error:
            self.outcome.set_exception(error)
            raise
        self.outcome.set_result(value)
        return value

    def _restored(self) -> Any:
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
        return value


def _asked_to_cancel() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _not_asked_to_cancel(before: int) -> None:
    """Take back what the running task was asked since."""
    task = asyncio.current_task()
    while task is not None and task.cancelling() > before:
        task.uncancel()
