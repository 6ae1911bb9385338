"""Values made of the samples of every type, nested, shared and in circles, for hypothesis.

A `Plan` is drawn, and a value is built from it as often as one is needed: what a comparison does to a value
(it reads streams, fills caches) must not reach the next one.
"""

from __future__ import annotations

import collections
import dataclasses
import types
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from values.alike import ATOMS
from values.sample import AREAS, Sample, samples

_ALONE = ("large", "2 MiB", "100,000")
"""In the names of samples of the table test alone: they take much memory."""


def _groups() -> dict[str, list[Sample]]:
    """The samples of each area; those of the scientific packages, of which few are quick, by package."""
    found: dict[str, list[Sample]] = collections.defaultdict(list)
    for area in AREAS:
        for sample in samples(area):
            package = sample.name.replace(".", " ").replace(",", " ").split()[0]
            if sample.digests and not any(word in sample.name for word in _ALONE):
                found[package if area == "science" else area].append(sample)
    return dict(found)


GROUPS = _groups()


@dataclasses.dataclass
class Held:
    items: list[Any]
    more: Any = None


@dataclasses.dataclass(slots=True)
class Tight:
    items: Any = None


class Plain:
    """An object with attributes."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Samples, and how objects of them are put together.

    A node is the number of a sample, `("again", n)` for a container that was built before, `("around", n)` for one
    in which the node stands, or the kind of a container with the nodes in it.
    """

    bank: tuple[Sample, ...]
    tree: Any

    @property
    def circles(self) -> bool:
        """Whether something stands in itself."""
        return "'around'" in repr(self.tree)

    def __repr__(self) -> str:
        return f"Plan({[sample.name for sample in self.bank]}, {self.tree})"


FILLED = ("list", "dict", "ordered", "deque", "held", "tight", "space", "plain", "array")
"""Containers that are made empty, so that they can stand in themselves."""
MADE = ("tuple", "keys", "set", "frozenset", "column")
"""Containers that are made of what they hold."""

_NODES = st.recursive(
    st.one_of(
        st.integers(0, 3),
        st.integers(0, 3),
        st.tuples(st.sampled_from(["again", "around"]), st.integers(0, 5)),
    ),
    lambda nodes: st.tuples(st.sampled_from(FILLED + MADE), st.lists(nodes, min_size=1, max_size=3)),
    max_leaves=9,
)
_SAMPLES = st.sampled_from(sorted(GROUPS)).flatmap(lambda group: st.sampled_from(GROUPS[group]))
PLANS = st.builds(
    Plan,
    st.lists(_SAMPLES, min_size=1, max_size=4).map(tuple),
    st.tuples(st.sampled_from(FILLED), st.lists(_NODES, min_size=2, max_size=4)),
)


class Built:
    """A value built from a plan, and which of the objects in it is of which sample."""

    def __init__(self, plan: Plan) -> None:
        self._circles = plan.circles
        self.leaves = [(sample.make(), sample) for sample in plan.bank]
        self.sample_of = {id(leaf): sample for leaf, sample in self.leaves}
        self._done: list[Any] = []
        self._open: list[Any] = []
        self.value = self._node(plan.tree)

    def _node(self, node: Any) -> Any:
        if isinstance(node, int):
            return self.leaves[node % len(self.leaves)][0]
        kind, inside = node
        if kind in ("again", "around"):
            known = self._done if kind == "again" else self._open
            return known[inside % len(known)] if known else [kind]
        if kind in MADE:
            items = [self._node(each) for each in inside]
            # A circle through a set has a weak digest, as its elements have no order.
            unfit = "set" in kind and self._circles and id(items[0]) not in self.sample_of
            made = _made("tuple" if unfit else kind, items)
        else:
            made = _EMPTY[kind](len(inside))
            self._open.append(made)
            for at, each in enumerate(inside):
                _fill(made, at, self._node(each))
            self._open.pop()
        self._done.append(made)
        return made


_EMPTY: dict[str, Any] = {
    "list": lambda _size: [],
    "dict": lambda _size: {},
    "ordered": lambda _size: collections.OrderedDict(),
    "deque": lambda _size: collections.deque(maxlen=7),
    "held": lambda _size: Held([]),
    "tight": lambda _size: Tight(),
    "space": lambda _size: types.SimpleNamespace(),
    "plain": lambda _size: Plain(),
    "array": lambda size: np.empty(size, object),
}


def _fill(made: Any, at: int, item: Any) -> None:
    """Put one more item into a container that can be changed."""
    if isinstance(made, list | collections.deque):
        made.append(item)
    elif isinstance(made, dict):
        made[f"item {at}"] = item
    elif type(made) is Held:
        made.items.append(item)
        made.more = item
    elif type(made) is Tight:
        made.items = item
    elif isinstance(made, np.ndarray):
        _put(made, at, item)
    else:
        setattr(made, f"item_{at}", item)


def _put(cells: Any, at: int, item: Any) -> None:
    """Put an item into an array of objects; numpy takes the element out of an array without dimensions."""
    cells[at] = item
    if cells[at] is not item:
        cells[at] = [item]


def _made(kind: str, items: list[Any]) -> Any:
    if kind == "column":
        cells = np.empty(len(items), object)
        for at, item in enumerate(items):
            _put(cells, at, item)
        return pd.DataFrame({"cells": pd.Series(cells, dtype=object), "number": range(len(items))})
    if kind != "tuple" and all(map(_is_key, items)):
        if kind == "keys":
            return {item: at for at, item in enumerate(items)}
        return (set if kind == "set" else frozenset)([items[0], "a mark", ("another",)])
    return tuple(items)


def _is_key(item: Any) -> bool:
    try:
        return isinstance(hash(item), int) and bool([item].index(item) == 0)
    except Exception:  # noqa: BLE001  whatever a class raises: it cannot be a key
        return False


# -- comparing ---------------------------------------------------------------------------------------------


def compare(built: Built, after: Any) -> None:
    """Raises AssertionError where the other value is not as the built one was."""
    _Comparer(built).walk(built.value, after, "value")


class _Comparer:
    def __init__(self, built: Built) -> None:
        self._built = built
        self._there: dict[int, Any] = {}
        self._back: dict[int, Any] = {}

    def walk(self, a: Any, b: Any, path: str) -> None:
        assert type(a) is type(b), f"{path}: {type(a)} became {type(b)}"
        if id(a) in self._there:
            assert type(a) in ATOMS or self._there[id(a)] is b, f"{path}: what was shared came back apart"
            return
        assert id(b) not in self._back or _may_be_one(a), f"{path}: what was apart came back as one"
        self._there[id(a)], self._back[id(b)] = b, a
        sample = self._built.sample_of.get(id(a))
        if sample is not None:
            sample.same(a, b)
            return
        one, two = _parts(a), _parts(b)
        assert len(one) == len(two), f"{path}: {len(one)} parts became {len(two)}"
        for at, (x, y) in enumerate(zip(one, two, strict=True)):
            self.walk(x, y, f"{path}/{type(a).__name__} {at}")
        if not one and not isinstance(a, list | tuple | dict):
            assert a == b, f"{path}: {a!r} became {b!r}"


def _may_be_one(value: Any) -> bool:
    """What is never changed may be one object where there were two."""
    return type(value) in ATOMS or _is_key(value)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        assert all(key in value for key in value), "a key does not find itself"
        return [*value, *value.values()]
    if isinstance(value, set | frozenset):
        assert all(item in value for item in value), "an element does not find itself"
        marks = ("a mark", ("another",))
        return [item for item in value if not (type(item) in (str, tuple) and item in marks)]
    if isinstance(value, pd.DataFrame):
        assert list(value.columns) == ["cells", "number"]
        assert value["cells"].dtype == object
        return [value["cells"].iloc[at] for at in range(len(value))]
    if isinstance(value, list | tuple | collections.deque | np.ndarray):
        return [value[at] for at in range(len(value))]
    if type(value) is Tight:
        return [value.items]
    return list(vars(value).values()) if hasattr(value, "__dict__") else []
