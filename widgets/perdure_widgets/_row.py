"""What one line of a picture holds: a row, with its segments and marks on the time line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from . import words

WORK, WAIT, PAUSE, NOTE = "work", "wait", "pause", "note"

OWN: Final = ("wait", "noted")
"""Kinds of calls that are Perdure's own: nothing of the user's runs in them."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of time of a call: an attempt, a wait, or the moment at which something was noted."""

    epoch: int
    start: float
    end: float
    state: str
    """`ran`, `failed`, `running`, `interrupted`, `in doubt`, `cancelled`, or `replaced` for work of an
    earlier version."""
    kind: str = WORK
    """`work`; `wait` (a sleep, in which nothing runs), `pause` (before the next attempt) or `note`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One restore on the time line."""

    epoch: int
    at: float
    older: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture: a call, the calls of a fan-out, or a child run."""

    call: str
    """Id of the current version of the call, or of the child run."""
    branch: str
    step: str
    detail: str
    kind: str
    """`pure`, `effect`, `volatile`, `wait`, `noted`, or `run` for a child run."""
    state: str
    """One of `words.LOOKS`."""
    word: str
    segments: tuple[Segment, ...]
    marks: tuple[Mark, ...]
    took: float
    saved: float
    lost: float
    why: str
    """Why it was restored or run, what went wrong, or what is asked, in words."""
    kept: int
    """Bytes of its values."""
    badge: str
    """What to know about its checkpoint: `partial`, `weak key`, or nothing."""
    counts: tuple[tuple[str, int], ...]
    """How many calls of each state it stands for."""
    due: float | None = None
    """When what it waits for is over; None if it waits for nothing."""
    where: str = ""
    """Where its last attempt ran, if not in a thread of the run's own process, and what was seen there."""

    @property
    def count(self) -> int:
        """How many calls it stands for."""
        return sum(number for _, number in self.counts)

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands small beside its name: the kind, or the id of a run, and the badge."""
        kind = {"pure": "", "wait": "", "noted": "", "run": self.call if self.count == 1 else "run"}
        return tuple(note for note in (kind.get(self.kind, self.kind), self.badge) if note)

    @property
    def causes(self) -> tuple[str, ...]:
        """What there is to say of it beside its state."""
        return tuple(cause for cause in (self.why, self.where) if cause)

    def spent(self, now: float) -> str:
        """The figure at its end: how long it took, or what is left of its wait; may be empty."""
        if self.due is not None:
            return words.left(self.due - now)
        return words.took(self.took) if self.took or (self.segments and self.kind != "noted") else ""


def covered(segments: Iterable[Segment]) -> float:
    """Seconds in which at least one of the segments lies."""
    total, until = 0.0, float("-inf")
    for start, end in sorted((each.start, each.end) for each in segments):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
