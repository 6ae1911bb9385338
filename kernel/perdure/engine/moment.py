"""A moment that comes once, and is waited for from anywhere: from threads, and on event loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from .clock import soon


class Moment:
    """Something that is yet to come."""

    __slots__ = ("_calls", "_lock", "come")

    def __init__(self) -> None:
        self.come = False
        """Whether it came."""
        self._calls: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def ring(self) -> None:
        """It comes now, if it did not before."""
        with self._lock:
            self.come = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def then(self, call: Callable[[], None]) -> None:
        """Have `call` called when it comes, or at once if it came. It is short, and raises nothing."""
        with self._lock:
            if not self.come:
                self._calls.append(call)
                return
        call()

    def forget(self, call: Callable[[], None]) -> None:
        """Call that no more."""
        with self._lock:
            if call in self._calls:
                self._calls.remove(call)

    async def reached(self) -> None:
        """Await it."""
        loop = asyncio.get_running_loop()
        come: asyncio.Future[None] = loop.create_future()

        def tell() -> None:
            soon(loop, come)

        self.then(tell)
        try:
            await come
        finally:
            self.forget(tell)

    def block(self, ended: threading.Event) -> None:
        """Block this thread until then, or until `ended` is set for another reason."""
        call = ended.set  # one object: a method is another one each time
        self.then(call)
        try:
            ended.wait()
        finally:
            self.forget(call)
