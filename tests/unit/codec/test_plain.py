"""The short way for plain values: taken where it is exact, and left where it is not."""

from __future__ import annotations

import gc

import pytest

from perdure import codec
from perdure.codec.plain import canonical, packed, unpacked
from values.alike import alike

DEEP = None
for _ in range(300):
    DEEP = [DEEP]
SHARED = [1]
TEXT = "x" * 100


class Text(str):
    __slots__ = ()


PLAIN = [
    *(
        None,
        True,
        0,
        -(1 << 63),
        (1 << 64) - 1,
        0.5,
        float("nan"),
        -0.0,
        "",
        "é\0😀",
        b"",
        b"\0" * 100,
        [],
        {},
    ),
    *([[], {}], {"a": [1, {"b": None}], "": {"c": "d"}}, [["a", "a"], "a"], {"b": 1, "a": 2}),
]
OTHER = [
    *((), [()], {1: 2}, {"a": {1: 2}}, 1 << 64, [-(1 << 63) - 1], "\ud800", ["\ud800"], {"\ud800": 1}, {1}),
    *(
        bytearray(b"a"),
        [bytearray(b"a")],
        Text("a"),
        [Text("a")],
        {Text("a"): 1},
        bytes(1 << 20),
        DEEP,
        1j,
        object,
    ),
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_a_plain_value_is_written_as_it_is(value):
    """Promise 4: what msgpack holds exactly comes back exactly."""
    stream = packed(value, {})
    assert stream is not None
    alike(value, unpacked(stream)[0])
    assert codec.encode(value).stream == stream
    assert codec.encode(value).codec == "plain"


@pytest.mark.parametrize("value", OTHER, ids=lambda value: repr(value)[:30])
def test_what_msgpack_would_change_is_not_plain(value):
    """Promise 4: msgpack would turn it into something else, or cannot hold it."""
    assert packed(value, {}) is None
    assert canonical(value) is None
    alike(value, codec.decode(codec.encode(value)))


@pytest.mark.parametrize("value", [[SHARED, SHARED], {"a": SHARED, "b": [SHARED]}, [TEXT, [TEXT]]], ids=repr)
def test_what_is_shared_is_not_plain_but_has_the_digest_of_its_content(value):
    """Promise 3 keeps what is shared; the digest tells content only."""
    assert packed(value, {}) is None
    alike(value, codec.copy_value(value))
    apart = eval(repr(value))  # the same content, nothing shared
    assert codec.digest(value) == codec.digest(apart)


def test_a_cycle_is_not_plain():
    value = [1]
    value.append({"a": value})
    assert packed(value, {}) is None
    assert canonical(value) is None
    copy = codec.copy_value(value)
    assert copy[1]["a"] is copy


def test_a_value_made_of_itself_over_and_over_is_not_written_out():
    """Promise 10: its digest takes no more than its parts, where written out it would fill any memory."""
    value = ["x"]
    for _ in range(60):
        value = [value, value]
    assert canonical(value) is None
    assert not codec.digest(value).weak


def test_what_lives_outside_is_referred_to():
    outside = [1]
    encoded = codec.encode({"a": outside}, externals={"name": outside})
    assert codec.decode(encoded, externals={"name": outside})["a"] is outside


def test_the_collector_tells_all_that_a_container_holds():
    """What `perdure.codec.plain` stands on: the collector leaves out nothing but text keys."""
    held = [1.5, "a" * 70, b"b", [], {}, None, True]
    assert (
        list(map(id, gc.get_referents(held)[::-1])) == list(map(id, held)) or len(gc.get_referents(held)) == 7
    )
    mapping = {"k": 2.5, "l": [1]}
    assert [item for item in gc.get_referents(mapping) if type(item) is not str] == [2.5, [1]]
    assert {1, 2} <= set(gc.get_referents({1: 2}))
