"""What the owner of a run writes into the journal, and reads from it: records, values, attempts."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from perdure.errors import NotOwner, RunTaken
from perdure.store.records import (
    AttemptRecord,
    CallRecord,
    NoteRecord,
    Place,
    Record,
    RunRecord,
    ValueRecord,
)

from . import clock
from .ahead import Ahead
from .events import Event, listeners
from .naming import NOTE, Names, notes_of
from .stored import opened, place_of

if TYPE_CHECKING:
    from perdure.codec import Encoded
    from perdure.store import RunLock, Store

    from .decide import Request


class Books:
    """The records of one run, as its owner keeps them."""

    def __init__(
        self, store: Store, run: RunRecord, lock: RunLock | None, calls: Iterable[CallRecord]
    ) -> None:
        self.store = store
        self.run = run
        self._lock = lock
        self._mutex = threading.RLock()
        self._attempts: dict[str, AttemptRecord] = {}
        self._earlier_attempts: dict[str, list[AttemptRecord]] | None = None
        self._names: Names | None = None
        # The cells of a notebook are not restored one after the other.
        self._ahead = Ahead(store.journal, calls if run.state != "open" else ())

    def taken(self) -> RunTaken | None:
        """What is to be said when another process stole the run from this one; None as long as nobody did."""
        return None if self._lock is None else self._lock.taken()

    def ended_session(self, epoch: int) -> list[Record]:
        """The session of the run's owner with this epoch, as one that ended just now."""
        sessions = self.store.journal.sessions(self.run.id)
        return [replace(each, ended=clock.now()) for each in sessions if each.epoch == epoch]

    def seal(self, encoded: Encoded, place: Place, *, durability: str | None = None) -> ValueRecord:
        """Put a value's large parts on disk and sign it; its record is written with what refers to it."""
        return self.store.vault.seal(encoded, place, durability=durability)

    def open_value(self, call: CallRecord, role: str, subject: str) -> Encoded | None:
        """The `value`, `shown` or `needs` of a call, its signature verified. None where none was stored."""
        value: str | None = getattr(call, role)
        if value is None:
            return None
        return opened(self.store, self._ahead.value(value), place_of(call, role), subject)

    def _sealed(self, call: CallRecord, **values: Encoded | None) -> dict[str, ValueRecord]:
        """The values that there are, by their role, each sealed for this call; an effect's are on disk."""
        durability = "power" if call.kind == "effect" else None
        return {
            role: self.seal(encoded, place_of(call, role), durability=durability)
            for role, encoded in values.items()
            if encoded is not None
        }

    def _private(self, request: Request) -> Request:
        """The request as it may be written: in an encrypted store, without what inputs look like."""
        if not self.store.encrypted:
            return request
        return replace(request, input_parts=tuple(replace(part, preview="") for part in request.input_parts))

    def attempt(self, call: CallRecord) -> AttemptRecord:
        """The newest attempt at a call."""
        found = self._attempt_at(call.id)
        assert found is not None
        return found

    def _attempt_at(self, call: str) -> AttemptRecord | None:
        """The newest attempt at a call, if there was any; those of earlier owners are read late."""
        if call in self._attempts:
            return self._attempts[call]
        earlier = self._earlier().get(call)
        return earlier[-1] if earlier else None

    def tries(self, call: str) -> list[AttemptRecord]:
        """All attempts at a call, in their order, the newest as it is now."""
        found = {attempt.number: attempt for attempt in self._earlier().get(call, ())}
        newest = self._attempts.get(call)
        if newest is not None:
            found[newest.number] = newest
        return list(found.values())

    def _earlier(self) -> dict[str, list[AttemptRecord]]:
        """The attempts that were recorded when they were first asked for, by call."""
        if self._earlier_attempts is None:
            found: dict[str, list[AttemptRecord]] = {}
            for attempt in self.store.journal.attempts(self.run.id):
                found.setdefault(attempt.call, []).append(attempt)
            self._earlier_attempts = found
        return self._earlier_attempts

    def name_of(self, step: Any) -> str:
        """The name under which calls of this step are recorded in the run."""
        with self._mutex:
            if self._names is None:
                self._names = Names(notes_of(self.store.journal, self.run), self._keep_name)
            return self._names.of(step)

    def _keep_name(self, name: str, module: str, step: str) -> None:
        data = {"module": module, "step": step}
        self._write(NoteRecord(self.run.id, NOTE, name, clock.now(), data), durability="later")

    def note(self, kind: str, name: str, data: dict[str, Any], *values: ValueRecord) -> None:
        """Keep a small named fact about the run, with the values that it refers to."""
        self._write(*values, NoteRecord(self.run.id, kind, name, clock.now(), data), durability="process")

    def keep(self, *records: Record) -> None:
        """Write what a call at work keeps of itself, in one commit as durable as a checkpoint's."""
        self._write(*records)

    def tell(self, kind: str, call: CallRecord | None = None) -> None:
        """Tell the listeners what happened."""
        if listeners:
            listeners.tell(Event(kind, clock.now(), self.run, call))

    def _write(self, *records: Record, durability: str | None = None) -> None:
        try:
            self.store.journal.write(self.run.id, self.run.epoch, records, durability=durability)
        except NotOwner as error:
            raise self.taken() or error from None
