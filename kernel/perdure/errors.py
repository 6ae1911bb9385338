"""Every error of Perdure, one class per cause.

The docstring of a class is its message: a template over the fields given when it is raised. The first
sentence says what happened and where, the last line says what to do next. The fields stay readable as
attributes, and every error survives pickling.

In a notebook an error shows as its message alone: `_render_traceback_` is honoured by IPython, and keeps
Perdure's own frames out of a user's cell.
"""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any


def _rebuild(cls: type[PerdureError], fields: dict[str, Any]) -> PerdureError:
    """Make the error again from its fields (the inverse of `PerdureError.__reduce__`)."""
    return cls(**fields)


AGAIN = "Run its step again with `--redo` (a function: `using(redo=...)`)."
"""What to do about a value that cannot be had any more."""


class PerdureError(Exception):
    """Perdure cannot go on."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        for name, value in fields.items():
            setattr(self, name, value)
        super().__init__(inspect.cleandoc(type(self).__doc__ or "").format(**fields))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as class and fields, not as a finished message."""
        return _rebuild, (type(self), self.fields)

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a traceback."""
        return f"{type(self).__name__}: {self}".splitlines()


# -- values ----------------------------------------------------------------------------------------------


class NotKeepable(PerdureError):
    """`{path}` cannot be kept: it is {type}. {cause}
    {advice}{more}"""

    path: str
    type: str
    cause: str
    advice: str
    more: str
    """What else in the value cannot be kept, a line for each part; empty where that was all."""


class NotDigestible(PerdureError, TypeError):
    """The value has no digest: it is {type}. {cause}
    Give what it was made from (a path, a query, its settings), which has one."""

    type: str
    cause: str


class Untrusted(PerdureError):
    """{subject} is not loaded: {cause}
    {advice}"""

    subject: str
    cause: str
    advice: str


class Damaged(PerdureError):
    """{subject} is damaged and was not loaded: {cause}
    {advice}"""

    subject: str
    cause: str
    advice: str


class NotLoadable(PerdureError):
    """{subject} was kept but cannot be loaded here: {cause}
    {advice}"""

    subject: str
    cause: str
    advice: str


class BadRegistration(PerdureError):
    """`{name}` cannot be registered: {cause}
    Give both: a dump function that returns keepable data, and a load function that makes the object from it."""

    name: str
    cause: str


# -- the store -------------------------------------------------------------------------------------------


class StoreError(PerdureError):
    """The store at {path} cannot be used: {cause}"""

    path: str


class StoreReadOnly(StoreError):
    """The store at {path} is read-only, so nothing can be kept there.
    Make the folder writable, or set PERDURE_STORE to a folder that is."""


class StoreFull(StoreError):
    """There is no room left for the store at {path}; what was kept before is whole.
    Free some space (`perdure gc` removes what no run needs), or set PERDURE_STORE to a larger disk."""


class StoreBusy(StoreError):
    """The store at {path} was locked by another process for {seconds:g} s; nothing was written.
    Close the program that holds it (`perdure gc` at work, or another that has `journal.db` open), then try again."""

    seconds: float


class StoreTooNew(StoreError):
    """The store at {path} was written by a newer Perdure (schema {found}, this version reads up to {known}).
    Upgrade with `pip install --upgrade perdure`, or set PERDURE_STORE to another folder."""

    found: int
    known: int


class StoreDamaged(StoreError):
    """The journal of the store at {path} is damaged: {cause}. It was left untouched.
    Restore the folder from a backup, or move it away to start anew."""

    cause: str


class StoreMisplaced(StoreError):
    """No store was made at {path}: {cause}
    {advice}"""

    cause: str
    advice: str


class StoreForked(StoreError):
    """The store at {path} was opened before this process was forked, and cannot be used in the child.
    Call steps from the parent, or open the store again in the child."""


class BadKey(PerdureError):
    """The signing key {path} cannot be used, so no value is kept or loaded: {cause}
    {advice}"""

    path: str
    cause: str
    advice: str


class NeedsPackage(PerdureError):
    """{what} needs the package `{package}`, which is not installed.
    Install it with `pip install 'perdure[{extra}]'`."""

    what: str
    package: str
    extra: str


# -- runs ------------------------------------------------------------------------------------------------


class RunOwned(PerdureError):
    """Run {run} of `{workflow}` is at work elsewhere: process {pid} on {host}, since {since}{where}.
    Stop that kernel and try again, or take the run from it: {advice}."""

    run: str
    workflow: str
    pid: int
    host: str
    since: str
    where: str
    advice: str


class NotOwner(PerdureError):
    """This process no longer owns run {run}: another one took it over, and nothing more is written from here.
    Restart this kernel to take the run back."""

    run: str


class RunTaken(NotOwner):
    """Run {run} of `{workflow}` was taken over from here: {now}.
    Names stay as they are, but nothing more of this run is kept from here. To take it back: {advice}."""

    workflow: str
    pid: int
    host: str
    since: str
    where: str
    now: str
    """Who has it now."""
    advice: str


class NoSuchRun(PerdureError):
    """There is no run `{run}` in the store at {path}.
    `perdure runs` lists those that there are."""

    run: str
    path: str


class NoResult(PerdureError):
    """Run {run} of `{workflow}` has no result: it is {state}.
    Start it again with the same inputs, and it goes on where it was."""

    run: str
    workflow: str
    state: str


class NoSuchWorkflow(PerdureError):
    """Workflow `{workflow}` of run {run} is not defined here{where}.
    {advice}"""

    workflow: str
    run: str
    where: str
    advice: str


class InputsDiffer(PerdureError):
    """Run {run} of `{workflow}` does not fit the function as it is now: {cause}.
    Call the workflow with the inputs that it takes now; that is another run."""

    run: str
    workflow: str
    cause: str


class RunFailed(PerdureError):
    """Run {run} of `{workflow}` failed: {error}
    Call it again with the same inputs, or `.resume()`: it goes on where it was."""

    run: str
    workflow: str
    error: str
    """One line, as the run's own process told it."""


class RunCancelled(PerdureError):
    """Run {run} of `{workflow}` was cancelled{why}.
    Start it again with the same inputs, and a new run keeps what is recorded; `.resume()` goes on with this one."""

    run: str
    workflow: str
    reason: str
    """As it was given; may be empty."""
    why: str


class NoSuchStep(PerdureError):
    """There is no step `{step}` in run {run}{hint}.
    `%timeline` shows the steps of the run."""

    step: str
    run: str
    hint: str


class UnlawfulMove(PerdureError):
    """A {what} cannot go from `{old}` to `{new}`.
    This is a defect of Perdure; nothing was written. Please report it."""

    what: str
    old: str
    new: str


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
    Give it less to do at once, or more memory; then `%perdure resolve {step} again` (a command: `perdure resolve RUN {step} again`)."""

    step: str
    cause: str


class InDoubt(PerdureError):
    """Effect `{step}` is in doubt: {cause}. Perdure does not repeat an effect by itself.
    Find out whether it took place, then: `%perdure resolve {step} again`, `... done [VALUE]` or `... fail`."""

    step: str
    cause: str


class EffectFailed(PerdureError):
    """Effect `{step}` did not take place: it was marked as failed by hand.
    Ask for it with `--redo` to have it run again."""

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


# -- names, as people write them -------------------------------------------------------------------------


class UndefinedName(PerdureError):
    """`{name}` is not defined: {where} reads it, and no cell has made it{hint}.
    Run the cell that makes `{name}` first, or `%resume` to bring back what is kept."""

    name: str
    where: str
    hint: str


class DuplicateStep(PerdureError):
    """There are two steps named `{step}` in this notebook: {first} and {second}.
    Give one of them another name, or, if this cell takes the other's place, {instead}."""

    step: str
    first: str
    second: str
    instead: str


class NotKept(PerdureError):
    """`{name}` is not here: step `{step}` made it, {type}, and could not keep it. {cause}
    To make it again now, run its cell with `%%step {step} --redo`."""

    name: str
    step: str
    type: str
    cause: str


# -- carrying -------------------------------------------------------------------------------------------


class NotExported(PerdureError):
    """{path} was not written: {cause}
    {advice}"""

    path: str
    cause: str
    advice: str


class NotImportable(PerdureError):
    """{path} was not imported, and nothing was changed: {cause}
    {advice}"""

    path: str
    cause: str
    advice: str


class RunDiffers(PerdureError):
    """Run {run} of `{workflow}` is here already, last at work {here}, and is not as in {path} ({there}).
    Nothing was changed. Add `--replace` to have the file's in its place, or take another store (`--store`)."""

    run: str
    workflow: str
    path: str
    here: str
    there: str


# -- the command line ------------------------------------------------------------------------------------


class NoStore(PerdureError):
    """There is no store at {path}.
    Name one with `--store`, or go to the folder of a notebook that uses Perdure."""

    path: str


class NotInstalled(PerdureError):
    """`perdure {command}` needs the package `{package}`, which is not installed.
    Install it with `pip install 'perdure[{extra}]'`."""

    command: str
    package: str
    extra: str


class NotConfirmed(PerdureError):
    """`{command}` asks first, and nobody can be asked here: nothing was done.
    Look at what it tells, then add `--yes`."""

    command: str


class NotOne(PerdureError):
    """{what} is about one run, and none is named.
    {advice}."""

    what: str
    advice: str


class NotImported(PerdureError):
    """`{module}` could not be imported: {cause}
    Go to the folder from which it is imported, or name its file."""

    module: str
    cause: str


class KernelNotInstalled(PerdureError):
    """The kernel `{name}` could not be installed: {cause}
    Choose another place with `--user`, `--sys-prefix` or `--prefix`."""

    name: str
    cause: str


class DemoFailed(PerdureError):
    """The demo did not do what it should: {cause}
    {advice}"""

    cause: str
    advice: str


class PageNotWritten(PerdureError):
    """The page could not be written to {path}: {cause}.
    Name another file with `--html FILE`."""

    path: str
    cause: str
