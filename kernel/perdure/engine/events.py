"""What happens is told to listeners, in frozen records. A listener that fails is reported, not obeyed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from perdure.store.records import CallRecord, RunRecord

log = logging.getLogger("perdure")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a run, told after it was recorded."""

    kind: str
    """`run_started`, `run_ended`, `run_restored`, `call_started`, `call_ended` or `call_restored`."""
    at: float
    run: RunRecord
    call: CallRecord | None = None


Listener: TypeAlias = Callable[[Event], None]


class Listeners:
    """The listeners of one process."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` every event from now on; the function that is returned ends that."""
        self._listeners.append(listener)

        def remove() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return remove

    def __bool__(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._listeners)

    def tell(self, event: Event) -> None:
        """Tell all, in the order in which they were added."""
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001  whatever a listener does, the run goes on
                log.warning("A listener (%r) failed on %s: %r", listener, event.kind, error)


listeners = Listeners()
"""The one table of listeners of this process."""
