"""The workflows that are defined in this process, so that a run is gone on with by its id alone.

1. A workflow is found by its name and module; a script that is imported later, by its file.
2. Nothing is imported for it: what a store says is not trusted so far.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from perdure.errors import NoSuchWorkflow

from .execution import DEFINED

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import RunRecord

    from .execution import Execution
    from .plans import Choice, Plan


class Defined(Protocol):
    """A workflow, as far as it is carried out once more."""

    name: str
    is_async: bool
    place: Mapping[str, str]

    def again(self, store: Store, run: RunRecord, arguments: dict[str, Any], choice: Choice) -> Prepared:
        """What is to be executed for a run with these inputs."""


Prepared = tuple["Plan", Callable[["Execution"], Any]]
"""A plan, and what carries out the body of its execution."""

_defined: WeakValueDictionary[tuple[str, str], Any] = WeakValueDictionary()


def define(workflow: Defined) -> None:
    """Note that a workflow is there now, in place of an earlier one of its module and name."""
    _defined[workflow.name, workflow.place["module"]] = workflow


def place_of(function: Callable[..., Any]) -> dict[str, str]:
    """Where a function is defined."""
    try:
        file = os.path.realpath(inspect.getfile(function))
    except TypeError:
        file = ""
    return {"module": function.__module__ or "", "name": function.__qualname__, "file": file}


def defined(store: Store, run: RunRecord) -> Any:
    """The workflow of a run.

    Raises:
        NoSuchWorkflow: it is not here; the message says how to get it.
    """
    if run.kind != "function":
        raise NoSuchWorkflow(
            workflow=run.workflow,
            run=run.id,
            where=" as a function",
            advice="Run its %%workflow cell again: with the same inputs it goes on where it was."
            if run.kind == "cell"
            else "It is a notebook's own run: `%workflow` and `%resume` go on with it.",
        )
    notes = store.journal.notes(run.id, DEFINED)
    place = notes[-1].data if notes else {}
    named = [each for (name, _), each in list(_defined.items()) if name == run.workflow]
    for part in ("module", "file"):
        for each in named:
            if place.get(part) and each.place[part] == place[part]:
                return each
    if named and not place:
        return named[-1]
    module = place.get("module") or "..."
    raise NoSuchWorkflow(
        workflow=run.workflow,
        run=run.id,
        where=f"; it was defined in {place['file']}" if place.get("file") else "",
        advice=f"Import the module that defines it (`import {module}`), then try again."
        if module not in ("__main__", "...")
        else "Run the script or the cell that defines it, then try again.",
    )
