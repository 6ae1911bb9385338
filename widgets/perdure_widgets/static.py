"""A timeline as static HTML with inline SVG: no script, no other file, nothing from the network.

Promises: 8 (all that comes from a run is escaped text), 9 (nothing is loaded), 11 (why is written out).
A front end that strips styles and SVG is left with a table that says the same in words.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib import resources
from itertools import groupby

from . import words
from ._fold import shown
from ._row import Row
from .axis import axis
from .marks import DEFS, Marks, glyph
from .rows import Timeline
from .ruler import lines, ruler
from .step_lines import CODE

_TOLD = ("failed", "in doubt", "interrupted", "older", "ran again", "gone", "waiting")
"""States whose cause is written under the row; of the others it is in the row's title."""


_KERNELS = 4
"""So many kernels are told in words; the picture shows them all."""


@cache
def style() -> str:
    """The style sheet, every rule of which is scoped to `.pdr`."""
    text = resources.files(__package__).joinpath("style.css").read_text("utf-8")
    return f"<style>{text}</style>"


def head(state: str, name: str, rest: str) -> str:
    """The line over a picture: sign, name, state, and what else there is to say (already escaped)."""
    look = words.look(state)
    return (
        f'<span class="pdr-head">{glyph(look.glyph, look.tone)}<b class="pdr-name">{escape(name)}</b> '
        f'<span class="pdr-is-{look.tone}">{escape(look.word)}</span> <small>{rest}</small></span>'
    )


def render_html(timeline: Timeline, *, ident: str | None = None) -> str:
    """The picture of a run.

    Args:
        timeline: what it shows.
        ident: prefix of the ids inside; None makes one that no other picture of the page has.
    """
    prefix = f"pdr-{ident or secrets.token_hex(4)}"
    scale = axis(timeline)
    marks = Marks(scale, prefix)
    labels, height = ruler(scale, timeline.now)
    rows, others = shown(timeline.rows)
    body = "".join(_row(row, marks, prefix, timeline.now) for row in rows)
    if others:
        body = f'<tr class="pdr-why"><td colspan="4">{escape(others)}</td></tr>{body}'
    run = timeline.run
    return (
        f'<div class="pdr">{style()}<svg width="0" height="0" style="position:absolute" aria-hidden="true">'
        f'<defs>{DEFS.format(i=prefix).strip()}<g id="{prefix}-lines">{lines(scale)}</g></defs></svg>'
        f'<table class="pdr-tab"><caption>{head(timeline.state, run.workflow, _facts(timeline))}</caption>'
        '<thead><tr><th scope="col" class="pdr-c-name">step</th>'
        f'<th scope="col" class="pdr-bar" aria-label="time">'
        f'<svg style="height:{height}px" aria-hidden="true">{labels}'
        "</svg></th>"
        '<th scope="col" class="pdr-w pdr-c-word">state</th>'
        '<th scope="col" class="pdr-num pdr-c-took">took</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
        f'<div class="pdr-foot">{_foot(timeline)}</div></div>'
    )


def _foot(timeline: Timeline) -> str:
    """What a run came to: its error, its counts, its kernels, and when this was drawn."""
    run, now = timeline.run, timeline.now
    parts = [escape(timeline.summary), " · ".join(kernel_lines(timeline))]
    if run.error and timeline.state in ("failed", "cancelled"):
        tone = words.look(timeline.state).tone
        parts.insert(0, f'<span class="pdr-is-{tone}">{escape(run.error)}</span>')
    drawn = f"Picture of {words.day(now)}, {words.clock(now, now)}."
    parts.append(f"{drawn} Drawn anew with <code>%timeline {escape(run.id)}</code>.")
    return "".join(f'<p class="pdr-p">{part}</p>' for part in parts if part)


def facts(timeline: Timeline) -> list[str]:
    """What the head says after the state: its tags, when, how long in how many kernels, what it saved."""
    found = [words.tags(timeline.run.tags)] if timeline.run.tags else []
    if timeline.kernels:
        first, last = timeline.kernels[0].start, timeline.kernels[-1].end
        clocks = (words.clock(at, first, seconds=False) for at in (first, last))
        found.append(f"{words.day(first)}, {' to '.join(clocks)}")
        found.append(f"{words.took(timeline.took)} in {words.counted(timeline.kernels[-1].number, 'kernel')}")
    if timeline.saved > 0:
        found.append(f"saved {words.took(timeline.saved)}")
    return found


def kernel_lines(timeline: Timeline) -> list[str]:
    """When the newest kernels were at work, where there was more than one or the only one was killed."""
    told = []
    for number, stretches in groupby(timeline.kernels, key=lambda kernel: kernel.number):
        own = [*stretches]
        start, end = (words.clock(at, timeline.now) for at in (own[0].start, own[-1].end))
        told.append(f"kernel {number}: {start} to {end}" + (f", {own[-1].ended}" if own[-1].ended else ""))
    if len(told) == 1 and timeline.kernels[-1].ended != "killed":
        return []
    return told[-_KERNELS:]


def _facts(timeline: Timeline) -> str:
    return " · ".join([f"<code>{escape(timeline.run.id)}</code>", *map(escape, facts(timeline))])


def _row(row: Row, marks: Marks, prefix: str, now: float) -> str:
    look = words.look(row.state)
    why = "; ".join(_causes(row))
    title = f' title="{escape(why)}"' if why else ""
    return (
        f'<tr class="pdr-row"{title}><th scope="row"><span class="pdr-nm">{glyph(look.glyph, look.tone)}'
        f'<span class="pdr-t" title="{escape(row.step)}">{escape(row.step)}</span>{_smalls(row)}</span></th>'
        f'<td class="pdr-bar"><svg aria-hidden="true"><use href="#{prefix}-lines"/>{marks.row(row, now)}'
        "</svg></td>"
        f'<td class="pdr-w pdr-is-{look.tone}">{escape(row.word)}</td>'
        f'<td class="pdr-num">{row.spent(now) or words.NOTHING}</td></tr>'
        + (f'<tr class="pdr-why"><td colspan="4">{_prose(why)}</td></tr>' if why and _is_told(row) else "")
    )


def _smalls(row: Row) -> str:
    """What stands small beside the name: the detail, which gives way first, then kind and badge."""
    detail = f' <small class="pdr-d" title="{escape(row.detail)}">{escape(row.detail)}</small>'
    notes = "".join(f" <small>{escape(note)}</small>" for note in row.notes)
    return (detail if row.detail else "") + notes


def _prose(text: str) -> str:
    """A sentence, with what stands between backticks as code."""
    return CODE.sub(r"<code>\1</code>", escape(text))


def _is_told(row: Row) -> bool:
    return row.state in _TOLD or row.lost >= 1


def _causes(row: Row) -> Iterator[str]:
    """Why, and what was lost."""
    yield from row.causes
    if row.lost >= 1:
        yield f"{words.took(row.lost)} lost with a kernel"
