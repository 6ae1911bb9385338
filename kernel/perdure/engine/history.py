"""What a run has recorded, indexed by the parts of the key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from perdure.store.records import CallRecord


class History:
    """The calls of a run, and of the runs that it was forked from; the newest version of each key wins.

    `claimed` holds the calls that the present pass over the body has used: what is left over when the pass
    ends is not called any more.
    """

    def __init__(self, calls: Iterable[CallRecord] = ()) -> None:
        self.calls: dict[str, CallRecord] = {}
        self.claimed: set[str] = set()
        self._keyed: dict[tuple[str, str], str] = {}
        self._exact: dict[tuple[str, str, str, int, str], str] = {}
        self._uncoded: dict[tuple[str, str, str, int], str] = {}
        self._positions: dict[tuple[str, str, int], str] = {}
        self._steps: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for call in calls:
            self.add(call)

    def add(self, call: CallRecord) -> None:
        """Take in a call, or its newer state."""
        self.calls[call.id] = call
        place = (call.branch, call.step)
        if call.key is not None:
            self._keyed[call.step, call.key] = call.id
        self._exact[*place, call.inputs, call.occurrence, call.code] = call.id
        self._uncoded[*place, call.inputs, call.occurrence] = call.id
        self._positions[*place, call.occurrence] = call.id
        self._steps[call.step][call.id] = None

    def keyed(self, step: str, key: str) -> CallRecord | None:
        """The newest call of a step with this explicit key."""
        return self._get(self._keyed.get((step, key)))

    def exact(self, branch: str, step: str, inputs: str, occurrence: int, code: str) -> CallRecord | None:
        """The newest call all of whose parts are equal."""
        return self._get(self._exact.get((branch, step, inputs, occurrence, code)))

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
        """The call that a new one most likely replaces: the first unclaimed of its branch, else the last."""
        candidates = [call for call in self.of_step(step) if call.branch == branch]
        unclaimed = [call for call in candidates if call.id not in self.claimed]
        return unclaimed[0] if unclaimed else (candidates[-1] if candidates else None)

    def unclaimed(self, step: str) -> list[CallRecord]:
        """Calls of a step that the present pass has not used."""
        return [call for call in self.of_step(step) if call.id not in self.claimed]

    def _get(self, call: str | None) -> CallRecord | None:
        return None if call is None else self.calls[call]
