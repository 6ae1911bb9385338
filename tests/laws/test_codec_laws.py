"""Laws of the codec, over values that nobody thought of."""

import collections
import datetime as dt
import types

import ormsgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perdure import codec
from perdure.errors import Damaged, PerdureError

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**80), max_value=2**80),
    st.floats(),
    st.text(st.characters(exclude_categories=()), max_size=80),
    st.binary(max_size=80),
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.timedeltas(),
    st.times(),
    st.uuids(),
    st.sampled_from([..., NotImplemented, int, dt.UTC, range(3)]),
)
KEYS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=70), st.dates(), st.binary(max_size=5)
)


def containers(children):
    return st.one_of(
        st.lists(children, max_size=4),
        st.lists(children, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=5), children, max_size=4),
        st.dictionaries(KEYS | KEYS.map(lambda key: (key,)), children, max_size=4),
        st.dictionaries(st.text(max_size=5), children, max_size=4).map(collections.OrderedDict),
        st.lists(children, max_size=4).map(lambda items: collections.deque(items, maxlen=5)),
        st.dictionaries(st.text(min_size=1, max_size=5), children).map(lambda d: types.SimpleNamespace(**d)),
        st.frozensets(KEYS, max_size=4),
        st.sets(KEYS, max_size=4),
        # The same object in several places, and inside itself.
        children.map(lambda child: [child, child, (child, {"again": child})]),
        children.map(around),
        st.lists(children, max_size=2).map(Box),
    )


class Box:
    """Goes to the pickle leaf."""

    def __init__(self, items):
        self.items = items


def around(child):
    ring = [child]
    ring.append({"ring": ring, "child": child})
    return ring


VALUES = st.recursive(ATOMS, containers, max_leaves=20)


def shape(value, seen=None):
    """A value as nested text: exact types, content, and which mutable objects are one."""
    seen = {} if seen is None else seen
    mutable = isinstance(value, list | dict | set | collections.deque | types.SimpleNamespace | Box)
    if mutable and id(value) in seen:
        return f"again {seen[id(value)]}"
    if mutable:
        seen[id(value)] = len(seen)
    name = type(value).__name__
    if isinstance(value, dict):
        return name, [(shape(key, seen), shape(item, seen)) for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return name, sorted(repr(shape(item, {})) for item in value)
    if isinstance(value, list | tuple | collections.deque):
        return name, getattr(value, "maxlen", None), [shape(item, seen) for item in value]
    if isinstance(value, types.SimpleNamespace | Box):
        return name, shape(vars(value), seen)
    return name, repr(value), getattr(value, "fold", None)


LAWS = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


@LAWS
@given(VALUES)
def test_a_round_trip_changes_nothing_that_can_be_seen(value):
    """Promises 3 and 4: type, content, order and sharing."""
    made = codec.decode(codec.encode(value))
    assert shape(made) == shape(value)


@LAWS
@given(VALUES)
def test_a_value_and_its_round_trip_have_one_digest(value):
    """Promise 1: a restored input is the same input."""
    found = codec.digest(value)
    assert not found.weak
    assert codec.digest(codec.decode(codec.encode(value))) == found


@LAWS
@given(st.dictionaries(st.text(min_size=1, max_size=5), VALUES, max_size=3))
def test_a_namespace_comes_back_with_all_names(values):
    """Promises 3 and 4: for names together as for one value."""
    encoded, refused = codec.encode_namespace(values)
    assert refused == {}
    assert shape(codec.decode(encoded)) == shape(values)


JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 200),
        st.text(max_size=70),
        st.binary(max_size=70),
        st.floats(),
        st.integers(0, 127).map(lambda tag: ormsgpack.Ext(tag, b"")),
    ),
    lambda children: st.one_of(
        st.lists(children, max_size=5),
        st.dictionaries(st.text(max_size=3), children, max_size=3),
        st.tuples(st.integers(0, 90), st.lists(children, max_size=6)).map(
            lambda pair: [ormsgpack.Ext(pair[0], b""), *pair[1]]
        ),
    ),
    max_leaves=15,
)


def harmless(stream, buffers=()):
    encoded = codec.Encoded("plain", stream, buffers, {}, {})
    try:
        codec.decode(encoded, trust="plain")
    except PerdureError:
        return


@LAWS
@given(JUNK, st.none() | st.binary(max_size=30), st.integers(-1, 2))
def test_a_hostile_tree_raises_only_perdures_errors(tree, leaves, count):
    """Promise 8: stored bytes are not trusted."""
    harmless(ormsgpack.packb([codec.FORMAT, tree, leaves, count]), (memoryview(b"12345678"),))


@LAWS
@given(st.binary(max_size=200))
def test_hostile_bytes_raise_only_perdures_errors(data):
    """Promise 8: stored bytes are not trusted."""
    harmless(data)


@LAWS
@given(VALUES, st.data())
def test_an_altered_stream_raises_only_perdures_errors(value, data):
    """Promise 8: stored bytes are not trusted."""
    stream = bytearray(codec.encode(value).stream)
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    harmless(bytes(stream))


@pytest.mark.parametrize("depth", [300, 1000, 1020])
def test_deep_hostile_nesting_is_damage(depth):
    """Promise 8: never a RecursionError."""
    harmless(b"\x94\x01" + b"\x91" * depth + b"\x90" + b"\xc0\x00")
    harmless(b"\x94\x01" + (b"\x92\xd4\x0a\x00") * depth + b"\xc0" + b"\xc0\x00")


TUPLE, SET, BYTES, FRACTION, REF = 10, 11, 16, 41, 1


def tagged(tag, *parts):
    return [ormsgpack.Ext(tag, b""), *parts]


@pytest.mark.parametrize(
    "tree",
    [
        tagged(BYTES, 2**62),
        tagged(FRACTION, "1e999999999"),
        tagged(REF, 0),
        [tagged(TUPLE, tagged(REF, 1))],
        tagged(SET, [1]),
        [
            tagged(TUPLE, 1),
            *(tagged(TUPLE, *[tagged(REF, n + 1)] * 2) for n in range(80)),
            tagged(SET, tagged(REF, 81)),
        ],
    ],
    ids=["length for bytes", "endless power", "itself", "cycle", "unhashable", "endless hash"],
)
def test_small_streams_that_would_take_for_ever_are_damage(tree):
    """Promise 8: a listing never hangs on what somebody wrote."""
    with pytest.raises(Damaged):
        codec.decode(
            codec.Encoded("plain", ormsgpack.packb([codec.FORMAT, tree, None, 0]), (), {}, {}), trust="plain"
        )
