"""Named tuples, dataclasses, enums, and classes derived from builtins and from the standard library."""

from __future__ import annotations

import array
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
import string
import types
import typing
import uuid

from values.alike import alike
from values.sample import Sample

Pair = collections.namedtuple("Pair", "left right", defaults=[0])  # noqa: PYI024  both ways of making one
T = typing.TypeVar("T")


class Point(typing.NamedTuple):
    x: int
    y: list


class Box(typing.NamedTuple, typing.Generic[T]):
    content: T


class Vector(Point):
    """A named tuple's class with attributes."""


class Tight(Pair):
    __slots__ = ()

    def __new__(cls, only):
        return super().__new__(cls, only, only)


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


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int
    y: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class SlottedDerived(Slotted):
    z: int = 1


@dataclasses.dataclass
class Late:
    x: int
    later: int = dataclasses.field(init=False)
    start: dataclasses.InitVar[int] = 3
    shared: typing.ClassVar[list] = []

    def __post_init__(self, start):
        self.later = self.x + start


@dataclasses.dataclass(kw_only=True, order=True)
class Worded:
    name: str
    tags: list = dataclasses.field(default_factory=list, compare=False)


@dataclasses.dataclass
class Costly:
    x: int

    @functools.cached_property
    def table(self):
        return [self.x] * 3


@dataclasses.dataclass(frozen=True)
class Sealed:
    x: int

    @functools.cached_property
    def twice(self):
        return (self.x, self.x)


@dataclasses.dataclass
class Generic(typing.Generic[T]):
    item: T


@dataclasses.dataclass
class Node:
    name: str
    next: typing.Any = None


@dataclasses.dataclass
class Table(dict):
    """A dataclass that is a dict as well."""

    title: str = ""


@dataclasses.dataclass(slots=True, weakref_slot=True)
class Watched:
    x: int


def _costly(cls=Costly):
    made = cls(2)
    getattr(made, "table" if cls is Costly else "twice")
    return made


def _ring():
    first = Node("a")
    first.next = Node("b", first)
    return first


class Colour(enum.Enum):
    RED = 1
    ALSO_RED = 1  # noqa: PIE796  an alias, on purpose
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    ONE = "one"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2
    BOTH = 3


class Bits(enum.IntFlag):
    A = 1
    B = 4


class Loose(enum.Flag, boundary=enum.KEEP):
    A = 1


class Tupled(enum.Enum):
    EARTH = (5.9, 6.3)
    MARS = (0.6, 3.3)

    def __init__(self, mass, radius):
        self.mass, self.radius = mass, radius


class Listed(enum.Enum):
    A = [1]  # noqa: RUF012  a member
    B = {"x": 1}  # noqa: RUF012  a member


class Data(Plain, enum.Enum):
    ONE = 1
    TWO = 2, [3]


class Numbered(enum.Enum):
    FIRST = enum.auto()

    def __new__(cls, value):
        made = object.__new__(cls)
        made._value_ = value * 10
        return made


class Dated(dt.date, enum.Enum):
    NEW_YEAR = 2024, 1, 1


class Outer:
    class Inner(enum.Enum):
        A = 1

    @dataclasses.dataclass
    class Part:
        x: int


class Text(str):  # noqa: SLOT000  attributes hang on it
    pass


class SlotText(str):
    __slots__ = ()


class Count(int):
    pass


class Strict(int):
    def __new__(cls, value, unit):
        made = super().__new__(cls, value)
        made.unit = unit
        return made


class Named(str):  # noqa: SLOT000  attributes hang on it
    def __new__(cls, value, *, unit):
        made = super().__new__(cls, value)
        made.unit = unit
        return made


class Ratio(float):
    pass


class Phase(complex):
    pass


class Blob(bytes):
    pass


class Draft(bytearray):
    pass


class Row(list):
    pass


class SizedRow(list):
    __slots__ = ("unit",)

    def __init__(self, items, unit):
        super().__init__(items)
        self.unit = unit


class SizedTuple(tuple):  # noqa: SLOT001  attributes hang on it
    def __new__(cls, items, unit):
        made = super().__new__(cls, items)
        made.unit = unit
        return made


class Index(dict):
    pass


class SizedIndex(dict):
    def __init__(self, items, unit):
        super().__init__(items)
        self.unit = unit


class Bag(set):
    pass


class SizedBag(set):
    def __init__(self, items, unit):
        super().__init__(items)
        self.unit = unit


class FrozenBag(frozenset):
    pass


class SizedFrozenBag(frozenset):
    def __new__(cls, items, unit):
        made = super().__new__(cls, items)
        made.unit = unit
        return made


class Ordered(collections.OrderedDict):
    def __init__(self, items, unit):
        super().__init__(items)
        self.unit = unit


class Tally(collections.Counter):
    def __init__(self, items, unit):
        super().__init__(items)
        self.unit = unit


class Defaults(collections.defaultdict):
    def __init__(self, unit):
        super().__init__(list)
        self.unit = unit


class Queue(collections.deque):
    def __init__(self, items, maxlen, unit):
        super().__init__(items, maxlen)
        self.unit = unit


class SlotQueue(collections.deque):
    __slots__ = ("unit",)

    def __init__(self, items, unit):
        super().__init__(items, 4)
        self.unit = unit


class Chain(collections.ChainMap):
    def __init__(self, unit, *maps):
        super().__init__(*maps)
        self.unit = unit


class Users(collections.UserDict):
    def __init__(self, unit, items):
        super().__init__(items)
        self.unit = unit


class UserRow(collections.UserList):
    pass


class UserText(collections.UserString):
    pass


class Space(types.SimpleNamespace):
    def __init__(self, unit, **more):
        super().__init__(**more)
        self.unit = unit


class Money(decimal.Decimal):
    def __new__(cls, value, unit):
        made = super().__new__(cls, value)
        made.unit = unit
        return made


class Share(fractions.Fraction):
    pass


class Day(dt.date):
    def __new__(cls, year, unit):
        made = super().__new__(cls, year, 1, 1)
        made.unit = unit
        return made


class Moment(dt.datetime):
    pass


class Clock(dt.time):
    pass


class Span(dt.timedelta):
    pass


class Identity(uuid.UUID):
    __slots__ = ("note",)


class Folder(type(pathlib.Path())):
    pass


class Host(ipaddress.IPv4Address):
    pass


class Buffer(io.BytesIO):
    def __init__(self, unit):
        super().__init__(b"abc")
        self.unit = unit


class Notes(io.StringIO):
    def __init__(self, unit):
        super().__init__("abc")
        self.unit = unit


class Series(array.array):
    pass


class Form(string.Template):
    delimiter = "%"


class Bare:
    pass


class Slots:
    __slots__ = ("_hidden", "a", "b")


class SlotsAndMore(Slots):
    def __init__(self):
        self.a = [1]
        self.more = 2


class Private:
    __slots__ = ("__secret",)

    def __init__(self):
        self.__secret = [1]


def with_slots(cls=Slots):
    made = cls.__new__(cls)
    made.a, made._hidden = [1], None
    return made


def hung(value, **attributes):
    for name, attribute in attributes.items():
        setattr(value, name, attribute)
    return value


def same_user(before, after):
    assert type(before) is type(after)
    alike(vars(before), vars(after))


def same_stream(before, after):
    assert type(before) is type(after)
    assert (before.getvalue(), before.tell()) == (after.getvalue(), after.tell())
    alike(vars(before), vars(after))


def same_member(before, after):
    assert before is after


def same_flag(before, after):
    assert type(before) is type(after) and before._value_ == after._value_ and repr(before) == repr(after)


def same_noted(before, after):
    assert type(before) is type(after) and str(before) == str(after) and before.note == after.note


def same_complex(before, after):
    assert type(before) is type(after)
    alike(complex(before), complex(after))
    alike(vars(before), vars(after))


CLASSES = [
    Sample("named tuple", lambda: Pair(1, [2])),
    Sample("named tuple that can be hashed", lambda: Pair(1, "a")),
    Sample("NamedTuple", lambda: Point(1, [2])),
    Sample("NamedTuple, generic", lambda: Box([1])),
    Sample("named tuple with attributes", lambda: hung(Vector(1, [2]), unit="m")),
    Sample("named tuple with a __new__ of its own", lambda: Tight([3])),
    Sample("dataclass", lambda: Plain(1, [2])),
    Sample("dataclass with an attribute hung on", lambda: hung(Plain(1), more=[3])),
    Sample("dataclass, frozen with slots", lambda: Frozen(1, (2,))),
    Sample("dataclass, derived", lambda: Derived(1, [2], "zz")),
    Sample("dataclass with slots", lambda: Slotted(1, [2])),
    Sample("dataclass with slots, derived", lambda: SlottedDerived(1, [2], 3)),
    Sample("dataclass with a weakref slot", lambda: Watched(1)),
    Sample("dataclass with init=False and InitVar", lambda: Late(1, start=5)),
    Sample("dataclass, kw_only", lambda: Worded(name="n", tags=[1])),
    Sample("dataclass with a cached property, unfilled", lambda: Costly(2)),
    Sample("dataclass with a cached property, filled", _costly),
    Sample("dataclass, frozen with a cached property, filled", lambda: _costly(Sealed)),
    Sample("dataclass, generic", lambda: Generic([1])),
    Sample("dataclass, nested", lambda: Outer.Part(1)),
    Sample("dataclass in a ring", _ring),
    Sample("dataclass that is a dict", lambda: hung(Table("t"), extra=1)),
    Sample("instance", lambda: hung(Bare(), a=[1], b={"c": 2})),
    Sample("instance with slots, one unset", with_slots),
    Sample("instance with slots and attributes", SlotsAndMore),
    Sample("instance with a private slot", Private),
]

ENUMS = [
    Sample(f"{type(member).__name__} member {member!r:.30}", lambda member=member: member, same_member)
    for member in (
        *(Colour.BLUE, Colour.ALSO_RED, Level.LOW, Word.ONE, Rights.READ, Rights.BOTH, Bits.A, Tupled.MARS),
        *(Listed.A, Listed.B, Data.TWO, Numbered.FIRST, Dated.NEW_YEAR, Outer.Inner.A),
        *(Rights(0), Bits.A | Bits.B, Bits(0), Loose.A, Loose(8), Loose(9)),
    )
] + [Sample("IntFlag beyond its members", lambda: Bits(1 | 64), same_flag)]


DERIVED = [
    Sample("class of str", lambda: hung(Text("a\ud800"), note=[1])),
    Sample("class of str with slots", lambda: SlotText("x" * 100)),
    Sample("class of str with a __new__ of its own", lambda: Named("a", unit="m")),
    Sample("class of int", lambda: hung(Count(2**70), note=[1])),
    Sample("class of int with a __new__ of its own", lambda: Strict(3, "m")),
    Sample("class of float", lambda: hung(Ratio("nan"), note=[1])),
    Sample("class of complex", lambda: hung(Phase(1, -0.0), note=[1]), same_complex),
    Sample("class of bytes", lambda: hung(Blob(b"ab"), note=[1])),
    Sample("class of bytearray", lambda: hung(Draft(b"ab"), note=[1])),
    Sample("class of list", lambda: hung(Row([1, [2]]), note=[1])),
    Sample("class of list with slots and an __init__ of its own", lambda: SizedRow([1], "m")),
    Sample("class of tuple", lambda: hung(SizedTuple([1, [2]], "m"), note=[1])),
    Sample("class of dict", lambda: hung(Index({"a": [1], 2: 3}), note=[1])),
    Sample("class of dict with an __init__ of its own", lambda: SizedIndex({"a": 1}, "m")),
    Sample("class of set", lambda: hung(Bag({1, "a"}), note=[1])),
    Sample("class of set with an __init__ of its own", lambda: SizedBag({1}, "m")),
    Sample("class of frozenset", lambda: hung(FrozenBag({1, "a"}), note=[1])),
    Sample("class of frozenset with a __new__ of its own", lambda: SizedFrozenBag({1}, "m")),
    Sample("class of OrderedDict with an __init__ of its own", lambda: Ordered({"b": 1, "a": [2]}, "m")),
    Sample("class of Counter with an __init__ of its own", lambda: Tally("abca", "m")),
    Sample("class of defaultdict with an __init__ of its own", lambda: hung(Defaults("m"), note=[1])),
    Sample("class of deque with an __init__ of its own", lambda: Queue([1, [2]], 3, "m")),
    Sample("class of deque with slots", lambda: SlotQueue([1], "m")),
    Sample(
        "class of ChainMap with an __init__ of its own", lambda: Chain("m", {"a": 1}, {"b": [2]}), same_user
    ),
    Sample("class of UserDict with an __init__ of its own", lambda: Users("m", {"a": [1]}), same_user),
    Sample("class of UserList", lambda: UserRow([1]), same_user),
    Sample("class of UserString", lambda: UserText("t"), same_user),
    Sample("class of SimpleNamespace with an __init__ of its own", lambda: Space("m", a=[1])),
    Sample("class of Decimal with a __new__ of its own", lambda: Money("1.50", "EUR")),
    Sample("class of Fraction", lambda: hung(Share(1, 3), note=[1])),
    Sample("class of date with a __new__ of its own", lambda: Day(2024, "m")),
    Sample("class of datetime", lambda: hung(Moment(2024, 1, 1, fold=1, tzinfo=dt.UTC), note=[1])),
    Sample("class of time", lambda: hung(Clock(1, fold=1), note=[1])),
    Sample("class of timedelta", lambda: hung(Span(1), note=[1])),
    Sample("class of UUID", lambda: Identity(int=4), lambda a, b: (type(a) is type(b) and a == b) or 1 / 0),
    Sample("class of Path", lambda: hung(Folder("a/b"), note=[1]), same_noted),
    Sample("class of IPv4Address", lambda: hung(Host("10.0.0.1"), note=[1]), same_noted),
    Sample("class of BytesIO with an __init__ of its own", lambda: Buffer("m"), same_stream),
    Sample("class of StringIO with an __init__ of its own", lambda: Notes("m"), same_stream),
    Sample("class of array", lambda: hung(Series("i", [1, 2]), note=[1])),
    Sample("class of Template", lambda: Form("%a"), same_user),
]


SAMPLES = [*CLASSES, *ENUMS, *DERIVED]
