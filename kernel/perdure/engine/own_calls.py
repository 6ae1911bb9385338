"""Perdure's own calls in a run's records: what was noted, and what is waited for.

1. What is noted (what `now()` gave, which branch won a race) is one record, done at once. Its commit is not
   waited for, and comes before all that follows.
2. A wait is recorded with the moment at which it ends before anybody waits, and keeps it, whatever becomes of
   the process.
3. These calls have no attempts: nothing of the user's runs in them.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from perdure.store.records import CallRecord, Place, Record, RunRecord

from . import clock, states
from .decide import Request, Run
from .history import History
from .moment import Moment
from .outcomes import Outcomes

if TYPE_CHECKING:
    from perdure.codec import Encoded
    from perdure.store import RunLock, Store

WOKEN = "woken by hand"
"""The reason of a wait that was ended before its moment came."""
UNAWAITED = "nobody waits for it any more"
"""The reason of a wait that was cancelled."""


class OwnCalls(Outcomes):
    """The owner of a run, as far as it records calls that are Perdure's own."""

    def __init__(
        self, store: Store, run: RunRecord, lock: RunLock | None, history: History, seq: int
    ) -> None:
        super().__init__(store, run, lock, history, seq)
        self._moments: dict[str, Moment] = {}
        self._unsure = False
        """Whether a wait was recorded that may not be on disk yet."""
        self._chance = random.Random()  # noqa: S311  names, no secrets: they are made by the thousand

    def noted(
        self,
        request: Request,
        decision: Run,
        value: Encoded | None = None,
        *records: Record,
        began: float | None = None,
        failed: str | None = None,
    ) -> CallRecord:
        """Record a call that is over, with its value and with what it changes, in one commit.

        Args:
            request: the call as it was made.
            decision: why it is noted.
            value: what it gave, if anything.
            records: what is to be written with it.
            began: when it began, in seconds since 1970; None for now.
            failed: in one line, the error that it gave the body; whether that is an outcome shows later.
        """
        with self._mutex:
            now = clock.now()
            fields: dict[str, Any] = {"ended": now, "error": failed}
            values: list[Record] = []
            if value is not None:
                place = Place(self.run.id, request.step, request.inputs)
                values.append(sealed := self.seal(value, place))
                fields |= {"value": sealed.id, "bytes": sealed.size}
            state, started = "done" if failed is None else "failed", now if began is None else began
            call = self._own(request, decision, state=state, started=started, **fields)
            self._write(*values, call, *records, durability="later")
            self.history.add(call)
            self.history.claim(call)
            if failed is not None:
                self.failures.add(call)
        self.tell("call_ended", call)
        return call

    def wait(self, request: Request, decision: Run, due: float) -> CallRecord:
        """Record a call that waits for this moment, in seconds since 1970; one that has come is over."""
        with self._mutex:
            now = clock.now()
            state = "waiting" if due > now else "done"
            ended = None if due > now else now
            call = self._own(request, decision, state=state, started=now, ended=ended, due=due)
            self._write(call, durability="later")
            self._unsure |= due > now
            self.history.add(call)
            self.history.claim(call)
        self.tell("call_waiting" if ended is None else "call_ended", call)
        return call

    def make_sure(self) -> None:
        """Have the waits so far on disk: somebody begins to wait. Those made at once share a commit."""
        with self._mutex:
            if self._unsure:
                self._write()
                self._unsure = False

    def moment(self, call: CallRecord) -> Moment:
        """What a wait waits for: it comes when the wait has ended, for whatever reason."""
        with self._mutex:
            if self.history.calls[call.id].state in ("waiting", "cancelled"):
                return self._moments.setdefault(call.id, Moment())
        over = Moment()
        over.ring()
        return over

    def end_wait(self, call: str, reason: str | None = None) -> bool:
        """The wait with this id is over; whether it was waiting until now.

        Args:
            call: its id.
            reason: why it ended, if not because its moment came.
        """
        with self._mutex:
            found = self.history.calls[call]
            ended = found.state == "waiting"
            if ended:
                why = found.reason if reason is None else reason
                found = self._move(found, "done", ended=clock.now(), reason=why)
        if ended:
            self.tell("call_ended", found)
        self._ring(call)
        return ended

    def cancel_wait(self, call: str) -> None:
        """Nobody waits for it any more. Its moment is kept, for whoever does so later."""
        with self._mutex:
            found = self.history.calls[call]
            cancels = found.state == "waiting"
            if cancels:
                found = self._move(found, "cancelled", ended=clock.now(), error=UNAWAITED)
        if cancels:
            self.tell("call_ended", found)

    def wait_again(self, call: str) -> None:
        """Somebody waits again for what was cancelled: until the moment that was kept."""
        with self._mutex:
            found = self.history.calls[call]
            if found.state == "cancelled":
                states.move(states.CALL, "call", "cancelled", "running")
                self._move(replace(found, state="running"), "waiting", ended=None, error=None)

    def settle_waits(self) -> None:
        """The run is over for good: what still waits in it is cancelled."""
        with self._mutex:
            calls = list(self.history.calls.values())
        for call in calls:
            if call.state == "waiting" and call.run == self.run.id:
                self.cancel_wait(call.id)

    def wake(self, call: str | None = None) -> int:
        """End the sleep with this id, or all that sleep; how many that were."""
        with self._mutex:
            asleep = [
                each.id
                for each in self.history.calls.values()
                if each.state == "waiting" and each.kind == "wait" and call in (None, each.id)
            ]
        return sum(self.end_wait(each, WOKEN) for each in asleep)

    def _ring(self, call: str) -> None:
        with self._mutex:
            moment = self._moments.pop(call, None)
        if moment is not None:
            moment.ring()

    def _move(self, call: CallRecord, state: str, **fields: Any) -> CallRecord:
        """Note a wait's move; it is committed before all that follows. Listeners hear of it unlocked."""
        moved = replace(call, state=states.move(states.CALL, "call", call.state, state), **fields)
        self._write(moved, durability="later")
        self.history.change(moved)
        return moved

    def _own(self, request: Request, decision: Run, **fields: Any) -> CallRecord:
        """The record of such a call: a new one, or that of the one which was found, taken up again."""
        self._seq += 1
        request = self._private(request)
        found, new = decision.call, f"c_{self._chance.getrandbits(64):016x}"
        if found is not None and found.run == self.run.id:
            states.move(states.CALL, "call", found.state, "running")
            new = found.id
            self.failures.drop(new)
        return CallRecord(
            id=new,
            run=self.run.id,
            seq=self._seq,
            branch=request.branch,
            step=request.step,
            inputs=request.inputs,
            occurrence=request.occurrence,
            code="",
            kind=request.kind,
            epoch=self.run.epoch,
            input_parts=request.input_parts,
            reason=decision.reason,
            **fields,
        )
