"""`Run`: the handle of a run, wherever it is at work."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from perdure.errors import NoResult, WrongThread
from perdure.store.records import Place

from . import keeping
from .cancels import ASKED, RECORDED, cancel
from .parallel import Beside
from .process import the_store
from .scope import current_scope
from .stored import unsealed

if TYPE_CHECKING:
    from perdure.store import Store

    from .execution import Execution

_here: WeakValueDictionary[str, Run] = WeakValueDictionary()
"""The handles of runs that this process began."""


class Run(Beside):
    """A run that goes on beside its caller: `status`, `.result()`, `await run`.

    It may be kept as a value: what comes back is a handle of the same run.
    """

    id: str
    workflow: str

    def __init__(self, execution: Execution, body: Callable[[], Any], *, is_async: bool) -> None:
        self.id = execution.run_id
        self.workflow = execution.plan.workflow
        self._store: Store = execution.store
        self._execution: Execution | None = execution
        self._task: asyncio.Task[Any] | None = None
        _here[self.id] = self
        loop = _running_loop() if is_async else None
        if loop is not None:
            # With a context of its own it is no branch of the body that starts it.
            context = contextvars.copy_context()
            self._task = loop.create_task(_quietly(execution.arun(body)), context=context)
            return
        context = contextvars.copy_context()
        work = functools.partial(_go, execution, body, is_async=is_async)
        threading.Thread(target=context.run, args=(work,), name=f"perdure-{self.id}", daemon=True).start()

    @property
    def status(self) -> str:
        """The run's state in the journal, such as `running`, `done` or `failed`."""
        record = self._store.journal.run(self.id)
        return "forgotten" if record is None else record.state

    def result(self) -> Any:
        """Wait for the result, and return it or raise the run's error.

        Raises:
            WrongThread: called on the event loop's own thread, which would then never finish.
            NoResult: the handle was kept, this process did not begin the run, and it is not done.
        """
        if self._execution is None:
            return self._recorded()
        outcome = self._execution.outcome
        if self._task is not None and not outcome.done() and _running_loop() is self._task.get_loop():
            raise WrongThread(name=self.workflow, call="the run")
        return outcome.result()

    def cancel(self, reason: str = "") -> bool:
        """Stop the run, with its child runs, wherever it is at work; whether it had not ended before.

        Its steps hear of it promptly, and their cleanup code runs. `await run` waits for the end. Called by
        the run's own code, it does not return.

        Args:
            reason: why; it is kept with the run.
        """
        record = self._store.journal.run(self.id)
        if record is None:
            return False
        asked = cancel(self._store, record, reason) in (ASKED, RECORDED)
        scope = current_scope()
        while scope is not None:
            scope.within.under_way.check_stopped()
            scope = scope.within.above
        return asked

    def __await__(self) -> Generator[Any, None, Any]:
        if self._execution is None:
            return (yield from asyncio.to_thread(self._recorded).__await__())
        # Shielded: who is cancelled while waiting does not cancel the run.
        return (yield from asyncio.shield(asyncio.wrap_future(self._execution.outcome)).__await__())

    def _recorded(self) -> Any:
        """The result of a run that another process began, as it was kept."""
        record = self._store.journal.run(self.id)
        if record is None or record.state != "done" or record.result is None:
            raise NoResult(run=self.id, workflow=self.workflow, state=self.status)
        subject = f"The result of run {self.id} of `{self.workflow}`"
        encoded = unsealed(self._store, record.result, Place(self.id, role="result"), subject)
        return keeping.decode(encoded, subject=subject)

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
        made._store, made._task, made._execution = the_store(), None, None  # noqa: SLF001  of the same class
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
