"""`@workflow`: a function whose run is kept."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from perdure.errors import InputsDiffer
from perdure.store.records import RunRecord

from . import keeping, undetermined
from .children import ChildCall
from .code.functions import function_code, global_data
from .defined import Prepared, define, place_of
from .executors.choice import checked
from .handles import Run
from .inputs import combined, frozen, input_parts
from .plans import AS_USUAL, Choice, Plan, tagged
from .scope import current_scope, in_body, own_code
from .starting import begin

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

    def __init__(
        self,
        function: Callable[P, R],
        name: str,
        choice: Choice = AS_USUAL,
        executor: str | Executor | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self.name = name
        self.is_async = inspect.iscoroutinefunction(function)
        self.signature = inspect.signature(function)
        self.place: Mapping[str, str] = place_of(function)
        self._choice = choice
        self._executor = executor

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
        tags: Mapping[str, Any] | None = None,
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
            tags: words by which the run is found again, each with its value.

        Raises:
            ValueError: a tag's word is none.
        """
        steps = frozenset([redo] if isinstance(redo, str) else redo)
        choice = Choice(key, fresh, reuse, steps, redo_from, strict, steal, tagged(tags or {}))
        return Workflow(self.__wrapped__, self.name, choice, self._executor)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it, as a child run where a run's code calls it; return its result (an awaitable if async)."""
        plan, arguments = self._plan(args, kwargs, later=self.is_async)
        scope = current_scope()
        with own_code(scope):
            child = None if scope is None else ChildCall(scope, plan)
            if self.is_async:
                return cast("R", self._begin_and_run(plan, child, arguments))  # R is an awaitable then
            return begin(plan, child).run(lambda: self._body(plan, arguments))  # type: ignore[no-any-return]

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Run:
        """Begin the run beside the caller: as a task where an event loop runs, else in a thread."""
        plan, arguments = self._plan(args, kwargs, later=True)
        scope = current_scope()
        with own_code(scope):
            child = None if scope is None else ChildCall(scope, plan)
            execution = begin(plan, child, beside=True)
            return Run(execution, lambda: self._body(plan, arguments), is_async=self.is_async)

    def _plan(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], *, later: bool
    ) -> tuple[Plan, inspect.BoundArguments]:
        """What is to be executed, with the arguments as they are now."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return self._plan_for(bound, self._choice, later=later), bound

    def again(self, store: Store, run: RunRecord, arguments: dict[str, Any], choice: Choice) -> Prepared:
        """What is to be executed for a run with these inputs.

        Raises:
            InputsDiffer: the function does not take them any more.
        """
        in_order: Any = {name: arguments.pop(name) for name in self.signature.parameters if name in arguments}
        given = inspect.BoundArguments(self.signature, in_order)
        try:
            bound = self.signature.bind(*given.args, **given.kwargs, **arguments)
        except TypeError as error:
            raise InputsDiffer(run=run.id, workflow=self.name, cause=str(error)) from None
        bound.apply_defaults()
        plan = replace(self._plan_for(bound, choice, later=True), store=store)
        return plan, lambda: self._body(plan, bound)

    def _plan_for(self, bound: inspect.BoundArguments, choice: Choice, *, later: bool) -> Plan:
        code_parts, names = function_code(self.__wrapped__, self.name)
        reads = global_data(self.__wrapped__, names)
        parts = input_parts(bound.arguments) + input_parts(reads)
        encoded = keeping.encode_arguments(bound.arguments, f"workflow `{self.name}`")
        code = combined(code_parts)
        undetermined.look_into(self.name, code, lambda: undetermined.in_function(self.__wrapped__))
        return Plan(
            workflow=self.name,
            kind="function",
            inputs=combined(parts),
            code=code,
            arguments=frozen(encoded) if later else encoded,
            choice=choice,
            input_parts=parts,
            code_parts=code_parts,
            executor=self._executor,
            defined=self.place,
        )

    def _body(self, plan: Plan, bound: inspect.BoundArguments) -> Any:
        bound.arguments.update(plan.inputs_again())
        return self.__wrapped__(*bound.args, **bound.kwargs)

    async def _begin_and_run(self, plan: Plan, child: ChildCall | None, bound: inspect.BoundArguments) -> Any:
        """Begin when awaited: a coroutine that nobody awaits must not hold a run."""
        execution = begin(plan, child)
        value = await execution.arun(lambda: self._body(plan, bound))
        scope = in_body()
        if scope is not None and execution.how != "restored":
            await scope.within.arecorded()
        return value

    def __getstate__(self) -> dict[str, Any]:
        """Kept and sent without an executor of the user's, which belongs to this process."""
        return vars(self) if isinstance(self._executor, str | None) else {**vars(self), "_executor": None}

    def __repr__(self) -> str:
        return f"<workflow {self.name}>"


@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...


@overload
def workflow(
    *, name: str | None = None, executor: str | Executor | None = None
) -> Callable[[Callable[P, R]], Workflow[P, R]]: ...


def workflow(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    executor: str | Executor | None = None,
) -> Any:
    """Mark a function, sync or async, as a workflow: its run survives the process, and goes on where it was.

    Args:
        function: the function, where the decorator stands without parentheses.
        name: the workflow's name, if not the function's.
        executor: where its steps run that say nothing themselves; as for `step`.

    Raises:
        ValueError: the executor is none.
    """
    chosen = checked(executor)

    def mark(function: Callable[P, R]) -> Workflow[P, R]:
        made = Workflow(function, name or function.__name__, executor=chosen)
        define(made)
        return made

    return mark if function is None else mark(function)
