"""How calls end, in the books of their run's owner: kept, failed, restored, decided by hand."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from perdure.store.records import (
    AttemptRecord,
    CallRecord,
    Output,
    Record,
    RestoreRecord,
    RunRecord,
    ValueRecord,
)

from . import clock, moves
from .at_work import AtWork
from .books import Books
from .failures import Failures
from .history import History
from .room import checkpointed
from .stored import place_of
from .together import Together

if TYPE_CHECKING:
    from perdure.codec import Encoded
    from perdure.store import RunLock, Store

    from .decide import Request


def new_id(prefix: str) -> str:
    """A random identifier such as `r_0b71d2aa`; that of a call is twice as long: a store holds millions."""
    return f"{prefix}_{os.urandom(8 if prefix == 'c' else 4).hex()}"


class Outcomes(Books):
    """The calls of one run, as its owner ends them."""

    def __init__(
        self, store: Store, run: RunRecord, lock: RunLock | None, history: History, seq: int
    ) -> None:
        super().__init__(store, run, lock, history.calls.values())
        self.history = history
        self.failures = Failures()
        self._seq = seq
        self._at_work = AtWork()
        self._together = Together(lambda records: self._write(*records))

    def reserve(self) -> int:
        """The next place in the run's order, for a call that is made now and may begin later."""
        with self._mutex:
            self._seq += 1
            return self._seq

    def moved(self, branch: str) -> None:
        """Note that the body went on in this branch: what failed there was caught, and is an outcome now."""
        with self._mutex:
            for call in self.failures.caught(branch):
                if call.value is not None:
                    outcome = replace(call, caught=True)
                    self._write(outcome, durability="later")
                    self.history.add(outcome)

    def finish(
        self,
        call: CallRecord,
        value: Encoded | None,
        *,
        took: float,
        shown: Encoded | None = None,
        needs: Encoded | None = None,
        outputs: tuple[Output, ...] = (),
        memory: int | None = None,
        more: Sequence[Record] = (),
    ) -> CallRecord:
        """Keep the checkpoint of a call that ended well; it is acknowledged when this returns.

        A child run keeps its result itself: there, `value` is None.
        `more` is written in the same commit: what its code changed beside its result.
        """
        values = self._sealed(call, value=value, shown=shown, needs=needs)
        fields = _well(values, took=took, outputs=outputs)
        return self._end(call, "done", values, memory=memory, more=more, **fields)

    async def afinish(
        self,
        call: CallRecord,
        value: Encoded,
        *,
        took: float,
        memory: int | None = None,
        more: Sequence[Record] = (),
    ) -> CallRecord:
        """As `finish`, on an event loop: calls beside each other that end at one moment share a commit."""
        beside = call.branch and call.kind != "effect" and self.store.durability == "power"
        if not beside:  # it would wait for nobody, and one more thread for it
            return self.finish(call, value, took=took, memory=memory, more=more)
        values = self._sealed(call, value=value)
        ended, done = self._ends(call, "done", values, memory=memory, fields=_well(values, took=took))
        commit = self._together.commit((*values.values(), *more, ended, done))
        try:
            try:
                await asyncio.shield(asyncio.wrap_future(commit))
            except asyncio.CancelledError:
                concurrent.futures.wait([commit])  # it is on its way to the disk, and comes about or not
                if commit.exception() is None:
                    self._has_ended(ended, done)
                raise
        except BaseException:
            if commit.exception() is not None:
                self._lose(call)
            raise
        return self._has_ended(ended, done)

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
        due: float | None = None,
        then: str | None = None,
        memory: int | None = None,
    ) -> CallRecord:
        """Record that an attempt failed, or was interrupted or cancelled, which leaves an effect in doubt.

        Args:
            call: the call, as it began.
            state: `failed`, `interrupted` or `cancelled`.
            error: one line.
            took: seconds of work.
            traceback: as text.
            value: the error, if it can be replayed.
            shown: what was printed and drew.
            due: when it is tried again; None where the failure stands.
            then: why it is tried again, which is its reason from now on.
            memory: bytes that a worker held, where one carried it out.
        """
        if state != "failed" and call.kind == "effect":
            state = "in doubt"
        failures = call.failures
        if state == "failed":
            failures = 0 if due is None else failures + 1
            state = "failed" if due is None else "waiting"
        values = self._sealed(call, value=value, shown=shown)
        fields: dict[str, Any] = {"took": took, "error": error, "due": due, "failures": failures}
        if then is not None:
            fields["reason"] = then
        ended = self._end(call, state, values, traceback=traceback, memory=memory, **fields)
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
        memory: int | None = None,
        more: Sequence[Record] = (),
        **fields: Any,
    ) -> CallRecord:
        ended, done = self._ends(call, state, values, traceback=traceback, memory=memory, fields=fields)
        try:
            # Nothing is held up meanwhile: what threads finish at one moment shares a commit.
            durability = "power" if call.kind == "effect" else None
            self._write(*values.values(), *more, ended, done, durability=durability)
        except BaseException:
            self._lose(call)
            raise
        return self._has_ended(ended, done)

    def _ends(
        self,
        call: CallRecord,
        state: str,
        values: dict[str, ValueRecord],
        *,
        traceback: str | None = None,
        memory: int | None = None,
        fields: dict[str, Any],
    ) -> tuple[CallRecord, AttemptRecord]:
        """A call that is at work no more, with its attempt, as they are to be recorded."""
        told = {**fields, **{name: record.id for name, record in values.items()}}
        attempt = self._attempts[call.id]
        ended = moves.ended(
            call, attempt, state, now=clock.now(), traceback=traceback, memory=memory, fields=told
        )
        with self._mutex:
            self._at_work.end(call)
        return ended

    def _has_ended(self, ended: CallRecord, done: AttemptRecord) -> CallRecord:
        """The end of a call is recorded."""
        with self._mutex:
            self._at_work.find(ended)
            self._attempts[ended.id] = done
            self.history.change(ended)
        self.tell("attempt_failed" if ended.state == "waiting" else "call_ended", ended)
        checkpointed(self.store, ended.bytes)
        return ended

    def adopt(
        self, request: Request, value: Encoded, found: CallRecord, *, reason: str, source: str
    ) -> CallRecord:
        """Keep the result of another run's call as that of a call of this one, which is done with it."""
        with self._mutex:
            self._seq += 1
            made = moves.adopted(
                self.run, self._private(request), found, new=new_id("c"), seq=self._seq, now=clock.now()
            )
            sealed = self.seal(value, place_of(made, "value"))
            kept = replace(made, reason=reason, source=source, value=sealed.id, bytes=sealed.size)
            self._write(sealed, kept)
            self.history.add(kept)
            self.history.claim(kept)
        return kept

    def restored(
        self,
        used: CallRecord | RunRecord,
        *,
        reason: str,
        took: float,
        older_code: bool = False,
        at: float | None = None,
    ) -> None:
        """Note that a checkpoint, or the result of a child run, was used, what that cost and saved.

        `at` is when it was asked for, if not just now.
        """
        work = (used.finished or used.updated) - used.created if isinstance(used, RunRecord) else used.took
        saved = max(0.0, work - took)
        when, epoch = clock.now() if at is None else at, self.run.epoch
        record = RestoreRecord(self.run.id, used.id, epoch, when, took, saved, reason, older_code)
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
            call = self._as_own(call)
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
                    again = replace(self._as_own(call), caught=False)
                    self._write(again, durability="process")
                    self.history.add(again)

    def _as_own(self, call: CallRecord) -> CallRecord:
        """The call as one of this run, which changes nothing in those that it was forked from."""
        if call.run == self.run.id:
            return call
        self._seq += 1
        self.history.leave(call)
        return moves.taken_over(self.run, call, new=new_id("c"), seq=self._seq)

    def _lose(self, call: CallRecord) -> None:
        with self._mutex:
            self._at_work.lose(call)


def _well(values: dict[str, ValueRecord], *, took: float, outputs: tuple[Output, ...] = ()) -> dict[str, Any]:
    """The fields of a call that ended well."""
    size = sum(record.size for record in values.values())
    return {"took": took, "failures": 0, "outputs": outputs, "bytes": size}
