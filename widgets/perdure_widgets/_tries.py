"""The attempts at one call: their segments, and how they are told. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from perdure.store.records import AttemptRecord, CallRecord

from . import words
from ._row import PAUSE, Segment
from .kernels import Kernel

_SEGMENT: Final = {"done": "ran"}
_FURTHER: Final = re.compile(r"attempt \d+ of \d+")
"""How the reason of a further attempt begins."""
_BARE: Final = ("Cancelled", "CancelledError")
"""What an error tells of a call that was cancelled without a word."""


def segments(
    call: CallRecord,
    attempts: Sequence[AttemptRecord],
    kernels: Sequence[Kernel],
    living: int | None,
    *,
    current: bool,
) -> Iterator[Segment]:
    """The attempts, each inside the time of its kernel, and the pause before the next one, if it lasts."""
    last = attempts[-1] if attempts else None
    for attempt in attempts:
        kernel = next((each for each in kernels if each.epoch == attempt.epoch), None)
        if kernel is None:
            continue
        state = _SEGMENT.get(attempt.state, attempt.state)
        if state == "running" and attempt.epoch != living:
            state = "interrupted"
        if state == "interrupted" and (
            call.kind == "effect" or (call.state == "in doubt" and attempt is last)
        ):
            state = "in doubt"
        if state == "ran" and not current:
            state = "replaced"
        start = kernel.hold(attempt.started)
        end = kernel.hold(attempt.ended) if attempt.ended is not None else kernel.end
        yield Segment(attempt.epoch, start, max(start, end), state)
    if call.state == "waiting" and call.ended is not None:
        for kernel in kernels:
            start, end = kernel.hold(call.ended), kernel.hold(kernel.end if call.due is None else call.due)
            if end > start:
                yield Segment(kernel.epoch, start, end, "running", PAUSE)


def word(call: CallRecord, state: str, attempts: Sequence[AttemptRecord]) -> str:
    """The state in words, with the attempt that it is at, or how many there were."""
    tried = sum(attempt.state != "interrupted" for attempt in attempts)
    if state in ("running", "waiting"):
        further = _FURTHER.match(call.reason)
        if further is not None:
            return further[0]
        return f"attempt {tried}" if tried > 1 else words.look(state).word
    if tried > 1 and state in ("ran", "ran again", "failed"):
        return f"{words.look(state).word}, {tried} attempts"
    return words.look(state).word


def waits(call: CallRecord, now: float) -> str:
    """What a call waits for that is to be tried again."""
    further = _FURTHER.match(call.reason)
    what = further[0] if further is not None else "the next attempt"
    until = "" if call.due is None else f" until {words.moment(call.due, now)}"
    return f"waits for {what}{until}; the last one failed: {call.error}"


def cancelled(call: CallRecord) -> str:
    """Why it was cancelled, where somebody said so."""
    return "" if call.error in (None, *_BARE) else call.error or ""


def where(attempts: Sequence[AttemptRecord]) -> str:
    """Where the last attempt ran, if not in a thread of the run's own process."""
    last = attempts[-1] if attempts else None
    if last is None or not last.executor:
        return ""
    place = "in a worker process" if last.executor == "process" else f"by {last.executor}"
    return place if last.memory is None else f"{place}, which held {words.size(last.memory)}"
