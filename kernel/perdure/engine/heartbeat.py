"""While a call runs, its run's journal is told now and then that the process lives.

What was lost with a killed process, and when it died, is known as well as this: to a few seconds. A call that
was not recorded when it began is recorded once it has been running for a moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from perdure.errors import NotOwner, PerdureError

from .events import log

TICK = 0.05
"""Seconds between two looks at what runs: a call that runs longer is recorded as running."""
FIRST, INTERVAL = 0.25, 2.0
"""Seconds after which the first sign of a call's life is given, and between two later ones."""
_IDLE = 20
"""Ticks without work after which the thread sleeps until it is woken."""


class Heartbeat:
    """Gives signs of life while there is work, from a thread that sleeps otherwise.

    A call that begins costs no more than a look at a flag: it is the thread that looks for work.
    """

    def __init__(
        self, working: Callable[[], bool], begun: Callable[[float], bool], beat: Callable[[], None]
    ) -> None:
        """Nothing happens before `begin`.

        Args:
            working: whether any call runs.
            begun: records the calls that began before that moment (monotonic) and are not recorded yet;
                whether there were any.
            beat: notes that the process lives.
        """
        self._working = working
        self._begun = begun
        self._beat = beat
        self._awake = False
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._ended = False

    def begin(self) -> None:
        """A call runs now: `working` says so already."""
        if not self._awake:
            self._rouse()

    def close(self) -> None:
        """No more signs of life. Twice is fine."""
        self._ended = True
        self._wake.set()

    def _rouse(self) -> None:
        with self._starting:
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(target=self._run, name="perdure-heartbeat", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        try:
            while not self._ended:
                self._awake = True
                self._watch()
                self._awake = False
                # Asked after the flag is down: a call that began before that is seen, a later one wakes us.
                if not self._working():
                    self._wake.wait()
                self._wake.clear()
        except NotOwner:
            self._awake = True  # for good: the next write of the run itself will say who has it now

    def _watch(self) -> None:
        """Look at what runs, tick by tick, until nothing has for a while."""
        idle, pause, seen = 0, FIRST, time.monotonic()
        while idle < _IDLE:
            time.sleep(TICK)
            if self._ended:
                return
            now = time.monotonic()
            if not self._working():
                idle, pause, seen = idle + 1, FIRST, now
                continue
            idle = 0
            try:
                if self._begun(now - TICK):
                    seen = now
                elif now - seen >= pause:
                    self._beat()
                    pause, seen = min(2 * pause, INTERVAL), now
            except NotOwner:
                raise
            except Exception as error:  # noqa: BLE001  told by the run's next write, if it lasts until then
                if not isinstance(error, PerdureError):
                    log.warning("No sign of life could be given: %s", error, exc_info=error)
                pause, seen = INTERVAL, time.monotonic()
