"""Which run a start belongs to: the same workflow, parent and key is the same run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from perdure.errors import NoSuchStep

from .code.names import close_match

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import RunRecord


def find(store: Store, workflow: str, parent: str | None, key: str) -> RunRecord | None:
    """The run of this workflow and key; a child may stand below a run that its parent was forked from."""
    origin = None if parent is None else store.journal.run(parent)
    older = () if origin is None else reversed(ancestors(store, origin))
    for place in (parent, *older):
        found = store.journal.find_run(workflow, place, key)
        if found is not None:
            return found
    return None


def ancestors(store: Store, run: RunRecord) -> tuple[str, ...]:
    """The runs that this one was forked from, the oldest first."""
    found: list[str] = []
    origin = run.forked_from
    while origin is not None and origin not in found:
        found.append(origin)
        record = store.journal.run(origin)
        origin = None if record is None else record.forked_from
    return tuple(reversed(found))


def check_steps(store: Store, run: RunRecord, wanted: Iterable[str]) -> None:
    """A step that is to run again is one that the run has called: else that is told before anything runs.

    Raises:
        NoSuchStep: it has called no step of that name, nor have the runs that it was forked from.
    """
    names = sorted(set(wanted))
    if not names:
        return
    found = {call.step for other in (*ancestors(store, run), run.id) for call in store.journal.calls(other)}
    for step in names:
        if step not in found:
            match = close_match(step, found)
            raise NoSuchStep(step=step, run=run.id, hint=f"; did you mean `{match}`?" if match else "")
