"""A small language of workflow bodies, as trees, for hypothesis: whatever a body can do, in any nesting.

Each part of a tree stands at a place (`0.2.1`), by which the witness tells calls apart; a turn of a loop is a
place of its own. Waits last so long that no two of a tree end at one moment (powers of sixteen), and what races
begins with a step that waits to be released, so that there is one winner for each order of releases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from hypothesis import strategies as st

BASE = 16
"""Nothing is repeated so often in a tree."""


@dataclass(frozen=True)
class Call:
    """An async step, which waits at its place until it is released."""

    number: int
    kind: str = "pure"
    fed: bool = False
    """Whether it is given what came before it."""


@dataclass(frozen=True)
class Inline:
    """A sync step, which waits for nothing."""

    number: int
    kind: str = "pure"
    fed: bool = False


@dataclass(frozen=True)
class Fail:
    """A step that fails, each time."""

    number: int


@dataclass(frozen=True)
class Flaky:
    """A step that fails so often, and may be tried again so often."""

    number: int
    failures: int
    retries: int
    pause: int = 0
    """None where it fails for good: whoever dies before the body went on tries it again, from the first attempt."""

    @property
    def fails(self) -> bool:
        """Whether it fails for good."""
        return self.failures > self.retries


@dataclass(frozen=True)
class Draw:
    """What comes from outside: `now`, `uuid4` or `random` of Perdure, or a `volatile` step."""

    what: str


@dataclass(frozen=True)
class Nap:
    """A durable sleep."""

    seconds: int = 0


@dataclass(frozen=True)
class Raise:
    """The body raises an error of its own."""

    number: int


@dataclass(frozen=True)
class Map:
    """One call for each number, beside each other, of an async step or of a sync one."""

    numbers: tuple[int, ...]
    is_async: bool = True


@dataclass(frozen=True)
class Seq:
    """One part after the other."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Loop:
    """The same part, several times."""

    times: int
    part: Tree


@dataclass(frozen=True)
class Gather:
    """Parts beside each other; the first error, by place, is raised once all have ended."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Race:
    """Parts beside each other, until one has completed, or has succeeded."""

    parts: tuple[Tree, ...]
    success: bool = False
    losers: str = "cancel"


@dataclass(frozen=True)
class Try:
    """A part, and another one where it fails."""

    part: Tree
    other: Tree


@dataclass(frozen=True)
class Child:
    """A part as a run of its own."""

    part: Tree


Tree: TypeAlias = (
    Call | Inline | Fail | Flaky | Draw | Nap | Raise | Map | Seq | Loop | Gather | Race | Try | Child
)

_numbers = st.integers(0, 2)
_kinds = st.sampled_from(["pure", "pure", "effect"])
_plain = st.one_of(
    st.builds(Call, _numbers, _kinds, st.booleans()),
    st.builds(Inline, _numbers, _kinds, st.booleans()),
    st.builds(Flaky, _numbers, st.integers(0, 2), st.integers(0, 2)),
    st.builds(Draw, st.sampled_from(["now", "uuid4", "random", "volatile"])),
    st.builds(Fail, _numbers),
    st.builds(Raise, _numbers),
    st.builds(Map, st.lists(_numbers, max_size=3).map(tuple), st.booleans()),
    st.builds(Nap),
)

_steady = st.one_of(st.builds(Call, _numbers), st.builds(Inline, _numbers), st.builds(Nap))
"""What never fails: where losers are left running, a race that a failure decided may be won by another next time."""


def _several(nodes: st.SearchStrategy[Tree], least: int = 0) -> st.SearchStrategy[tuple[Tree, ...]]:
    return st.lists(nodes, min_size=least, max_size=3).map(tuple)


def _contestants(then: st.SearchStrategy[tuple[Tree, ...]]) -> st.SearchStrategy[tuple[Tree, ...]]:
    """Each waits to be released before it does anything else."""
    released = st.builds(lambda number, then: Seq((Call(number), *map(_pure, then))), _numbers, then)
    return st.lists(released, min_size=1, max_size=3).map(tuple)


def _pure(tree: Tree) -> Tree:
    """The same without effects: what a person says of one that lost, or was killed, may decide a race."""
    return changed(tree, Call | Inline, lambda call: replace(call, kind="pure"))


def _nested(nodes: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.builds(Seq, _several(nodes)),
        st.builds(Loop, st.integers(0, 2), nodes),
        st.builds(Gather, _several(nodes, 1)),
        st.builds(Race, _contestants(_several(nodes)), st.booleans()),
        st.builds(Race, _contestants(_several(_steady)), st.booleans(), st.just("leave")),
        st.builds(Try, nodes, nodes),
        st.builds(Child, nodes),
    )


def _sequential(nodes: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.builds(Seq, _several(nodes)),
        st.builds(Loop, st.integers(0, 2), nodes),
        st.builds(Try, nodes, nodes),
        st.builds(Child, nodes),
    )


def changed(tree: Tree, kind: Any, change: Callable[[Any], Tree]) -> Tree:
    """The tree with all parts of that kind changed, from left to right."""
    match tree:
        case Seq(inner) | Gather(inner) | Race(inner):
            tree = replace(tree, parts=tuple(changed(part, kind, change) for part in inner))
        case Loop(_, part) | Child(part):
            tree = replace(tree, part=changed(part, kind, change))
        case Try(part, other):
            tree = Try(changed(part, kind, change), changed(other, kind, change))
    return change(tree) if isinstance(tree, kind) else tree


def timed(tree: Tree, units: list[int]) -> Tree:
    """The tree with a length for each of its waits: another power for each, in the order of `units`."""
    lengths = [BASE**unit for unit in units]
    tree = changed(tree, Nap, lambda nap: replace(nap, seconds=lengths.pop()))
    return changed(tree, Flaky, lambda flaky: replace(flaky, pause=lengths.pop() * (not flaky.fails)))


def parts(tree: Tree, kind: Any) -> Iterator[Any]:
    """All parts of that kind, whatever they stand in."""
    if isinstance(tree, kind):
        yield tree
    for part in (*getattr(tree, "parts", ()), getattr(tree, "part", None), getattr(tree, "other", None)):
        if part is not None:
            yield from parts(part, kind)


MOST = 6
"""Waits of a tree: beyond, the moments would not be told apart."""


def _with_times(trees: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    few = trees.filter(lambda tree: len(list(parts(tree, Nap | Flaky))) <= MOST)
    return st.builds(lambda tree, units: timed(tree, list(units)), few, st.permutations(range(MOST)))


TREES = _with_times(st.builds(Seq, _several(st.recursive(_plain, _nested, max_leaves=8), 1)))
"""Bodies that are coroutines."""
SYNC_TREES = _with_times(
    st.builds(
        Seq,
        _several(
            st.recursive(_plain.filter(lambda tree: not isinstance(tree, Call)), _sequential, max_leaves=6),
            1,
        ),
    )
)
"""Bodies that are plain functions."""
