"""The owner of a run: the one process that may execute it, and the only writer of its records.

An owner is made by `take`, which locks the run, raises its epoch, and settles what the previous owner left
running. Each change is one commit, fenced by the epoch, and told to the listeners after it is durable.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from perdure.errors import KeyInUse, NotOwner, PerdureError, RunTaken
from perdure.store.records import (
    AttemptRecord,
    CallRecord,
    NoteRecord,
    Output,
    Place,
    Record,
    RestoreRecord,
    RunRecord,
    SessionRecord,
    ValueRecord,
)
from perdure.store.whereabouts import host

from . import moves, states
from .ahead import Ahead
from .decide import Decision, Request, Restore, Run, decide
from .events import Event, listeners
from .failures import Failures
from .heartbeat import Heartbeat
from .history import History
from .stored import opened, place_of

if TYPE_CHECKING:
    from perdure.codec import Encoded
    from perdure.store import RunLock, Store
    from perdure.store.locks import Owner as Holder
    from perdure.store.protocols import Journal


def new_id(prefix: str) -> str:
    """A random identifier such as `c_0b71d2aa`."""
    return f"{prefix}_{secrets.token_hex(4)}"


class Owner:
    """The right to execute one run, with everything that the run has recorded."""

    def __init__(
        self, store: Store, run: RunRecord, lock: RunLock | None, history: History, seq: int
    ) -> None:
        self.store = store
        self.run = run
        self.history = history
        self._lock = lock
        self._seq = seq
        self._attempts: dict[str, AttemptRecord] = {}
        self._recorded_attempts: dict[str, AttemptRecord] | None = None
        # The cells of a notebook are not restored one after the other.
        self._ahead = Ahead(store.journal, history.calls.values() if run.state != "open" else ())
        self._mutex = threading.RLock()
        self.failures = Failures()
        self._begun: set[str] = set()
        self._at_work: set[str] = set()
        self._unwritten: dict[str, tuple[float, CallRecord, AttemptRecord]] = {}
        """Calls at work that the journal does not know yet, each with the moment at which it began."""
        self._heartbeat = Heartbeat(
            lambda: bool(self._at_work), self._write_begun, lambda: self._write(durability="process")
        )

    # -- taking and letting go ---------------------------------------------------------------------------

    @classmethod
    def take(
        cls,
        store: Store,
        run: RunRecord,
        *,
        origins: tuple[str, ...] = (),
        reuse: tuple[str, ...] = (),
        steal: bool = False,
    ) -> Owner:
        """Become the owner of a run, new or known, when nobody else is.

        Args:
            store: where the run is, or will be.
            run: the run, as it was last read or as it is to be made.
            origins: the runs that it was forked from, the oldest first: it goes on with their calls.
            reuse: other runs whose finished calls may be restored as well, the oldest first.
            steal: take the run from a live process too, which can write nothing more for it from then on.

        Raises:
            RunOwned: a live process holds the run; the message names it.
        """
        lock = store.lock(run, steal=steal)
        try:
            now = time.time()
            session = SessionRecord(run=run.id, epoch=0, pid=os.getpid(), host=host(), started=now, seen=now)
            journal = store.journal
            epoch = journal.claim(run, session, lock.check)
            # What the caller read may be older than what the owner before wrote last.
            newest = replace(journal.run(run.id) or run, epoch=epoch)
            own = journal.calls(run.id)
            history = History(
                [*_kept(journal, origins, "done", "in doubt"), *own],
                lent=[call for call in _kept(journal, reuse, "done") if call.kind != "volatile"],
                open_ended=newest.state == "open",
            )
            owner = cls(store, newest, lock, history, max((call.seq for call in own), default=0))
            owner._settle(own)
        except BaseException:
            lock.release()
            raise
        return owner

    def _settle(self, calls: list[CallRecord]) -> None:
        """Close what the last owner left running when it died."""
        changes: list[Record] = []
        for call in calls:
            if call.state == "running":
                settled = moves.settled(call, self._attempt_at(call.id))
                self.history.add(settled[0])
                self._attempts |= {attempt.call: attempt for attempt in settled[1:]}
                changes += settled
        if changes:
            self._write(*changes, durability="process")

    def _settle_begun(self) -> None:
        """Close what this owner began but whose end it could not record: the store failed just then."""
        if len(self._begun) > len(self._at_work):
            lost = self._begun - self._at_work
            self._settle([self.history.calls[call] for call in lost])
            self._begun -= lost

    def close(self) -> None:
        """Let go of the run, in good order. Twice is fine."""
        with self._mutex:
            if self._lock is None:
                return
            lock, self._lock = self._lock, None
            self._heartbeat.close()
            try:
                mine = [
                    each for each in self.store.journal.sessions(self.run.id) if each.epoch == self.run.epoch
                ]
                ended: list[Record] = [replace(each, ended=time.time()) for each in mine]
                ended += self._taken_begun(time.monotonic())  # what is at work still is found as that
                self.store.journal.write(self.run.id, self.run.epoch, ended, durability="process")
            except PerdureError:
                pass  # taken over, or no room: the next owner closes the books
            finally:
                lock.release()

    @property
    def stolen_from(self) -> Holder | None:
        """The live process from which the run was taken, if it was."""
        return None if self._lock is None else self._lock.stolen_from

    def taken(self) -> RunTaken | None:
        """What is to be said when another process stole the run from this one; None as long as nobody did."""
        return None if self._lock is None else self._lock.taken()

    def check(self) -> None:
        """Do nothing, unless another process stole the run.

        Raises:
            RunTaken: it did; the message names it.
        """
        taken = self.taken()
        if taken is not None:
            raise taken

    # -- calls -------------------------------------------------------------------------------------------

    def decide(self, request: Request) -> Decision:
        """What to do about a call; a further move in a branch makes earlier failures of it outcomes."""
        with self._mutex:
            self._settle_begun()
            self.moved(request.branch)
            decision = decide(self.history, self._private(request))
            if isinstance(decision, Restore):
                self.history.claim(decision.call)
            return decision

    def moved(self, branch: str) -> None:
        """Note that the body went on in this branch: what failed there was caught, and is an outcome now."""
        with self._mutex:
            for call in self.failures.caught(branch):
                if call.value is not None:
                    outcome = replace(call, caught=True)
                    self._write(outcome, durability="later")
                    self.history.add(outcome)

    def start(self, request: Request, decision: Run, *, at_once: bool = True, **details: Any) -> CallRecord:
        """Note that a call begins: as a further attempt at the one that was found, or as a new call.

        The start of an effect is on disk before this returns.

        Args:
            request: the call as it is made.
            decision: why it runs.
            at_once: record its start now; otherwise that is done once it has been running for a moment, or
                with its end.
            details: fields of the record that only the caller knows, such as `source` and `cell`.
        """
        self.check()
        with self._mutex:
            self._check_key(request)
            self._seq += 1
            found = decision.call
            call, attempt = moves.begun(
                self.run,
                self._private(request),
                decision,
                None if found is None else self._attempt_at(found.id),
                new=new_id("c"),
                seq=self._seq,
                now=time.time(),
                details=details,
            )
            self.failures.drop(call.id)
            if call.kind == "effect":
                self._write(call, attempt, durability="power")
            elif at_once:
                self._write(call, attempt, durability="process")
            else:
                self._unwritten[call.id] = time.monotonic(), call, attempt
            self._attempts[call.id] = attempt
            self.history.add(call)
            self.history.claim(call)
            self._begun.add(call.id)
            self._at_work.add(call.id)
        try:
            self._heartbeat.begin()
            self.tell("call_started", call)
        except BaseException:
            self._at_work.discard(call.id)
            raise
        return call

    def _write_begun(self, before: float) -> bool:
        """Record the calls that began before that moment and are not recorded yet; whether there were any."""
        with self._mutex:  # their ends wait for it, so that a start never follows an end into the journal
            begun = self._taken_begun(before)
            if begun:
                self._write(*begun, durability="later")
        return bool(begun)

    def _taken_begun(self, before: float) -> list[Record]:
        """The records of those calls, which are taken to be written now."""
        old = [name for name, (began, _, _) in list(self._unwritten.items()) if began <= before]
        return [record for name in old for record in self._unwritten.pop(name)[1:]]

    def _private(self, request: Request) -> Request:
        """The request as it may be written: in an encrypted store, without what inputs look like."""
        if not self.store.encrypted:
            return request
        return replace(request, input_parts=tuple(replace(part, preview="") for part in request.input_parts))

    def _check_key(self, request: Request) -> None:
        """One key is one call: a second one at the same time would do its work twice."""
        other = None if request.key is None else self.history.keyed(request.step, request.key)
        if other is not None and other.state == "running":
            raise KeyInUse(step=request.step, key=request.key)

    def finish(
        self,
        call: CallRecord,
        value: Encoded,
        *,
        took: float,
        shown: Encoded | None = None,
        needs: Encoded | None = None,
        outputs: tuple[Output, ...] = (),
    ) -> CallRecord:
        """Keep the checkpoint of a call that ended well; it is acknowledged when this returns."""
        values = {
            name: self.seal(encoded, place_of(call, name))
            for name, encoded in (("value", value), ("shown", shown), ("needs", needs))
            if encoded is not None
        }
        return self._end(
            call,
            "done",
            values,
            took=took,
            outputs=outputs,
            bytes=sum(record.size for record in values.values()),
        )

    def fail(
        self,
        call: CallRecord,
        *,
        state: str = "failed",
        error: str,
        took: float,
        traceback: str | None = None,
        value: Encoded | None = None,
        shown: Encoded | None = None,
    ) -> CallRecord:
        """Record that an attempt failed, or was interrupted (`state`), which leaves an effect in doubt."""
        if state == "interrupted" and call.kind == "effect":
            state = "in doubt"
        values = {
            name: self.seal(encoded, place_of(call, name))
            for name, encoded in (("value", value), ("shown", shown))
            if encoded is not None
        }
        ended = self._end(call, state, values, took=took, error=error, traceback=traceback)
        if state == "failed":
            with self._mutex:
                self.failures.add(ended)
        return ended

    def _end(
        self,
        call: CallRecord,
        state: str,
        values: dict[str, ValueRecord],
        *,
        traceback: str | None = None,
        **fields: Any,
    ) -> CallRecord:
        fields |= {name: record.id for name, record in values.items()}
        attempt = self._attempts[call.id]
        ended, done = moves.ended(call, attempt, state, now=time.time(), traceback=traceback, fields=fields)
        with self._mutex:
            self._unwritten.pop(call.id, None)
        # Written without holding anything up: what parallel calls finish at one moment shares a commit.
        try:
            self._write(*values.values(), ended, done, durability="power" if call.kind == "effect" else None)
        except BaseException:
            self._at_work.discard(call.id)
            raise
        with self._mutex:
            self._at_work.discard(call.id)
            self._attempts[call.id] = done
            self.history.change(ended)
            self._begun.discard(call.id)
        self.tell("call_ended", ended)
        return ended

    def attempt(self, call: CallRecord) -> AttemptRecord:
        """The newest attempt at a call."""
        found = self._attempt_at(call.id)
        assert found is not None
        return found

    def _attempt_at(self, call: str) -> AttemptRecord | None:
        """The newest attempt at a call, if there was any; those of earlier owners are read late."""
        if call in self._attempts:
            return self._attempts[call]
        if self._recorded_attempts is None:
            recorded = self.store.journal.attempts(self.run.id)
            self._recorded_attempts = {attempt.call: attempt for attempt in recorded}
        return self._recorded_attempts.get(call)

    def restored(
        self, used: CallRecord | RunRecord, *, reason: str, took: float, older_code: bool = False
    ) -> None:
        """Note that a checkpoint, or the result of a child run, was used, what that cost and saved."""
        work = (used.finished or used.updated) - used.created if isinstance(used, RunRecord) else used.took
        saved = max(0.0, work - took)
        now, epoch = time.time(), self.run.epoch
        record = RestoreRecord(self.run.id, used.id, epoch, now, took, saved, reason, older_code)
        self._write(record, durability="later")
        if isinstance(used, CallRecord):
            self.tell("call_restored", used)

    def touch(self, call: CallRecord) -> CallRecord:
        """Make an older version of a call the last one in the run's order."""
        with self._mutex:
            self._seq += 1
            newest = replace(call, seq=self._seq)
            self._write(newest, durability="later")
            self.history.add(newest)
            return newest

    def resolve(
        self,
        call: CallRecord,
        state: str,
        value: Encoded | None = None,
        *,
        outputs: tuple[Output, ...] = (),
    ) -> CallRecord:
        """Record a person's decision on an effect in doubt.

        `done` with its value; `failed` with the error that it gives from now on, or without one: it is tried
        again.
        """
        with self._mutex:
            values: list[Record] = []
            settled = moves.resolved(
                call, state, now=time.time(), outputs=outputs, has_value=value is not None
            )
            if value is not None:
                sealed = self.seal(value, place_of(call, "value"))
                values.append(sealed)
                settled = replace(settled, value=sealed.id, bytes=sealed.size)
            self._write(*values, settled, durability="power")
            self.history.add(settled)
        self.tell("call_ended", settled)
        return settled

    def ended_by(self, error: BaseException) -> None:
        """Failures that ended the run are no outcomes, whatever moves followed them: they are tried again."""
        with self._mutex:
            for name in self.failures.behind(error):
                call = self.history.calls[name]
                if call.caught:
                    again = replace(call, caught=False)
                    self._write(again, durability="process")
                    self.history.add(again)

    # -- values ------------------------------------------------------------------------------------------

    def seal(self, encoded: Encoded, place: Place) -> ValueRecord:
        """Put a value's large parts on disk and sign it; its record is written with what refers to it."""
        return self.store.vault.seal(encoded, place)

    def open_value(self, call: CallRecord, role: str, subject: str) -> Encoded | None:
        """The `value`, `shown` or `needs` of a call, its signature verified. None where none was stored."""
        value: str | None = getattr(call, role)
        if value is None:
            return None
        return opened(self.store, self._ahead.value(value), place_of(call, role), subject)

    # -- the run -----------------------------------------------------------------------------------------

    def change_run(self, kind: str, *values: ValueRecord, **fields: Any) -> RunRecord:
        """Write new fields of the run record, and tell listeners with an event of this kind."""
        with self._mutex:
            if "state" in fields and fields["state"] != self.run.state:
                states.move(states.RUN, "run", self.run.state, fields["state"])
            if fields.get("state") == "done":
                self.moved("")
            self.run = replace(self.run, updated=time.time(), **fields)
            self._write(*values, self.run)
        self.tell(kind)
        return self.run

    def note(self, kind: str, name: str, data: dict[str, Any], *values: ValueRecord) -> None:
        """Keep a small named fact about the run, with the values that it refers to."""
        self._write(*values, NoteRecord(self.run.id, kind, name, time.time(), data), durability="process")

    def tell(self, kind: str, call: CallRecord | None = None) -> None:
        """Tell the listeners what happened."""
        if listeners:
            listeners.tell(Event(kind, time.time(), self.run, call))

    def _write(self, *records: Record, durability: str | None = None) -> None:
        try:
            self.store.journal.write(self.run.id, self.run.epoch, records, durability=durability)
        except NotOwner as error:
            raise self.taken() or error from None


def _kept(journal: Journal, runs: Iterable[str], *wanted: str) -> list[CallRecord]:
    return [call for run in runs for call in journal.calls(run) if call.state in wanted]
