"""Where pickle changes a value without a word, the codec keeps it or refuses it."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import pathlib
import random
import types
import typing
import weakref

import attrs
import numpy as np
import pandas as pd
import pydantic
import pytest
import requests

from perdure import codec
from perdure.errors import NotKeepable


class Holder:
    """An object that only pickle can keep."""

    def __init__(self, held):
        self.held = held


def both_ways(value):
    """The value after a round trip in the tree, and after one inside a pickled object."""
    return codec.copy_value(value), codec.copy_value(Holder(value)).held


class Tally(collections.Counter):
    pass


class Groups(collections.defaultdict):
    pass


class Price(decimal.Decimal):
    pass


class Part(fractions.Fraction):
    pass


class Moment(dt.datetime):
    pass


class Span(dt.timedelta):
    __slots__ = ("note",)


class Place(pathlib.PurePosixPath):
    pass


class Address(ipaddress.IPv4Address):
    pass


class Network(ipaddress.IPv4Network):
    pass


class Dice(random.Random):
    pass


class Signal(np.ndarray):
    pass


NOTED = {
    "Counter": collections.Counter("aab"),
    "Counter class": Tally("aab"),
    "defaultdict class": Groups(list, a=[1]),
    "Decimal class": Price("1.50"),
    "Fraction class": Part(1, 3),
    "datetime class": Moment(2024, 1, 2),
    "timedelta class with a slot": Span(1),
    "path class": Place("a/b"),
    "address class": Address("10.0.0.1"),
    "network class": Network("10.0.0.0/8"),
    "Random": random.Random(3),
    "Random class": Dice(3),
    "array class": np.arange(6.0).reshape(2, 3).view(Signal),
    "frame": pd.DataFrame({"a": [1]}),
    "series": pd.Series([1]),
}


@pytest.mark.parametrize("name", NOTED)
def test_attributes_hung_on_an_object_are_kept_and_count(name):
    """Promise 4: pickle drops the attributes of these; here they come back, and the digest sees them."""
    value = NOTED[name]
    object.__setattr__(value, "note", ["x"])
    first = codec.digest(value)
    for made in both_ways(value):
        assert type(made) is type(value)
        assert made.note == ["x"]
        assert codec.digest(made) == first
    object.__setattr__(value, "note", ["y"])
    assert codec.digest(value) != first


def test_arrays_that_are_closed_stay_closed():
    """Promise 3: mutability is kept for objects, strided memory, and classes of arrays."""
    arrays = [np.array([[1], 2], dtype=object), np.arange(10)[::2], np.array([1.0]).view(Signal)]
    arrays += [np.matrix([[1]]), np.ma.array([1, 2], mask=[0, 1]), np.rec.array([(1,)], dtype=[("x", "i4")])]
    for array in arrays:
        array.flags.writeable = False
        for made in both_ways(array):
            assert type(made) is type(array)
            assert not made.flags.writeable
            assert repr(made) == repr(array)


def test_masked_arrays_keep_their_kind_of_mask():
    """Promise 4: a hard mask stays hard, and no mask stays none."""
    hard = np.ma.array([1, 2], mask=[0, 1], hard_mask=True, fill_value=7)
    assert codec.digest(hard) != codec.digest(np.ma.array([1, 2], mask=[0, 1], fill_value=7))
    for made in both_ways(hard):
        assert made.hardmask
        assert made.fill_value == 7
        assert made.mask.tolist() == [False, True]
    for made in both_ways(np.ma.array([1, 2])):
        assert made._mask is np.ma.nomask


@pytest.mark.parametrize(
    "scalar",
    [np.str_("a\0b\0"), np.bytes_(b"a\0"), np.longlong(3), np.rec.array([(1,)], dtype=[("x", "i4")])[0]],
    ids=repr,
)
def test_scalars_keep_length_and_type(scalar):
    """Promise 4: zeros at the end of a text count, and `longlong` is not `int64`."""
    for made in both_ways(scalar):
        assert type(made) is type(scalar)
        assert repr(made) == repr(scalar)
        assert codec.digest(made) == codec.digest(scalar)


def test_arrays_of_records_keep_the_type_of_their_elements():
    """Promise 4: an element of them is reached by attribute."""
    array = np.zeros(1, dtype=np.rec.array([(1,)], dtype=[("x", "i4")]).dtype)
    for made in both_ways(array):
        assert made.dtype.type is np.record


class Odd(list):
    def __iter__(self):
        return iter([9])


class Odder(dict):
    def items(self):
        return [(1, 9)]

    def __setitem__(self, key, value):
        super().__setitem__(key, ("put", value))


class Pair(typing.NamedTuple):
    x: int
    y: int


class OddPair(Pair):
    def __iter__(self):
        return iter((9, 9))


def test_a_class_that_changes_how_items_are_read_keeps_its_items():
    """Promise 4: items are read and put back as they lie in memory."""
    for made in both_ways(Odd([1, 2])):
        assert list.__repr__(made) == "[1, 2]"
    for made in both_ways(Odder({1: 2})):
        assert dict.__repr__(made) == "{1: 2}"
    for made in both_ways(OddPair(1, 2)):
        assert (made.x, made.y) == (1, 2)


class Named(enum.Enum):
    FIRST = 1
    SECOND = 2

    @property
    def name(self):
        return "FIRST"


class MaskedError(Exception):
    @property
    def args(self):
        return ("another",)


def test_what_a_class_shows_in_place_of_what_it_is_does_not_count():
    """Promise 4: a member with another name, an exception with other arguments."""
    for made in both_ways(Named.SECOND):
        assert made is Named.SECOND
    for made in both_ways(MaskedError("real")):
        assert BaseException.args.__get__(made) == ("real",)
    for made in both_ways(BlockingIOError(11, "busy", 5)):
        assert made.characters_written == 5


@dataclasses.dataclass(frozen=True, slots=True)
class Late:
    x: int
    y: int = dataclasses.field(init=False)


def test_a_frozen_dataclass_with_a_slot_unset_is_kept_inside_an_object():
    """Promise 4: pickle cannot read it."""
    for made in both_ways(Late(1)):
        assert made.x == 1
        assert not hasattr(made, "y")


@pytest.mark.parametrize("mapping", [{"a": 1}, collections.OrderedDict(a=1)], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(
    "look",
    [lambda m: m.keys(), lambda m: m.values(), lambda m: m.items(), types.MappingProxyType],
    ids=["keys", "values", "items", "proxy"],
)
def test_a_view_of_a_dict_stays_a_view_of_that_dict(mapping, look):
    """Promise 4: not an alias into a copy."""
    for made, view in both_ways([mapping, look(mapping)]):
        assert type(view) is type(look(mapping))
        made["z"] = 2
        assert len(view) == 2


class Kept:
    """A class with its own two methods, whose objects are mutable."""

    def __init__(self, data):
        self.data = data

    def __perdure_dump__(self):
        return self.data

    @classmethod
    def __perdure_load__(cls, data):
        return cls(data)


@pytest.mark.parametrize(
    "value", [Kept([1]), np.zeros(1, dtype=[("a", "i4")])[0]], ids=["registered", "void"]
)
def test_what_is_made_in_one_go_is_shared_with_pickled_objects(value):
    """Promise 4: not an alias into a copy."""
    first, holder = codec.copy_value([value, Holder(value)])
    assert holder.held is first


def test_functions_of_random_draw_from_the_generator_of_the_process():
    """Promise 4: they are functions of their module, not of a copy of its generator."""
    for made in both_ways(random.random):
        assert made.__self__ is random.random.__self__
    for made in both_ways(np.random.rand):
        assert made.__self__ is np.random.rand.__self__


class Key:
    name = "unset"

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return isinstance(other, Key) and self.name == other.name


def _its_own_key(cls=Key, places=dict.fromkeys):
    key = cls()
    key.name = "set"
    key.places = places([key])
    return key


class Unlucky(Key):
    """Its hash while it is not whole leads to the same place of a small table as its true one."""

    def __hash__(self):
        return 8 if self.name == "unset" else 16


def _mapped():
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        return np.memmap(file.name, dtype="i4", mode="w+", shape=(3,))


class Celsius(np.float64):
    pass


_ELSEWHERE = Key()

STRANGE = {
    "its own key": _its_own_key(),
    "its own key, found by luck": _its_own_key(Unlucky),
    "its own item, found by luck": _its_own_key(Unlucky, set),
    "weak set": weakref.WeakSet([_ELSEWHERE]),
    "weak proxy": weakref.proxy(Key),
    "iterator of a set": iter({1}),
    "iterator of a dict": iter({1: 2}),
    "array on a file": _mapped(),
    "class of a numpy scalar": Celsius(1),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_would_come_back_as_something_else_is_refused(name):
    """Promise 4: exact or refused, in the tree and inside an object."""
    for value in (STRANGE[name], Holder(STRANGE[name])):
        with pytest.raises(NotKeepable):
            codec.encode(value)


def test_circles_through_sets_have_a_weak_digest_soon():
    """Promise 10: whatever the graph, each set is looked through once."""
    nodes = [Holder(None) for _ in range(40)]
    for node in nodes:
        node.held = set(nodes)
    assert codec.digest(nodes).weak
    nested = frozenset([1])
    for _ in range(60):
        nested = frozenset({(nested, 1), (nested, 2)})
    assert not codec.digest([nested]).weak


def test_a_recursive_closure_has_a_digest():
    """Design, section 5: only what cannot be read is weak."""

    def maker(step):
        def count(n):
            return 0 if n == 0 else step + count(n - 1)

        return count

    assert not codec.digest(maker(1)).weak
    assert codec.digest(maker(1)) == codec.digest(maker(1))
    assert codec.digest(maker(1)) != codec.digest(maker(2))


@pytest.mark.parametrize(
    "shared", [range(3), ("a", 1), decimal.Decimal(1), Pair(1, 2)], ids=lambda value: type(value).__name__
)
def test_an_immutable_in_tree_and_object_stays_one_and_keeps_the_digest_of_a_circle(shared):
    """Promise 1: a restored input is the same input, with cycles too."""
    holder = Holder(shared)
    holder.ring = [holder]
    value = [shared, holder]
    made = codec.copy_value(value)
    assert made[0] is made[1].held
    assert codec.digest(made) == codec.digest(value)


def test_a_path_counts_as_it_reads():
    """Promise 1: how a path was put together does not count."""
    assert codec.digest(pathlib.PurePosixPath("a//b")) == codec.digest(pathlib.PurePosixPath("a", "b"))
    assert codec.digest(pathlib.PurePosixPath("a")) != codec.digest(pathlib.PureWindowsPath("a"))


def test_a_closed_buffer_names_the_buffer():
    """Promise 4: the part that cannot be pickled is the part that is named."""
    buffer = io.StringIO()
    buffer.close()
    with pytest.raises(NotKeepable, match=r"result\.args\[0\]"):
        codec.encode(functools.partial(print, buffer))


def test_what_a_user_hangs_on_objects_of_packages_comes_back():
    """Promise 4: their own pickles forget it."""
    values = [
        pd.Index([1]),
        pd.date_range("2024", periods=2),
        pd.RangeIndex(3),
        pd.MultiIndex.from_tuples([(1, 2)]),
    ]
    values += [
        pd.Timedelta(1),
        pd.Period("2024"),
        pd.CategoricalDtype(["a"]),
        pd.StringDtype(),
        pd.Timestamp("2024"),
    ]
    values += [requests.Session(), ipaddress.ip_network("10.0.0.0/8")]
    for value in values:
        before = codec.digest(value)
        try:
            value.mine = ["m"]
        except AttributeError:
            continue
        made = codec.decode(codec.encode([value]))[0]
        assert made.mine == ["m"], type(value)
        assert codec.digest(made) == codec.digest(value) != before, type(value)


def test_exceptions_that_only_c_can_make_come_back():
    """Promise 4: with their errors, notes, cause and traceback."""

    class Model(pydantic.BaseModel):
        a: int

    def failing(value):
        try:
            try:
                Model(a=value)
            except pydantic.ValidationError as error:
                error.add_note("a note")
                raise error from ValueError(1)
        except pydantic.ValidationError as error:
            return error

    error = failing("x")
    made = codec.decode(codec.encode({"e": [error]}))["e"][0]
    assert type(made) is pydantic.ValidationError
    assert made.errors() == error.errors()
    assert made.__notes__ == ["a note"]
    assert repr(made.__cause__) == "ValueError(1)"
    assert made.__traceback__ is not None
    assert codec.digest(made) == codec.digest(error) != codec.digest(failing("y"))


def test_the_second_of_two_moments_that_a_clock_shows_alike_stays_that():
    """Promise 4: pandas pickles the time of a naive timestamp alone."""
    value = pd.Timestamp("2024-10-27 02:30").replace(fold=1)
    made = codec.decode(codec.encode([value]))[0]
    assert (made.fold, made, type(made)) == (1, value, pd.Timestamp)
    assert codec.digest(made) == codec.digest(value) != codec.digest(value.replace(fold=0))


def test_a_hash_that_attrs_remembers_is_no_difference():
    @attrs.frozen(cache_hash=True)
    class Remembering:
        a: int

    value = Remembering(1)
    hash(value)
    cells = np.empty(1, object)
    cells[0] = value
    assert codec.decode(codec.encode(cells))[0] == value
