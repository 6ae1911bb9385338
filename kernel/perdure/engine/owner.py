"""The owner of a run: the one process that may execute it, and the only writer of its records.

An owner is made by `take`, which locks the run, raises its epoch, and settles what the previous owner left
running. Each change is one commit, fenced by the epoch, and told to the listeners after it is durable.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from perdure.errors import NotOwner
from perdure.store.records import (
    AttemptRecord,
    CallRecord,
    NoteRecord,
    Output,
    Record,
    RestoreRecord,
    RunRecord,
    SessionRecord,
    ValueRecord,
)

from . import states
from .decide import Decision, Request, Run, decide
from .events import Event, listeners
from .heartbeat import Heartbeat
from .history import History

if TYPE_CHECKING:
    from perdure.codec import Encoded
    from perdure.store import RunLock, Store


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
        self._mutex = threading.RLock()
        self._failed: list[CallRecord] = []
        self._begun: set[str] = set()
        self._at_work: set[str] = set()
        self._heartbeat = Heartbeat(lambda: self._write(durability="process"))

    # -- taking and letting go ---------------------------------------------------------------------------

    @classmethod
    def take(cls, store: Store, run: RunRecord, *, reuse: tuple[str, ...] = ()) -> Owner:
        """Become the owner of a run, new or known, when nobody else is.

        Args:
            reuse: runs whose finished calls may be restored as well, the oldest first.

        Raises:
            RunOwned: a live process holds the run; the message names it.
        """
        lock = store.lock(run)
        try:
            now = time.time()
            session = SessionRecord(
                run=run.id, epoch=0, pid=os.getpid(), host=socket.gethostname(), started=now, seen=now
            )
            epoch = store.journal.claim(run, session)
            journal = store.journal
            inherited = [call for other in reuse for call in journal.calls(other) if call.state == "done"]
            own = journal.calls(run.id)
            owner = cls(
                store,
                replace(run, epoch=epoch),
                lock,
                History([*inherited, *own]),
                max((call.seq for call in own), default=0),
            )
            owner._attempts = {attempt.call: attempt for attempt in journal.attempts(run.id)}
            owner._settle(own)
        except BaseException:
            lock.release()
            raise
        return owner

    def _settle(self, calls: list[CallRecord]) -> None:
        """Close what the last owner left running when it died."""
        changes: list[Record] = []
        for call in calls:
            if call.state != "running":
                continue
            state = "in doubt" if call.kind == "effect" else "interrupted"
            lost = replace(call, state=states.move(states.CALL, "call", call.state, state))
            changes.append(lost)
            self.history.add(lost)
            attempt = self._attempts.get(call.id)
            if attempt is not None and attempt.state == "running":
                ended = replace(
                    attempt, state=states.move(states.ATTEMPT, "attempt", attempt.state, "interrupted")
                )
                self._attempts[call.id] = ended
                changes.append(ended)
        if changes:
            self._write(*changes, durability="process")

    def _settle_begun(self) -> None:
        """Close what this owner began but whose end it could not record: the store failed just then."""
        lost = self._begun - self._at_work
        if lost:
            self._settle([self.history.calls[call] for call in lost])
            self._begun -= lost
            for _ in lost:
                self._heartbeat.end()

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
                ended = [replace(each, ended=time.time()) for each in mine]
                self.store.journal.write(self.run.id, self.run.epoch, ended, durability="process")
            except NotOwner:
                pass  # taken over: the newer owner closes the books
            finally:
                lock.release()

    # -- calls -------------------------------------------------------------------------------------------

    def decide(self, request: Request) -> Decision:
        """What to do about a call; a further move in a branch makes earlier failures of it outcomes."""
        with self._mutex:
            self._settle_begun()
            self._caught(request.branch)
            decision = decide(self.history, request)
            if not isinstance(decision, Run) and hasattr(decision, "call"):
                self.history.claimed.add(decision.call.id)
            return decision

    def start(self, request: Request, decision: Run, **details: Any) -> CallRecord:
        """Record that a call begins: as a further attempt at the one that was found, or as a new call.

        The start of an effect is on disk before this returns.

        Args:
            details: fields of the record that only the caller knows, such as `source` and `cell`.
        """
        with self._mutex:
            now = time.time()
            self._seq += 1
            fields: dict[str, Any] = {
                "kind": request.kind,
                "key": request.key,
                "code": request.code,
                "input_parts": request.input_parts,
                "code_parts": request.code_parts,
                "state": "running",
                "epoch": self.run.epoch,
                "seq": self._seq,
                "started": now,
                "ended": None,
                "error": None,
                "caught": False,
                "reason": decision.reason,
                **details,
            }
            if decision.call is not None and decision.call.run == self.run.id:
                states.move(states.CALL, "call", decision.call.state, "running")
                call = replace(decision.call, **fields)
            else:
                call = CallRecord(
                    id=new_id("c"),
                    run=self.run.id,
                    branch=request.branch,
                    step=request.step,
                    inputs=request.inputs,
                    occurrence=request.occurrence,
                    **fields,
                )
            self._failed = [failed for failed in self._failed if failed.id != call.id]
            before = self._attempts.get(call.id)
            attempt = AttemptRecord(
                call=call.id,
                run=self.run.id,
                number=before.number + 1 if before else 1,
                epoch=self.run.epoch,
                state="running",
                started=now,
            )
            self._write(call, attempt, durability="power" if call.kind == "effect" else "process")
            self._attempts[call.id] = attempt
            self.history.add(call)
            self.history.claimed.add(call.id)
            self._begun.add(call.id)
        self._heartbeat.begin()
        self.tell("call_started", call)
        self._at_work.add(call.id)
        return call

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
            name: self.seal(encoded, call.step, call.inputs)
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
            name: self.seal(encoded, call.step, call.inputs)
            for name, encoded in (("value", value), ("shown", shown))
            if encoded is not None
        }
        ended = self._end(call, state, values, took=took, error=error, traceback=traceback)
        if state == "failed":
            with self._mutex:
                self._failed.append(ended)
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
        now = time.time()
        fields |= {name: record.id for name, record in values.items()}
        with self._mutex:
            self._at_work.discard(call.id)
            moved = states.move(states.CALL, "call", call.state, state)
            ended = replace(call, state=moved, ended=now, **fields)
            attempt = self._attempts[call.id]
            done = replace(
                attempt,
                state=states.move(
                    states.ATTEMPT, "attempt", attempt.state, "interrupted" if state == "in doubt" else state
                ),
                ended=now,
                error=ended.error,
                traceback=traceback,
            )
            durability = "power" if call.kind == "effect" else None
            self._write(*values.values(), ended, done, durability=durability)
            self._attempts[call.id] = done
            self.history.add(ended)
            self._begun.discard(call.id)
        self._heartbeat.end()
        self.tell("call_ended", ended)
        return ended

    def attempt(self, call: CallRecord) -> AttemptRecord:
        """The newest attempt at a call."""
        return self._attempts[call.id]

    def restored(self, call: CallRecord, *, reason: str, took: float, older_code: bool = False) -> None:
        """Note that a checkpoint was used, what that cost and what it saved."""
        record = RestoreRecord(
            run=self.run.id,
            call=call.id,
            epoch=self.run.epoch,
            at=time.time(),
            took=took,
            saved=max(0.0, call.took - took),
            reason=reason,
            older_code=older_code,
        )
        self._write(record, durability="process")
        self.tell("call_restored", call)

    def touch(self, call: CallRecord) -> CallRecord:
        """Make an older version of a call the last one in the run's order."""
        with self._mutex:
            self._seq += 1
            newest = replace(call, seq=self._seq)
            self._write(newest, durability="process")
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
            settled = replace(
                call,
                state=states.move(states.CALL, "call", call.state, state),
                ended=time.time(),
                error=None if state == "done" else f"marked by hand as {'failed' if value else 'not done'}",
                reason="decided by hand",
                outputs=outputs,
                caught=state == "failed" and value is not None,
            )
            if value is not None:
                sealed = self.seal(value, call.step, call.inputs)
                values.append(sealed)
                settled = replace(settled, value=sealed.id, bytes=sealed.size)
            self._write(*values, settled, durability="power")
            self.history.add(settled)
        self.tell("call_ended", settled)
        return settled

    def _caught(self, branch: str) -> None:
        """A body that goes on after a failure caught it: the failure is an outcome from now on."""
        for call in [each for each in self._failed if within(each.branch, branch)]:
            self._failed.remove(call)
            if call.value is not None:
                outcome = replace(call, caught=True)
                self._write(outcome, durability="process")
                self.history.add(outcome)

    # -- values ------------------------------------------------------------------------------------------

    def seal(self, encoded: Encoded, step: str, inputs: str) -> ValueRecord:
        """Put a value's large parts on disk and sign it; its record is written with what refers to it."""
        return self.store.vault.seal(encoded, run=self.run.id, step=step, inputs=inputs)

    def open_value(self, value: str | None, subject: str) -> Encoded | None:
        """A stored value, its signature verified. None where none was stored."""
        record = None if value is None else self.store.journal.value(value)
        return None if record is None else self.store.vault.unseal(record, subject=subject)

    # -- the run -----------------------------------------------------------------------------------------

    def change_run(self, kind: str, *values: ValueRecord, **fields: Any) -> RunRecord:
        """Write new fields of the run record, and tell listeners with an event of this kind."""
        with self._mutex:
            if "state" in fields and fields["state"] != self.run.state:
                states.move(states.RUN, "run", self.run.state, fields["state"])
            if fields.get("state") == "done":
                self._caught("")
            self.run = replace(self.run, updated=time.time(), **fields)
            self._write(*values, self.run)
        self.tell(kind)
        return self.run

    def note(self, kind: str, name: str, data: dict[str, Any]) -> None:
        """Keep a small named fact about the run."""
        self._write(NoteRecord(self.run.id, kind, name, time.time(), data), durability="process")

    def tell(self, kind: str, call: CallRecord | None = None) -> None:
        """Tell the listeners what happened."""
        listeners.tell(Event(kind, time.time(), self.run, call))

    def _write(self, *records: Record, durability: str | None = None) -> None:
        self.store.journal.write(self.run.id, self.run.epoch, records, durability=durability)


def within(branch: str, parent: str) -> bool:
    """Whether a branch is `parent` or below it."""
    return branch == parent or not parent or branch.startswith(parent + ".")
