"""The start of a run: which run it is, and whether it begins, goes on or is restored.

The same workflow, parent and key (its inputs, if no key is given) is the same run. Unfinished or failed, it
goes on; finished and unchanged, its result is restored; finished and edited, or cancelled, it is forked, and
keeps every call that is still valid; with other inputs it is a new run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from perdure.store.protocols import AlreadyMade
from perdure.store.records import RunRecord

from . import clock
from .ending import drop_cancels
from .execution import Execution
from .finding import find, with_recorded_names
from .outcomes import new_id
from .process import parent_owner, the_store

if TYPE_CHECKING:
    from perdure.store import Store

    from .children import ChildCall
    from .plans import Plan


ENDED: Final = ("done", "cancelled")
"""States in which what was to cancel the run came too late, or was acted on."""


def go_on(plan: Plan, run: RunRecord) -> Execution:
    """Go on with this very run, or do again what the plan asks for; a finished one has its result.

    Raises:
        RunOwned: a live process executes it.
        NoSuchStep: it never called the step that is to run again.
    """
    store = plan.store or the_store()
    plan = with_recorded_names(store, run, plan)
    if run.state == "done" and not (plan.choice.redo or plan.choice.redo_from):
        return Execution(store, plan, run, "restored")
    if run.state in ENDED:
        drop_cancels(store, run.id)
    return Execution(store, plan, run, "resumed", beside=True)


def fork(plan: Plan, run: RunRecord, at: str | None = None) -> Execution:
    """Begin another run with the same inputs, which keeps what this one recorded.

    Args:
        plan: what is to be executed.
        run: the run.
        at: the step from whose first call on nothing is kept.

    Raises:
        NoSuchStep: the run never called it.
    """
    store = plan.store or the_store()
    named = with_recorded_names(store, run, replace(plan, choice=replace(plan.choice, redo_from=at)))
    made = _made(plan, run, run.parent, run.key)
    return Execution(store, plan, made, "forked", anew_from=named.choice.redo_from, beside=True)


def begin(plan: Plan, child: ChildCall | None = None, *, beside: bool = False) -> Execution:
    """Find or make the run, and become its owner (unless its result is simply restored).

    Args:
        plan: what is to be executed.
        child: the call that starts it, where a run does.
        beside: whether it will go on beside its caller.

    Raises:
        RunOwned: a live process executes that run.
        RunTaken: the run from which it is started was stolen from this process.
    """
    above = child.owner if child is not None else parent_owner()
    store = plan.store or (above.store if above is not None else the_store())
    if above is not None:
        above.check()
    key = child.key if child is not None else _key(plan)
    parent = above.run.id if above else None
    while True:
        known = _known(store, plan, parent, key, child)
        if known is not None:
            plan = with_recorded_names(store, known, plan)
        record, how = _which(plan, known, parent, key)
        if how == "resumed" and record.state in ENDED:
            drop_cancels(store, record.id)  # they came too late for the pass that is over
        newest = None
        if how in ("new", "forked") and child is None and not plan.choice.fresh:
            newest = "" if known is None else known.id
        try:
            return Execution(store, plan, record, how, child=child, above=above, newest=newest, beside=beside)
        except AlreadyMade:
            continue  # another process made it meanwhile


def _key(plan: Plan) -> str:
    return plan.inputs if plan.choice.key is None else plan.choice.key


def _known(
    store: Store, plan: Plan, parent: str | None, key: str, child: ChildCall | None
) -> RunRecord | None:
    """The run that there is, if another one is not asked for."""
    if child is None:
        return None if plan.choice.fresh else find(store, plan.workflow, parent, key)
    told = child.known()
    if told is not None or child.fresh:
        return told
    found = find(store, plan.workflow, parent, key, below_origins=not child.anew)
    return found or child.earlier()


def looked_up(plan: Plan) -> tuple[RunRecord | None, str]:
    """The run that a start would go on with, restore or fork, and which of these; None where it is `new`.

    The start is no call of a run's.
    """
    above = parent_owner()
    store = plan.store or (above.store if above is not None else the_store())
    parent, key = above.run.id if above else None, _key(plan)
    known = _known(store, plan, parent, key, None)
    return known, _which(plan, known, parent, key)[1]


def _which(plan: Plan, known: RunRecord | None, parent: str | None, key: str) -> tuple[RunRecord, str]:
    """The run that is executed, and how: `new`, `resumed`, `forked` or `restored`."""
    choice = plan.choice
    again = bool(choice.redo or choice.redo_from)
    if known is not None:
        if known.state == "done" and known.code == plan.code and not again:
            return known, "restored"
        if known.parent == parent and known.state != "cancelled" and (known.state != "done" or again):
            return known, "resumed"
    return _made(plan, known, parent, key), "forked" if known else "new"


def _made(plan: Plan, origin: RunRecord | None, parent: str | None, key: str) -> RunRecord:
    """A run that is about to begin."""
    now = clock.now()
    return RunRecord(
        id=new_id("r"),
        workflow=plan.workflow,
        key=key,
        kind=plan.kind,
        state="running",
        created=now,
        updated=now,
        parent=parent,
        forked_from=origin.id if origin else None,
        code=plan.code,
        notebook=plan.notebook,
    )
