"""The kernels that worked on a run: from when to when, and how each of them ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perdure.store.records import SessionRecord


@dataclass(frozen=True, slots=True)
class Kernel:
    """One stretch in which a process owned the run, with the time in which it worked on it."""

    number: int
    """Of the process, from 1: it may own a run several times, as when a cell is run again."""
    epoch: int
    start: float
    end: float
    """Never before `start`, whatever the clock did."""
    ended: str
    """`killed`, `ended` (it let go in good order), or empty while it lives."""

    def hold(self, at: float) -> float:
        """`at`, moved into the kernel's time where a clock that was set left it outside."""
        return min(max(at, self.start), self.end)


def kernels(
    sessions: Sequence[SessionRecord],
    activity: Iterable[tuple[int, float]],
    *,
    now: float,
    alive: bool,
    busy: bool,
) -> tuple[Kernel, ...]:
    """The kernels in order, each from its first to its last known sign of work.

    Args:
        sessions: the run's sessions, by epoch.
        activity: (epoch, time) of everything that is known to have happened.
        now: the time of the picture.
        alive: whether the last kernel is known, or thought, to live.
        busy: whether something runs in it now.
    """
    signs: dict[int, list[float]] = {}
    for epoch, at in activity:
        signs.setdefault(epoch, []).append(at)
    found: list[Kernel] = []
    number = 0
    for before, session in zip((None, *sessions), sessions, strict=False):
        number += before is None or not _same_process(before, session)
        last = session is sessions[-1]
        times = signs.get(session.epoch) or [session.started]
        start, end = min(times), max(times)
        ended = "ended" if session.ended is not None else "" if last and alive else "killed"
        if ended == "killed":
            end = max(end, session.seen)
        if last and busy:
            end = max(end, now)
        found.append(Kernel(number, session.epoch, start, end, ended))
    return tuple(found)


def _same_process(before: SessionRecord, session: SessionRecord) -> bool:
    """Whether a process took the run up again that had let go of it."""
    return before.ended is not None and (before.host, before.pid) == (session.host, session.pid)
