"""The picture under a running `%%workflow` cell, updated in place through its display id.

No comm takes part, so the last picture stays when the kernel is gone. Promise 10: at most ten updates a
second and a twentieth of the time, however many steps there are; what came too soon is drawn when its turn
comes.
"""

from __future__ import annotations

import contextvars
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from .picture import Picture
from .rows import read

if TYPE_CHECKING:
    from perdure.engine.events import Event
    from perdure.store.protocols import Journal

log = logging.getLogger("perdure")

INTERVAL: Final = 0.1
"""Seconds between two updates of one picture."""
STARTED: Final = 0.15
"""Seconds until the journal shows a call that has begun, and still runs."""
SHARE: Final = 0.05
"""Most of a run's time that its picture may take: a long one, which is slow to draw, is drawn less often."""

Later = Callable[[float, Callable[[], None]], Callable[[], None]]
"""Calls a function after some seconds; returns what calls that off."""


def in_a_thread(seconds: float, function: Callable[[], None]) -> Callable[[], None]:
    """Call `function` later, in the caller's context, so that what it shows goes to the caller's cell."""
    context = contextvars.copy_context()
    timer = threading.Timer(seconds, context.run, (function,))
    timer.daemon = True
    timer.start()
    return timer.cancel


class LivePictures:
    """A listener that keeps one picture for each `%%workflow` cell that runs."""

    def __init__(
        self,
        publish: Callable[..., Any],
        journal: Callable[[], Journal],
        later: Later = in_a_thread,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._publish = publish
        self._journal = journal
        self._later = later
        self._stopwatch = stopwatch
        self._pictures: dict[str, _Live] = {}
        self._lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        """Draw, update or finish the picture of the event's run."""
        if event.run.kind != "cell":
            return
        run = event.run.id
        with self._lock:
            if event.kind == "run_started":
                self._pictures[run] = _Live(run)
                if not is_plain():
                    self._draw(self._pictures[run], event.at)
                return
            live = self._pictures.get(run)
            if live is None:
                return
            if event.kind == "run_ended":
                del self._pictures[run]
                live.call_off()
                self._draw(live, event.at)
            elif not is_plain():
                if event.kind == "call_started":
                    live.expected = event.at + STARTED
                self._soon(live, event.at)

    def _soon(self, live: _Live, at: float) -> None:
        """Draw now if the last update is long enough ago (or the clock was set back), else when it is."""
        wait = live.drawn + live.pause - at
        if not 0 < wait <= live.pause:
            live.call_off()
            self._draw(live, at)
            self._again(live, at)
        elif live.waiting is None:
            self._wait(live, at, wait)

    def _again(self, live: _Live, at: float) -> None:
        """Draw once more if the journal may not have shown all that had happened."""
        if live.expected > at:
            self._wait(live, at, max(live.expected - at, live.pause))

    def _wait(self, live: _Live, at: float, seconds: float) -> None:
        live.waiting = self._later(seconds, lambda: self._catch_up(live, at + seconds))

    def _catch_up(self, live: _Live, at: float) -> None:
        with self._lock:
            if self._pictures.get(live.run) is not live or live.waiting is None:
                return
            live.waiting = None
            try:
                self._draw(live, at)
                self._again(live, at)
            except Exception as error:  # noqa: BLE001  nobody waits here; a picture may not disturb its run
                log.warning("The picture of run %s was not drawn: %r", live.run, error)

    def _draw(self, live: _Live, at: float) -> None:
        live.drawn, began = at, self._stopwatch()
        picture = Picture(read(self._journal(), live.run, now=at, alive=True))
        update = {"update": True} if live.shown else {}
        self._publish(
            picture.bundle(), metadata=picture.metadata(), transient={"display_id": live.display_id}, **update
        )
        live.shown, live.pause = True, max(INTERVAL, (self._stopwatch() - began) / SHARE)


class _Live:
    """What is known of one picture on the screen."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.display_id = f"perdure-{run}-{os.urandom(4).hex()}"
        self.shown = False
        self.drawn = 0.0
        self.pause = INTERVAL
        self.expected = 0.0
        self.waiting: Callable[[], None] | None = None

    def call_off(self) -> None:
        """Forget an update that waits for its turn."""
        if self.waiting is not None:
            self.waiting()
            self.waiting = None


def is_plain() -> bool:
    """Whether the user wants finished pictures only (`PERDURE_PLAIN`), as tests that compare outputs do."""
    return os.environ.get("PERDURE_PLAIN", "") not in ("", "0")
