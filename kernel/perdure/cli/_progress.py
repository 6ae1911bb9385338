"""A progress line: one line kept up to date on a terminal, a plain line now and then anywhere else."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

PLAIN_EVERY: Final = 3.0
"""Seconds between two plain lines, so that a log stays readable."""


class Progress:
    """Says what is at work, since when, and the last thing that it said."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = sys.stdout if out is None else out
        self._clock = clock
        self._live = self._out.isatty()
        self._open = False
        self._printed = self._clock()
        self._what = ""
        self._detail = ""
        self._since = 0.0

    def begin(self, what: str) -> None:
        """Something else is at work from now on."""
        self._what, self._since, self._detail = what, self._clock(), ""
        self.refresh()

    def tell(self, detail: str) -> None:
        """Show `detail` beside what is at work."""
        self._detail = detail
        self.refresh()

    def refresh(self) -> None:
        """Show how long it has been at work by now."""
        now = self._clock()
        text = f"  {self._what:<10} {now - self._since:5.1f} s  {self._detail}".rstrip()
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._out.write(f"\r\x1b[K{text[:width]}")
            self._open = True
        elif now - self._printed >= PLAIN_EVERY:
            self._out.write(f"{text}\n")
            self._printed = now
        self._out.flush()

    def say(self, text: str) -> None:
        """Print a line that stays."""
        if self._open:
            self._out.write("\r\x1b[K")
            self._open = False
        self._out.write(f"{text}\n")
        self._out.flush()
