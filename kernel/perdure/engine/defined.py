"""Where workflows are defined: kept with their runs, so that a run is gone on with by its id alone.

1. A workflow is found by its name and module; a script that is imported later, by its file.
2. What is kept is signed: whoever imports what a store names looks at the signature first (promise 8).
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from perdure import codec
from perdure.errors import NoSuchWorkflow, PerdureError
from perdure.store.records import NoteRecord, Place

from . import clock
from .code.functions import local_folder
from .stored import unsealed

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import Record, RunRecord

    from .owner import Owner
    from .plans import Choice, Plan


class Defined(Protocol):
    """A workflow, as far as it is carried out once more."""

    name: str
    is_async: bool
    place: Mapping[str, str]

    def again(self, store: Store, run: RunRecord, arguments: dict[str, Any], choice: Choice) -> Prepared:
        """What is to be executed for a run with these inputs."""


DEFINED = "workflow"
"""Kind of the notes of where a run's workflow is defined."""

Prepared = tuple["Plan", Callable[[], Any]]
"""A plan, and what carries out its body."""

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


def noted(owner: Owner, place: Mapping[str, str]) -> list[Record]:
    """The records of where the workflow of a run is defined, unless that is kept already."""
    data = {**place, "folder": local_folder()}
    notes = owner.store.journal.notes(owner.run.id, DEFINED)
    if notes and {name: part for name, part in notes[-1].data.items() if name != "value"} == data:
        return []
    value = owner.seal(codec.encode(data), _place(owner.run))
    note = NoteRecord(owner.run.id, DEFINED, owner.run.workflow, clock.now(), {**data, "value": value.id})
    return [value, note]


def kept_place(store: Store, run: RunRecord) -> dict[str, str]:
    """Where the workflow of a run was defined when it last began; empty where your key has not signed it."""
    for note in reversed(store.journal.notes(run.id, DEFINED)):
        try:
            stored = unsealed(store, str(note.data.get("value")), _place(run), "Where a workflow is defined")
            found: dict[str, str] = codec.decode(stored, trust="plain")
        except PerdureError:
            break
        return found
    return {}


def _place(run: RunRecord) -> Place:
    return Place(run.id, DEFINED, role="setup")


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
