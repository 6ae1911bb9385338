"""Runs: who has them, which there are, and how they ended."""

from __future__ import annotations

from .base import PerdureError


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
