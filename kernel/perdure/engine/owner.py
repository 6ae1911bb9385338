"""The owner of a run: the one process that may execute it, and the only writer of its records.

An owner is made by `take`, which locks the run, raises its epoch, and settles what the previous owner left
running. Each change is one commit, fenced by the epoch, and told to the listeners after it is durable.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from perdure.errors import KeyInUse, PerdureError
from perdure.store.records import (
    CallRecord,
    Output,
    Record,
    RestoreRecord,
    RunRecord,
    SessionRecord,
    ValueRecord,
)
from perdure.store.whereabouts import host

from . import clock, moves, states
from .at_work import AtWork
from .decide import Decision, Request, Restore, Run, decide
from .failures import Failures
from .heartbeat import TICK, Heartbeat
from .history import History, uncollected
from .own_calls import OwnCalls
from .room import checkpointed
from .stored import place_of

if TYPE_CHECKING:
    from perdure.codec import Encoded
    from perdure.store import RunLock, Store
    from perdure.store.locks import Owner as Holder
    from perdure.store.protocols import Journal


def new_id(prefix: str) -> str:
    """A random identifier such as `c_0b71d2aa`."""
    return f"{prefix}_{os.urandom(4).hex()}"


class Owner(OwnCalls):
    """The right to execute one run, with everything that the run has recorded."""

    def __init__(
        self, store: Store, run: RunRecord, lock: RunLock | None, history: History, seq: int
    ) -> None:
        super().__init__(store, run, lock, history.calls.values())
        self.history = history
        self._seq = seq
        self.failures = Failures()
        self._looked = 0.0
        self._at_work = AtWork()
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
            now = clock.now()
            session = SessionRecord(run=run.id, epoch=0, pid=os.getpid(), host=host(), started=now, seen=now)
            journal = store.journal
            epoch = journal.claim(run, session, lock.check)
            # What the caller read may be older than what the owner before wrote last.
            newest = replace(journal.run(run.id) or run, epoch=epoch)
            with uncollected():
                own = journal.calls(run.id)
                history = History(
                    [*_kept(journal, origins, "done", "in doubt"), *own],
                    lent=[call for call in _kept(journal, reuse, "done") if call.kind in ("pure", "effect")],
                    open_ended=newest.state == "open",
                )
            owner = cls(store, newest, lock, history, max((call.seq for call in own), default=0))
            owner._settle(own)
            if lock.stolen_from is not None:
                owner._write(*owner.ended_session(epoch - 1), durability="process")
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

    def _settle_lost(self) -> None:
        """Close what this owner began but whose end it could not record: the store failed just then."""
        lost = self._at_work.lost()
        if lost:
            self._settle(lost)
            for call in lost:
                self._at_work.find(call)

    def close(self) -> None:
        """Let go of the run, in good order. Twice is fine."""
        with self._mutex:
            if self._lock is None:
                return
            lock, self._lock = self._lock, None
            self._heartbeat.close()
            try:
                ended = self.ended_session(self.run.epoch)
                ended += self._at_work.unrecorded(time.monotonic())  # what is at work still is found as that
                self.store.journal.write(self.run.id, self.run.epoch, ended, durability="process")
            except PerdureError:
                pass  # taken over, or no room: the next owner closes the books
            finally:
                lock.release()

    @property
    def stolen_from(self) -> Holder | None:
        """The live process from which the run was taken, if it was."""
        return None if self._lock is None else self._lock.stolen_from

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
            self._settle_lost()
            if self.failures:
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
        recorded = at_once or request.kind == "effect"
        if not recorded:
            self._look()
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
                now=clock.now(),
                details=details,
            )
            self.failures.drop(call.id)
            if recorded:
                self._write(call, attempt, durability="power" if call.kind == "effect" else "process")
            self._attempts[call.id] = attempt
            self.history.add(call)
            self.history.claim(call)
            self._at_work.begin(call, attempt, recorded=recorded)
        try:
            self._heartbeat.begin()
            self.tell("call_started", call)
        except BaseException:
            self._lose(call)
            raise
        return call

    def _look(self) -> None:
        """Look now and then whether the run was stolen: no commit tells that before the call runs."""
        now = time.monotonic()
        if now - self._looked >= TICK:
            self.check()
            self._looked = now

    def _write_begun(self, before: float) -> bool:
        """Record the calls that began before that moment and are not recorded yet; whether there were any."""
        with self._mutex:  # their ends wait for it, so that a start never follows an end into the journal
            begun = self._at_work.unrecorded(before)
            if begun:  # not "later": an end must not be refused because its start could not be written
                self._write(*begun, durability="process")
        return bool(begun)

    def _lose(self, call: CallRecord) -> None:
        with self._mutex:
            self._at_work.lose(call)

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
        values = self._sealed(call, value=value, shown=shown, needs=needs)
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
        """Record that an attempt failed, or was interrupted or cancelled, which leaves an effect in doubt."""
        if state in ("interrupted", "cancelled") and call.kind == "effect":
            state = "in doubt"
        values = self._sealed(call, value=value, shown=shown)
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
        ended, done = moves.ended(call, attempt, state, now=clock.now(), traceback=traceback, fields=fields)
        try:
            with self._mutex:
                self._at_work.end(call)
            # Nothing is held up meanwhile: what parallel calls finish at one moment shares a commit.
            self._write(*values.values(), ended, done, durability="power" if call.kind == "effect" else None)
        except BaseException:
            self._lose(call)
            raise
        with self._mutex:
            self._at_work.find(call)
            self._attempts[call.id] = done
            self.history.change(ended)
        self.tell("call_ended", ended)
        checkpointed(self.store, ended.bytes)
        return ended

    def restored(
        self, used: CallRecord | RunRecord, *, reason: str, took: float, older_code: bool = False
    ) -> None:
        """Note that a checkpoint, or the result of a child run, was used, what that cost and saved."""
        work = (used.finished or used.updated) - used.created if isinstance(used, RunRecord) else used.took
        saved = max(0.0, work - took)
        now, epoch = clock.now(), self.run.epoch
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
                call, state, now=clock.now(), outputs=outputs, has_value=value is not None
            )
            if value is not None:
                sealed = self.seal(value, place_of(call, "value"), durability="power")
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

    # -- the run -----------------------------------------------------------------------------------------

    def change_run(self, kind: str, *values: ValueRecord, **fields: Any) -> RunRecord:
        """Write new fields of the run record, and tell listeners with an event of this kind."""
        with self._mutex:
            if "state" in fields and fields["state"] != self.run.state:
                states.move(states.RUN, "run", self.run.state, fields["state"])
            if fields.get("state") == "done":
                self.moved("")
            self.run = replace(self.run, updated=clock.now(), **fields)
            self._write(*values, self.run)
        self.tell(kind)
        return self.run


def _kept(journal: Journal, runs: Iterable[str], *wanted: str) -> list[CallRecord]:
    return [call for run in runs for call in journal.calls(run) if call.state in wanted]
