"""The quiet line under a cell, as HTML: a glyph, a word, and what is worth knowing beside it.

Colours stand in the elements themselves, with fallbacks: a line is too small to carry a style sheet along,
and a host that strips styles leaves the words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Final

from .marks import GLYPHS

_LOOKS: Final = {
    "ran": ("ran", "--jp-ui-font-color2, GrayText"),
    "ran again": ("ran", "--jp-ui-font-color2, GrayText"),
    "restored": ("kept", "--jp-success-color1, #2b6c2e"),
    "kept, older code": ("older", "--jp-ui-font-color2, GrayText"),
    "failed": ("fail", "--jp-error-color1, #ba2929"),
    "interrupted": ("torn", "--jp-ui-font-color2, GrayText"),
    "runs": ("live", "--jp-brand-color1, #145ea8"),
    "waits": ("retry", "--jp-brand-color1, #145ea8"),
    "partly kept": ("doubt", "--jp-warn-color1, #a25200"),
    "not repeatable": ("doubt", "--jp-warn-color1, #a25200"),
    "taken over": ("doubt", "--jp-warn-color1, #a25200"),
    "room runs out": ("doubt", "--jp-warn-color1, #a25200"),
}
CODE: Final = re.compile(r"`([^`]*)`")


def render_line(state: str, since: str, details: Sequence[str], saved: str, notes: Sequence[str]) -> str:
    """The line as one block of HTML without a script; everything that comes from a run is escaped."""
    glyph, colour = _LOOKS.get(state, ("ran", "--jp-ui-font-color2, GrayText"))
    sign = (
        '<svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" style="vertical-align:-1px;'
        f'fill:none;stroke:currentColor;stroke-width:1.5;color:var({colour})">{GLYPHS[glyph]}</svg>'
    )
    parts = [f"<b>{_text(state)}</b>{f' {_text(since)}' if since else ''}", *map(_text, details)]
    if saved:
        parts.append(f'<span style="color:var(--jp-success-color1, #2b6c2e)">saved {_text(saved)}</span>')
    more = "".join(f'<div style="padding-left:18px">{_text(note)}</div>' for note in notes)
    return (
        '<div class="perdure-line" style="font:12px/20px var(--jp-ui-font-family, system-ui, sans-serif);'
        f'color:var(--jp-ui-font-color1, inherit);opacity:.85">{sign} {" · ".join(parts)}{more}</div>'
    )


def _text(text: str) -> str:
    """Escaped, with what stands in backticks as code."""
    return CODE.sub(r'<code style="font-size:12px">\1</code>', escape(text))
