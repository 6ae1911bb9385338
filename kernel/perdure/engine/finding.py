"""Which run a start belongs to: the same workflow, parent and key is the same run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from perdure.errors import NoSuchStep
from perdure.store.related import origins

from .code.names import close_match
from .naming import listed, notes_of, recorded

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import RunRecord

    from .plans import Plan


def find(
    store: Store, workflow: str, parent: str | None, key: str, *, below_origins: bool = True
) -> RunRecord | None:
    """The run of this workflow and key; a child may stand below a run that its parent was forked from."""
    origin = None if parent is None or not below_origins else store.journal.run(parent)
    older = () if origin is None else reversed(ancestors(store, origin))
    for place in (parent, *older):
        found = store.journal.find_run(workflow, place, key)
        if found is not None:
            return found
    return None


def ancestors(store: Store, run: RunRecord) -> tuple[str, ...]:
    """The runs that this one was forked from, the oldest first."""
    return origins(store.journal, run)


def with_recorded_names(store: Store, run: RunRecord, plan: Plan) -> Plan:
    """The steps to run again by their recorded names; one that the run never called is told before it runs.

    Raises:
        NoSuchStep: it has called no step of that name, nor have the runs that it was forked from.
    """
    choice = plan.choice
    if not (choice.redo or choice.redo_from):
        return plan
    found = {call.step for other in (*ancestors(store, run), run.id) for call in store.journal.calls(other)}
    notes = list(notes_of(store.journal, run))

    def named(step: str) -> str:
        meant = recorded(step, found, notes)
        if len(meant) == 1:
            return meant[0]
        match = close_match(step, found)
        hint = f"; did you mean `{match}`?" if match else ""
        raise NoSuchStep(step=step, run=run.id, hint=f"; there are {listed(meant)}" if meant else hint)

    redo = frozenset(map(named, sorted(choice.redo)))
    start = named(choice.redo_from) if choice.redo_from else choice.redo_from
    return replace(plan, choice=replace(choice, redo=redo, redo_from=start))
