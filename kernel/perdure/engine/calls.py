"""One call of a @step function inside a run: by value, recorded, restored or run.

Arguments are copied before the step sees them, and the caller gets a copy of what was kept: neither side can
reach the checkpoint, and the first run hands out what a replay would (promise 3).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.errors import EffectFailed, InDoubt, NotKeepable, StepTimeout, WorkerDied

from . import clock, keeping
from .attempt import Attempt
from .cached import cached
from .cancelling import Cancelled, TaskStop
from .decide import TOOK_PLACE, Ask, Decision, Request, Restore, Run, Wait
from .executors.choice import executor_of, named
from .failures import QUESTIONS
from .inputs import combined, digested, frozen, shown
from .scope import Scope, lost
from .secret import Secret, copying
from .tracebacks import one_line, raise_as_it_is, user_traceback
from .tries import Elsewhere, Made, Try
from .under_way import strands_here, tasks_here
from .working import working

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from perdure.store.records import CallRecord

    from .callee import Callee


class Call:
    """A call that was decided when it was made; `run` or `arun` carries it out, once.

    Args:
        step: the step.
        scope: where the call is made.
        args: its arguments; they are as they are now, whatever becomes of them before the step runs.
        kwargs: those that were given by name.
        later: whether other code may run before the step does.
    """

    __slots__ = (
        "_arguments",
        "_copied",
        "_later",
        "_made",
        "_secrets",
        "_seq",
        "decision",
        "request",
        "scope",
        "step",
    )

    def __init__(
        self,
        step: Callee,
        scope: Scope,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        later: bool,
    ) -> None:
        self.step = step
        self.scope = scope
        scope.within.check_asked(scope.branch)
        arguments = step.bind(args, kwargs)
        self.request = self._request(arguments)
        self.decision = scope.owner.decide(self.request)
        # Its place in the order is where it was made, whenever it is awaited.
        self._made, self._seq = clock.now(), scope.owner.reserve()
        self._arguments = arguments
        self._copied: codec.Encoded | None = None
        self._secrets: list[Secret] = []
        runs = isinstance(self.decision, Run | Wait)
        if runs and not all(map(codec.is_fixed, arguments.values())):
            with copying(self._secrets):
                encoded = keeping.encode_arguments(arguments, f"step `{step.name}`")
            self._copied = frozen(encoded) if later else encoded
        self._later = later

    def _request(self, arguments: dict[str, Any]) -> Request:
        """What is asked of the history; its occurrence is counted now."""
        step, scope = self.step, self.scope
        within, options = scope.within, step.options
        code = step.code(within, step.receiver(arguments))
        values = [*arguments.items(), *step.reads(code).items()]
        parts = digested(values, by_name=code.classes)
        inputs = combined(parts)
        name = scope.owner.name_of(step)
        counted = (scope.branch, name) + (() if options.kind == "volatile" else (inputs,))
        occurrence = within.occurrence(*counted)
        key, redo = step.key_of(arguments), within.why_redo(name)
        sought = key is None and redo is None and options.kind == "pure"
        place = (scope.branch, name, inputs, occurrence, code.digest)
        # One that is restored needs no previews: nobody looks, unless it is another one than was expected.
        if within.strict or not (sought and scope.owner.history.is_done(*place)):
            parts = shown(parts, values)
        return Request(
            step=name,
            inputs=inputs,
            code=code.digest,
            branch=scope.branch,
            occurrence=occurrence,
            kind=options.kind,
            on_edit=options.on_edit,
            key=key,
            input_parts=parts,
            code_parts=code.parts,
            redo=redo,
            strict=within.strict,
            idempotent=options.idempotent,
        )

    def run(self) -> Any:
        """Carry out a call of a sync step, and return its value."""
        decision = self._begin()
        while True:
            if isinstance(decision, Wait):
                self._wait(decision.call.due or 0.0)
                decision = self._next(decision.call)
            if not isinstance(decision, Run):
                return self._settled()
            with working():
                attempt, began = self._start(decision), time.perf_counter()
                try:
                    attempt.check()
                    made = self._try(attempt).run()
                    attempt.check()
                except BaseException as failure:  # noqa: BLE001  raised again by `_failed`, if it stands
                    error = failure  # out here, since raising it in there would write over its context
                else:
                    value = self._ended(attempt, made)
                    self.scope.within.recorded()
                    return value
                decision = self._failed(attempt, error, time.perf_counter() - began)

    async def arun(self) -> Any:
        """Carry out a call of an async step, and return its value."""
        decision = self._begin()
        while True:
            if isinstance(decision, Wait):
                with TaskStop() as stop, self.scope.within.under_way.waiting(stop, tasks_here()):
                    await clock.until(decision.call.due or 0.0)
                decision = self._next(decision.call)
            if not isinstance(decision, Run):
                return self._settled()
            with working():
                attempt, began = self._start(decision), time.perf_counter()
                try:
                    attempt.check()
                    made = await self._try(attempt).arun()
                    attempt.check()
                except BaseException as failure:  # noqa: BLE001  raised again by `_failed`, if it stands
                    error = failure  # as in `run`
                else:
                    value = await self._aended(attempt, made)
                    break
                decision = self._failed(attempt, error, time.perf_counter() - began)
        await self.scope.within.arecorded()
        return value

    def _wait(self, due: float) -> None:
        """Block this thread until that moment, or until the pass is over."""
        woken = threading.Event()
        with self.scope.within.under_way.waiting(lambda _: woken.set(), strands_here()):
            clock.pause(due, woken)

    def _begin(self) -> Decision:
        """What to do first: an earlier call with the same key, or another run, may have done the work."""
        owner, options = self.scope.owner, self.step.options
        self.scope.within.under_way.check()  # what waited for its turn never begins once its pass is over
        if self._later and self.request.key is not None and isinstance(self.decision, Run):
            self.decision = owner.decide(self.request)
        if isinstance(self.decision, Run) and options.cache is not None and self.request.redo is None:
            self.decision = cached(owner, self.request, options.cache, self.step.source) or self.decision
        return self.decision

    def _next(self, waiting: CallRecord) -> Run:
        """The next attempt at a call whose pause is over."""
        return Run(self.step.options.retrying.next(waiting.failures, waiting.error), waiting)

    def _start(self, decision: Run) -> Attempt:
        step, owner = self.step, self.scope.owner
        options, executor = step.options, self._executor()
        # Its tries are counted as they begin; a worker is a process of its own, which may outlive this one.
        at_once = options.retrying.retries > 0 or executor is not None
        with self.scope.within.under_way.beginning():
            record = owner.start(
                self.request,
                decision,
                at_once=at_once,
                executor=named(executor),
                source=step.source,
                seq=self._seq,
                cached=options.cache is not None and not any(part.weak for part in self.request.input_parts),
            )
            deadline = None if options.timeout is None else record.started + options.timeout
            attempt = Attempt(owner, record, owner.attempt(record).number, deadline)
            self.scope.within.begun(attempt, is_async=step.is_async)
        return attempt

    def _executor(self) -> str | Executor | None:
        """Where the step's code runs: None is here, which for a call beside the body is a thread already."""
        chosen = executor_of(self.step, self.scope)
        return None if chosen == "thread" else chosen

    def _try(self, attempt: Attempt) -> Try:
        inside = self.scope.inside(attempt)
        return Try(
            self.step, attempt, inside, self._executor(), self._own_arguments, self._copied, self._secrets
        )

    def _own_arguments(self) -> dict[str, Any]:
        """Copies of the arguments, for one attempt; what cannot be changed needs none."""
        if self._copied is not None:
            with copying(self._secrets):
                self._arguments |= keeping.decode(self._copied)
        return self._arguments

    def _ended(self, attempt: Attempt, made: Made) -> Any:
        """The value of an attempt that ended well, which is kept."""
        under_way = self.scope.within.under_way
        try:
            if not under_way.settle(attempt):
                attempt.check()
            value = self._finish(attempt, made)
        finally:
            under_way.end(attempt)
        under_way.check_stopped()
        return value

    async def _aended(self, attempt: Attempt, made: Made) -> Any:
        """The same on an event loop, which goes on with others while the value is on its way to the disk."""
        under_way, owner = self.scope.within.under_way, self.scope.owner
        try:
            if not under_way.settle(attempt):
                attempt.check()
            encoded = self._encoded(attempt, made)
            ended = await owner.afinish(
                attempt.call, encoded, took=made.took, memory=made.memory, more=attempt.changes
            )
            value = self._given(made, encoded, ended)
        finally:
            under_way.end(attempt)
        under_way.check_stopped()
        return value

    def _finish(self, attempt: Attempt, made: Made) -> Any:
        encoded, owner = self._encoded(attempt, made), self.scope.owner
        ended = owner.finish(attempt.call, encoded, took=made.took, memory=made.memory, more=attempt.changes)
        return self._given(made, encoded, ended)

    def _encoded(self, attempt: Attempt, made: Made) -> codec.Encoded:
        """The value as it is kept; that it cannot be is how the call fails."""
        record, value = attempt.call, made.value
        encoded = made.encoded
        try:
            if encoded is None:
                encoded = codec.encode_atom(value) or keeping.encode(value, name=f"{self.step.name}(...)")
        except NotKeepable as error:
            error.__context__ = None  # how it was found out holds the very part that cannot be kept
            self._not_kept(record, error, made.took)
            raise
        return encoded

    def _not_kept(self, record: CallRecord, error: BaseException, took: float) -> None:
        """Record that the result cannot be kept: an effect took place nevertheless, and is not repeated."""
        owner, told = self.scope.owner, one_line(error)
        if self._is_once(record):
            owner.fail(record, state="interrupted", error=told, took=took, then=TOOK_PLACE)
            return
        owner.failures.gave(record.id, error)
        owner.fail(record, error=told, took=took, value=keeping.outcome(error))

    def _is_once(self, record: CallRecord) -> bool:
        """Whether it must not be repeated unasked, should it have taken place."""
        return record.kind == "effect" and not self.step.options.idempotent

    def _given(self, made: Made, encoded: codec.Encoded, ended: CallRecord) -> Any:
        """What the caller gets: a copy of what was kept, unless nobody could change it."""
        if made.encoded is None and codec.is_fixed(made.value):
            return made.value
        return keeping.decode(self._stored(ended, encoded))

    def _stored(self, call: CallRecord, encoded: codec.Encoded) -> codec.Encoded:
        """The value as a replay would open it: large memory is mapped then, where here it would be copied."""
        if not encoded.buffers:
            return encoded
        opened = self.scope.owner.open_value(call, "value", f"The value of step `{call.step}`")
        return opened or encoded

    def _failed(self, attempt: Attempt, error: BaseException, took: float) -> Wait:
        """Record a failed attempt; what to wait for before the next one, or raise the error that stands."""
        under_way = self.scope.within.under_way
        try:
            if not under_way.settle(attempt):
                attempt.check()
            return self._record(attempt, error, took)
        finally:
            under_way.end(attempt)

    def _record(self, attempt: Attempt, error: BaseException, took: float) -> Wait:
        owner, record = self.scope.owner, attempt.call
        traceback, memory = "", None
        if isinstance(error, Elsewhere):
            outcome, error = error.outcome, error.error
            traceback, memory, took = outcome.traceback, outcome.memory, outcome.took
            if outcome.unkept and attempt.over is None and self._is_once(record):
                self._not_kept(record, error, took)
                raise_as_it_is(error)
        if isinstance(attempt.over, Cancelled):
            error = attempt.over.again()
        elif attempt.over is not None and not isinstance(error, Exception):
            error = attempt.over
        state, pause = "failed", None
        if self._is_once(record):
            error = _cut_off(error, record)
        if isinstance(error, InDoubt):
            state = "interrupted"
        elif isinstance(error, Exception):
            pause = self._pause(record, error)
        else:
            state = error.state if isinstance(error, Cancelled) else "interrupted"
            state = "cancelled" if lost(error) else state
        told, retrying = one_line(error), self.step.options.retrying
        ended = owner.fail(
            record,
            state=state,
            error=told,
            took=took,
            traceback=traceback or user_traceback(error),
            value=keeping.outcome(error) if state == "failed" and pause is None else None,
            due=None if pause is None else clock.now() + pause,
            then=None if pause is None else retrying.next(record.failures + 1, told),
            memory=memory,
        )
        if pause is None:
            if isinstance(error, QUESTIONS):
                self.scope.within.asks(record.branch, error)
            owner.failures.gave(ended.id, error)
            raise_as_it_is(error)
        return Wait(ended, "it pauses before its next attempt")

    def _pause(self, record: CallRecord, error: Exception) -> float | None:
        """Seconds before the next attempt; the step's own `backoff` or `retry_on` may fail in its turn."""
        try:
            return self.step.options.retrying.pause(error, record.failures + 1)
        except Exception as wrong:  # noqa: BLE001  told with the failure that it was asked about
            error.add_note(
                f"No further attempt: backoff or retry_on of step `{self.step.name}` gave {wrong!r}"
            )
            return None

    def _settled(self) -> Any:
        """The value, or the failure, of a call that need not run."""
        if not isinstance(self.decision, Restore):
            assert not isinstance(self.decision, Run | Wait)
            if isinstance(self.decision, Ask):
                self.scope.within.asks(self.scope.branch, self.decision.error)
            raise self.decision.error
        call, owner, began = self.decision.call, self.scope.owner, time.perf_counter()
        subject = f"The value of step `{call.step}`"
        encoded = owner.open_value(call, "value", subject)
        value = None if encoded is None else keeping.decode(encoded, subject=subject)
        owner.restored(
            call,
            reason=self.decision.reason,
            took=time.perf_counter() - began,
            older_code=self.decision.older_code,
            at=self._made,
        )
        if call.state == "failed":
            assert isinstance(value, BaseException)
            if not isinstance(
                value, EffectFailed
            ):  # what a person decided stands, whatever becomes of the run
                owner.failures.gave(call.id, value)
            raise_as_it_is(value)
        return value


def _cut_off(error: BaseException, call: CallRecord) -> BaseException:
    """What is said of an effect that was cut off in its middle: it may have taken place, or do so yet."""
    if isinstance(error, StepTimeout):
        return _doubt(call, f"it ran longer than {error.timeout}, and was cut off")
    if isinstance(error, WorkerDied):
        return _doubt(call, f"its worker died: {error.cause}")
    return error


def _doubt(call: CallRecord, cause: str) -> InDoubt:
    return InDoubt(step=call.step, cause=cause, run=call.run)
