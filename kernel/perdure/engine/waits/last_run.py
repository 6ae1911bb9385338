"""`previous`: what the last finished run of the same workflow gave."""

from __future__ import annotations

from typing import Any

from perdure.engine import keeping
from perdure.engine.owner import Owner
from perdure.engine.scope import current_scope, in_body
from perdure.engine.stored import unsealed
from perdure.errors import NotInRun
from perdure.store.records import Place, RunRecord

from .asking import noted

_FIRST, _MORE = 8, 8
"""Runs that are looked at first, and by how much more each time."""


def previous(default: Any = None) -> Any:
    """The result of this workflow's newest finished run that ended before this one began.

    Of a %%workflow cell it is a dict of the names that the cell gave. What it was is recorded, and is so
    again on a replay, whatever runs were finished or forgotten since.

    Args:
        default: what there is to give where no such run is kept.

    Raises:
        NotInRun: it is called by no step and no body of a workflow.
        PerdureError: the result cannot be loaded here.
    """
    scope = current_scope()
    if scope is None:
        raise NotInRun(what="previous() is for steps and bodies of workflows, and this code")
    body = in_body()
    if body is None:
        found = _results(scope.owner)
    else:
        found = noted(body, "perdure.previous", lambda: _results(scope.owner), name="previous()")
    return found[0] if found else default


def _results(owner: Owner) -> list[Any]:
    """The result, if there is one: the default is the caller's, and not recorded."""
    run = _last(owner)
    if run is None or run.result is None:
        return []
    subject = f"The result of run {run.id} of `{run.workflow}`"
    encoded = unsealed(owner.store, run.result, Place(run.id, role="result"), subject)
    value = keeping.decode(encoded, subject=subject)
    if run.kind == "cell":
        value = {name: each for name, each in value.items() if name.isidentifier()}
    return [value]


def _last(owner: Owner) -> RunRecord | None:
    """The newest run of the workflow that was done before this one was made."""
    own, limit, seen = owner.run, _FIRST, 0
    while True:
        runs = owner.store.journal.runs(workflow=own.workflow, limit=limit)
        for run in runs[seen:]:
            if run.state == "done" and run.id != own.id and (run.finished or run.updated) <= own.created:
                return run
        if len(runs) < limit:
            return None
        seen, limit = len(runs), limit * _MORE
