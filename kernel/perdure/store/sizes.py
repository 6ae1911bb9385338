"""What a store takes on the disk, by workflow, run and step. Nothing is decoded to tell it.

A blob counts once in the whole. Where more than one part needs it, it is *shared*: forgetting one of them
does not free it. A blob that is put together from others counts its own bytes; those others belong to all
that need them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .dicts import dict_of, in_dict

if TYPE_CHECKING:
    from .protocols import Blobs
    from .store import Store


@dataclass(frozen=True, slots=True)
class Share:
    """What one workflow, run or step takes."""

    name: str
    """Of the workflow, the run's id, or of the step. A step without a name is the run itself; a run without
    an id are the workflow's durable dicts, named as its steps."""
    values: int
    own: int
    """Bytes that nothing beside it needs: forgetting it frees them."""
    shared: int
    """Bytes that others need too."""
    parts: tuple[Share, ...] = ()
    """Its runs or steps, the largest first."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a store takes."""

    journal: int
    """The journal's file with its log; small values lie in it."""
    blobs: int
    unneeded: int
    """Those of the blobs' bytes that no value needs: collecting frees them."""
    shared: int
    """Those that more than one step needs, each counted once."""
    workflows: tuple[Share, ...]
    """The largest first."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.journal + self.blobs


class _Place(NamedTuple):
    workflow: str
    run: str
    step: str


def sizes(store: Store) -> Sizes:
    """What a store takes, by workflow, run and step."""
    workflows = {run.id: run.workflow for run in store.journal.runs()}
    inline, values = Counter[_Place](), Counter[_Place]()
    names: dict[_Place, set[str]] = defaultdict(set)
    for each in store.journal.holdings():
        place = _Place(workflows.get(each.run, ""), each.run, each.step)
        if in_dict(each):
            workflow, name = dict_of(each.step)
            place = _Place(workflow, "", name)
        inline[place] += each.bytes
        values[place] += 1
        names[place].update(each.blobs)
    there = store.blobs.names()
    blobs = {place: needed_by(store.blobs, found) for place, found in names.items()}
    size = {name: store.blobs.size(name) for name in there.union(*blobs.values())}
    uses = Counter(name for found in blobs.values() for name in found)
    tree = _Tree(inline, values, blobs, size)
    return Sizes(
        journal=store.journal.size(),
        blobs=sum(size.values()),
        unneeded=sum(count for name, count in size.items() if name not in uses),
        shared=sum(size[name] for name, number in uses.items() if number > 1),
        workflows=tree.shares(list(blobs)),
    )


def needed_by(blobs: Blobs, names: Iterable[str]) -> set[str]:
    """These blobs with the blobs that they are put together from."""
    found = set(names)
    return found.union(*map(blobs.sources, tuple(found)))


class _Tree:
    """Sums up what places take, level by level."""

    def __init__(
        self,
        inline: Counter[_Place],
        values: Counter[_Place],
        blobs: dict[_Place, set[str]],
        size: dict[str, int],
    ) -> None:
        self._inline, self._values, self._blobs, self._size = inline, values, blobs, size
        self._users = [self._count(depth) for depth in range(3)]

    def _count(self, depth: int) -> Counter[str]:
        """How many workflows, runs or steps need each blob."""
        pairs = {(place[: depth + 1], name) for place, names in self._blobs.items() for name in names}
        return Counter(name for _, name in pairs)

    def shares(self, places: list[_Place], depth: int = 0) -> tuple[Share, ...]:
        """The shares of these places, by what they are called at this depth."""
        groups: dict[str, list[_Place]] = defaultdict(list)
        for place in places:
            groups[place[depth]].append(place)
        found = [self._share(name, group, depth) for name, group in groups.items()]
        return tuple(sorted(found, key=lambda each: (-each.own - each.shared, each.name)))

    def _share(self, name: str, places: list[_Place], depth: int) -> Share:
        blobs = set[str]().union(*(self._blobs[place] for place in places))
        users = self._users[depth]
        own = sum(self._size[each] for each in blobs if users[each] == 1)
        return Share(
            name=name,
            values=sum(self._values[place] for place in places),
            own=own + sum(self._inline[place] for place in places),
            shared=sum(self._size[each] for each in blobs) - own,
            parts=self.shares(places, depth + 1) if depth < 2 else (),  # noqa: PLR2004  workflow, run, step
        )
