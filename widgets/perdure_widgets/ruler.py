"""The ruler over a picture: when kernels came and went, and the clock between. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

from . import words
from .axis import Axis, Piece
from .marks import percent

LETTER: Final = 1.8
"""Percent of the width that one letter takes at the narrowest width at which labels must not touch."""
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_MOST: Final = 100
"""Ticks in one piece; a run of many days has ticks in its first part only."""


@dataclass(frozen=True, slots=True)
class Label:
    """A text over the time line."""

    x: float
    text: str
    anchor: str = "start"
    strong: bool = False

    @property
    def span(self) -> tuple[float, float]:
        """From where to where it reaches, in percent."""
        wide = LETTER * len(self.text)
        start = self.x - {"start": 0.0, "middle": wide / 2, "end": wide}[self.anchor]
        return start, start + wide

    def svg(self, y: int) -> str:
        """The text, three pixels off a line at its start or end."""
        shift = {"start": 3 if self.x else 0, "middle": 0, "end": -3}[self.anchor]
        strong = ' class="pdr-strong"' if self.strong else ""
        return (
            f'<text{strong} x="{percent(self.x)}" dx="{shift}" y="{y}" text-anchor="{self.anchor}">'
            f"{escape(self.text)}</text>"
        )


def ruler(scale: Axis, now: float) -> tuple[str, int]:
    """The ruler's labels as SVG, and its height in pixels."""
    above = _fit(_kernel_labels(scale, now), [])
    below = _fit(_gap_labels(scale), []) + _fit(_clocks(scale), _folded(scale))
    if not (above and below):
        return "".join(label.svg(13) for label in above or below), 18
    return "".join(label.svg(12) for label in above) + "".join(label.svg(26) for label in below), 32


def lines(scale: Axis) -> str:
    """What runs down through all rows: tick lines, folded time, and where kernels came and went."""
    parts = [
        f'<line class="pdr-v" x1="{percent(tick.x)}" x2="{percent(tick.x)}" y2="24"/>'
        for tick in _fit(_clocks(scale), _folded(scale))
        if tick.anchor == "middle"
    ]
    for gap in scale.gaps:
        x0, x1, wide = percent(gap.x0), percent(gap.x1), percent(gap.x1 - gap.x0)
        parts.append(f'<rect class="pdr-gap" x="{x0}" width="{wide}" height="24"/>')
        if gap.kind == "kernel":
            parts += [f'<line class="pdr-k" x1="{x}" x2="{x}" y2="24"/>' for x in (x0, x1)]
    return "".join(parts)


def _folded(scale: Axis) -> list[tuple[float, float]]:
    """Where clocks have no place; a label may begin where folded time ends."""
    return [(gap.x0 + 1, gap.x1 - 1) for gap in scale.gaps]


def _fit(labels: Iterator[Label], taken: list[tuple[float, float]]) -> list[Label]:
    """Those labels, the most important first, that touch neither each other nor what is taken."""
    found: list[Label] = []
    for label in labels:
        start, end = label.span
        if start >= -1 and end <= 101 and all(end + 1 < left or start - 1 > right for left, right in taken):  # noqa: PLR2004
            taken.append((start, end))
            found.append(label)
    return found


def _kernel_labels(scale: Axis, now: float) -> Iterator[Label]:
    """The newest kernel first, because it is asked about most; each to the second where that fits."""
    moments: list[tuple[float, str, float, str]] = []
    if scale.pieces and scale.pieces[-1].kernel.ended == "killed":
        moments.append((scale.pieces[-1].x1, "killed", scale.pieces[-1].kernel.end, "end"))
    for gap in reversed(scale.gaps):
        if gap.kind == "kernel":
            moments.append((gap.x1, "resumed", gap.after.start, "start"))
            moments.append((gap.x0, gap.before.ended or "ended", gap.before.end, "end"))
    for x, word, at, anchor in moments:
        yield Label(x, f"{word} {words.clock(at, now)}", anchor, strong=True)
        yield Label(x, f"{word} {_time(at, seconds=False)}", anchor, strong=True)


def _gap_labels(scale: Axis) -> Iterator[Label]:
    for gap in reversed(scale.gaps):
        text = words.took(gap.seconds)
        if len(text) * LETTER * 0.7 < gap.x1 - gap.x0:
            yield Label((gap.x0 + gap.x1) / 2, text, "middle")


def _clocks(scale: Axis) -> Iterator[Label]:
    """When each piece begins, and round clock times inside, at least a label apart."""
    for number, piece in enumerate(scale.pieces):
        if not number:
            yield Label(piece.x0, _time(piece.start, seconds=True))
        yield Label(piece.x0, _time(piece.start, seconds=False))
    for piece in scale.pieces:
        length, wide = piece.end - piece.start, piece.x1 - piece.x0
        if length > 0:
            step = next((step for step in _STEPS if step / length * wide > 9 * LETTER), _STEPS[-1])
            yield from _round_times(piece, step)


def _round_times(piece: Piece, step: int) -> Iterator[Label]:
    offset = datetime.fromtimestamp(piece.start).astimezone().utcoffset()
    shift = offset.total_seconds() if offset else 0.0
    first = (piece.start + shift) // step * step - shift + step
    for number in range(_MOST):
        at = first + number * step
        if at >= piece.end:
            return
        yield Label(piece.at(at), _time(at, seconds=step < 60), "middle")  # noqa: PLR2004


def _time(at: float, *, seconds: bool) -> str:
    return words.clock(at, at, seconds=seconds)
