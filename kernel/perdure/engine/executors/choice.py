"""The choice of an executor, as users write it, and the calls that it is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from perdure import codec

if TYPE_CHECKING:
    from perdure.engine.attempt import Current
    from perdure.engine.callee import Callee
    from perdure.engine.scope import Scope
    from perdure.engine.secret import Secret

    from .work import Work

AT_ONCE = 8
"""How many calls of a `map` run at once, where nothing else tells."""


def checked(executor: str | Executor | None) -> str | Executor | None:
    """The executor as it was given.

    Raises:
        ValueError: it is none.
    """
    if executor in (None, "thread", "process") or isinstance(executor, Executor):
        return executor
    raise ValueError(
        f'executor={executor!r} is neither "thread", "process" nor a concurrent.futures.Executor'
    )


def executor_of(step: Callee, scope: Scope | None) -> str | Executor | None:
    """The executor that the step names, else that of the workflow in whose body it is called."""
    own = step.options.executor
    return scope.within.executor if own is None and scope is not None else own


def named(executor: str | Executor | None) -> str:
    """The executor's name for the record of an attempt; empty for a thread of this process."""
    if executor is None or executor == "thread":
        return ""
    return executor if isinstance(executor, str) else type(executor).__name__


def default_concurrency(executor: str | Executor | None) -> int:
    """How many calls are worth beginning at once: as many as there are workers, where that is known."""
    if executor == "process":
        from .pool import cores

        return cores()
    if isinstance(executor, Executor):
        for name in ("max_workers", "_max_workers"):
            told = getattr(executor, name, None)
            if isinstance(told, int) and told > 0:
                return told
    return AT_ONCE


def begin(  # noqa: PLR0917  what is sent, and by whom
    executor: str | Executor,
    function: Callable[..., Any],
    arguments: dict[str, Any] | codec.Encoded,
    signature: inspect.Signature,
    where: Current,
    name: str,
    *,
    secrets: Sequence[Secret] = (),
) -> Work:
    """Begin a call elsewhere. Called in the context in which the function runs where that is this process.

    Args:
        executor: "process", or any `concurrent.futures.Executor`.
        function: without its step around it, sync or async.
        arguments: by name, with defaults applied; they travel by value.
        signature: of the function.
        where: what `current` gives in a worker.
        name: of the step.
        secrets: for which encoded arguments hold the places, as `copying` listed them.

    Raises:
        NotKeepable: an argument, or the function itself, holds something that cannot be sent.
        ExecutorEnded: the executor takes no more calls.
    """
    from perdure.engine import keeping
    from perdure.engine.secret import copying

    from .message import Asked

    hidden = list(secrets)
    if not isinstance(arguments, codec.Encoded):
        with copying(hidden):
            arguments = keeping.encode_arguments(arguments, f"step `{name}`")
    asked = Asked(name, function, signature, arguments, hidden, where)
    if isinstance(executor, Executor):
        from .foreign import ForeignWork

        return ForeignWork(executor, asked)
    from .pool import the_pool
    from .slots import Job

    job = Job(asked)
    the_pool().begin(job)
    return job
