"""Every type of the table, by name: it comes back as it was, wherever it stands."""

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import pathlib
import re
import types
import typing
import uuid
import zoneinfo

import numpy as np
import pytest

from perdure import codec
from perdure.errors import Untrusted


class Colour(enum.Enum):
    RED = 1
    ALSO_RED = 1  # noqa: PIE796  an alias, on purpose
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Point(typing.NamedTuple):
    x: int
    y: list


Pair = collections.namedtuple("Pair", "left right")  # noqa: PYI024  both ways of making one are under test


@dataclasses.dataclass
class Plain:
    x: int
    y: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: int
    y: tuple = ()


@dataclasses.dataclass
class Derived(Plain):
    z: str = "z"


PARIS = zoneinfo.ZoneInfo("Europe/Paris")

PLAIN = {
    "none": None,
    "true": True,
    "int": 7,
    "smallest native int": -(2**63),
    "largest native int": 2**64 - 1,
    "big int": 2**200,
    "big negative int": -(2**64),
    "float": 0.1,
    "minus zero": -0.0,
    "infinity": float("-inf"),
    "str": "naïve \0 text",
    "long str": "x" * 100,
    "lone surrogate": "a\ud800b",
    "long lone surrogate": "\ud800" * 100,
    "bytes": b"\0\xff",
    "long bytes": b"y" * 100,
    "list": [1, [2, []]],
    "dict with text keys": {"b": 1, "a": {"c": 2}},
    "dict with other keys": {1: "a", (2, 3): "b", None: "c", "d": 4, b"e": 5},
    "dict with a surrogate key": {"\ud800": 1},
    "tuple": (1, (2,), ()),
    "set": {1, "a", (2,)},
    "frozenset": frozenset({1, "a"}),
    "complex": complex(1, -2),
    "bytearray": bytearray(b"abc"),
    "memoryview": memoryview(b"abcdefgh").cast("I", [2]),
    "range": range(2, 20, 3),
    "slice": slice(1, None, -1),
    "ellipsis": ...,
    "not implemented": NotImplemented,
    "built-in type": dict,
    "OrderedDict": collections.OrderedDict(b=1, a=2),
    "defaultdict": collections.defaultdict(list, {"a": [1]}),
    "Counter": collections.Counter("abca"),
    "deque": collections.deque([1, 2], maxlen=5),
    "SimpleNamespace": types.SimpleNamespace(a=1, b=[2]),
    "Decimal": decimal.Decimal("-1.500"),
    "Fraction": fractions.Fraction(1, 3),
    "naive datetime": dt.datetime(2024, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001  naive on purpose
    "datetime in a zone, second pass": dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=PARIS),
    "datetime at an offset": dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
    "date": dt.date(2024, 2, 29),
    "time": dt.time(1, 2, 3, 4, fold=1, tzinfo=dt.UTC),
    "timedelta": dt.timedelta(-1, 2, 3),
    "utc": dt.UTC,
    "named timezone": dt.timezone(dt.timedelta(hours=1), "X"),
    "ZoneInfo": PARIS,
    "UUID": uuid.UUID(int=5),
    "path": pathlib.Path("a/../b"),
    "pure path": pathlib.PureWindowsPath("c:/x"),
    "pattern": re.compile("a.b", re.DOTALL | re.IGNORECASE),
    "bytes pattern": re.compile(b"a"),
    "IPv4": ipaddress.ip_address("10.0.0.1"),
    "IPv6": ipaddress.ip_address("fe80::1%eth0"),
    "network": ipaddress.ip_network("10.0.0.0/8"),
    "interface": ipaddress.ip_interface("10.0.0.1/8"),
    "array": array.array("d", [1.5, -2]),
    "empty array": array.array("i"),
}

FULL = {
    "enum": Colour.BLUE,
    "alias of an enum": Colour.ALSO_RED,
    "int enum": Level.LOW,
    "flags": Rights.READ | Rights.WRITE,
    "no flags": Rights(0),
    "named tuple": Point(1, [2]),
    "collections' named tuple": Pair(1, 2),
    "dataclass": Plain(1, [2]),
    "frozen dataclass with slots": Frozen(1, (2,)),
    "derived dataclass": Derived(1, [2], "3"),
    "class": Plain,
    "function of a package": re.compile,
    "built-in function": len,
    "module": re,
    "numpy float": np.float32(1.5),
    "numpy datetime": np.datetime64("2024-01-01T00", "h"),
    "numpy str": np.str_("ab"),
}


def again(value):
    return codec.decode(codec.encode(value))


@pytest.mark.parametrize("name", [*PLAIN, *FULL])
def test_a_value_comes_back_alike_in_type_and_content(name):
    """Promise 4: exact or refused."""
    value = (PLAIN | FULL)[name]
    made = again(value)
    assert type(made) is type(value)
    assert made == value
    assert codec.digest(made) == codec.digest(value)
    assert not codec.digest(value).weak


@pytest.mark.parametrize("name", [*PLAIN, *FULL])
def test_a_value_comes_back_from_inside_each_container(name):
    """Promise 4: exact wherever it stands."""
    value = (PLAIN | FULL)[name]
    holders = [[value], {"k": value}, (value, 1), {1: value}, types.SimpleNamespace(v=value)]
    try:
        hash(value)
    except (TypeError, ValueError):
        pass
    else:
        holders += [{value: 1}, {value}, frozenset({value})]
    for holder in holders:
        made = again(holder)
        assert type(made) is type(holder)
        assert made == holder


@pytest.mark.parametrize("name", PLAIN)
def test_standard_values_are_plain_and_need_no_trust(name):
    """Promise 8: no class is constructed from them."""
    encoded = codec.encode(PLAIN[name])
    assert encoded.codec == "plain"
    assert encoded.packages == {}
    assert codec.decode(encoded, trust="plain") == PLAIN[name]


@pytest.mark.parametrize("name", FULL)
def test_objects_of_classes_are_not_made_without_trust(name):
    """Promise 8: nothing but built-ins from bytes that are not trusted."""
    encoded = codec.encode([FULL[name]])
    assert encoded.codec == "full"
    with pytest.raises(Untrusted):
        codec.decode(encoded, trust="plain")


def test_what_equality_does_not_see_is_kept_too():
    """Promise 4: nothing is changed silently."""
    assert list(again({"b": 1, "a": 2})) == ["b", "a"]
    assert list(again({2: 1, 1: 2})) == [2, 1]
    assert str(again(-0.0)) == "-0.0"
    assert again(PLAIN["datetime in a zone, second pass"]).fold == 1
    assert again(PLAIN["datetime in a zone, second pass"]).tzinfo is PARIS
    assert again(dt.UTC) is dt.UTC
    assert again(collections.deque([1], maxlen=1)).maxlen == 1
    assert again(collections.defaultdict(list)).default_factory is list
    assert again(decimal.Decimal("1.500")).as_tuple() == decimal.Decimal("1.500").as_tuple()
    assert again([True, 1, 1.0]) == [True, 1, 1.0]
    assert [type(item) for item in again([True, 1, 1.0])] == [bool, int, float]
    assert again(Colour.BLUE) is Colour.BLUE


class ListOfMine(list):
    pass


class StrOfMine(str):
    __slots__ = ()


class DictOfMine(dict):
    pass


class IntOfMine(int):
    pass


@pytest.mark.parametrize("value", [ListOfMine([1]), StrOfMine("a"), DictOfMine(a=1), IntOfMine(3)])
def test_a_subclass_never_passes_as_its_base(value):
    """Promise 4: the gate is by exact type."""
    made = again([value])[0]
    assert type(made) is type(value)
    assert made == value


def test_an_ordered_dict_with_attributes_keeps_them():
    """Promise 4: what hangs on an object is kept."""
    value = collections.OrderedDict(a=1)
    value.note = [1]
    made = again(value)
    assert made == value
    assert made.note == [1]


def test_dataclasses_are_made_without_running_init():
    """Promise 4: the state is kept, not the way in which it was made."""
    value = Plain(1)
    value.extra = "beyond the fields"
    del value.x
    made = again(value)
    assert vars(made) == {"y": [], "extra": "beyond the fields"}


ARRAYS = {
    "C order": np.arange(6).reshape(2, 3),
    "F order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(10)[::3],
    "no dimensions": np.array(5),
    "empty": np.zeros((0, 3), "f4"),
    "text": np.array(["a", "bbb"]),
    "bool": np.array([True, False]),
    "moments": np.array(["2024-01-01", "NaT"], "M8[s]"),
    "durations": np.array([1, 2], "m8[h]"),
    "big endian": np.arange(3, dtype=">i4"),
    "structured": np.array([(1, 2.0)], [("a", "i1"), ("b", "f8", (2,))]),
    "aligned": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "with metadata": np.zeros(2, np.dtype("f8", metadata={"unit": "m"})),
    "objects": np.array([1, "a", None, [2]], dtype=object),
    "large": np.arange(300_000.0),
    "large in F order": np.asfortranarray(np.ones((1000, 300))),
    "large moments": np.zeros(200_000, "M8[ns]"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_keep_dtype_shape_order_and_writability(name):
    """Promise 4: exact or refused, for arrays."""
    value = ARRAYS[name]
    made = again({"a": value})["a"]
    assert made.dtype == value.dtype
    assert made.dtype.isalignedstruct == value.dtype.isalignedstruct
    assert made.dtype.metadata == value.dtype.metadata
    assert made.shape == value.shape
    assert made.flags.writeable
    assert repr(made.tolist()) == repr(value.tolist())
    if value.flags.forc:
        assert made.flags.f_contiguous == value.flags.f_contiguous
    assert codec.digest(made) == codec.digest(value)


def test_a_read_only_array_stays_read_only():
    """Promise 3: alike in mutability."""
    for size in (3, 300_000):
        value = np.zeros(size)
        value.flags.writeable = False
        assert not again(value).flags.writeable


def test_large_memory_is_neither_copied_nor_written_twice():
    """Promise 10: bytes are in proportion to the value."""
    array_, text, buffer = np.zeros(1 << 18), b"x" * (1 << 20), bytearray(1 << 20)
    encoded = codec.encode({"a": array_, "again": array_, "b": text, "c": [buffer, buffer, text]})
    assert [view.nbytes for view in encoded.buffers] == [1 << 21, 1 << 20, 1 << 20]
    assert all(view.readonly and view.contiguous for view in encoded.buffers)
    assert len(encoded.stream) < 1000
    array_[0] = 7
    assert codec.decode(encoded)["a"][0] == 7, "the buffer is the live memory"


def test_decoding_takes_writable_buffers_over_and_copies_others():
    """Promise 3: what is decoded can be changed, and changes nothing else."""
    value = np.zeros(1 << 18)
    encoded = codec.encode(value)
    made = codec.decode(encoded)
    made[0] = 1
    assert value[0] == 0
    own = bytearray(encoded.buffers[0])
    taken = codec.decode(dataclasses.replace(encoded, buffers=(memoryview(own),)))
    taken[0] = 1
    assert own[:8] != bytes(8)


def test_exceptions_keep_all_that_hangs_on_them():
    """Promise 4: pickle alone would lose cause, context and notes."""
    first = KeyError("k")
    error = OSError(2, "no such thing", "file.txt")
    error.__cause__, error.__context__ = first, ValueError("context")
    error.add_note("a note")
    error.more = [1]
    made = again(error)
    assert type(made) is FileNotFoundError
    assert str(made) == str(error)
    assert (made.errno, made.filename, made.more) == (2, "file.txt", [1])
    assert made.__notes__ == ["a note"]
    assert type(made.__cause__) is KeyError
    assert made.__cause__.args == ("k",)
    assert made.__suppress_context__
    assert made.__context__.args == ("context",)


class Quota(RuntimeError):  # noqa: N818  a name that a user may give
    def __init__(self, left, limit):
        super().__init__(f"{left} of {limit}")
        self.left = left


def test_exceptions_whose_init_takes_other_arguments_come_back():
    """Promise 4: no `__init__` runs, so any signature will do."""
    made = again(Quota(1, 2))
    assert made.args == ("1 of 2",)
    assert made.left == 1


def test_exception_groups_keep_their_members():
    """Promise 4: groups too."""
    made = again(ExceptionGroup("many", [ValueError(1), ExceptionGroup("inner", [Quota(1, 2)])]))
    assert type(made) is ExceptionGroup
    assert made.message == "many"
    assert made.exceptions[1].exceptions[0].left == 1


def test_an_exception_inside_a_pickled_object_keeps_its_cause():
    """Promise 4: the leaf is as exact as the tree."""
    error = ValueError("outer")
    error.__cause__ = KeyError("inner")
    assert again(ListOfMine([error]))[0].__cause__.args == ("inner",)


def test_an_enum_by_value_keeps_other_names_of_its_members_and_unions():
    """Promise 4: a class that cannot be found by its name is kept with all it defines."""

    class Colour(enum.Enum):
        RED = 1
        CRIMSON = 1  # noqa: PIE796  that is the point

    class Access(enum.Flag):
        READ = 1
        WRITE = 2
        BOTH = 3

    made = codec.decode(
        codec.encode([Colour, Colour.CRIMSON, Access, Access.BOTH, Access.READ | Access.WRITE])
    )
    assert made[1] is made[0].CRIMSON is made[0].RED
    assert list(made[0].__members__) == ["RED", "CRIMSON"]
    assert made[3] is made[4] is made[2].BOTH
