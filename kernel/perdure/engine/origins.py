"""What a run takes over from the runs that it was forked from: outcomes, and what is in doubt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from perdure.store.records import AttemptRecord, CallRecord

from . import moves
from .decide import is_outcome

if TYPE_CHECKING:
    from perdure.store.protocols import Journal


def with_origins(journal: Journal, origins: Iterable[str], own: Iterable[CallRecord]) -> list[CallRecord]:
    """The calls of a run after those that its origins left to it, the oldest first.

    A run is forked whether or not it was settled, and somebody may be at work on it yet: an effect that it
    left running may have taken place, and is in doubt for the fork. What is in doubt in an origin is so no
    more once a later run has a call in its place.
    """
    left = [call for run in origins for call in _settled(journal, run) if _is_left(call)]
    calls = [*left, *own]
    if all(call.state != "in doubt" for call in left):
        return calls
    newest = {_place(call): call.run for call in calls}
    return [call for call in calls if call.state != "in doubt" or newest[_place(call)] == call.run]


def _is_left(call: CallRecord) -> bool:
    return call.state == "in doubt" or is_outcome(call)


def _settled(journal: Journal, run: str) -> Iterator[CallRecord]:
    """The calls of a run as they will be once its next owner has settled them."""
    tries: defaultdict[str, list[AttemptRecord]] | None = None
    for call in journal.calls(run):
        if call.state != "running":
            yield call
            continue
        if tries is None:
            tries = defaultdict(list)
            for attempt in journal.attempts(run):
                tries[attempt.call].append(attempt)
        yield moves.settled(call, tries[call.id])[0]


def _place(call: CallRecord) -> tuple[object, ...]:
    """What a later call has in common with one that it takes the place of."""
    if call.key is not None:
        return call.step, call.key
    code = "" if call.kind == "effect" else call.code
    return call.branch, call.step, call.inputs, call.occurrence, code
