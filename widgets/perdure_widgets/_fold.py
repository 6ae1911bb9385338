"""Which calls share a row: versions of one call, and the many calls of a fan-out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from perdure.store.records import CallRecord, RestoreRecord, RunRecord

from . import words
from ._calls import Row

FAN_OUT: Final = 8
"""More sibling calls of one step than this share a row."""


def versions(
    run: RunRecord, calls: Sequence[CallRecord], restores: Mapping[str, Sequence[RestoreRecord]]
) -> list[list[CallRecord]]:
    """The calls in groups, one for each row; the last of a group is the current version.

    In a notebook a step's name says which call it is. In a body the same step may be called with many inputs:
    there a call takes an earlier one's place when it was first made after that one was last used, in the same
    branch and with the same occurrence.
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
            max(call.epoch, *(restore.epoch for restore in restores.get(call.id, ())), 0) for call in group
        )
        for key, group in groups.items()
    }
    newest = max(last_used.values(), default=0)
    taken: set[tuple[object, ...]] = set()
    for key in [key for key in groups if last_used[key] < newest]:
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


def fold_fan_outs(rows: Sequence[Row]) -> list[Row]:
    """The rows, with calls of one step under sibling branches as one row where they are many."""
    families = Counter(_family(row) for row in rows)
    folded: dict[tuple[str, str], list[Row]] = {}
    kept: list[Row] = []
    for row in rows:
        family = _family(row)
        if row.branch and families[family] > FAN_OUT:
            folded.setdefault(family, []).append(row)
        else:
            kept.append(row)
    return kept + [_together(members) for members in folded.values()]


def _family(row: Row) -> tuple[str, str]:
    return row.branch.rpartition(".")[0] if row.branch else "-", row.step


def _together(rows: Sequence[Row]) -> Row:
    """One row for the calls of a fan-out: its word says how far it came and what wants attention."""
    counts = Counter(row.state for row in rows)
    total = len(rows)
    state = next((state for state in words.ATTENTION if counts[state]), "")
    if state == "running":
        word = f"{total - counts['running']:,} of {total:,}"
    elif state:
        word = f"{counts[state]:,} of {total:,} {words.look(state).word}"
    elif len(counts) == 1:
        state = rows[0].state
        word = words.look(state).word
    else:
        state = "restored" if set(counts) <= {"restored", "older"} else "ran"
        word = f"{words.look(state).word} {sum(counts[each] for each in (state, 'ran again')):,} of {total:,}"
    segments = sorted(
        (each for row in rows for each in row.segments), key=lambda each: (each.epoch, each.start)
    )
    spans: dict[int, tuple[float, float]] = {}
    for each in segments:
        start, end = spans.get(each.epoch, (each.start, each.end))
        spans[each.epoch] = min(start, each.start), max(end, each.end)
    marks = {mark.epoch: mark for row in rows for mark in row.marks}
    told = next((row for row in rows if row.state == state), rows[0])
    return replace(
        told,
        detail=f"{words.TIMES}{total:,}",
        state=state,
        word=word,
        segments=tuple(segments),
        marks=tuple(marks[epoch] for epoch in sorted(marks)),
        took=sum(end - start for start, end in spans.values()) or sum(row.took for row in rows),
        saved=sum(row.saved for row in rows),
        lost=sum(row.lost for row in rows),
        kept=sum(row.kept for row in rows),
        counts=tuple(counts.items()),
    )


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
