"""`Run`: the handle of a run, wherever it is at work."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from perdure.errors import NoSuchRun, WrongThread
from perdure.store.records import Place
from perdure.store.related import named_run

from . import keeping, starting
from .blocking import block
from .cancels import ASKED, RECORDED, cancel
from .defined import defined
from .elsewhere import outcome, state
from .ending import Ending, at_work
from .parallel import Beside
from .plans import AS_USUAL, VALUE, Choice
from .process import the_store
from .scope import current_scope
from .stored import unsealed
from .tracebacks import raise_as_it_is

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import RunRecord

    from .execution import Execution

_here: WeakValueDictionary[str, Run] = WeakValueDictionary()
"""The handles of runs that this process began."""


class Receiver(Protocol):
    """Stands between a run and those who ask for its result."""

    def received(self, value: Any) -> Any:
        """What they are given for what the run gave."""

    def heard(self, error: BaseException) -> None:
        """Somebody is told the run's error now."""


class Run(Beside):
    """The handle of a run: `status`, `.result()`, `await run`; `cancel`, `resume`, `fork`, `redo`, `wake`.

    It may be kept as a value: what comes back is a handle of the same run.
    """

    id: str
    workflow: str
    _store: Store
    _execution: Execution | None
    _receiver: Receiver | None
    _task: asyncio.Task[None] | None

    def __init__(
        self,
        execution: Execution,
        body: Callable[[], Any],
        *,
        is_async: bool,
        receiver: Receiver | None = None,
    ) -> None:
        """Begin it: as a task where an event loop runs, else, and where somebody receives it, in a thread."""
        self.id = execution.run_id
        self.workflow = execution.plan.workflow
        self._store = execution.store
        self._execution = execution
        self._receiver = receiver
        self._task = None
        _here[self.id] = self
        context = contextvars.copy_context()
        # A body that does not await holds up the loop: nothing that it starts goes on there.
        above = current_scope()
        held_up = receiver is not None or (above is not None and above.within.stop is not None)
        loop = _running_loop() if is_async and not held_up else None
        if loop is not None:
            # With a context of its own it is no branch of the body that starts it.
            execution.loop = loop
            self._task = loop.create_task(_quietly(execution.arun(body)), context=context)
            return
        work = functools.partial(_go, execution, body, is_async=is_async)
        threading.Thread(target=context.run, args=(work,), name=f"perdure-{self.id}", daemon=True).start()

    @classmethod
    def of(cls, name: str) -> Run:
        """The handle of the run with this id, or of the newest run of this workflow.

        Raises:
            NoSuchRun: there is none in this process's store.
        """
        record = named_run(the_store(), name)
        return cls.__perdure_load__({"id": record.id, "workflow": record.workflow})

    # -- looking -----------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """The run's state, such as `running`, `done` or `failed`; `interrupted` once its process died."""
        return state(self._store, self.id)

    def result(self) -> Any:
        """Wait for the result, and return it or raise the run's error.

        Raises:
            WrongThread: called on the event loop's own thread, which would then never finish.
            RunFailed, RunCancelled: it ended so in another process.
            NoResult: it is not done, and nobody is at work on it.
        """
        execution = self._at_work()
        if execution is None:
            return self._value_of(outcome(self._store, self.id, self.workflow))
        own_loop = execution.loop
        if own_loop is not None and not execution.outcome.done() and _running_loop() is own_loop:
            raise WrongThread(name=self.workflow, call="the run")
        block(execution.outcome)
        return self._given(execution.outcome)

    def __await__(self) -> Generator[Any, None, Any]:
        execution = self._at_work()
        if execution is None:
            return (yield from asyncio.to_thread(self.result).__await__())
        ended = asyncio.wrap_future(execution.outcome)
        ended.add_done_callback(lambda done: done.cancelled() or done.exception())  # so that nobody misses it
        yield from asyncio.wait([ended]).__await__()  # who is cancelled while waiting does not cancel the run
        return self._given(execution.outcome)

    def _given(self, outcome: concurrent.futures.Future[Any]) -> Any:
        """What whoever asks is given, once the run has ended."""
        error, receiver = outcome.exception(), self._receiver
        if error is not None:
            if receiver is not None:
                receiver.heard(error)
            raise_as_it_is(error)
        return self._value_of(outcome.result()) if receiver is None else receiver.received(outcome.result())

    def _value_of(self, found: Any) -> Any:
        """Of a cell, whose names are kept beside it, its value."""
        record = self._store.journal.run(self.id)
        return found.get(VALUE) if record is not None and record.kind == "cell" else found

    def _at_work(self) -> Ending | None:
        return self._execution or at_work(self.id)

    # -- changing its course -----------------------------------------------------------------------------

    def cancel(self, reason: str = "") -> bool:
        """Stop the run, with its child runs, wherever it is at work; whether it had not ended before.

        Its steps hear of it promptly, and their cleanup code runs. `await run` waits for the end. Called by
        the run's own code, it does not return.

        Args:
            reason: why; it is kept with the run.
        """
        asked = cancel(self._store, self._record(), reason) in (ASKED, RECORDED)
        scope = current_scope()
        while scope is not None:
            scope.within.under_way.check_stopped()
            scope = scope.within.above
        return asked

    def give_up(self) -> None:
        """Who is stopped while waiting does not cancel the run."""

    def resume(self) -> Run:
        """Go on with the run where it was, failed, interrupted or cancelled; a finished one has its result.

        Raises:
            RunOwned: another process is at work on it.
            NoSuchWorkflow: its workflow is not defined here.
            InputsDiffer: the workflow takes other inputs now.
        """
        here = at_work(self.id)
        return self if here is not None else self._again(AS_USUAL, starting.go_on)

    def redo(self, step: str | Iterable[str]) -> Run:
        """Run a step of the run again, or several, with what depends on them.

        Raises:
            NoSuchStep: the run never called it.
            RunOwned, NoSuchWorkflow, InputsDiffer: as for `resume`.
        """
        steps = frozenset([step] if isinstance(step, str) else step)
        return self._again(Choice(redo=steps), starting.go_on)

    def fork(self, *, at: str | None = None) -> Run:
        """Begin another run with the same inputs, which keeps what this one recorded.

        Args:
            at: a step, from whose first call on everything runs anew.

        Raises:
            NoSuchStep, NoSuchWorkflow, InputsDiffer: as for `redo`.
        """
        return self._again(AS_USUAL, functools.partial(starting.fork, at=at))

    def wake(self, call: str | None = None) -> int:
        """End the sleeps of the run now, or the one that is this call; how many that were."""
        from .waits.waking import wake

        return wake(self._store, self.id, call)

    def _again(self, choice: Choice, begin: Callable[..., Execution]) -> Run:
        """Have the workflow carried out once more, with the inputs that the run was begun with."""
        record, store = self._record(), self._store
        workflow = defined(store, record)
        subject = f"The inputs of run {self.id} of `{self.workflow}`"
        assert record.inputs is not None
        stored = unsealed(store, record.inputs, Place(self.id, role="inputs"), subject)
        plan, body = workflow.again(store, record, keeping.decode(stored, subject=subject), choice)
        made = Run(begin(plan, record), body, is_async=workflow.is_async)
        if made.id != self.id:
            return made
        self.__dict__.update(made.__dict__)  # handles of the run that are there follow it
        _here[self.id] = self
        return self

    def _record(self) -> RunRecord:
        record = self._store.journal.run(self.id)
        if record is None:
            raise NoSuchRun(run=self.id, path=str(self._store.path or ":memory:"))
        return record

    # -- as a value --------------------------------------------------------------------------------------

    def __perdure_dump__(self) -> dict[str, str]:
        return {"id": self.id, "workflow": self.workflow}

    @classmethod
    def __perdure_load__(cls, data: dict[str, str]) -> Run:
        made = cls.__new__(cls)
        here = _here.get(data["id"])
        if here is not None:
            made.__dict__ = here.__dict__  # one state for all handles of a run that is at work here
            return made
        made.id, made.workflow = data["id"], data["workflow"]
        made._store, made._task = the_store(), None  # noqa: SLF001  of the same class
        made._execution = made._receiver = None  # noqa: SLF001
        return made

    def __repr__(self) -> str:
        return f"<run {self.id} of {self.workflow}: {self.status}>"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _go(execution: Execution, body: Callable[[], Any], *, is_async: bool) -> None:
    """Carry out an execution in a thread of its own; its outcome is with the execution."""
    if is_async:
        asyncio.run(_quietly(execution.arun(body)))
        return
    try:
        execution.run(body)
    except BaseException:  # noqa: BLE001  whoever asks for the outcome gets it
        return


async def _quietly(work: Awaitable[Any]) -> None:
    try:
        await work
    except BaseException:  # noqa: BLE001  whoever asks for the outcome gets it
        return
