"""What a run has recorded, indexed by the parts of the key."""

from __future__ import annotations

import gc
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from perdure.store.records import CallRecord

from .order import line

_NOTHING: deque[str] = deque()


class History:
    """The calls of a run, and of the runs that it was forked from; the newest version of each key wins.

    A call is *claimed* once the present pass over the body has used it: what is left over when the pass ends
    is not called any more.
    """

    def __init__(
        self, calls: Iterable[CallRecord] = (), *, lent: Iterable[CallRecord] = (), open_ended: bool = False
    ) -> None:
        """Index the calls.

        Args:
            calls: the run's own, the oldest first.
            lent: calls of other runs, older than all of `calls`: they may be restored, and that is all.
            open_ended: whether the run's calls come one by one, as cells do, so that a later call takes the
                place of an earlier one without a new pass.
        """
        self.calls: dict[str, CallRecord] = {}
        self._open_ended = open_ended
        self._claimed: set[str] = set()
        self._keyed: dict[tuple[str, str], str] = {}
        self._exact: dict[tuple[str, str, str, int, str], str] = {}
        self._uncoded: dict[tuple[str, str, str, int], str] = {}
        self._positions: dict[tuple[str, str, int], str] = {}
        self._steps: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._newest: dict[tuple[str, str], str] = {}
        self._unclaimed: defaultdict[str, defaultdict[str, dict[str, None]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        self._expected: dict[str, deque[str]] = {}
        self._held = True
        self._passed_over: set[str] = set()
        self._only: str | None = None
        self._ended_before: set[str] = set()
        for call in lent:
            self._index(call)
        for call in calls:
            self.add(call)

    def add(self, call: CallRecord) -> None:
        """Take in a call, or its newer state."""
        self._index(call)
        if call.state == "in doubt":
            self._claimed.discard(call.id)  # whether the pass used it is just what nobody knows
        self._steps[call.step][call.id] = None
        self._newest[call.branch, call.step] = call.id
        if call.id not in self._claimed:
            self._unclaimed[call.step][call.branch][call.id] = None

    def change(self, call: CallRecord) -> None:
        """Take in the newer state of a call that was made in this pass."""
        self.calls[call.id] = call
        if call.state == "in doubt":
            self.add(call)

    def leave(self, call: CallRecord) -> None:
        """Another call is about to take the place of this one of another run."""
        self._steps[call.step].pop(call.id, None)
        self._unclaimed[call.step][call.branch].pop(call.id, None)
        self.calls.pop(call.id, None)

    def begin_pass(self) -> None:
        """The body is executed once more from its top: nothing is claimed."""
        self._passed_over.clear()
        self._only = None
        self._ended_before = self._ended()
        self._claimed.clear()
        for step, calls in self._steps.items():
            for call in calls:
                self._unclaimed[step][self.calls[call].branch][call] = None

    def keep_to(self, run: str) -> None:
        """From now on, in this pass, only calls of this run are found."""
        self._only = run

    @property
    def keeps_to_one(self) -> bool:
        """Whether only the calls of one run are found."""
        return self._only is not None

    def claim(self, call: CallRecord) -> None:
        """Note that the present pass over the body has used this call; open-ended runs have no passes."""
        if self._open_ended:
            return
        self._claimed.add(call.id)
        self._unclaimed[call.step][call.branch].pop(call.id, None)

    def _index(self, call: CallRecord) -> None:
        self.calls[call.id] = call
        place = (call.branch, call.step)
        if call.key is not None:
            self._keyed[call.step, call.key] = call.id
        self._exact[*place, call.inputs, call.occurrence, call.code] = call.id
        self._uncoded[*place, call.inputs, call.occurrence] = call.id
        self._positions[*place, call.occurrence] = call.id

    def keyed(self, step: str, key: str) -> CallRecord | None:
        """The newest call of a step with this explicit key."""
        return self._get(self._keyed.get((step, key)))

    def exact(self, branch: str, step: str, inputs: str, occurrence: int, code: str) -> CallRecord | None:
        """The newest call all of whose parts are equal."""
        return self._get(self._exact.get((branch, step, inputs, occurrence, code)))

    def is_done(self, branch: str, step: str, inputs: str, occurrence: int, code: str) -> bool:
        """Whether the newest call all of whose parts are equal has a checkpoint."""
        found = self.exact(branch, step, inputs, occurrence, code)
        return found is not None and found.state == "done"

    def uncoded(self, branch: str, step: str, inputs: str, occurrence: int) -> CallRecord | None:
        """The newest call all of whose parts but the code are equal."""
        return self._get(self._uncoded.get((branch, step, inputs, occurrence)))

    def at(self, branch: str, step: str, occurrence: int) -> CallRecord | None:
        """The newest call by name and occurrence alone."""
        return self._get(self._positions.get((branch, step, occurrence)))

    def of_step(self, step: str) -> list[CallRecord]:
        """All calls of a step, in the order in which they were made."""
        return [self.calls[call] for call in self._steps.get(step, ())]

    def predecessor(self, branch: str, step: str) -> CallRecord | None:
        """The call of which a new one most likely takes the place: the first unclaimed one of its branch."""
        if self._open_ended:
            return self._get(self._newest.get((branch, step)))
        return self._get(next(iter(self._unclaimed[step][branch]), None))

    def expect(self, order: Mapping[str, Iterable[str]], *, held: bool = True) -> None:
        """Have the calls of each line come in this order: what else a pass does has drifted."""
        self._held = held
        self._expected = {line: deque(calls) for line, calls in order.items()}

    def expected(self, line: str) -> CallRecord | None:
        """The call that is expected to come next in a line; None where nothing is expected."""
        waiting = self._expected.get(line, _NOTHING) if self._held else _NOTHING
        while waiting and waiting[0] in self._claimed:
            waiting.popleft()
        return self.calls[waiting[0]] if waiting else None

    def left(self) -> list[CallRecord]:
        """The calls that were expected, and that the present pass has not made, in their order.

        Those of branches that lost a race are not: who lost is not begun again, or comes as far as it may.
        """
        missing = [
            self.calls[name]
            for calls in self._expected.values()
            for name in calls
            if name not in self._claimed
        ]
        made = (call for call in missing if not any(within(call.branch, lost) for lost in self._passed_over))
        return sorted(made, key=lambda call: call.seq)

    def pass_over(self, branches: Iterable[str]) -> None:
        """These branches lost a race: what is recorded there is not missing in the present pass."""
        self._passed_over.update(branches)

    def lines_that_grew(self) -> set[str]:
        """The lines in which the present pass brought a call to its end."""
        grown = self._ended() - self._ended_before
        return {line(call.branch, call.kind) for call in map(self.calls.__getitem__, grown)}

    def _ended(self) -> set[str]:
        return {call.id for call in self.calls.values() if call.state in ("done", "failed")}

    def unclaimed(self, step: str) -> list[CallRecord]:
        """Calls of a step that the present pass has not used."""
        found = (self._get(call) for calls in self._unclaimed[step].values() for call in calls)
        return [call for call in found if call is not None]

    def _get(self, call: str | None) -> CallRecord | None:
        found = None if call is None else self.calls[call]
        return None if found is None or self._only not in (None, found.run) else found


@contextmanager
def uncollected() -> Iterator[None]:
    """In the block, a long history is read without a look for garbage at every few hundred records.

    Records are no garbage, and looking through all of them again and again costs as much as reading them.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def within(branch: str, parent: str) -> bool:
    """Whether a branch is `parent` or below it."""
    return branch == parent or not parent or branch.startswith(parent + ".")
