"""Which calls share a row: versions of one call, and the many calls of a fan-out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from perdure.store.records import CallRecord, RestoreRecord, RunRecord

from . import words
from ._own import RACES
from ._row import OWN, WORK, Row, covered

FAN_OUT: Final = 8
"""More sibling calls of one step than this share a row."""


def versions(
    run: RunRecord,
    calls: Sequence[CallRecord],
    restores: Mapping[str, Sequence[RestoreRecord]],
    ended: Mapping[str, int],
) -> list[list[CallRecord]]:
    """The calls in groups, one for each row; the last of a group is the current version.

    In a notebook a step's name says which call it is. In a body the same step may be called with many inputs:
    there a call takes an earlier one's place when it was first made after that one was last used, in the same
    branch and with the same occurrence. What still waits, or was cancelled, keeps its place.

    Args:
        run: the run.
        calls: its calls.
        restores: when their checkpoints were used, by call.
        ended: the epoch in which a sleep ended, by call.
    """
    groups: dict[tuple[object, ...], list[CallRecord]] = {}
    for call in sorted(calls, key=lambda call: call.seq):
        place: tuple[object, ...] = (call.branch, call.step, call.occurrence)
        identity = () if run.kind == "notebook" else (call.key or call.inputs,)
        groups.setdefault(place + identity, []).append(call)
    if run.kind == "notebook":
        return list(groups.values())

    last_used = {
        key: max(
            max(
                ended.get(call.id, call.epoch),
                *(restore.epoch for restore in restores.get(call.id, ())),
                0,
            )
            for call in group
        )
        for key, group in groups.items()
    }
    newest = max(last_used.values(), default=0)
    taken: set[tuple[object, ...]] = set()
    left = [key for key, group in groups.items() if group[-1].state not in ("waiting", "cancelled")]
    for key in [key for key in left if last_used[key] < newest]:
        heir = next(
            (
                other
                for other, group in groups.items()
                if other[:3] == key[:3] and other not in taken and group[0].epoch > last_used[key]
            ),
            None,
        )
        if heir is not None:
            taken.add(heir)
            groups[heir] = groups.pop(key) + groups[heir]
    return list(groups.values())


def fold(rows: Sequence[Row]) -> list[Row]:
    """The rows, with those as one that are many: a fan-out's calls of a step, sleeps, what was noted."""
    families = Counter(map(_family, rows))
    folded: dict[tuple[str, str, str], list[Row]] = {}
    kept: list[Row] = []
    for row in rows:
        family = _family(row)
        if families[family] > _alone(row):
            folded.setdefault(family, []).append(row)
        else:
            kept.append(row)
    return kept + [_together(members) for members in folded.values()]


def _family(row: Row) -> tuple[str, str, str]:
    return row.branch.rpartition(".")[0] if row.branch else "-", row.step, row.kind


def _alone(row: Row) -> float:
    """So many rows of its family stand by themselves."""
    if row.kind == "noted" and row.step not in _DECISIONS:
        return 1
    return FAN_OUT if row.branch or row.kind in OWN else float("inf")


_DECISIONS: Final = {name.removeprefix("perdure.") for name in RACES}


def _together(rows: Sequence[Row]) -> Row:
    """One row for several: its word says how far it came and what wants attention."""
    counts = Counter(row.state for row in rows)
    state, word = _state(counts)
    segments = sorted(
        (each for row in rows for each in row.segments), key=lambda each: (each.epoch, each.start)
    )
    spans: dict[int, tuple[float, float]] = {}
    for each in segments:
        start, end = spans.get(each.epoch, (each.start, each.end))
        spans[each.epoch] = min(start, each.start), max(end, each.end)
    marks = {mark.epoch: mark for row in rows for mark in row.marks}
    told = next((row for row in rows if row.state == state), rows[0])
    attempts = sum(each.kind == WORK and each.state in ("ran", "failed") for each in segments)
    if state in ("ran", "ran again") and len(counts) == 1 and attempts > len(rows):
        word += f", {attempts:,} attempts"
    span = sum(end - start for start, end in spans.values()) or sum(row.took for row in rows)
    return replace(
        told,
        detail=f"{words.TIMES}{len(rows):,}",
        state=state,
        word=word,
        segments=tuple(segments),
        marks=tuple(marks[epoch] for epoch in sorted(marks)),
        took=covered(segments) if told.kind in OWN else span,
        saved=sum(row.saved for row in rows),
        lost=sum(row.lost for row in rows),
        kept=sum(row.kept for row in rows),
        counts=tuple(counts.items()),
        due=min((row.due for row in rows if row.due is not None and row.state == state), default=None),
    )


def _state(counts: Counter[str]) -> tuple[str, str]:
    """The state of several, and its word."""
    total = counts.total()
    state = next((state for state in words.ATTENTION if counts[state]), "")
    if state in _UNDER_WAY:
        done = total - sum(counts[each] for each in _UNDER_WAY)
        return state, f"{done:,} of {total:,}"
    if state:
        return state, f"{counts[state]:,} of {total:,} {words.look(state).word}"
    if len(counts) == 1:
        state = next(iter(counts))
        return state, words.look(state).word
    made = Counter({each: counts[each] for each in counts if each not in ("restored", "older")})
    ran = made["ran"] + made["ran again"]
    state = "ran" if ran else made.most_common(1)[0][0] if made else "restored"
    number = ran if state == "ran" else counts[state]
    return state, f"{words.look(state).word} {number:,} of {total:,}"


_UNDER_WAY: Final = ("running", "waiting")


def shown(rows: Sequence[Row], limit: int = 60) -> tuple[list[Row], str]:
    """The rows that a still picture shows, in order, and one sentence about the others.

    What wants attention comes first, then what is newest; at most `limit` rows are shown.
    """
    if len(rows) <= limit:
        return list(rows), ""
    newest = sorted(
        range(len(rows)), key=lambda place: (rows[place].state in words.ATTENTION, place), reverse=True
    )
    chosen = set(newest[:limit])
    others: Counter[str] = Counter()
    for place, row in enumerate(rows):
        if place not in chosen:
            others[words.look(row.state).word] += row.count
    told = ", ".join(f"{number:,} {word}" for word, number in others.most_common())
    return [row for place, row in enumerate(rows) if place in chosen], f"{others.total():,} more: {told}"
