"""Changes in place: the content moves into the object that is there, and only where that is exact."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque

import pytest

from perdure.notebook.in_place import _move, _relink


class Plain:
    def __init__(self, x):
        self.x = x


class Slotted:
    __slots__ = ("x",)


class SlottedToo:
    __slots__ = ("__dict__", "x")


class Numbers(list):
    pass


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([1], [2, 3]),
        ({"a": 1}, {"b": 2}),
        (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
        (defaultdict(list, a=[1]), defaultdict(list, b=[2])),
        (Counter("aab"), Counter("b")),
        ({1, 2}, {3}),
        (bytearray(b"ab"), bytearray(b"xyz")),
        (deque([1], maxlen=3), deque([2, 3], maxlen=3)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_containers_take_over_the_new_content(old, new):
    assert _move(old, new)
    assert old == new
    assert list(old) == list(new)


def test_objects_take_over_the_attributes():
    old, new = Plain(1), Plain(2)
    new.more = [3]
    assert _move(old, new)
    assert vars(old) == {"x": 2, "more": [3]}


def test_arrays_and_frames_take_over_the_content():
    import numpy as np
    import pandas as pd

    array = np.arange(3)
    assert _move(array, np.array([4, 5, 6]))
    assert array.tolist() == [4, 5, 6]
    frame = pd.DataFrame({"x": [1, 2]})
    changed = pd.DataFrame({"x": [1], "y": ["a"]}, index=[7])
    changed.attrs["k"] = 1
    assert _move(frame, changed)
    pd.testing.assert_frame_equal(frame, changed)
    assert frame.attrs == {"k": 1}
    assert frame.flags.allows_duplicate_labels


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([1], (1,)),
        ({"a": 1}, OrderedDict(a=1)),
        ((1,), (2,)),
        (Numbers([1]), Numbers([2])),
        (Slotted(), Slotted()),
        (SlottedToo(), SlottedToo()),
        (deque([1], maxlen=1), deque([1], maxlen=2)),
        (1, 2),
        (Exception(1), Exception(2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_more_than_can_be_moved_is_left_alone(old, new):
    before = repr(old)
    assert not _move(old, new)
    assert repr(old) == before


def test_an_array_of_another_shape_or_type_is_left_alone():
    import numpy as np

    array = np.arange(3)
    for other in (np.arange(4), np.arange(3.0), np.arange(3).reshape(1, 3)):
        assert not _move(array, other)
    array.flags.writeable = False
    assert not _move(array, np.zeros(3, dtype=int))


def test_references_to_a_twin_are_set_to_the_object_that_is_there():
    there, twin = [1], [1, 2]
    cycle: list = [twin]
    cycle.append(cycle)
    values = [{"a": twin, "b": [twin]}, Plain({"deep": twin}), cycle]
    _relink(values, {id(twin): there})
    assert values[0]["a"] is there
    assert values[0]["b"][0] is there
    assert values[1].x["deep"] is there
    assert cycle[0] is there
