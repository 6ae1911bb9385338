"""Classes derived from builtins: put together by the base's own methods."""

from __future__ import annotations

import collections
import datetime as dt
import decimal

import pytest

from perdure import codec

RAN: list[str] = []


class Counted(list):
    __slots__ = ("__dict__", "unit")

    def __init__(self, items, unit):
        RAN.append("init")
        super().__init__(items)
        self.unit = unit

    def append(self, item):
        RAN.append("append")
        super().append(item)


class Exact(int):
    def __new__(cls, value, unit):
        RAN.append("new")
        made = super().__new__(cls, value)
        made.unit = unit
        return made


class Price(decimal.Decimal):
    def __new__(cls, text, currency):
        RAN.append("new")
        made = super().__new__(cls, text)
        made.currency = currency
        return made


class Stamp(dt.datetime):
    def __new__(cls, text):
        RAN.append("new")
        return super().__new__(cls, 2024, 1, 2, int(text), tzinfo=dt.UTC, fold=1)


class Ranked(collections.OrderedDict):
    def __init__(self, size):
        RAN.append("init")
        super().__init__((n, n * n) for n in range(size, 0, -1))
        self.move_to_end(size)


class Holder:
    def __init__(self, held):
        self.held = held


def _made():
    return [Counted([1, [2]], "m"), Exact(3, ["m"]), Price("sNaN", "EUR"), Stamp("5"), Ranked(3)]


@pytest.mark.parametrize("at", range(5), ids=lambda at: type(_made()[at]).__name__)
def test_no_method_of_the_class_runs_when_it_is_made_again(at):
    """Promise 4: whatever arguments `__init__` and `__new__` ask for."""
    value = _made()[at]
    RAN.clear()
    for made in (codec.copy_value([value])[0], codec.copy_value(Holder(value)).held):
        assert type(made) is type(value)
        assert repr(made) == repr(value)
        assert getattr(made, "__dict__", None) == getattr(value, "__dict__", None)
        assert codec.digest(made) == codec.digest(value)
    assert not RAN


def test_they_need_no_pickle():
    """Promise 8: with pickles forbidden they are kept, and loaded without unpickling."""
    encoded = codec.encode(_made(), pickles=False)
    assert len(codec.decode(encoded, trust="safe")) == 5


@pytest.mark.parametrize("at", range(5), ids=lambda at: type(_made()[at]).__name__)
def test_class_attributes_and_contents_count_in_the_digest(at):
    """Promise 1: an input that differs anywhere is another input."""
    plain = (list, int, decimal.Decimal, dt.datetime, collections.OrderedDict)[at]
    value, noted = _made()[at], _made()[at]
    noted.note = 1
    base = plain(value) if at != 3 else dt.datetime(2024, 1, 2, 5, tzinfo=dt.UTC, fold=1)
    assert len({codec.digest(each).hex for each in (value, noted, base)}) == 3


class Ring(list):
    pass


class Bag(set):
    pass


class Pair(tuple):
    __slots__ = ()


def test_they_may_hold_themselves():
    """Promise 4: cycles through items and through attributes."""
    ring = Ring()
    ring.append(ring)
    ring.me = (ring,)
    made = codec.copy_value(ring)
    assert made[0] is made
    assert made.me[0] is made
    bag = Bag({1})
    bag.me = [bag]
    made = codec.copy_value({"k": bag})["k"]
    assert made.me[0] is made
    held = []
    held.append(Pair([held]))
    made = codec.copy_value(held)
    assert made[0][0] is made


def test_what_they_share_with_others_stays_shared():
    """Promise 4: not an alias into a copy, in the tree and between tree and pickle."""
    shared = [1]
    ring = Ring([shared])
    made = codec.copy_value([shared, ring, Holder(ring), {"k": Holder(shared)}])
    assert made[1][0] is made[0] is made[3]["k"].held
    assert made[2].held is made[1]


class MarkedBag(Bag):
    __slots__ = ("mark",)

    def __iter__(self):
        return iter(())


def test_sets_count_by_what_they_hold_and_by_their_slots():
    """Promise 1: whatever the class shows of them."""
    first, other, marked = MarkedBag({1}), MarkedBag({2}), MarkedBag({1})
    marked.mark = 1
    assert len({codec.digest(each).hex for each in (first, other, marked)}) == 3
    for each in (first, other, marked):
        assert codec.digest(codec.copy_value(each)) == codec.digest(each)


class OwnWay(dict):
    """Says itself how it is pickled."""

    def __reduce__(self):
        return OwnWay.load, (list(self.items()),)

    @staticmethod
    def load(items):
        RAN.append("load")
        return OwnWay(items)


def test_a_class_with_its_own_way_to_be_pickled_is_left_to_it():
    """Promise 4: it knows best."""
    RAN.clear()
    assert codec.copy_value([OwnWay(a=1)])[0] == {"a": 1}
    assert "load" in RAN
