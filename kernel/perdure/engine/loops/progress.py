"""How far a loop is, and how that is shown.

The engine knows text alone: on a terminal one line that is written over, elsewhere nothing until the loop has
ended. A notebook brings a face of its own (`use_face`).
"""

from __future__ import annotations

import itertools
import shutil
import sys
import time
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from perdure.engine.durations import words

from .hints import warn
from .pace import SHARE

_WIDTH = 24
"""Characters of a bar."""
_numbers = itertools.count(1)


def new_bar() -> int:
    """A number for a bar: what is shown under it later takes its place."""
    return next(_numbers)


class LoopNotKept(UserWarning):
    """Something about a resumable loop is not as it was asked for."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a loop is."""

    bar: int
    name: str
    """Of the step, or of what runs the loop."""
    done: int
    total: int | None
    took: float
    """Seconds since it began, or went on, in this process."""
    since: int = 0
    """After how many turns it went on here; 0 where it began here."""
    kept: tuple[int, float] | None = None
    """How many turns were done when it was last kept, and when that was."""
    every: float | None = None
    """Seconds between two kept turns, where those are more than was asked for."""
    state: str = "running"
    """`running`, `ended`, or `left` (by a `break`, or an error)."""

    @property
    def share(self) -> float | None:
        """How much of it is done, from 0 to 1."""
        return None if not self.total else min(1.0, self.done / self.total)

    def told(self) -> str:
        """All of it but the bar, in words."""
        of = f" of {self.total}" if self.total is not None else ""
        parts = [f"{self.name}: turn {self.done}{of}", *self._speed()]
        if self.since:
            parts.append(f"went on after turn {self.since}")
        if self.state == "running":
            parts += self._keeping()
        if self.state == "left":
            parts.append("left")
        return " · ".join(parts)

    def _speed(self) -> list[str]:
        here = self.done - self.since
        if not here or self.took <= 0:
            return []
        rate = here / self.took
        speed = f"{rate:.3g} turns/s" if rate >= 1 else f"{words(1 / rate)} a turn"
        if self.state != "running":
            return [speed, words(self.took)]
        if self.total is None or self.total <= self.done:
            return [speed]
        return [speed, f"about {words((self.total - self.done) / rate)} left"]

    def _keeping(self) -> list[str]:
        told = []
        if self.kept is not None:
            turn, at = self.kept
            told.append(f"turn {turn} kept at {time.strftime('%H:%M:%S', time.localtime(at))}")
        if self.every is not None:
            told.append(f"keeps every {words(self.every)}, to stay under {100 * SHARE:.3g} %")
        return told


class Face(Protocol):
    """How loops show themselves. What a face raises, the loop raises."""

    def show(self, progress: Progress) -> None:
        """Show how far a loop is, in place of what was shown under its bar's number."""

    def say(self, sentence: str, frame: FrameType) -> None:
        """Say what a user should know about a loop of this frame, once."""

    def shown_as(self, bar: int) -> str:
        """By what name the bar is known where what was shown is recorded; empty if it is not."""

    def shown_again(self, bars: dict[int, str]) -> None:
        """What was shown so far is gone, and these bars are shown again under such names."""


class TextFace:
    """Shows loops as text on stderr, all that run in one line."""

    def __init__(self) -> None:
        self._open: dict[int, str] = {}
        """What is shown of the loops that run."""

    def show(self, progress: Progress) -> None:
        """Write over the line on a terminal; elsewhere write one line when the outermost loop has ended."""
        terminal, text = sys.stderr.isatty(), progress.told()
        self._open[progress.bar] = text
        if progress.state != "running":
            del self._open[progress.bar]
        if self._open:
            text = " > ".join(self._open.values())
        elif progress.share is not None and terminal:
            full = round(progress.share * _WIDTH)
            text = f"[{'#' * full}{' ' * (_WIDTH - full)}] {text}"
        if terminal:
            columns = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[K{text[:columns]}{'' if self._open else chr(10)}")
            sys.stderr.flush()
        elif not self._open:
            sys.stderr.write(f"{text}\n")

    def say(self, sentence: str, frame: FrameType) -> None:
        """Warn."""
        warn(f"Perdure: {sentence}", LoopNotKept, frame)

    def shown_as(self, bar: int) -> str:  # noqa: ARG002  lines have no names
        """Nothing: text is not shown again."""
        return ""

    def shown_again(self, bars: dict[int, str]) -> None:
        """Nothing: lines that were written stay."""


_face: Face = TextFace()


def use_face(face: Face) -> Face:
    """Show loops with this face from now on; return the one before."""
    global _face
    before, _face = _face, face
    return before


def the_face() -> Face:
    """How loops show themselves in this process."""
    return _face
