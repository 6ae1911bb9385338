"""What happens is told to listeners, in frozen records. A listener that fails is reported, not obeyed.

The log `perdure.events` is built in: runs at INFO, calls at DEBUG, a line for each event with its fields as
attributes of the record. It costs nothing where nobody has asked for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from perdure.store.records import CallRecord, RunRecord

from .durations import words

log = logging.getLogger("perdure")
event_log = logging.getLogger("perdure.events")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a run, told after it was recorded."""

    kind: str
    """`run_started`, `run_ended` (its state says how) or `run_restored` (its kept result was used);
    `call_started`, `attempt_failed` (it is tried again), `call_waiting` (it sleeps), `call_ended` or
    `call_restored`."""
    at: float
    """Seconds since 1970."""
    run: RunRecord
    call: CallRecord | None = None
    """The call, as it was recorded; None where the event is the run's."""

    def __str__(self) -> str:
        """One line: "run r_1 of report: fetch failed after 120 ms: ValueError: no answer"."""
        run, call = self.run, self.call
        about = run if call is None else call
        done = self.kind.endswith("_ended")
        said = about.state if done else _WORDS.get(self.kind, self.kind)
        if self.kind == "run_started" and run.epoch > 1:
            said = "goes on"
        took = f" after {words(call.took)}" if call is not None and done and call.took else ""
        why = call.reason if call is not None and self.kind == "call_started" else about.error
        what = "" if call is None else f"{call.step} "
        return f"run {run.id} of {run.workflow}: {what}{said}{took}{f': {why}' if why else ''}"

    def fields(self) -> dict[str, Any]:
        """What it says, by name, for logs and traces; what it does not say is left out."""
        run, call = self.run, self.call
        about = run if call is None else call
        found: dict[str, Any] = {
            "event": self.kind,
            "run": run.id,
            "workflow": run.workflow,
            "parent": run.parent,
        }
        if call is not None:
            found |= {"call": call.id, "step": call.step, "kind": call.kind, "branch": call.branch}
            found |= {"reason": call.reason, "took": call.took}
        found |= {"state": about.state, "error": about.error}
        return {name: value for name, value in found.items() if value not in (None, "")}


_WORDS = {
    **dict.fromkeys(("run_started", "call_started"), "started"),
    **dict.fromkeys(("run_restored", "call_restored"), "restored"),
    "attempt_failed": "failed, and is tried again",
    "call_waiting": "waits",
}


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
        return bool(self._listeners) or event_log.isEnabledFor(logging.INFO)

    def tell(self, event: Event) -> None:
        """Tell all, in the order in which they were added."""
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001  whatever a listener does, the run goes on
                log.warning("A listener (%r) failed on %s: %r", listener, event.kind, error)
        level = logging.INFO if event.call is None else logging.DEBUG
        if event_log.isEnabledFor(level):
            event_log.log(
                level, "%s", event, extra={f"perdure_{name}": value for name, value in event.fields().items()}
            )


listeners = Listeners()
"""The one table of listeners of this process."""


def listen(listener: Listener) -> Callable[[], None]:
    """Tell `listener` each event of this process's runs from now on, after it was recorded.

    It is called where the event happens, in whatever thread that is, and holds it up meanwhile.

    Args:
        listener: gets one frozen record per event: `kind`, `at`, `run` and `call`.

    Returns:
        A function that ends it.
    """
    return listeners.add(listener)
