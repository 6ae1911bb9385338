"""The marks on the time line, as SVG: a shape for each state, so that none is told by colour alone. Pure.

Places along the time are percents of the picture's width, so that it fits any width without a script;
everything else is pixels in a row 24 high. Nothing that comes from a run is written here but numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ._fold import FAN_OUT
from ._row import NOTE, OWN, PAUSE, WAIT, Row, Segment
from .axis import PLOT, Axis

DEFS: Final = """
<pattern id="{i}-hatch" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
<rect width="4" height="4" class="pdr-f-bg"/><rect width="1.6" height="4" class="pdr-f-kept"/></pattern>
<pattern id="{i}-hatch2" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">\
<rect width="4" height="4" class="pdr-f-bg"/><rect width="1.3" height="4" class="pdr-f-ink"/></pattern>
<pattern id="{i}-dots" width="4" height="4" patternUnits="userSpaceOnUse">\
<rect width="4" height="4" class="pdr-f-bg"/><circle cx="2" cy="2" r=".95" class="pdr-f-doubt"/></pattern>
"""
"""Textures; `{i}` is the picture's own prefix, because ids are shared by a whole page."""

GLYPHS: Final = {
    "queued": '<circle cx="6" cy="6" r="4" stroke-dasharray="1.6 2.2"/>',
    "live": '<circle cx="6" cy="6" r="4.6"/><circle cx="6" cy="6" r="1.4" fill="currentColor"/>',
    "ran": '<circle cx="6" cy="6" r="3.6" fill="currentColor" stroke="none"/>',
    "kept": '<path d="M3.1 3.6A4.3 4.3 0 1 1 1.8 7.2M2.6 1v3h3"/>',
    "older": '<path d="M2 4.6h8M2 7.6h8M8 1.8 4.2 10.4"/>',
    "fail": '<path d="M2.6 2.6l6.8 6.8M9.4 2.6 2.6 9.4" stroke-width="1.8"/>',
    "doubt": '<path d="M3.6 4.2c0-3.4 4.9-3.4 4.9 0C8.5 6 6 6 6 8M6 10.6v.1" stroke-width="1.8"/>',
    "torn": '<path d="M7.4 1 3.2 6.4h5.2L4.4 11"/>',
    "cancel": '<circle cx="6" cy="6" r="4.6"/><path d="M2.9 9.1 9.1 2.9"/>',
    "sleep": '<circle cx="6" cy="6" r="4.8"/><path d="M6 3.4V6.2l1.9 1.1"/>',
    "retry": '<path d="M2 6h.01M6 6h.01M10 6h.01" stroke-width="2.4"/>',
    "note": '<path d="M6 2.6v6.8M3.4 2.6h5.2M3.4 9.4h5.2"/>',
    "gone": '<rect x="1.8" y="2.8" width="8.4" height="6.4" stroke-dasharray="2 1.8"/>',
}

_END_MARKS: Final = {
    "failed": '<path class="pdr-mk pdr-s-fail" d="M3.5 9l6 6M9.5 9l-6 6"/>',
    "interrupted": '<path class="pdr-f-bg" d="M1 6-4.5 7-.5 9.4-4.5 12-.5 14.6-4.5 17 1 18z"/>',
    "in doubt": '<path class="pdr-f-bg" d="M1 6-4.5 7-.5 9.4-4.5 12-.5 14.6-4.5 17 1 18z"/>'
    '<path class="pdr-mk pdr-s-doubt" d="M6 10.2c0-3 4.6-3 4.6 0 0 1.8-2.3 1.8-2.3 3.6M8.3 16.4v.1"/>',
    "cancelled": '<path d="M-6 18 0 6" class="pdr-s-bg" stroke-width="4"/>'
    '<path d="M-6 18 0 6" class="pdr-s-dim" stroke-width="1.4"/>',
    "running": '<rect class="pdr-m-live pdr-tip" x="1" y="7" width="3" height="10" rx="1.5"/>',
}
_FURTHER: Final = '<path class="pdr-mk pdr-s-live" d="M-4 8.5-.5 12-4 15.5"/>'
_TORN: Final = ("interrupted", "in doubt")
_CHIP: Final = 10
_BINS: Final = 48
_FINE: Final = 4
"""Marks of a folded row that lie within a percent at most: those closer together are drawn once."""


def glyph(name: str, tone: str) -> str:
    """The sign of a state, 12 by 12, in the colour of its tone."""
    return f'<svg class="pdr-g pdr-is-{tone}" viewBox="0 0 12 12" aria-hidden="true">{GLYPHS[name]}</svg>'


def percent(place: float) -> str:
    """A place along the time, as SVG writes it."""
    return f"{place:.2f}".rstrip("0").rstrip(".") + "%"


@dataclass(frozen=True, slots=True)
class Marks:
    """Draws rows on one time scale, for the picture whose ids begin with `prefix`."""

    axis: Axis
    prefix: str

    def row(self, row: Row, now: float) -> str:
        """The marks of one row: what carried over first, then bars, then their ends, then restores."""
        parts = [*self._carry(row)]
        if row.count > FAN_OUT and row.segments and row.kind not in OWN:
            parts += self._strip(row.segments)
        else:
            parts += [self._mark(each, gone=row.state == "gone") for each in self._apart(row)]
            parts += self._retries(row.segments)
        parts += self._ahead(row, now)
        parts += self._checkpoint(row)
        for mark in row.marks:
            texture, shape = ("hatch2", "older") if mark.older else ("hatch", "kept")
            parts.append(
                f'<rect class="pdr-m-{shape}" x="{percent(self.axis.at(mark.epoch, mark.at))}" y="7" '
                f'width="{_CHIP}" height="10" rx="1.5" fill="url(#{self.prefix}-{texture})"/>'
            )
        return "".join(parts)

    def _apart(self, row: Row) -> Sequence[Segment]:
        """The segments that are to be drawn: of a folded row, one where several would lie on each other."""
        if row.count == 1:
            return row.segments
        places: dict[tuple[object, ...], Segment] = {}
        for each in row.segments:
            ends = (self.axis.at(each.epoch, each.start), self.axis.at(each.epoch, each.end))
            places.setdefault((each.kind, each.state, *(round(end * _FINE) for end in ends)), each)
        return list(places.values())

    def _mark(self, segment: Segment, *, gone: bool) -> str:
        draw = {WAIT: self._wait, PAUSE: self._pause, NOTE: self._note}.get(segment.kind)
        return self._segment(segment, gone=gone) if draw is None else draw(segment)

    def _wait(self, segment: Segment) -> str:
        """Time in which nothing runs is an outline."""
        x0, x1 = self.axis.at(segment.epoch, segment.start), self.axis.at(segment.epoch, segment.end)
        shape = "waits" if segment.state == "running" else "waited"
        end = _END_MARKS["cancelled"] if segment.state == "cancelled" else ""
        wide = (x1 - x0) * PLOT / 100 >= 3  # noqa: PLR2004  the least width of a bar
        width = percent(x1 - x0) if wide else "3"
        bar = f'<rect class="pdr-m-{shape}" x="{percent(x0)}" width="{width}" y="7.5" height="9" rx="1.5"/>'
        return bar + (f'<svg x="{percent(x1)}">{end}</svg>' if end else "")

    def _pause(self, segment: Segment) -> str:
        """Dots until the next attempt."""
        x0, x1 = self.axis.at(segment.epoch, segment.start) + 2.2, self.axis.at(segment.epoch, segment.end)
        if x1 <= x0:
            return ""
        return f'<line class="pdr-retry" x1="{percent(x0)}" x2="{percent(x1)}" y1="12" y2="12"/>'

    def _note(self, segment: Segment) -> str:
        """A tick where something was noted, and a thin line from when it was first asked."""
        x0, x1 = self.axis.at(segment.epoch, segment.start), self.axis.at(segment.epoch, segment.end)
        line = f'<line class="pdr-note" x1="{percent(x0)}" x2="{percent(x1)}" y1="12" y2="12"/>'
        tick = f'<svg x="{percent(x1)}"><rect class="pdr-f-ink" y="8" width="2" height="8"/>'
        return (line if x1 > x0 else "") + f"{tick}{_END_MARKS.get(segment.state, '')}</svg>"

    def _ahead(self, row: Row, now: float) -> Iterator[str]:
        """Dashes from now until what is waited for, with an arrow where that lies further off."""
        if row.due is not None and row.due > now and self.axis.pieces:
            x0, x1, further = self.axis.ahead(row.due - now)
            yield f'<line class="pdr-ahead" x1="{percent(x0 + 0.5)}" x2="{percent(x1)}" y1="12" y2="12"/>'
            if further:
                yield f'<svg x="{percent(x1)}">{_FURTHER}</svg>'

    def _segment(self, segment: Segment, *, gone: bool) -> str:
        x0, x1 = self.axis.at(segment.epoch, segment.start), self.axis.at(segment.epoch, segment.end)
        shape = "gone" if gone and segment.state == "ran" else segment.state.replace(" ", "-")
        fill = f' fill="url(#{self.prefix}-dots)"' if segment.state == "in doubt" else ""
        least = 11 if segment.state in _TORN else 3
        box = f'y="7" height="10" rx="1.5"{fill}'
        end = _END_MARKS.get(segment.state, "")
        if (x1 - x0) * PLOT / 100 >= least:
            bar = f'<rect class="pdr-m-{shape}" x="{percent(x0)}" width="{percent(x1 - x0)}" {box}/>'
            return bar + (f'<svg x="{percent(x1)}">{end}</svg>' if end else "")
        # Too short for its time: the least width, to the left of its end where there is room.
        left = least if x1 * PLOT / 100 > least and segment.state in _TORN else 0
        bar = f'<rect class="pdr-m-{shape}" x="{-left}" width="{least}" {box}/>'
        return f'<svg x="{percent(x1 if left else x0)}">{bar}<svg x="{least - left}">{end}</svg></svg>'

    def _retries(self, segments: Sequence[Segment]) -> Iterator[str]:
        """Dots between a failed attempt and the next one of the same kernel."""
        for one, other in pairwise(segments):
            x0, x1 = self.axis.at(one.epoch, one.end) + 2.2, self.axis.at(other.epoch, other.start) - 0.6
            if one.state == "failed" and one.epoch == other.epoch and x1 > x0:
                yield f'<line class="pdr-retry" x1="{percent(x0)}" x2="{percent(x1)}" y1="12" y2="12"/>'

    def _made(self, row: Row) -> float | None:
        """Where the checkpoint that was restored last had been made."""
        if not row.marks:
            return None
        last = (row.marks[-1].epoch, row.marks[-1].at)
        made = [each for each in row.segments if each.state == "ran" and (each.epoch, each.end) <= last]
        return self.axis.at(made[-1].epoch, made[-1].end) if made else None

    def _carry(self, row: Row) -> Iterator[str]:
        made = self._made(row)
        if made is not None:
            to = max(self.axis.at(mark.epoch, mark.at) for mark in row.marks)
            if to > made:
                yield f'<line class="pdr-carry" x1="{percent(made)}" x2="{percent(to)}" y1="12" y2="12"/>'

    def _checkpoint(self, row: Row) -> Iterator[str]:
        made = self._made(row)
        if made is not None:
            yield f'<svg x="{percent(made)}"><circle class="pdr-cp" cx="2" cy="12" r="3.4"/></svg>'

    def _strip(self, segments: Sequence[Segment]) -> Iterator[str]:
        """A fan-out: calls that ended in each stretch of time, at square-root height, and failures above."""
        for epoch in sorted({each.epoch for each in segments}):
            mine = [each for each in segments if each.epoch == epoch]
            x0 = min(self.axis.at(epoch, each.start) for each in mine)
            x1 = max(x0 + 2, *(self.axis.at(epoch, each.end) for each in mine))
            bins = [0] * _BINS
            for each in mine:
                if each.state in ("ran", "replaced"):
                    bins[min(_BINS - 1, int((self.axis.at(epoch, each.end) - x0) / (x1 - x0) * _BINS))] += 1
            top = max(bins) or 1
            steps = "".join(f"V{12 - 11 * (number / top) ** 0.5:.1f}h.8V12h.2" for number in bins)
            yield (
                f'<svg x="{percent(x0)}" y="7" width="{percent(x1 - x0)}" height="12" '
                f'viewBox="0 0 {_BINS} 12" '
                f'preserveAspectRatio="none"><path class="pdr-f-ink" d="M0 12{steps}z"/></svg>'
                f'<rect class="pdr-f-ink" x="{percent(x0)}" y="19" width="{percent(x1 - x0)}" height="1"/>'
            )
            for each in mine:
                if each.state in ("failed", "running", *_TORN):
                    tone = {"failed": "fail", "running": "live", "in doubt": "doubt"}.get(each.state, "dim")
                    place = percent(self.axis.at(epoch, each.end))
                    yield f'<rect class="pdr-f-{tone}" x="{place}" y="1" width="2" height="5"/>'
