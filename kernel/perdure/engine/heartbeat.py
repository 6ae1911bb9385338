"""While a call runs, its run's journal is told now and then that the process lives.

What was lost with a killed process, and when it died, is known as well as this: to a few seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from perdure.errors import PerdureError

FIRST, INTERVAL = 0.25, 2.0
"""Seconds after which the first sign of a call's life is given, and between two later ones."""


class Heartbeat:
    """Calls `beat` every few seconds while it is wanted, in a thread that sleeps otherwise."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._wanted = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ended = False

    def begin(self) -> None:
        """One more call runs."""
        with self._changed:
            self._wanted += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="perdure-heartbeat", daemon=True)
                self._thread.start()
            self._changed.notify()

    def end(self) -> None:
        """One call less runs."""
        with self._changed:
            self._wanted -= 1

    def close(self) -> None:
        """No more signs of life. Twice is fine."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _run(self) -> None:
        pause = FIRST
        while True:
            with self._changed:
                if not self._wanted:
                    pause = FIRST
                self._changed.wait_for(lambda: self._ended or self._wanted > 0)
                self._changed.wait_for(lambda: self._ended, pause)
                if self._ended:
                    return
                if not self._wanted:
                    continue
            pause = min(2 * pause, INTERVAL)
            try:
                self._beat()
            except PerdureError:
                return  # the next write of the run itself will say what is wrong with the store
