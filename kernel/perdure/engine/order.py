"""The order in which a body made its calls when it was last executed: what a strict pass expects. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from perdure.store.records import CallRecord, RestoreRecord

OWN = ("wait", "noted")
"""Kinds of calls that are recorded when they are asked for or decided, and not when they begin to run."""


def line(branch: str, kind: str) -> str:
    """In which line a call of this branch and kind stands: Perdure's own calls have one beside the steps'."""
    return f"{branch} own" if kind in OWN else branch


def expected(
    calls: Iterable[CallRecord], restores: Iterable[RestoreRecord], *, finished: bool
) -> dict[str, list[str]]:
    """The ids of the calls of each line, in the order in which they are to come.

    What the last pass used comes first, by the time of its use; where that pass did not come to its end, what
    an older pass used beyond it follows.

    Args:
        calls: all versions of the run's calls, with those of the runs that it was forked from.
        restores: the run's own.
        finished: whether the last pass came to the body's end.
    """
    known = sorted((call for call in calls if _has_outcome(call)), key=lambda call: call.seq)
    uses = dict(zip([call.id for call in known], _made(known), strict=True))
    lines = {call.id: line(call.branch, call.kind) for call in calls if call.id in uses}
    for restore in restores:
        if restore.call in uses:
            uses[restore.call] = max(uses[restore.call], (restore.epoch, restore.at))
    last = max((epoch for epoch, _ in uses.values()), default=0)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for call in sorted(uses, key=lambda each: (-uses[each][0], uses[each][1])):
        if not finished or uses[call][0] == last:
            found[lines[call]].append(call)
    return dict(found)


def _made(calls: Sequence[CallRecord]) -> list[tuple[int, float]]:
    """In which pass, and when, each of these calls was made, given in the order in which they were.

    They began later than they were made, and in another order where they were awaited in another.
    """
    latest = float("inf")
    found = []
    for call in reversed(calls):
        latest = min(latest, call.started)
        found.append((call.epoch, latest))
    return found[::-1]


def _has_outcome(call: CallRecord) -> bool:
    return call.state in ("done", "waiting") or (call.state == "failed" and call.caught)
