"""Where loops stand: in the code of a step's attempt, or in a cell outside of steps; what is kept of them.

1. A turn is kept under the fence of the run's owner, and only while its attempt was not given up.
2. The start of the call is on disk before its first turn is: a kept turn is always found again.
3. The kept turns of a call end in the commit in which the call ends well; after any other end they stay.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from perdure.engine import clock
from perdure.engine.events import Event, listeners
from perdure.engine.scope import current_scope
from perdure.engine.stored import opened
from perdure.errors import LoopInBody
from perdure.store.failpoints import reached
from perdure.store.kept_turns import LOOP
from perdure.store.records import Record

from .saver import Saver
from .slots import Home, Keeping, Slot, freed
from .turns import Turn, decoded

if TYPE_CHECKING:
    from perdure.codec import Encoded
    from perdure.engine.attempt import Attempt
    from perdure.engine.owner import Owner
    from perdure.store.records import CallRecord


class Stand:
    """One attempt at a step's call, or one execution of a cell, with the loops in it.

    Args:
        owner: of the run.
        home: what the loops belong to.
        attempt: the attempt; None for a cell outside of steps.
    """

    def __init__(self, owner: Owner, home: Home, attempt: Attempt | None = None) -> None:
        self.owner = owner
        self.home = home
        self.attempt = attempt
        self.counts = Counter[str]()
        """How many loops each function began here, outside of other loops."""
        self.looked_at = set[str]()
        """The loops of which it was seen that their names can be kept."""
        self.saver = Saver()
        self._slots: dict[str, Slot] = {}
        self._others: list[Slot] = []
        """The kept turns of the run's other calls."""
        self._changes: list[Record] = []
        self._unheard: Callable[[], None] | None = None
        for note in owner.store.journal.notes(owner.run.id, LOOP):
            slot = Slot.read(note, owner.store)
            if slot.home.id == home.id:
                slot.home = home
                self._slots[slot.path] = slot
            elif slot.live:
                self._others.append(slot)
        if self._live():
            self._end_with_call()

    def _live(self) -> list[Slot]:
        return [slot for slot in self._slots.values() if slot.live]

    # -- looking -----------------------------------------------------------------------------------------

    def own(self, path: str, place: tuple[tuple[str, int], ...]) -> Slot | None:
        """The slot of a loop, if a turn is kept there that belongs to these turns of the loops around it."""
        slot = self._slots.get(path)
        return slot if slot is not None and slot.live and slot.place == place else None

    def older(self, path: str, place: tuple[tuple[str, int], ...]) -> Slot | None:
        """The newest slot of the same loop in the same call before its code was edited."""
        others = [slot for slot in self._others if (slot.path, slot.place) == (path, place)]
        calls = {call.id: call for call in self._like_this()}
        found = [slot for slot in others if slot.home.id in calls or self._same_cell(slot)]
        return max(found, key=lambda slot: slot.kept[-1][1], default=None)

    def elsewhere(self, path: str) -> Slot | None:
        """The newest slot of the same loop in a call of the step with other inputs that was not finished."""
        calls = self.owner.history.calls
        found = [
            slot
            for slot in self._others
            if (slot.path, slot.home.step) == (path, self.home.step)
            and slot.home.inputs != self.home.inputs
            and slot.home.id in calls
            and calls[slot.home.id].state in ("interrupted", "failed")
        ]
        return max(found, key=lambda slot: slot.kept[-1][1], default=None)

    def _like_this(self) -> Iterable[CallRecord]:
        """The calls that differ from this one by their code alone."""
        if self.attempt is None:
            return ()
        own = self.attempt.call
        key = (own.branch, own.inputs, own.occurrence)
        calls = self.owner.history.of_step(own.step)
        return [call for call in calls if (call.branch, call.inputs, call.occurrence) == key]

    def _same_cell(self, slot: Slot) -> bool:
        return self.attempt is None and slot.home.cell is not None and slot.home.cell == self.home.cell

    def turn(self, slot: Slot) -> tuple[Turn, int]:
        """The turn that is kept in a slot, its signature verified, and its size in bytes.

        Raises:
            Damaged, Untrusted, NotLoadable: it cannot be had.
        """
        named = f"step `{slot.home.step}`" if slot.home.step else "the cell"
        subject = f"Turn {slot.done} of the loop in {named}"
        store = self.owner.store
        made = opened(store, store.journal.value(slot.id), slot.home.place(), subject)
        return decoded(made, subject), made.size

    # -- keeping -----------------------------------------------------------------------------------------

    def keep(self, path: str, turn: Turn, encoded: Encoded) -> None:
        """Put a turn of a loop into its slot; the kept turns of loops inside it are over with that.

        Raises:
            NotOwner, StoreError: the turn before stays as it is.
        """
        owner = self.owner
        slot = self._slots.get(path) or Slot(self.home, path)
        keeping = Keeping(owner.store, slot, turn, encoded)
        reached("turn.sealed")
        inside = [each for each in self._live() if each.path.startswith(f"{path}/")]
        records: list[Record] = [keeping.value, keeping.note]
        for each in inside:
            records += each.over(owner.store, turn.at)
        if self.attempt is not None:
            owner.make_known(self.attempt.call)
            self.attempt.check()
        owner.keep(*records)
        reached("turn.kept")
        for each in inside:
            del self._slots[each.path]
        self._slots[path] = keeping.settle()
        freed(owner.store, inside)
        reached("turn.freed")
        self._end_with_call()

    def _end_with_call(self) -> None:
        """Have what is kept here end in the commit in which the call ends well."""
        attempt = self.attempt
        if attempt is None:
            return
        if self._unheard is None:
            self._unheard = listeners.add(self._heard)
        before = {id(record) for record in self._changes}
        self._changes = self._over()
        attempt.changes[:] = [
            *(each for each in attempt.changes if id(each) not in before),
            *self._changes,
        ]

    def _over(self) -> list[Record]:
        now, store = clock.now(), self.owner.store
        return [record for slot in self._live() for record in slot.over(store, now)]

    def _heard(self, event: Event) -> None:
        """When the call has ended well, what only its kept turns needed is removed."""
        call, attempt = event.call, self.attempt
        if event.kind == "call_ended" and call is not None and attempt and call.id == attempt.call.id:
            if self._unheard is not None:
                self._unheard()
            if call.state == "done":
                freed(self.owner.store, self._live())

    def end(self, *, well: bool) -> None:
        """The cell has ended: if well, nothing of its loops is needed any more."""
        self.saver.settle()
        if well and self._live():
            self.owner.keep(*self._over())
            freed(self.owner.store, self._live())
            self._slots.clear()


_outside: Callable[[], Stand | None] = lambda: None  # noqa: E731  nothing runs outside of steps but a cell
_lock = threading.Lock()


def use_outside(stand: Callable[[], Stand | None]) -> Callable[[], Stand | None]:
    """Ask this where loops stand that no step's code runs; return what was asked before."""
    global _outside
    before, _outside = _outside, stand
    return before


def standing() -> Stand | None:
    """Where a loop of the calling code stands; None where nothing is kept.

    Raises:
        LoopInBody: it stands in the body of a workflow.
    """
    scope = current_scope()
    if scope is None:
        return _outside()
    attempt = scope.attempt
    if attempt is None:
        raise LoopInBody(workflow=scope.owner.run.workflow)
    with _lock:
        if attempt.loops is None:
            call = attempt.call
            home = Home(call.run, call.id, call.step, call.inputs, call.code)
            attempt.loops = Stand(attempt.owner, home, attempt)
        stand = attempt.loops
    assert isinstance(stand, Stand)
    return stand
