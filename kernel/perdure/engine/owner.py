"""The owner of a run: the one process that may execute it, and the only writer of its records.

An owner is made by `take`, which locks the run, raises its epoch, and settles what the previous owner left
running. Each change is one commit, fenced by the epoch, and told to the listeners after it is durable.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from perdure.errors import KeyInUse, NotRepeatable, PerdureError, StrictDrift
from perdure.store.kept_turns import LOOP, last_kept
from perdure.store.records import (
    CallRecord,
    Record,
    RunRecord,
    SessionRecord,
)
from perdure.store.whereabouts import host

from . import clock, moves, states
from .decide import Decision, Request, Restore, Run, decide, spelled
from .finding import ancestors
from .heartbeat import TICK, Heartbeat
from .history import History, uncollected
from .memory import held
from .order import expected, line
from .origins import with_origins
from .outcomes import new_id
from .own_calls import OwnCalls

if TYPE_CHECKING:
    from perdure.store import RunLock, Store
    from perdure.store.locks import Owner as Holder
    from perdure.store.protocols import Journal


class Owner(OwnCalls):
    """The right to execute one run, with everything that the run has recorded."""

    def __init__(
        self, store: Store, run: RunRecord, lock: RunLock | None, history: History, seq: int
    ) -> None:
        super().__init__(store, run, lock, history, seq)
        self.anew_from: str | None = None
        """Of a fork, the step from whose first call on it uses nothing of the runs that it comes from."""
        self._looked = 0.0
        self._cautious = False
        """Whether the process before died, perhaps in a call that it had not recorded; now it would be."""
        self._heartbeat = Heartbeat(lambda: bool(self._at_work), self._write_begun, self._write_alive)

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
        newest: str | None = None,
    ) -> Owner:
        """Become the owner of a run, new or known, when nobody else is.

        Args:
            store: where the run is, or will be.
            run: the run, as it was last read or as it is to be made.
            origins: the runs that it was forked from, the oldest first: it goes on with their calls.
            reuse: other runs whose finished calls may be restored as well, the oldest first.
            steal: take the run from a live process too, which can write nothing more for it from then on.
            newest: as `Journal.claim` has it.

        Raises:
            RunOwned: a live process holds the run; the message names it.
            AlreadyMade: another run was made meanwhile than the one that was to be made.
        """
        lock = store.lock(run, steal=steal)
        try:
            now = clock.now()
            session = SessionRecord(run=run.id, epoch=0, pid=os.getpid(), host=host(), started=now, seen=now)
            journal = store.journal
            epoch = journal.claim(run, session, lock.check, newest=newest)
            # What the caller read may be older than what the owner before wrote last.
            record = replace(journal.run(run.id) or run, epoch=epoch)
            with uncollected():
                own = journal.calls(run.id)
                history = History(
                    with_origins(journal, origins, own),
                    lent=[call for each in reuse for call in journal.calls(each) if _is_lent(call)],
                    open_ended=record.state == "open",
                )
            owner = cls(store, record, lock, history, max((call.seq for call in own), default=0))
            owner._settle(own, died=None if lock.stolen_from is None else now)
            owner._cautious = lock.stolen_from is None and _died(journal, record)
            if lock.stolen_from is not None:
                owner._write(*owner.ended_session(epoch - 1), durability="process")
        except BaseException:
            lock.release()
            raise
        return owner

    def _settle(self, calls: list[CallRecord], *, died: float | None) -> None:
        """Close what was left running: by an owner that died, or at the moment `died` for another reason."""
        changes: list[Record] = []
        running = [call for call in calls if call.state == "running"]
        kept = last_kept(self.store.journal.notes(self.run.id, LOOP)) if running else {}
        for call in running:
            tries = self.tries(call.id)
            settled, *attempts = moves.settled(call, tries, died=died, kept=kept.get(call.id, 0.0))
            self.history.add(settled)
            self._attempts |= {attempt.call: attempt for attempt in attempts}
            changes += [settled, *attempts]
        if changes:
            self._write(*changes, durability="process")

    def _settle_lost(self) -> None:
        """Close what this owner began but whose end it could not record: the store failed just then.

        Where only the wait for the commit was interrupted, the journal has the end nevertheless.
        """
        lost = self._at_work.lost()
        if not lost:
            return
        journal, begun = self.store.journal, {(call.id, call.seq) for call in lost}
        written = [each for each in journal.calls(self.run.id) if (each.id, each.seq) in begun]
        ended = [each for each in written if each.state != "running"]
        known = {each.id for each in ended}
        for attempt in journal.attempts(self.run.id) if ended else ():
            if attempt.call in known:
                self._attempts[attempt.call] = attempt
        for call in ended:
            self.history.change(call)
            if call.state == "failed":
                self.failures.add(call)
        self._settle([call for call in lost if call.id not in known], died=clock.now())
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
            if request.step == self.anew_from:
                self.history.keep_to(self.run.id)
            decision = decide(self.history, self._private(request))
            if isinstance(decision, Restore):
                self.history.claim(decision.call)
            return decision

    def expect_order(self, *, held: bool = True) -> None:
        """Have the pass that begins make the calls that the last one made, in their order, or be refused.

        Not `held` to it, it is told at its end which of them are left.
        """
        run, calls = self.run, [call for call in self.history.calls.values() if call.run == self.run.id]
        finished = run.state == "done"
        if not calls and run.forked_from is not None:
            calls = [call for call in self.history.calls.values() if call.run == run.forked_from]
            finished = True
        restores = self.store.journal.restores(calls[0].run) if calls else ()
        self.history.expect(expected(calls, restores, finished=finished), held=held)

    def check_all_made(self, *, strict: bool, ended: bool = True) -> None:
        """Do nothing, unless calls that were expected of this pass are missing.

        Args:
            strict: the pass is a strict one.
            ended: the body has ended; else its pass did, with a record: before that it made in the same line
                whatever was recorded there.

        Raises:
            StrictDrift, NotRepeatable: they are; the message names the first ones.
        """
        left = self.history.left()
        if left and not ended:
            grown = self.history.lines_that_grew()
            left = [call for call in left if line(call.branch, call.kind) in grown]
        if left:
            named = ", ".join(map(spelled, left[:3])) + (" and more" if len(left) > 3 else "")  # noqa: PLR2004
            error = StrictDrift if strict else NotRepeatable
            raise error(step=self.run.workflow, cause=f"it did not call {named}, which was expected")

    def start(
        self, request: Request, decision: Run, *, at_once: bool = True, executor: str = "", **details: Any
    ) -> CallRecord:
        """Note that a call begins: as a further attempt at the one that was found, or as a new call.

        The start of an effect is on disk before this returns.

        Args:
            request: the call as it is made.
            decision: why it runs.
            at_once: record its start now; otherwise that is done once it has been running for a moment, or
                with its end.
            executor: where its code runs, if not in a thread of this process.
            details: fields of the record that only the caller knows, such as `source` and `cell`.
        """
        recorded = at_once or request.kind == "effect" or self._cautious
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
                executor=executor,
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

    def _write_alive(self) -> None:
        """Note that the process lives, and what it holds while its calls run."""
        known = held()
        with self._mutex:
            running = self._at_work.attempts()
            looked_at = [replace(each, memory=known) for each in running if not each.executor]
            for attempt in looked_at:
                self._attempts[attempt.call] = attempt
                self._at_work.looked_at(attempt)
            self._write(*looked_at, durability="process")

    def make_known(self, call: CallRecord) -> None:
        """Have the start of a call on disk: somebody outside is about to hear of it."""
        with self._mutex:
            found = self._at_work.known(call)
            if found:
                self._write(*found, durability="power")

    def _check_key(self, request: Request) -> None:
        """One key is one call: a second one at the same time would do its work twice."""
        other = None if request.key is None else self.history.keyed(request.step, request.key)
        if other is not None and other.state == "running":
            raise KeyInUse(step=request.step, key=request.key)

    # -- the run -----------------------------------------------------------------------------------------

    def change_run(self, kind: str, *records: Record, **fields: Any) -> RunRecord:
        """Write new fields of the run record with these records; tell listeners by an event of this kind."""
        with self._mutex:
            if "state" in fields and fields["state"] != self.run.state:
                states.move(states.RUN, "run", self.run.state, fields["state"])
            if fields.get("state") == "done":
                self.moved("")
            self.run = replace(self.run, updated=clock.now(), **fields)
            self._write(*records, self.run)
        self.tell(kind)
        return self.run


def _died(journal: Journal, run: RunRecord) -> bool:
    """Whether the process that owned the run before its owner of now died."""
    return any(each.ended is None for each in journal.sessions(run.id) if each.epoch == run.epoch - 1)


@contextmanager
def taken(store: Store, run: RunRecord) -> Iterator[Owner]:
    """Own a run that nobody is at work on, while the block lasts.

    Raises:
        RunOwned: a live process is at work on it.
    """
    owner = Owner.take(store, run, origins=ancestors(store, run))
    try:
        yield owner
    finally:
        owner.close()


def _is_lent(call: CallRecord) -> bool:
    """Whether a run may use this call of another one, which it was not forked from."""
    return call.state == "done" and call.kind in ("pure", "effect")
