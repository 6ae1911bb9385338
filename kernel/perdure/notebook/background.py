"""%%workflow cells that run in the background: the cell has ended, and the run goes on beside other cells.

1. The run has a thread with an event loop of its own: no other cell, and no interrupt of one, stops it.
2. What it shows goes into no other cell: it is kept with the run, and shown where its result is asked for.
3. Its names reach the notebook there too, in the thread of the cell that asks.
4. An error that nobody asked for is told in one line under the next cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from perdure.engine.ending import at_work
from perdure.engine.handles import Run
from perdure.engine.tracebacks import one_line
from perdure.errors import RunCancelled

from . import lines
from .failures import shown_plainly

if TYPE_CHECKING:
    from perdure.engine.execution import Execution
    from perdure.store.records import RunRecord

    from .body import FunctionBody
    from .session import Session


class Cell(Protocol):
    """A %%workflow cell, as far as its run goes on in the background."""

    session: Session
    body: FunctionBody

    def looked_up(self) -> tuple[RunRecord | None, str]:
        """The run that the cell would go on with, and how."""

    def begin(self, *, beside: bool = False) -> Execution:
        """Begin the run, or go on with it."""

    def body_alone(self) -> Any:
        """Carry out the body, whose output is recorded and shown nowhere."""

    def hand_over(self, execution: Execution, kept: dict[str, Any]) -> Any:
        """Hand the notebook what the run gave."""


class Background:
    """A run in the background, for those who ask for its result.

    Args:
        cell: whose run it is.
        execution: of its body.
    """

    def __init__(self, cell: Cell, execution: Execution) -> None:
        self._cell = cell
        self._execution = execution
        self._value: list[Any] = []
        self._heard = False
        cell.session.background.append(self)

    def received(self, value: Any) -> Any:
        """The cell's value; the first time, its names come into the notebook, and what it showed is shown."""
        if not self._value:
            self._value.append(self._cell.hand_over(self._execution, value))
            self._forget()
        return self._value[0]

    def heard(self, error: BaseException) -> None:
        """The error is shown where it was asked for, by the user's frames."""
        self._heard = True
        self._forget()
        shown_plainly(self._cell.session.shell, error)

    def failure(self) -> BaseException | None:
        """The error of the run, if it has failed and nobody has heard of it."""
        outcome = self._execution.outcome
        return outcome.exception() if outcome.done() and not self._heard else None

    def told(self) -> lines.Line:
        """The line about its failure."""
        error = self.failure()
        assert error is not None
        self.heard(error)
        run = self._execution.record
        state = "cancelled" if isinstance(error, RunCancelled) else "failed"
        details = (f"`{run.workflow}` in the background, run {run.id}", one_line(error))
        return lines.Line(state, details=details)

    def _forget(self) -> None:
        background = self._cell.session.background
        if self in background:
            background.remove(self)


def begin(cell: Cell) -> Run:
    """Begin the run of a cell in the background; one that is at work in this kernel already is that run."""
    known = at_home(cell)
    if known is not None:
        told = "at work in the background already"
        lines.show(cell.session.shell, lines.Line("running", details=(f"run {known.id}", told)))
        return known
    execution = cell.begin(beside=True)
    body = cell.body_alone
    return Run(execution, body, is_async=cell.body.is_async, receiver=Background(cell, execution))


def at_home(cell: Cell) -> Run | None:
    """The handle of the cell's run, if that is at work in this kernel."""
    record, how = cell.looked_up()
    if how != "resumed" or record is None or at_work(record.id) is None:
        return None
    return Run.__perdure_load__({"id": record.id, "workflow": record.workflow})


def tell_failures(session: Session) -> None:
    """Tell, under the cell that has just run, which runs in the background failed and nobody asked for."""
    for each in list(session.background):
        if each.failure() is not None:
            lines.show(session.shell, each.told())
