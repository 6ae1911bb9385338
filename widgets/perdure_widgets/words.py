"""The words and marks of states, and how times, clocks and sizes are written, in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from perdure.store.records import Tag

NBSP: Final = "\N{NO-BREAK SPACE}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"
NOTHING: Final = "\N{EN DASH}"

_MINUTE, _HOUR, _DAY, _KILO = 60, 3600, 86400, 1000


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is told: by a word, a glyph and a tone; its shape is drawn in `marks`."""

    word: str
    tone: str
    """`ran`, `kept`, `live`, `fail`, `doubt` or `dim`: the colour of word and glyph."""
    glyph: str


LOOKS: Final[Mapping[str, Look]] = {
    "running": Look("running", "live", "live"),
    "waiting": Look("waiting to retry", "live", "retry"),
    "sleeping": Look("sleeping", "live", "sleep"),
    "ran": Look("ran", "ran", "ran"),
    "ran again": Look("ran again", "ran", "ran"),
    "restored": Look("restored", "kept", "kept"),
    "older": Look("kept, older code", "ran", "older"),
    "failed": Look("failed", "fail", "fail"),
    "in doubt": Look("in doubt", "doubt", "doubt"),
    "interrupted": Look("interrupted", "dim", "torn"),
    "cancelled": Look("cancelled", "dim", "cancel"),
    "gone": Look("not called any more", "dim", "gone"),
    "slept": Look("slept", "ran", "sleep"),
    "woken": Look("woken by hand", "ran", "sleep"),
    "noted": Look("noted", "ran", "note"),
    "done": Look("done", "ran", "ran"),
    "open": Look("open", "ran", "ran"),
}
"""The states of rows and runs, in the order in which they are counted in sentences."""

ATTENTION: Final = ("running", "failed", "in doubt", "interrupted", "waiting", "sleeping")
"""States that are shown however many rows there are."""


def look(state: str) -> Look:
    """How a state is told; one that is not known is told by its own name."""
    return LOOKS.get(state) or Look(state, "dim", "queued")


def took(seconds: float) -> str:
    """A duration in two units at most: `0.4 ms`, `3.2 s`, `1 m 02 s`, `2 h 14 m`, `3 d 04 h`."""
    seconds = max(0.0, seconds)
    if round(seconds, 3) < 1:
        return f"{_figure(seconds * 1000)}{NBSP}ms"
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f}{NBSP}s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}{NBSP}m{NBSP}{whole % _MINUTE:02}{NBSP}s"
    if whole < _DAY:
        return f"{whole // _HOUR}{NBSP}h{NBSP}{whole % _HOUR // _MINUTE:02}{NBSP}m"
    return f"{whole // _DAY}{NBSP}d{NBSP}{whole % _DAY // _HOUR:02}{NBSP}h"


def _figure(number: float) -> str:
    """A figure with one decimal below ten."""
    return f"{number:.1f}" if round(number, 1) < 10 else f"{number:.0f}"  # noqa: PLR2004


def left(seconds: float) -> str:
    """What is left of a wait, in its largest unit: `45 s left`, `8 m left`; `due` once it is over."""
    whole = round(seconds)
    for unit, length in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if whole >= length:
            return f"{round(whole / length)}{NBSP}{unit}{NBSP}left"
    return f"{whole}{NBSP}s{NBSP}left" if whole > 0 else "due"


def moment(at: float, now: float) -> str:
    """A time to come, or one that came: to the second where it is near, with its day where that is far."""
    there, here = (datetime.fromtimestamp(each).astimezone() for each in (at, now))
    if there.date() == here.date():
        return clock(at, now, seconds=abs(at - now) < 2 * _MINUTE)
    year = "" if there.year == here.year else f"{NBSP}{there.year}"
    return f"{there.day}{NBSP}{there:%b}{year}{NBSP}{there:%H:%M}"


def clock(at: float, now: float, *, seconds: bool = True) -> str:
    """A local clock time; with its day where that is not the day of `now`."""
    there = datetime.fromtimestamp(at).astimezone()
    here = datetime.fromtimestamp(now).astimezone()
    time = there.strftime("%H:%M:%S" if seconds else "%H:%M")
    return time if there.date() == here.date() else f"{day(at)}{NBSP}{time}"


def day(at: float) -> str:
    """A local day, such as `18 Nov 2026`."""
    there = datetime.fromtimestamp(at).astimezone()
    return f"{there.day}{NBSP}{there:%b}{NBSP}{there.year}"


def size(count: int) -> str:
    """A number of bytes: `812 B`, `3.4 kB`, `120 MB`."""
    figure, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if round(figure) < _KILO:
            break
        figure, unit = figure / _KILO, larger
    return f"{count}{NBSP}B" if unit == "B" else f"{_figure(figure)}{NBSP}{unit}"


def counted(number: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def tags(given: Iterable[Tag]) -> str:
    """The tags of a run, such as `day=mon, draft`."""
    return ", ".join(f"{tag.name}={tag.value}" if tag.value else tag.name for tag in given)


def plain(text: str) -> str:
    """The text with ordinary spaces, for terminals and logs."""
    return text.replace(NBSP, " ")
