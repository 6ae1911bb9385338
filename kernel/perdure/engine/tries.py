"""One attempt's code, carried out: here, in a thread of its own, or by an executor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.errors import StepTimeout

from . import keeping
from .cancelling import TaskStop, ThreadStop
from .limits import time_limit, waited
from .scope import Scope, context_in, entered

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from .attempt import Attempt
    from .callee import Callee
    from .executors.work import Outcome, Work
    from .secret import Secret


@dataclass(frozen=True, slots=True)
class Made:
    """What an attempt gave."""

    value: Any
    took: float
    """Seconds of work."""
    encoded: codec.Encoded | None = None
    """The value, where it was encoded elsewhere."""
    memory: int | None = None
    """Bytes that a worker held."""


@dataclass(slots=True)
class Try:
    """One attempt at a call: `run` or `arun` carries it out.

    Args:
        step: whose code it is.
        attempt: the attempt.
        scope: that of the code.
        executor: where it runs; None: here.
        arguments: gives them by name, as copies of this attempt's own.
        sent: the same as bytes, for where they travel; None: they are sent as they are.
        secrets: whose places those bytes hold.
    """

    step: Callee
    attempt: Attempt
    scope: Scope
    executor: str | Executor | None
    arguments: Callable[[], dict[str, Any]]
    sent: codec.Encoded | None
    secrets: list[Secret]

    def run(self) -> Made:
        """Carry out a sync step."""
        began = time.perf_counter()
        if self.executor is not None:
            work = self._begin_elsewhere()
            outcome = waited(work.future, self.attempt, lambda _: work.stop(), self._late())
            return self._of(outcome)
        value = self._here() if self.attempt.deadline is None else self._in_a_thread()
        return Made(value, time.perf_counter() - began)

    async def arun(self) -> Made:
        """Carry out an async step."""
        began = time.perf_counter()
        late = self._late()
        if self.executor is None:
            with entered(self.scope):
                async with time_limit(self.attempt.deadline, late):
                    value = await self._awaited()
            return Made(value, time.perf_counter() - began)
        work = self._begin_elsewhere()
        self.attempt.stopped_by(lambda _: work.stop())
        try:
            async with time_limit(self.attempt.deadline, late):
                outcome = await asyncio.wrap_future(work.future)
        except BaseException as error:
            self.attempt.give_up(error)
            raise
        finally:
            self.attempt.stopped_by(None)
        return self._of(outcome)

    def _call(self) -> Any:
        return self.step.call(self.arguments())

    def _here(self) -> Any:
        """The value of a sync step, whose thread is stopped when the attempt is given up."""
        with entered(self.scope), ThreadStop() as stop:
            self.attempt.stopped_by(stop)
            try:
                self.attempt.check()
                return self._call()
            finally:
                self.attempt.stopped_by(None)

    async def _awaited(self) -> Any:
        """The value of an async step, whose task is cancelled when the attempt is given up."""
        with TaskStop() as stop:
            self.attempt.stopped_by(stop)
            try:
                self.attempt.check()
                return await self._call()
            finally:
                self.attempt.stopped_by(None)

    def _in_a_thread(self) -> Any:
        from .executors.threads import begin_in_thread

        work = begin_in_thread(self._call, context_in(self.scope), self.step.name)
        return waited(work.future, self.attempt, work.stop, self._late())

    def _begin_elsewhere(self) -> Work:
        from .executors.choice import begin

        assert self.executor is not None
        step, where = self.step, self.attempt.current()
        arguments = self.arguments() if self.sent is None else self.sent
        function, signature = step.__wrapped__, step.signature
        with entered(self.scope):  # an executor may work in this process
            return begin(
                self.executor, function, arguments, signature, where, step.name, secrets=self.secrets
            )

    def _of(self, outcome: Outcome) -> Made:
        """What came back, with what was printed there printed here."""
        outcome.show()
        if outcome.error is not None:
            error = keeping.decode(outcome.error, subject=f"The error of step `{self.step.name}`")
            raise Elsewhere(error, outcome)
        assert outcome.value is not None
        return Made(None, outcome.took, outcome.value, outcome.memory)

    def _late(self) -> StepTimeout:
        limit = self.step.options.timeout
        return StepTimeout(step=self.step.name, timeout=f"{limit or 0:g} s")


class Elsewhere(Exception):  # noqa: N818  it carries an error, and is none
    """Carries the error of an attempt that was carried out elsewhere, with what is known of it."""

    def __init__(self, error: BaseException, outcome: Outcome) -> None:
        super().__init__(error)
        self.error = error
        self.outcome = outcome
