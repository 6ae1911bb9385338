"""Items are counted, passed over, and remembered by a digest that costs little."""

import asyncio
import datetime as dt
import pathlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.engine.loops.items import AsyncItems, Fewer, Items, told

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
nested = st.recursive(plain, lambda each: st.tuples(each, each) | st.lists(each, max_size=3), max_leaves=5)


@given(st.lists(nested, max_size=20), st.data())
def test_passing_over_items_is_like_handing_them_out(items, data):
    """The law of going on: the same digest, and the same rest."""
    done = data.draw(st.integers(0, len(items)))
    for kind in (list, tuple, iter):
        first, again = Items(kind(items)), Items(kind(items))
        for _ in range(done):
            next(first)
        again.skip(done)
        assert again.digest() == first.digest()
        assert list(map(repr, again)) == list(map(repr, items[done:]))


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-5, 5).filter(bool), st.data())
def test_ranges_are_passed_over_at_once(start, stop, stride, data):
    numbers = range(start, stop, stride)
    done = data.draw(st.integers(0, len(numbers)))
    first, again = Items(numbers), Items(numbers)
    for _ in range(done):
        next(first)
    again.skip(done)
    assert again.digest() == first.digest()
    assert list(again) == list(numbers[done:])
    with pytest.raises(Fewer):
        Items(numbers).skip(len(numbers) + 1)


@given(st.lists(nested, min_size=1, max_size=8), st.lists(nested, min_size=1, max_size=8))
def test_other_items_have_another_digest(first, second):
    alike = repr(first) == repr(second)
    digests = []
    for each in (first, second):
        items = Items(each)
        items.skip(len(each))
        digests.append(items.digest())
    assert (digests[0] == digests[1]) == alike


def test_a_range_of_a_billion_is_passed_over_in_no_time():
    items = Items(range(10**12))
    items.skip(10**11)
    assert next(items) == 10**11


def test_what_has_no_length_tells_none():
    assert [Items(each).total for each in (range(3), [1], iter([1]), enumerate("ab"))] == [3, 1, None, None]


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (1, 1.0, True),
        ("a" * 5000, "a" * 5001, True),
        (dt.date(2026, 1, 1), dt.date(2026, 1, 2), True),
        (pathlib.PurePosixPath("a"), pathlib.PurePosixPath("b"), True),
        (np.float64(1), np.float64(2), True),
        (np.zeros(3), np.ones(3), False),
        (np.zeros(3), np.zeros(4), True),
        (np.zeros(3), np.zeros(3, "f4"), True),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1, 2]}), True),
        (object(), object(), False),
        ((1, (2, (3, (4, (5, (6,)))))), (1, (2, (3, (4, (5, (7,)))))), False),
    ],
)
def test_what_is_small_counts_by_content_and_what_is_large_by_its_shape(one, other, differ):
    """Reading all of every batch would cost more than keeping may."""
    assert (told(one) != told(other)) is differ


def test_items_that_come_asynchronously_are_told_alike():
    async def ticks():
        for each in "abc":
            yield each

    async def digests():
        found = []
        for done in (1, 2):
            items = AsyncItems(ticks())
            await items.skip(done)
            found.append(items.digest())
        with pytest.raises(Fewer) as fewer:
            await AsyncItems(ticks()).skip(4)
        return found, fewer.value.args

    found, fewer = asyncio.run(digests())
    expected = []
    for done in (1, 2):
        items = Items("abc")
        items.skip(done)
        expected.append(items.digest())
    assert (found, fewer) == (expected, (3,))
