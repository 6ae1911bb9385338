"""The time scale of a picture, in percent of its width. Pure.

Time without a kernel is folded, and in a notebook time in which no step ran as well. A kernel's part
that would be too small to read is stretched. Times are placed by epoch, so that a clock that was set
moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .kernels import Kernel
from .rows import Timeline

PLOT: Final = 600
"""Nominal width of the plot in pixels: least widths are made percents with it."""
END: Final = 2.0
"""Percent that stay free at the right, for end marks."""
AHEAD: Final = 12.0
"""Percent that stay free after now, where something waits for a moment to come."""
EDGE: Final = 99.0
"""Where time to come that has no room ends in an arrow."""
LEAST: Final = 22.0
"""Percent that a kernel's part gets at least, while there is room."""
GAP: Final = {"kernel": 9.5, "idle": 3.0}
IDLE: Final = 30.0
"""Seconds without a step that are folded in a notebook, where they are also a tenth of its working time."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one kernel's time, drawn to one scale."""

    kernel: Kernel
    start: float
    end: float
    x0: float
    x1: float

    def at(self, when: float) -> float:
        """Where a moment lies."""
        if self.end <= self.start:
            return self.x0
        share = (min(max(when, self.start), self.end) - self.start) / (self.end - self.start)
        return self.x0 + share * (self.x1 - self.x0)


@dataclass(frozen=True, slots=True)
class Gap:
    """Folded time between two pieces."""

    kind: str
    """`kernel` (no kernel) or `idle` (no step)."""
    seconds: float
    x0: float
    x1: float
    before: Kernel
    after: Kernel


@dataclass(frozen=True, slots=True)
class Axis:
    """Where moments lie."""

    pieces: tuple[Piece, ...]
    gaps: tuple[Gap, ...]

    def at(self, epoch: int, when: float) -> float:
        """Where a moment of a kernel lies; in folded time it lies where that begins."""
        place = 0.0
        for piece in self.pieces:
            if piece.kernel.epoch == epoch:
                if when < piece.start and place:
                    return place
                place = piece.at(when)
                if when <= piece.end:
                    return place
        return place

    def ahead(self, seconds: float) -> tuple[float, float, bool]:
        """From where to where the time to come lies, so many seconds, and whether it reaches further."""
        last = self.pieces[-1]
        length = last.end - last.start
        wanted = last.x1 + (last.x1 - last.x0) * seconds / length if length > 0 else EDGE + 1
        return last.x1, min(wanted, EDGE), wanted > EDGE


def axis(timeline: Timeline) -> Axis:
    """The time scale for a timeline."""
    spans: list[tuple[Kernel, float, float]] = []
    for kernel in timeline.kernels:
        parts = (
            _working(timeline, kernel) if timeline.run.kind == "notebook" else [(kernel.start, kernel.end)]
        )
        spans += [(kernel, start, end) for start, end in parts]
    kinds = ["idle" if one[0] is other[0] else "kernel" for one, other in pairwise(spans)]
    shrink = min(1.0, 40.0 / (sum(GAP[kind] for kind in kinds) or 1.0))
    waits = any(row.due is not None and row.due > timeline.now for row in timeline.rows)
    room = 100.0 - (AHEAD if waits else END) - shrink * sum(GAP[kind] for kind in kinds)
    pieces: list[Piece] = []
    gaps: list[Gap] = []
    x = 0.0
    for number, (span, width) in enumerate(
        zip(spans, _shares([end - start for _, start, end in spans], room), strict=True)
    ):
        if number:
            kind, before = kinds[number - 1], spans[number - 1]
            wide = GAP[kind] * shrink
            gaps.append(Gap(kind, max(0.0, span[1] - before[2]), x, x + wide, before[0], span[0]))
            x += wide
        pieces.append(Piece(*span, x, x + width))
        x += width
    return Axis(tuple(pieces), tuple(gaps))


def _shares(lengths: Sequence[float], room: float) -> list[float]:
    """`room`, shared in proportion to the lengths; what would be too small gets the least width."""
    if not lengths:
        return []
    least = min(LEAST, room / len(lengths) / 2)
    small: set[int] = set()
    while True:
        rest = sum(length for number, length in enumerate(lengths) if number not in small)
        free = room - least * len(small)
        scale = free / rest if rest > 0 else 0.0
        more = {
            number for number, length in enumerate(lengths) if number not in small and length * scale < least
        }
        if not more:
            return [least if number in small else length * scale for number, length in enumerate(lengths)]
        small |= more
        if len(small) == len(lengths):
            return [room / len(lengths)] * len(lengths)


def _working(timeline: Timeline, kernel: Kernel) -> list[tuple[float, float]]:
    """The stretches of a kernel's time in which steps ran or were restored."""
    spans = [
        (each.start, each.end) for row in timeline.rows for each in row.segments if each.epoch == kernel.epoch
    ]
    spans += [(mark.at, mark.at) for row in timeline.rows for mark in row.marks if mark.epoch == kernel.epoch]
    limit = max(IDLE, sum(end - start for start, end in spans) / 10)
    joined: list[tuple[float, float]] = []
    for start, end in sorted((kernel.hold(start), kernel.hold(end)) for start, end in spans):
        if joined and start - joined[-1][1] <= limit:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined or [(kernel.start, kernel.end)]
