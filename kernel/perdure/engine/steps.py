"""`@step`: a function whose result is kept."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from . import naming, parallel
from .bound import BoundStep, check_bound, unwrapped
from .callee import Callee, Options, short_name
from .calls import Call
from .current import in_worker
from .decide import KINDS, ON_EDIT
from .durations import age, seconds
from .executors.choice import checked as where
from .retrying import Backoff, Duration, RetryOn, checked
from .scope import Scope, current_scope, own_code
from .tracebacks import users_level

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from .parallel import Future, Mapped

P = ParamSpec("P")
R = TypeVar("R")


class OutsideRun(UserWarning):
    """A step was called outside every workflow: it is a plain call, and nothing is kept."""


class Step(Callee, Generic[P, R]):
    """A function marked as a step: in a workflow its result is kept, elsewhere it is a plain function."""

    __wrapped__: Callable[P, R]

    def __init__(self, function: Callable[P, R], name: str, options: Options, kind: str = "plain") -> None:
        super().__init__(function, name, options, kind)
        functools.update_wrapper(self, function)
        naming.define(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it: in a workflow's body as a recorded call, elsewhere as the plain function."""
        scope = self._scope()
        if scope is None or scope.in_step:
            return self.__wrapped__(*args, **kwargs)
        with own_code(scope):
            call = Call(self, scope, args, kwargs, later=self.is_async)
            found: Any = call.arun() if self.is_async else call.run()
        return found  # type: ignore[no-any-return]  # R is an awaitable for an async step

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Future[Any]:
        """Begin a call beside the body; the future is awaitable and has `.result()`."""
        check_bound(self, args)
        return parallel.submit(self, self._scope(), args, kwargs)

    def map(self, items: Iterable[Any], *, concurrency: int | None = None) -> Mapped[Any]:
        """Begin one call for each item, at most `concurrency` (8) at once.

        The result is awaitable, has `.result()`, and can be iterated in the order of the items.
        """
        check_bound(self, ())
        return self.map_after((), items, concurrency)

    def map_after(self, first: tuple[Any, ...], items: Iterable[Any], concurrency: int | None) -> Mapped[Any]:
        """As `map`, with the arguments `first` before each item."""
        return parallel.map_over(self, self._scope(), items, concurrency, first)

    def _scope(self) -> Scope | None:
        """Where the call is made; a hint where nothing will be kept of it."""
        scope = current_scope()
        if scope is None and not in_worker():
            _hint(self.name)
        return scope

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if self.kind == "class":
            return BoundStep(self, type(instance) if owner is None else owner)
        if self.kind == "static" or instance is None:
            return self
        return BoundStep(self, instance)

    @property
    def __closure__(self) -> Any:
        """The function's own: who makes a class anew, as attrs does, mends there what `super()` looks up."""
        return self.__wrapped__.__closure__

    def __repr__(self) -> str:
        return f"<step {self.name}>"


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...


@overload
def step(
    *,
    name: str | None = None,
    kind: str = "pure",
    on_edit: str | None = None,
    retries: int = 0,
    backoff: Backoff = 0.0,
    retry_on: RetryOn | None = None,
    timeout: Duration | None = None,
    key: str | Callable[..., str] | None = None,
    executor: str | Executor | None = None,
    cache: bool | Duration = False,
    idempotent: bool = False,
) -> Callable[[Callable[P, R]], Step[P, R]]: ...


def step(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    kind: str = "pure",
    on_edit: str | None = None,
    retries: int = 0,
    backoff: Backoff = 0.0,
    retry_on: RetryOn | None = None,
    timeout: Duration | None = None,
    key: str | Callable[..., str] | None = None,
    executor: str | Executor | None = None,
    cache: bool | Duration = False,
    idempotent: bool = False,
) -> Any:
    """Mark a function, sync or async, as a step: in a workflow its result is kept and not computed twice.

    Args:
        function: the function, where the decorator stands without parentheses.
        name: the step's name, if not the function's.
        kind: `pure` (compute, read, fit), `effect` (send, write; never repeated silently) or `volatile`
            (recorded once for this run).
        on_edit: what to do for a `pure` step whose code was edited: `rerun` (the default), `keep` or `ask`.
        retries: how many further attempts after a failure, also in later processes.
        backoff: pause before each further attempt: seconds, a duration such as "10s", `exponential(...)`, or
            a function that gets the number of attempts that failed.
        retry_on: the errors that are worth another attempt: classes, or a function that says so of an error;
            None: all. `Fatal` is never tried again, `Retry` always.
        timeout: limit for one attempt. A sync step with a limit runs in a thread of its own: it is stopped
            where Python lets it be, else left to itself, and what it does from then on is not kept.
        key: finds the call again by this key instead of its inputs; a function gets the arguments by name.
        executor: where it runs: "thread" (the default), "process" for work that fills a core, or any
            `concurrent.futures.Executor`.
        cache: True, or a duration such as "7d": other runs may use a result of this age.
        idempotent: of an effect: it may be repeated, and is, when nobody knows whether it took place.

    Raises:
        ValueError: an option has no such value.
    """
    for option, value, known in (("kind", kind, KINDS), ("on_edit", on_edit or "rerun", ON_EDIT)):
        if value not in known:
            raise ValueError(f"{option}={value!r} is none of {', '.join(known)}")
    if kind != "pure" and on_edit is not None:
        raise ValueError(f"on_edit={on_edit!r} is for pure steps: an edit never runs kind={kind!r} again")
    if kind != "pure" and cache is not False:
        raise ValueError(f"cache={cache!r} is for pure steps: other runs cannot use what a {kind} step did")
    if idempotent and kind != "effect":
        raise ValueError(f"idempotent=True is for effects: a {kind} step may be repeated anyway")
    options = Options(
        kind,
        on_edit or "rerun",
        checked(retries, backoff, retry_on),
        None if timeout is None else seconds(timeout),
        key,
        where(executor),
        _lasting(cache),
        idempotent,
    )

    def mark(function: Callable[P, R]) -> Step[P, R]:
        inner, kind = unwrapped(function)
        return Step(inner, name or short_name(inner), options, kind)

    return mark if function is None else mark(function)


def _lasting(cache: bool | Duration) -> float | None:  # noqa: FBT001  what users write, as they write it
    """Seconds for which a result may be used by other runs."""
    if isinstance(cache, bool):
        return math.inf if cache else None
    return age(cache) if isinstance(cache, str) else seconds(cache)


_hinted: set[str] = set()


def _hint(name: str) -> None:
    if name not in _hinted:
        _hinted.add(name)
        message = (
            f"step `{name}` is called outside a workflow: a plain call, nothing is kept. "
            "Call it from a @workflow function or a %%workflow cell."
        )
        warnings.warn(message, OutsideRun, stacklevel=users_level())
