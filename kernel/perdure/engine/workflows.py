"""`@workflow`: a function whose run is kept, and the handle of such a run."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload
from weakref import WeakValueDictionary

from perdure.errors import NoResult, WrongThread
from perdure.store.records import Place

from . import keeping, undetermined
from .code.functions import function_code, global_data
from .execution import AS_USUAL, Choice, Execution, Plan
from .inputs import combined, frozen, input_parts
from .process import the_store
from .scope import current_scope
from .stored import unsealed

if TYPE_CHECKING:
    from perdure.store import Store

P = ParamSpec("P")
R = TypeVar("R")


class Workflow(Generic[P, R]):
    """A function marked as a workflow: calling it starts its run, or goes on with it, and gives its result.

    The same inputs are the same run: an unfinished or failed one goes on, a finished and unchanged one gives
    its kept result at once, an edited one keeps every call that is still valid.
    """

    __perdure_named__ = True
    """Kept by its name where it can be imported; the codec asks."""

    def __init__(self, function: Callable[P, R], name: str, choice: Choice = AS_USUAL) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self.name = name
        self.is_async = inspect.iscoroutinefunction(function)
        self.signature = inspect.signature(function)
        self._choice = choice

    def using(
        self,
        *,
        key: str | None = None,
        fresh: bool = False,
        reuse: bool = False,
        redo: str | Iterable[str] = (),
        redo_from: str | None = None,
        strict: bool = False,
        steal: bool = False,
    ) -> Workflow[P, R]:
        """The same workflow, to be started in another way.

        Args:
            key: what makes the run this run, instead of its inputs.
            fresh: begin another run although there is one.
            reuse: restore calls of earlier runs of this workflow as well.
            redo: steps to run again although they are recorded.
            redo_from: a step from which on everything runs again.
            strict: refuse instead of running what is recorded in another form.
            steal: take the run from a live process that has it, which keeps nothing more of it.
        """
        steps = frozenset([redo] if isinstance(redo, str) else redo)
        choice = Choice(key, fresh, reuse, steps, redo_from, strict, steal)
        return Workflow(self.__wrapped__, self.name, choice)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it, as a child run where a body calls it, and return its result (an awaitable if async)."""
        scope = current_scope()
        if scope is not None and scope.in_step:
            return self.__wrapped__(*args, **kwargs)
        plan, arguments = self._plan(args, kwargs, later=self.is_async)
        if self.is_async:
            return cast("R", self._begin_and_run(plan, arguments))  # R is an awaitable for an async workflow
        execution = Execution.begin(plan)
        return execution.run(lambda: self._body(execution, arguments))  # type: ignore[no-any-return]

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Run:
        """Begin the run beside the caller: as a task where an event loop runs, else in a thread."""
        plan, arguments = self._plan(args, kwargs, later=True)
        return Run(self, Execution.begin(plan), arguments)

    def _plan(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], *, later: bool
    ) -> tuple[Plan, inspect.BoundArguments]:
        """What is to be executed, with the arguments as they are now."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        code_parts, names = function_code(self.__wrapped__, self.name)
        reads = global_data(self.__wrapped__, names)
        parts = input_parts(bound.arguments) + input_parts(reads)
        encoded = keeping.encode_arguments(bound.arguments, f"workflow `{self.name}`")
        code = combined(code_parts)
        undetermined.look_into(self.name, code, lambda: undetermined.in_function(self.__wrapped__))
        plan = Plan(
            workflow=self.name,
            kind="function",
            inputs=combined(parts),
            code=code,
            arguments=frozen(encoded) if later else encoded,
            choice=self._choice,
        )
        return plan, bound

    def _body(self, execution: Execution, bound: inspect.BoundArguments) -> Any:
        bound.arguments.update(execution.arguments())
        return self.__wrapped__(*bound.args, **bound.kwargs)

    async def _begin_and_run(self, plan: Plan, bound: inspect.BoundArguments) -> Any:
        """Begin when awaited: a coroutine that nobody awaits must not hold a run."""
        return await self._arun(Execution.begin(plan), bound)

    async def _arun(self, execution: Execution, bound: inspect.BoundArguments) -> Any:
        return await execution.arun(lambda: self._body(execution, bound))

    def __repr__(self) -> str:
        return f"<workflow {self.name}>"


_here: WeakValueDictionary[str, Run] = WeakValueDictionary()
"""The handles of runs that this process began."""


class Run:
    """A run that goes on beside its caller: `status`, `.result()`, `await run`.

    It may be kept as a value: what comes back is a handle of the same run.
    """

    def __init__(
        self, workflow: Workflow[..., Any], execution: Execution, bound: inspect.BoundArguments
    ) -> None:
        self.id = execution.run_id
        self.workflow = workflow.name
        self._store: Store = execution.store
        self._value: Any = None
        self._error: BaseException | None = None
        self._ended = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._kept = False
        _here[self.id] = self
        try:
            loop = asyncio.get_running_loop() if workflow.is_async else None
        except RuntimeError:
            loop = None
        if loop is not None:
            self._task = loop.create_task(self._go_async(workflow, execution, bound))
        else:
            work = functools.partial(self._go, workflow, execution, bound)
            context = contextvars.copy_context()
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
        if self._kept:
            return self._recorded()
        if self._task is not None and not self._ended.is_set():
            try:
                waiting_on_itself = asyncio.get_running_loop() is self._task.get_loop()
            except RuntimeError:
                waiting_on_itself = False
            if waiting_on_itself:
                raise WrongThread(name=self.workflow, call="the run")
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._value

    def __await__(self) -> Generator[Any, None, Any]:
        if self._task is not None:
            yield from asyncio.shield(self._task).__await__()
            return self.result()
        return (yield from asyncio.to_thread(self.result).__await__())

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
        made._store, made._task, made._kept = the_store(), None, True  # noqa: SLF001  of the same class
        return made

    def _go(self, workflow: Workflow[..., Any], execution: Execution, bound: inspect.BoundArguments) -> None:
        try:
            if workflow.is_async:
                self._value = asyncio.run(workflow._arun(execution, bound))  # noqa: SLF001  the two are one mechanism
            else:
                self._value = execution.run(lambda: workflow._body(execution, bound))  # noqa: SLF001
        except BaseException as error:  # noqa: BLE001  kept for `result`
            self._error = error
        finally:
            self._ended.set()

    async def _go_async(
        self, workflow: Workflow[..., Any], execution: Execution, bound: inspect.BoundArguments
    ) -> None:
        try:
            self._value = await workflow._arun(execution, bound)  # noqa: SLF001  the two are one mechanism
        except BaseException as error:  # noqa: BLE001  kept for `result`
            self._error = error
        finally:
            self._ended.set()

    def __repr__(self) -> str:
        return f"<run {self.id} of {self.workflow}: {self.status}>"


@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...


@overload
def workflow(*, name: str | None = None) -> Callable[[Callable[P, R]], Workflow[P, R]]: ...


def workflow(function: Callable[P, R] | None = None, /, *, name: str | None = None) -> Any:
    """Mark a function, sync or async, as a workflow: its run survives the process, and goes on where it was.

    Args:
        function: the function, where the decorator stands without parentheses.
        name: the workflow's name, if not the function's.
    """

    def mark(function: Callable[P, R]) -> Workflow[P, R]:
        return Workflow(function, name or function.__name__)

    return mark if function is None else mark(function)
