"""Records that are made quickly are as frozen as any."""

import copy
import dataclasses
import pickle

import pytest

from perdure.frozen import frozen
from perdure.store.records import Part


@frozen
class Point:
    x: int
    y: int = 2


def test_it_is_a_frozen_dataclass():
    point = Point(1)
    assert (type(point), point.x, point.y) == (Point, 1, 2)
    assert point == Point(1, y=2) != Point(x=2)
    assert hash(point) == hash(Point(1))
    assert repr(point) == "Point(x=1, y=2)"
    assert [field.name for field in dataclasses.fields(point)] == ["x", "y"]


@pytest.mark.parametrize("change", [lambda made: setattr(made, "x", 3), lambda made: delattr(made, "x")])
def test_it_cannot_be_changed(change):
    with pytest.raises(dataclasses.FrozenInstanceError):
        change(point := Point(1))
    assert point == Point(1)


def test_it_has_no_room_for_other_attributes():
    assert not hasattr(Point(1), "__dict__")


def test_it_is_copied_replaced_and_pickled():
    part = Part("x", "00", preview="1")
    assert dataclasses.replace(part, preview="2") == Part("x", "00", preview="2")
    assert copy.copy(part) == copy.deepcopy(part) == pickle.loads(pickle.dumps(part)) == part


@pytest.mark.parametrize("arguments", [{}, {"x": 1, "z": 2}])
def test_arguments_that_do_not_fit_are_refused(arguments):
    with pytest.raises(TypeError, match="__init__"):
        Point(**arguments)
