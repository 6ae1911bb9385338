"""The rows of Perdure's own calls: sleeps, and what was noted (`now()`, who won a race). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from perdure.store.records import CallRecord, ValueRecord

from . import words
from ._row import NOTE, WAIT, Row, Segment
from .kernels import Kernel

RACES: Final = ("perdure.race", "perdure.first_success")
_STATE: Final = "perdure.state"
_SEGMENT: Final = {"done": "ran", "waiting": "running"}


def segments(
    call: CallRecord, kernels: Sequence[Kernel], living: int | None, now: float
) -> Iterator[Segment]:
    """A sleep in each kernel that lived through a part of it; of what was noted, the moment or the race."""
    state = _SEGMENT.get(call.state, call.state)
    if call.kind == "noted":
        kernel = next((each for each in kernels if each.epoch == call.epoch), None)
        if kernel is not None:
            end = kernel.hold(call.started if call.ended is None else call.ended)
            yield Segment(call.epoch, min(kernel.hold(call.started), end), end, state, NOTE)
        return
    until = call.ended
    if until is None:
        until = now if living is not None or not kernels else kernels[-1].end
        until = until if call.due is None else min(until, max(call.due, call.started))
    for kernel in kernels:
        start, end = kernel.hold(call.started), kernel.hold(until)
        if end > start or start == call.started:
            yield Segment(kernel.epoch, start, max(start, end), state, WAIT)


def over(call: CallRecord) -> str:
    """The state of one that is done, and was not restored."""
    if call.kind == "noted":
        return "noted"
    early = call.due is not None and call.ended is not None and call.ended < call.due
    return "woken" if early else "slept"


def told(row: Row, call: CallRecord, winner: str | None, now: float) -> Row:
    """The row with the name and the detail by which the user knows the call."""
    name = call.step.removeprefix("perdure.")
    if call.kind == "wait":
        passed = row.due is not None and row.due <= now
        return replace(
            row,
            step="sleep",
            detail=_until(call, row, now),
            why="its moment has come; it is over when its run goes on" if passed else row.why,
        )
    if call.step in RACES:
        word = "decided" if row.state == "noted" else row.word
        return replace(row, step=name, detail=_who(row, winner), word=word)
    if call.step == _STATE:
        name, detail = _use(call)
        return replace(row, step=name, detail=detail, took=0.0)
    return replace(row, step=name, took=0.0)


def _until(call: CallRecord, row: Row, now: float) -> str:
    """How long a sleep is; until when, where that was said or is still to come."""
    if call.due is not None and (row.due is not None or call.step == "perdure.sleep_until"):
        return f"until {words.moment(call.due, now)}"
    return row.detail


def _who(row: Row, winner: str | None) -> str:
    if winner is None:
        return row.detail
    return f"{winner} was first, and failed" if row.state == "failed" else f"{winner} won"


def _use(call: CallRecord) -> tuple[str, str]:
    """A use of a durable dict, as it was written: `state("seen")`, and `get "a"` or `set "a" = 1`."""
    parts = {part.name: part.preview for part in call.input_parts}
    name, use, item = (parts.get(part, "") for part in ("state", "use", "item"))
    if use == "set" and parts.get("value") == "deleted":
        return f'state("{name}")', f'delete "{item}"'
    value = f" = {parts['value']}" if parts.get("value") else ""
    return f'state("{name}")', f'{use} "{item}"{value}' if item else use


def races(calls: Sequence[CallRecord]) -> dict[str, str]:
    """The values that tell who won, by call."""
    return {call.id: call.value for call in calls if call.step in RACES and call.value is not None}


def winners(races: Mapping[str, str], values: Mapping[str, ValueRecord]) -> dict[str, str]:
    """Who won each race, by call, from the previews of the values alone."""
    found = {call: _winner(values[value].preview) for call, value in races.items() if value in values}
    return {call: winner for call, winner in found.items() if winner is not None}


def _winner(preview: dict[str, Any]) -> str | None:
    """The name of a winner; one that has none is told by its number."""
    items = dict(item.partition(": ")[::2] for item in preview.get("items", ()) if isinstance(item, str))
    who, of = items.get("'winner'", ""), items.get("'of'", "")
    if who.isdecimal():
        return f"number {int(who) + 1} of {of}"
    return who.strip("'\"") or None
