"""Calls and attempts: what steps raise, and what is said of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from .base import PerdureError


class Fatal(Exception):
    """Raised by a step: its attempt failed, and no other one is worth while, whatever `retries` says."""


class Retry(Exception):
    """Raised by a step: its attempt failed, and is to be tried again, if `retries` leaves an attempt.

    Args:
        args: what a message says.
        after: the pause before the next attempt, instead of the step's `backoff`.
    """

    def __init__(self, *args: Any, after: str | float | timedelta | None = None) -> None:
        super().__init__(*args)
        self.after = after

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the pause."""
        return type(self), self.args, {"after": self.after}


class DiedTwice(PerdureError):
    """Step `{step}` is not run once more unasked: {cause}.
    Give it less to do at once, or more memory; then `%perdure resolve {step} again` (a command: `perdure resolve {run} {step} again`)."""

    step: str
    cause: str
    run: str

    def __init__(self, *, run: str = "RUN", **fields: Any) -> None:
        super().__init__(run=run, **fields)


class InDoubt(PerdureError):
    """Effect `{step}` is in doubt: {cause}. Perdure does not repeat an effect by itself.
    Find out whether it took place, then: `%perdure resolve {step} again`, `... done [VALUE]` or `... fail` (a command: `perdure resolve {run} {step} again`)."""

    step: str
    cause: str
    run: str

    def __init__(self, *, run: str = "RUN", **fields: Any) -> None:
        super().__init__(run=run, **fields)


class EffectFailed(PerdureError):
    """Effect `{step}` did not take place: it was marked as failed by hand.
    Ask for it with `--redo` (a function: `using(redo=...)`) to have it run again."""

    step: str


class EffectUnclear(PerdureError):
    """Effect `{step}` was not run: {cause}.
    If it is new, give it a key (`key=` or `--key`) or ask for it with `--redo`; otherwise restore its inputs."""

    step: str
    cause: str


class NotInRun(PerdureError):
    """{what} runs in none.
    Call it from a @step function, a @workflow function or a %%workflow cell."""

    what: str


class KeyInUse(PerdureError):
    """Step `{step}` was not run: a call of it with the key `{key}` is still at work.
    Give each call a key of its own, or await the first one."""

    step: str
    key: str


class CodeEdited(PerdureError):
    """The code of `{step}` was edited, and its `on_edit` is "ask": {changed} changed.
    Run it again with `--redo`, or keep the older result with `--on-edit keep`."""

    step: str
    changed: str


class WorkerDied(PerdureError):
    """The worker that carried out step `{step}` died: {cause}.
    Its attempt failed, and no other call's; where memory ran out, give each call less to do, or lower `concurrency`."""

    step: str
    cause: str
    memory: int | None
    """Bytes that it held when last looked at, where that is known."""


class ExecutorEnded(PerdureError):
    """Step `{step}` cannot run: its executor, {executor}, takes no more work: {cause}.
    Give the step one that is open, or write `executor="process"`, whose workers Perdure looks after."""

    step: str
    executor: str
    cause: str


class NotInWorker(PerdureError):
    """{what} is not for a worker process, which has no store: it carries out step `{step}` for the kernel alone.
    Let that step run in a thread (leave out `executor=`), or give it what it needs as an argument."""

    what: str
    step: str


class ErrorNotSent(PerdureError, RuntimeError):
    """Step `{step}` raised {type} in a worker, and that cannot be sent to the kernel: {cause}
    It said: {said}
    Raise an exception that can be kept, or let the step run in a thread: leave out `executor=`."""

    step: str
    type: str
    cause: str
    said: str


class ModuleEdited(PerdureError):
    """`{module}` was edited after this kernel imported it, and a worker would run other code than the kernel.
    Reload it (`importlib.reload({module})`) or restart the kernel, then run the step again."""

    module: str


class StrictDrift(PerdureError):
    """`{step}` is run with --strict, and {cause}.
    Leave out --strict to go on, or restore what it expects."""

    step: str
    cause: str


class NotRepeatable(PerdureError):
    """The body of `{step}` does not come the same way again: {cause}.
    Put what differs each time (time, chance, what is outside) into a step, or use `now()`, `random()`, `uuid4()` of Perdure."""

    step: str
    cause: str


class StepTimeout(PerdureError):
    """Step `{step}` was stopped: it ran longer than {timeout}.
    Give it more time (`--timeout`, of a function `timeout=`), or split it into smaller steps."""

    step: str
    timeout: str


class NotAStep(PerdureError, TypeError):
    """`{name}` cannot be a step: {cause}
    {advice}"""

    name: str
    cause: str
    advice: str


class NotBound(PerdureError, TypeError):
    """Step `{step}` stands below `@classmethod`, and `.map` and `.submit` do not know its class there.
    Write `@step` above `@classmethod`."""

    step: str


class LoopInBody(PerdureError):
    """A resumable loop stands in the body of workflow `{workflow}`, which is run again from its top to go on.
    Put the loop into a @step function; or leave `resumable` out, since each step that a turn calls is kept."""

    workflow: str


class LoopChanged(PerdureError):
    """The loop in {where} cannot go on after turn {done}: {cause}
    Put that back as it was, or begin anew {advice}."""

    where: str
    done: int
    cause: str
    advice: str


class LoopHandedOn(PerdureError):
    """A resumable loop was not begun by a `for` statement, and what stands between would lose its place in it.
    Write `for ... in resumable(enumerate(...), ...):`, and in place of a comprehension a `for` statement with a kept list."""


class NothingToKeep(PerdureError):
    """`{name}` is to be kept by the loop in {where}, and is not bound when the loop begins.
    Bind it above the loop, if only to None, or leave it out of `keep`."""

    name: str
    where: str


class WrongThread(PerdureError):
    """`.result()` would stop the event loop that `{name}` needs to finish.
    Write `await {call}` instead."""

    name: str
    call: str


Fatal.__module__ = Retry.__module__ = __name__.rpartition(".")[0]
