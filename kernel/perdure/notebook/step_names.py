"""One name for two `@step` functions of a notebook is an error, which names both places.

A cell that is run again defines its steps anew. What a cell makes in a function or a class, what a file or a
restore defines, and a terminal's lines, which have no cells, are never taken for a second step.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

from perdure.engine.code.definitions import definition
from perdure.errors import DuplicateStep

from .session import Place

if TYPE_CHECKING:
    from perdure.engine.steps import Step

    from .session import Session


@dataclass(frozen=True, slots=True)
class _Defined:
    """A step that a cell defined."""

    place: Place
    variable: str
    step: ref[Any]


class StepNames:
    """The `@step` functions that the cells of one notebook define, by name."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._defined: dict[str, _Defined] = {}

    def check(self, step: Step[..., Any]) -> None:
        """Note that a step is being defined.

        Raises:
            DuplicateStep: another cell of this notebook defines that name: another id, or, where the front
                end tells no ids, other code. A name that was deleted is free again.
        """
        function: Any = step.__wrapped__
        if not self._stands_in_cell(function):
            return
        session, variable = self._session, function.__name__
        here = Place(session.cell_id(), definition(function).digest, session.cell_number)
        before = self._defined.get(step.name)
        if before is not None and session.namespace.get(before.variable, step) is before.step():
            both = session.both_places(before.place, here)
            if both is not None:
                instead = f"run `del {before.variable}` first"
                raise DuplicateStep(step=step.name, first=both[0], second=both[1], instead=instead)
        self._defined[step.name] = _Defined(here, variable, ref(step))

    def begin_cell(self) -> None:
        """Forget what the cell that is about to run defined before: it may not do so any more."""
        cell = self._session.cell_id()
        if cell is not None:
            self._defined = {name: each for name, each in self._defined.items() if each.place.cell != cell}

    def _stands_in_cell(self, function: Any) -> bool:
        """Whether the function is written in the cell that runs, and in no function or class there."""
        code = getattr(function, "__code__", None)
        if code is None or "." in function.__qualname__ or code.co_flags & inspect.CO_NESTED:
            return False
        return bool(code.co_filename == self._session.cell_file())
