"""What the table of values cannot say of the standard library's objects."""

from __future__ import annotations

import collections
import functools
import gc
import io
import itertools
import random
import struct
import types
import warnings
import weakref
import zoneinfo
from pathlib import Path

import pytest

from perdure import codec
from perdure.codec.model import LARGE
from perdure.errors import NotKeepable


class Holder:
    def __init__(self, held=None):
        self.held = held


def both_ways(value):
    """The value's copy from the tree, and the one from inside a pickled object."""
    return codec.copy_value([value])[0], codec.copy_value(Holder(value)).held


# -- files in memory ---------------------------------------------------------------------------------------------


def test_a_large_file_in_memory_travels_out_of_band_and_is_not_locked():
    """Promise 10: its memory is not copied; it can be written to while its bytes are on their way."""
    stream = io.BytesIO(bytes(LARGE))
    encoded = codec.encode(stream)
    assert [view.nbytes for view in encoded.buffers] == [LARGE]
    stream.write(b"x" * 2 * LARGE)
    assert codec.decode(encoded).getvalue() == bytes(LARGE)


def test_files_in_memory_that_are_closed_are_refused():
    """Promise 4: there is nothing left to keep."""
    for stream in (io.BytesIO(b"a"), io.StringIO("a")):
        stream.close()
        for value in ([stream], Holder(stream)):
            with pytest.raises(NotKeepable):
                codec.encode(value)


class Page(io.StringIO):
    pass


def test_a_text_in_memory_remembers_the_line_ends_that_it_saw():
    """Promise 4: pickle forgets them; where they cannot be put back, it is refused."""
    text = io.StringIO("a\r\nb\rc", newline=None)
    for made in both_ways(text):
        assert made.newlines == text.newlines == ("\r", "\r\n")
        assert made.getvalue() == "a\nb\nc"
    with pytest.raises(NotKeepable, match="line ends"):
        codec.encode(Page("a\r\nb", newline=None))


def test_files_in_memory_are_plain():
    """Promise 8: no class of the user is made, and nothing is unpickled."""
    value = [io.BytesIO(b"a"), io.StringIO("b"), collections.UserString("c"), struct.Struct("<i")]
    value += [collections.UserDict(a=1), collections.UserList([1]), collections.ChainMap({"a": 1})]
    encoded = codec.encode(value)
    assert encoded.codec == "plain"
    assert len(codec.decode(encoded, trust="plain")) == len(value)


# -- what wraps other objects ------------------------------------------------------------------------------------


def test_a_proxy_stays_a_view_of_its_mapping():
    """Promise 4: not a view of a copy."""
    mapping = {"a": 1}
    made, proxy = codec.copy_value([mapping, types.MappingProxyType(mapping)])
    made["b"] = 2
    assert proxy["b"] == 2


def test_maps_in_a_chain_stay_shared():
    """Promise 4: a write through the chain reaches the map."""
    mapping = {"a": 1}
    made, chain = codec.copy_value([mapping, collections.ChainMap(mapping, {})])
    chain["b"] = 2
    assert made["b"] == 2


def test_a_partial_may_hold_itself():
    """Promise 4: cycles inside the value are kept."""
    value = functools.partial(print, [])
    value.args[0].append(value)
    for made in both_ways(value):
        assert made.args[0][0] is made


# -- iterators ----------------------------------------------------------------------------------------------------


def test_keeping_an_iterator_does_not_move_it():
    """Promise 4: what is still to come comes, here and there."""
    endless = itertools.cycle("abc")
    for made in both_ways(endless):
        assert [next(made) for _ in range(4)] == ["a", "b", "c", "a"]
    assert next(endless) == "a"


def test_an_iterator_over_something_else_has_another_digest():
    """Promise 1: what it goes over counts, and so does a position that is an argument."""
    made = [
        *(iter([1, 2]), iter([1, 3]), iter((1, 2)), reversed([1, 2]), iter(range(3)), iter(range(4))),
        *(enumerate([1]), enumerate([1], 1), enumerate([2]), zip([1], [2], strict=True), zip([1], [2])),  # noqa: B905
        *(map(abs, [1]), map(abs, [2]), map(len, [1]), filter(None, [1]), itertools.cycle("a")),
        *(itertools.chain([1], [2]), itertools.chain([1, 2]), itertools.islice([1, 2], 1)),
        *(itertools.islice([1, 2], 2), itertools.count(1), itertools.count(2), itertools.count(1, 2)),
        *(itertools.accumulate([1]), itertools.accumulate([1], initial=0), itertools.product([1], [2])),
        *(itertools.product([2], [2]), itertools.permutations([1, 2], 1), itertools.combinations([1, 2], 1)),
        *(itertools.takewhile(bool, [1]), itertools.dropwhile(bool, [1]), itertools.compress([1], [1])),
    ]
    found = [codec.digest(each) for each in made]
    assert not any(each.weak for each in found)
    assert len({each.hex for each in found}) == len(made)


@pytest.mark.parametrize("step", [1, 2, 0.5, -1, 2**70])
@pytest.mark.parametrize("start", [0, -3, 2**63 - 1, 2**70, 0.25])
def test_counts_go_on_where_they_were(start, step):
    """Promise 4: also where Python does not pickle them any more."""
    count = itertools.count(start, step)
    next(count)
    expected = [next(itertools.islice(itertools.count(start, step), 1, None))]
    for made in both_ways(count):
        assert repr(made) == repr(count)
        assert [next(made)] == expected


def test_keeping_iterators_warns_nobody():
    """A warning that pickle will not take them for long is not for users."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        both_ways([itertools.chain([1], [2]), itertools.count(1), itertools.repeat(1, 2)])


# -- zones, randomness ------------------------------------------------------------------------------------------------


def test_a_zone_without_a_name_is_refused():
    """Promise 4: its rules cannot be read back."""
    source = next(path for path in zoneinfo.TZPATH if (Path(path) / "Europe/Paris").exists())
    with (Path(source) / "Europe/Paris").open("rb") as file:
        zone = zoneinfo.ZoneInfo.from_file(file)
    with pytest.raises(NotKeepable):
        codec.encode([zone])


def test_the_source_of_chance_of_the_system_is_kept_as_what_it_is():
    """Promise 4: it has no state but what hangs on it."""
    source = random.SystemRandom()
    source.note = [1]
    for made in both_ways(source):
        assert type(made) is random.SystemRandom
        assert made.note == [1]
        assert 0 <= made.random() < 1


# -- weak references -----------------------------------------------------------------------------------------------


class Node:
    def __init__(self, name):
        self.name = name
        self.parent = None
        self.children = []

    def add(self, child):
        self.children.append(child)
        child.parent = weakref.ref(self)
        return child


def _tree():
    root = Node("root")
    root.add(Node("child")).add(Node("grandchild"))
    return root


def test_references_to_parents_lead_to_the_parents_that_came_back():
    """Promise 4: sharing inside the value is kept, and nothing more is kept alive than was."""
    made = codec.copy_value({"tree": _tree()})["tree"]
    child = made.children[0]
    assert child.parent() is made
    assert child.children[0].parent() is child
    reference = child.parent
    del made, child
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize(
    "look",
    [
        lambda node: [weakref.ref(node), node],
        lambda node: [node, {"deep": [weakref.ref(node.children[0])]}],
        lambda node: (weakref.WeakSet([node]), {"k": node}),
        lambda node: [weakref.WeakValueDictionary(a=node), node],
        lambda node: [weakref.WeakKeyDictionary({node: [1]}), Holder(node)],
        lambda node: [weakref.ref(Node), weakref.ref(len)],
    ],
)
def test_what_a_reference_leads_to_may_lie_anywhere_in_the_value(look):
    """Promise 4: before it or after it, in a plain container or inside an object."""
    value = look(_tree())
    made = codec.copy_value(value)
    assert codec.digest(made) == codec.digest(value)


@pytest.mark.parametrize(
    "look",
    [
        weakref.ref,
        lambda node: [weakref.WeakSet([node])],
        lambda node: {"k": weakref.WeakValueDictionary(a=node)},
        lambda node: Holder(weakref.WeakKeyDictionary({node: 1})),
        lambda node: [node.children[0]],
        lambda node: [node, weakref.ref(node, print)],
        lambda node: [node, weakref.proxy(node)],
    ],
)
def test_a_reference_to_what_lies_elsewhere_is_refused(look):
    """Promise 4: it would come back dead."""
    node = _tree()
    with pytest.raises(NotKeepable) as caught:
        codec.encode(look(node))
    assert "weak" in caught.value.cause
    assert caught.value.advice


def test_a_weak_reference_to_what_is_kept_outside_is_kept():
    """Promise 4: an external stays alive by itself."""
    node = _tree()
    encoded = codec.encode([weakref.ref(node)], externals={"node": node})
    assert codec.decode(encoded, externals={"node": node})[0]() is node
