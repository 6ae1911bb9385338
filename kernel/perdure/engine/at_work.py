"""The calls of one owner that run just now: which of them the journal knows, and which ends it refused."""

from __future__ import annotations

import time

from perdure.store.records import AttemptRecord, CallRecord, Record


class AtWork:
    """Whoever changes this holds the owner's lock; looking whether anything runs needs none."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[CallRecord, AttemptRecord]] = {}
        self._unrecorded: dict[str, float] = {}
        self._lost: dict[str, CallRecord] = {}

    def __bool__(self) -> bool:
        return bool(self._running)

    def begin(self, call: CallRecord, attempt: AttemptRecord, *, recorded: bool) -> None:
        """A call runs; `recorded` tells whether the journal knows of that."""
        if not recorded:
            self._unrecorded[call.id] = time.monotonic()
        self._running[call.id] = call, attempt

    def attempts(self) -> list[AttemptRecord]:
        """The attempts of the calls that run and are recorded as running."""
        return [attempt for name, (_, attempt) in self._running.items() if name not in self._unrecorded]

    def looked_at(self, attempt: AttemptRecord) -> None:
        """The newest form of an attempt that runs."""
        self._running[attempt.call] = self._running[attempt.call][0], attempt

    def known(self, call: CallRecord) -> tuple[Record, ...]:
        """The records of a call that runs, which from now on are recorded."""
        self._unrecorded.pop(call.id, None)
        return self._running.get(call.id, ())

    def end(self, call: CallRecord) -> None:
        """The call runs no more, and its end is about to be recorded: its start need not be."""
        self._running.pop(call.id, None)
        self._unrecorded.pop(call.id, None)

    def lose(self, call: CallRecord) -> None:
        """The end of a call could not be recorded."""
        self.end(call)
        self._lost[call.id] = call

    def find(self, call: CallRecord) -> None:
        """The end of a call was recorded, if not at the first try."""
        if self._lost:
            self._lost.pop(call.id, None)

    def lost(self) -> list[CallRecord]:
        """The calls whose ends could not be recorded, to be settled."""
        return list(self._lost.values()) if self._lost else []

    def unrecorded(self, before: float) -> list[Record]:
        """The records of calls that began before that moment and are not recorded; from now on they are."""
        names = [name for name, began in self._unrecorded.items() if began <= before]
        for name in names:
            del self._unrecorded[name]
        return [record for name in names for record in self._running[name]]
