"""One call of a @step function inside a run: by value, recorded, restored or run.

Arguments are copied before the step sees them, and the caller gets a copy of what was kept: neither side can
reach the checkpoint, and the first run hands out what a replay would (promise 3).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.errors import EffectFailed, NotKeepable, StepTimeout

from . import keeping
from .attempt import Attempt
from .decide import Request, Restore, Run
from .inputs import combined, digested, frozen, shown
from .scope import Scope, entered, lost
from .secret import Secret, copying
from .tracebacks import one_line, user_traceback

if TYPE_CHECKING:
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
        "_secrets",
        "_tries",
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
        within, options = scope.within, step.options
        arguments = step.bind(args, kwargs)
        code = step.code(within)
        values = [*arguments.items(), *step.reads(code).items()]
        parts = digested(values)
        inputs = combined(parts)
        counted = (scope.branch, step.name) + (() if options.kind == "volatile" else (inputs,))
        occurrence = within.occurrence(*counted)
        key, redo = step.key_of(arguments), within.why_redo(step.name)
        sought = key is None and redo is None and options.kind == "pure"
        place = (scope.branch, step.name, inputs, occurrence, code.digest)
        if not (sought and scope.owner.history.is_done(*place)):  # else it is restored, and nobody looks
            parts = shown(parts, values)
        self.request = Request(
            step=step.name,
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
        )
        self.decision = scope.owner.decide(self.request)
        self._arguments = arguments
        self._copied: codec.Encoded | None = None
        self._secrets: list[Secret] = []
        if isinstance(self.decision, Run) and not all(map(codec.is_fixed, arguments.values())):
            with copying(self._secrets):
                encoded = keeping.encode_arguments(arguments, f"step `{step.name}`")
            self._copied = frozen(encoded) if later else encoded
        self._later = later
        self._tries = 0

    def run(self) -> Any:
        """Carry out a call of a sync step, and return its value."""
        self._decide_again()
        if not isinstance(self.decision, Run):
            return self._settled()
        decision = self.decision
        while True:
            record, began = self._start(decision), time.perf_counter()
            try:
                with entered(self._inside(record)):
                    value = self._call()
            except BaseException as error:
                retry = self._failed(record, error, time.perf_counter() - began)
                if retry is None:
                    raise
                decision, pause = retry
                time.sleep(pause)
            else:
                return self._finish(record, value, time.perf_counter() - began)

    async def arun(self) -> Any:
        """Carry out a call of an async step, and return its value."""
        self._decide_again()
        if not isinstance(self.decision, Run):
            return self._settled()
        decision = self.decision
        while True:
            record, began = self._start(decision), time.perf_counter()
            try:
                with entered(self._inside(record)):
                    value = await self._timed(self._call())
            except BaseException as error:
                retry = self._failed(record, error, time.perf_counter() - began)
                if retry is None:
                    raise
                decision, pause = retry
                await asyncio.sleep(pause)
            else:
                return self._finish(record, value, time.perf_counter() - began)

    def _inside(self, record: CallRecord) -> Scope:
        """The scope of the step's own code."""
        owner = self.scope.owner
        return self.scope.inside(Attempt(owner, record, owner.attempt(record).number))

    def _decide_again(self) -> None:
        """A call with the same key, made earlier, may have done the work meanwhile."""
        if self._later and self.request.key is not None and isinstance(self.decision, Run):
            self.decision = self.scope.owner.decide(self.request)

    def _call(self) -> Any:
        """Call the function on copies of its arguments; what cannot be changed needs none."""
        if self._copied is not None:
            with copying(self._secrets):
                self._arguments |= keeping.decode(self._copied)
        return self.step.call(self._arguments)

    async def _timed(self, work: Awaitable[Any]) -> Any:
        timeout = self.step.options.timeout
        if timeout is None:
            return await work
        try:
            async with asyncio.timeout(timeout) as limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise StepTimeout(step=self.step.name, timeout=f"{timeout:g} s") from None

    def _start(self, decision: Run) -> CallRecord:
        self._tries += 1
        step = self.step
        at_once = step.options.retries > 0  # its tries are counted as they begin
        return self.scope.owner.start(self.request, decision, at_once=at_once, source=step.source)

    def _finish(self, record: CallRecord, value: Any, took: float) -> Any:
        try:
            encoded = codec.encode_atom(value) or keeping.encode(value, name=f"{self.step.name}(...)")
        except NotKeepable as error:
            owner = self.scope.owner
            error.__context__ = None  # how it was found out holds the very part that cannot be kept
            owner.failures.gave(record.id, error)
            owner.fail(record, error=one_line(error), took=took, value=_outcome(error))
            raise
        ended = self.scope.owner.finish(record, encoded, took=took)
        return value if codec.is_fixed(value) else keeping.decode(self._stored(ended, encoded))

    def _stored(self, call: CallRecord, encoded: codec.Encoded) -> codec.Encoded:
        """The value as a replay would open it: large memory is mapped then, where here it would be copied."""
        if not encoded.buffers:
            return encoded
        opened = self.scope.owner.open_value(call, "value", f"The value of step `{call.step}`")
        return opened or encoded

    def _failed(self, record: CallRecord, error: BaseException, took: float) -> tuple[Run, float] | None:
        """Record a failed attempt; tell how to go on, or None when the failure stands."""
        owner = self.scope.owner
        interrupted = not isinstance(error, Exception)
        ended = owner.fail(
            record,
            state="cancelled" if lost(error) else "interrupted" if interrupted else "failed",
            error=one_line(error),
            took=took,
            traceback=user_traceback(error),
            value=None if interrupted else _outcome(error),
        )
        owner.failures.gave(ended.id, error)
        options = self.step.options
        if interrupted or self._tries > options.retries:
            return None
        reason = f"attempt {self._tries + 1} of {options.retries + 1}: {one_line(error)}"
        return Run(reason, ended), options.backoff

    def _settled(self) -> Any:
        """The value, or the failure, of a call that need not run."""
        if not isinstance(self.decision, Restore):
            assert not isinstance(self.decision, Run)
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
        )
        if call.state == "failed":
            assert isinstance(value, BaseException)
            if not isinstance(
                value, EffectFailed
            ):  # what a person decided stands, whatever becomes of the run
                owner.failures.gave(call.id, value)
            raise value
        return value


def _outcome(error: BaseException) -> codec.Encoded | None:
    """The exception as it may be replayed, or None where it cannot be kept."""
    try:
        return keeping.encode(error, name="error")
    except NotKeepable:
        return None
