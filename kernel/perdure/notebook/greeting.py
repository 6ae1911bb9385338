"""What the kernel says once, with the first cell after a start: what is kept, and how to go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from perdure.engine.room import tight
from perdure.errors import PerdureError
from perdure.store.notices import notices

from . import lines
from .notebook_runs import candidates, state

if TYPE_CHECKING:
    from .session import Session


_SAY_IT_THEMSELVES = ("%load_ext perdure", "%workflow", "%resume")
"""What stands in a first cell after which the notebook says by itself what is kept."""


def greet_with_first_cell(session: Session) -> None:
    """Say it with the next cell, unless that cell itself names the workflow or resumes."""
    events = session.shell.events

    def greet(info: Any) -> None:
        events.unregister("pre_run_cell", greet)
        first = info.raw_cell or ""
        if session.owner is None and not any(magic in first for magic in _SAY_IT_THEMSELVES):
            line = greeting(session)
            if line is not None:
                lines.show(session.shell, line)

    events.register("pre_run_cell", greet)


def greeting(session: Session) -> lines.Line | None:
    """The line about the run that this notebook most likely goes on with, or None."""
    from perdure.store.location import is_store, nearest_store

    folder = nearest_store()
    if folder is None or not is_store(folder):  # no store is made by asking
        return None
    try:
        runs = candidates(session.store.journal)
        if len({run.workflow for run in runs}) != 1:
            return None
        kept = state(session.store.journal, runs[0])
    except PerdureError:
        return None  # the magic that needs the store will say what is wrong with it
    if not kept.kept:
        return None
    line = kept.line()
    return replace(line, notes=(*line.notes, *notices(session.store), *tight(session.store)))
