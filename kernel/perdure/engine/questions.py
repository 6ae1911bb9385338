"""What only a person can decide: an effect in doubt, and a call in which the process died again and again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from perdure.errors import EffectFailed, NoSuchStep
from perdure.store.records import CallRecord, Output, RunRecord

from . import keeping
from .doubts import asked, is_open
from .naming import listed, recorded

if TYPE_CHECKING:
    from perdure.store.protocols import Journal

    from .owner import Owner

VERDICTS = ("again", "done", "fail")


def open_calls(calls: Iterable[CallRecord], named: str) -> list[CallRecord]:
    """Those of a step, or the one with an id, that wait for a decision, in the order of `calls`.

    The step may be named in short, as `send` for `mails.send` or `Shop.send`, where that means one of them.

    Raises:
        NoSuchStep: it means several.
    """
    waiting = list(filter(is_open, calls))
    meant = recorded(named, {name for call in waiting for name in (call.step, call.id)})
    if len(meant) > 1:
        raise NoSuchStep(step=named, run=waiting[0].run, hint=f"; there are {listed(meant)}")
    return [call for call in waiting if meant and meant[0] in (call.step, call.id)]


def of_started_runs(journal: Journal, run: str | None) -> Iterator[tuple[RunRecord, CallRecord, str]]:
    """The open questions of the runs that were started from this one, and from those in turn."""
    for child in started(journal, run):
        if child.state in ("in doubt", "running", "interrupted", "cancelled"):
            calls = journal.calls(child.id)
            for call in filter(is_open, calls):
                yield child, call, asked(call, calls)


def started(journal: Journal, run: str | None) -> list[RunRecord]:
    """The runs that were started from this one, and from those in turn, the newest first."""
    runs = journal.runs()
    parents = {run}
    for each in reversed(runs):
        if each.parent in parents and each.kind != "notebook":
            parents.add(each.id)
    return [each for each in runs if each.id in parents and each.id != run]


def resolve(
    owner: Owner, call: CallRecord, verdict: str, value: Any = None, *, outputs: tuple[Output, ...] = ()
) -> str:
    """Record what a person decided, and say it: `again`, `done` (with its value) or `fail`.

    Args:
        owner: of the call's run.
        call: one that is in doubt.
        verdict: one of `VERDICTS`.
        value: what it gave, if it is done.
        outputs: of a %%step cell, the names that `value` holds.
    """
    if verdict == "again":
        owner.resolve(call, "failed")
        return "runs again when its run goes on"
    if verdict == "fail":
        owner.resolve(call, "failed", keeping.encode(EffectFailed(step=call.step), name=call.step))
        return "is marked as failed, and gives an error until `--redo` asks for it"
    owner.resolve(call, "done", keeping.encode(value, name=call.step), outputs=outputs)
    return "is done, with the value that was given"
