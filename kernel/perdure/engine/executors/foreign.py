"""Calls by any `concurrent.futures.Executor`, as it is.

What it is given is a function that can be imported, and bytes. Where it calls that in this very process, the
call runs as in a thread of Perdure's own: with the caller's context, and without a detour over bytes.
"""

from __future__ import annotations

import contextvars
import inspect
import itertools
import os
from collections.abc import Callable
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    InvalidStateError,
    ThreadPoolExecutor,
)
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perdure.engine import keeping
from perdure.engine.secret import copying
from perdure.errors import ExecutorEnded, WorkerDied

from .attempting import attempted, called, unpacked
from .message import Secrets, hidden, told

if TYPE_CHECKING:
    from .message import Asked
    from .work import Outcome

Answer = tuple[Secrets, list[bytes]]


@dataclass(slots=True)
class _Here:
    """A call, for the case that it is carried out in this process."""

    call: Callable[[], Outcome]
    context: contextvars.Context
    outcome: Outcome | None = None


_here: dict[tuple[int, int], _Here] = {}
"""By process, since a forked one has this too, and number."""
_numbers = itertools.count()


class ForeignWork:
    """A call at an executor of the user's.

    Args:
        executor: takes it.
        asked: the call.

    Raises:
        ExecutorEnded: the executor takes no more calls.
        NotKeepable: its function cannot be sent.
    """

    def __init__(self, executor: Executor, asked: Asked) -> None:
        self.future: Future[Outcome] = Future()
        self._executor = executor
        self._step = asked.step
        call = _in_this_process(asked)
        parts = [] if type(executor) is ThreadPoolExecutor else asked.message()
        secrets = told(asked.secrets) if parts else []
        self._key = os.getpid(), next(_numbers)
        self._call = _here[self._key] = _Here(call, contextvars.copy_context())
        try:
            inner = executor.submit(carry_out, self._key, secrets, *(bytes(part) for part in parts))
        except RuntimeError as error:  # it was shut down, or is broken, each in the words of its kind
            del _here[self._key]
            raise self._ended(error) from error
        except BaseException:
            del _here[self._key]
            raise
        self._inner: Future[Answer] = inner
        self.future.add_done_callback(lambda future: inner.cancel() if future.cancelled() else None)
        inner.add_done_callback(self._settle)

    def stop(self) -> None:
        """Have it not begin; what runs already is left to itself. Twice is fine."""
        self.future.cancel()

    def _settle(self, inner: Future[Answer]) -> None:
        del _here[self._key]
        with suppress(InvalidStateError):  # it was stopped
            try:
                self.future.set_result(self._outcome(inner))
            except InvalidStateError:
                raise
            except CancelledError as error:
                self.future.set_exception(self._ended(error))
            except BrokenExecutor as error:
                cause = str(error).strip().partition("\n")[0].rstrip(".")
                self.future.set_exception(WorkerDied(step=self._step, cause=cause, memory=None))
            except BaseException as error:  # noqa: BLE001  whoever waits for the call gets it
                self.future.set_exception(error)

    def _outcome(self, inner: Future[Answer]) -> Outcome:
        secrets, parts = inner.result()
        if parts:
            return unpacked(parts, hidden(secrets), self._step)
        assert self._call.outcome is not None
        return self._call.outcome

    def _ended(self, error: BaseException) -> ExecutorEnded:
        cause = str(error).strip().partition("\n")[0].rstrip(".") or "it was shut down before the call began"
        return ExecutorEnded(step=self._step, executor=type(self._executor).__name__, cause=cause)


def _in_this_process(asked: Asked) -> Callable[[], Outcome]:
    """The call, on copies of the arguments like any other."""
    secrets = list(asked.secrets)

    def call() -> Any:
        with copying(secrets):
            arguments = keeping.decode(asked.arguments)
        bound = inspect.BoundArguments(asked.signature, arguments)
        return called(asked.function, bound.args, bound.kwargs)

    return lambda: attempted(call, asked.step)


def carry_out(key: tuple[int, int], secrets: Secrets, *parts: bytes) -> Answer:
    """Carry out a call, wherever this is called: what came of it, or nothing if this process knows that."""
    here = _here.get(key) if key[0] == os.getpid() else None
    if here is not None:
        here.outcome = here.context.run(here.call)
        return [], []
    from .carrying import carried_out

    back, given = carried_out(secrets, parts)
    return back, [bytes(part) for part in given]
