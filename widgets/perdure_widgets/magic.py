"""`%timeline`: which run is meant, and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import NoSuchRun

from .picture import Picture
from .rows import read

if TYPE_CHECKING:
    from . import Session


def draw(session: Session, line: str = "") -> Picture | None:
    """Draw the timeline of a run.

    ``%timeline`` draws this notebook's run, or the newest run where the notebook has none; ``%timeline NAME``
    the newest run of that workflow; ``%timeline RUN`` the run of that id.
    """
    name = line.strip()
    journal = session.store.journal
    if name:
        run = journal.run(name) or next(iter(journal.runs(workflow=name, limit=1)), None)
        if run is None:
            raise NoSuchRun(run=name, path=str(getattr(session.store, "path", None) or ":memory:"))
        return Picture(read(journal, run.id, alive=_is_own(session, run.id)))
    run_id = session.run_id or next((run.id for run in journal.runs(limit=1)), None)
    if run_id is None:
        print("No runs here yet. Mark a cell with %%step NAME and run it.")  # noqa: T201  what a magic says
        return None
    return Picture(read(journal, run_id, alive=_is_own(session, run_id)))


def _is_own(session: Session, run_id: str) -> bool | None:
    """True for the runs of this kernel, which lives; of others the system is asked."""
    return True if run_id in (session.run_id, session.child_run_id) else None
