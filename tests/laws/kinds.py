"""Values of every kind that is kept, for hypothesis: atoms, keys, containers, objects, arrays and frames."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import enum
import functools
import ipaddress
import pathlib
import random
import re
import reprlib
import string
import types
import typing
import urllib.parse

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


class Colour(enum.Enum):
    RED = "red"
    GREEN = ("a", 1)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2
    ALL = 3


class Word(enum.StrEnum):
    YES = "yes"


class Pair(typing.NamedTuple):
    left: object
    right: object = None


Point = collections.namedtuple("Point", "x y")  # noqa: PYI024  the older spelling is kept too


@dataclasses.dataclass
class Open:
    first: object
    second: object = None


@dataclasses.dataclass
class Wider(Open):
    third: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Closed:
    number: int
    text: str


class Box:
    """Goes its own way through pickle's protocol."""

    def __init__(self, items):
        self.items = items

    @reprlib.recursive_repr()
    def __repr__(self):
        return f"Box({self.items!r})"


class Rows(list):
    """A list with attributes."""


class Table(dict):
    """A dict with attributes."""


class Name(str):  # noqa: SLOT000  the attributes are the point
    """A text with attributes, where they were given."""


class TroubleError(Exception):
    """An error of a user's own."""


def _trouble(items, cause, detail):
    made = TroubleError(*items)
    made.__cause__, made.detail = cause, detail
    made.add_note("noted")
    return made


def _roll(seed):
    made = random.Random(seed)
    made.random()
    return made


def _with(made, attributes):
    vars(made).update(attributes)
    return made


def _frozen(made):
    made.flags.writeable = False
    return made


TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
NAMES = st.text(string.ascii_letters, min_size=1, max_size=5)
NUMBERS = st.one_of(
    st.booleans(),
    st.integers(-300, 300),
    st.integers(),
    st.integers(-(2**80), 2**80),
    st.floats(),
    st.complex_numbers(),
)
MOMENTS = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.timezones()).map(lambda moment: moment.replace(fold=1)),
    st.datetimes(timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(minutes=-75), "west")])),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.timezones(),
)
PLACES = st.one_of(
    st.uuids(),
    st.ip_addresses(),
    st.integers(0, 2**32 - 1).map(lambda n: ipaddress.IPv4Interface((n, 20))),
    st.integers(0, 2**16 - 1).map(lambda n: ipaddress.IPv6Network((n << 64, 64))),
    NAMES.map(lambda name: pathlib.PurePosixPath("a", name)),
    NAMES.map(lambda name: pathlib.PureWindowsPath("c:/", name)),
    NAMES.map(lambda name: pathlib.Path("/tmp") / name),
    NAMES.map(lambda name: urllib.parse.urlsplit(f"https://x.org/{name}?q=1#f")),
)
SYMBOLS = st.sampled_from(
    [
        *(
            ...,
            NotImplemented,
            int,
            OSError,
            collections.OrderedDict,
            Colour,
            Closed,
            len,
            re.compile,
            string.capwords,
        ),
        *(Colour.RED, Colour.GREEN, Level.HIGH, Rights.READ, Rights.ALL, Rights(0), Word.YES),
        *(
            pd.NaT,
            np.int8(3),
            np.float16(0.5),
            np.datetime64("2026-01-02"),
            np.str_("s\0"),
            np.longdouble(1) / 3,
        ),
        *(
            pd.Timestamp("2026-03-29 02:30", tz="UTC"),
            pd.Timedelta("1.5s"),
            pd.Period("2026-03", "M"),
            pd.Interval(0, 1),
        ),
    ]
)
FIXED = st.one_of(
    st.none(),
    NUMBERS,
    TEXT,
    st.binary(max_size=80),
    st.decimals(),
    st.fractions(max_denominator=10**30),
    MOMENTS,
    PLACES,
    SYMBOLS,
    st.builds(range, st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 3)),
    st.builds(re.compile, NAMES, st.sampled_from([0, re.IGNORECASE, re.DOTALL | re.MULTILINE])),
    st.builds(Closed, st.integers(), TEXT),
    st.builds(Name, NAMES),
)
"""Nothing of these can be changed, and all but signalling NaNs can be keys."""

ARRAYS = st.one_of(
    hnp.arrays(
        st.sampled_from(["?", "i1", "<u8", ">f4", "f2", "c16", "M8[s]", "m8[ms]", "U3", "S2", "i4,f8", "g"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        fill=st.nothing(),
    ),
    hnp.arrays("f8", (3, 4)).map(np.asfortranarray),
    hnp.arrays("f8", (6,)).map(_frozen),
    st.lists(st.integers(), max_size=3).map(lambda items: np.array([*items, None], dtype=object)),
)


_COLUMNS = {
    "float": st.lists(st.floats(), min_size=3, max_size=3),
    "text": st.lists(TEXT.filter(lambda text: text.isascii() or text.isprintable()), min_size=3, max_size=3),
    "maybe": st.lists(st.none() | st.integers(0, 9), min_size=3, max_size=3).map(
        lambda items: pd.array(items, dtype="Int64")
    ),
    "kind": st.lists(st.sampled_from("abc"), min_size=3, max_size=3).map(pd.Categorical),
    "when": st.lists(st.integers(0, 10**9), min_size=3, max_size=3).map(
        lambda items: pd.to_datetime(items, unit="s", utc=True)
    ),
    "object": st.lists(st.integers() | st.none() | st.tuples(st.integers()), min_size=3, max_size=3).map(
        lambda items: pd.Series(items, dtype=object)
    ),
}
FRAMES = st.one_of(
    st.fixed_dictionaries({}, optional=_COLUMNS).map(pd.DataFrame),
    st.fixed_dictionaries({}, optional=_COLUMNS).map(lambda columns: pd.DataFrame(columns).iloc[::-1]),
    _COLUMNS["float"].map(lambda items: pd.Series(items, name=("a", 1), index=pd.Index([3, 1, 2], name="i"))),
    st.lists(st.integers(), max_size=4).map(lambda items: pd.Index(items, dtype=object)),
    st.integers(1, 5).map(lambda size: pd.RangeIndex(size, name="r")),
)
"""Made of columns of every usual type."""

LOOSE = st.one_of(
    st.builds(bytearray, st.binary(max_size=80)),
    st.lists(st.integers(-5, 5), max_size=4).map(lambda items: array.array("q", items)),
    st.integers(0, 9).map(_roll),
    st.slices(5),
    st.just(pd.NA),
    ARRAYS,
    FRAMES,
)
"""What can be changed, or cannot be a key."""


def _key(item):
    try:
        return hash(item) is not None and item == item  # noqa: PLR0124  what does not equal itself finds no key
    except (TypeError, ArithmeticError):
        return False


KEYS = st.recursive(
    FIXED.filter(_key), lambda children: st.lists(children, max_size=2).map(tuple), max_leaves=3
)
_UNLIKE = st.lists(KEYS, max_size=4)


def _ring(child):
    ring = [child]
    ring.append({"ring": ring, "child": child})
    return ring


def _many(children):
    """Containers and objects that hold others."""
    few = st.lists(children, max_size=3)
    named = st.dictionaries(NAMES, children, max_size=3)
    fixed = st.lists(FIXED, max_size=3)
    return st.one_of(
        few,
        few.map(tuple),
        named,
        st.dictionaries(KEYS, children, max_size=3),
        _UNLIKE.map(set),
        _UNLIKE.map(frozenset),
        named.map(collections.OrderedDict),
        named.map(lambda items: collections.defaultdict(list, items)),
        st.dictionaries(KEYS, st.integers(-3, 3), max_size=3).map(collections.Counter),
        few.map(lambda items: collections.deque(items, 4)),
        st.tuples(named, named).map(lambda maps: collections.ChainMap(*maps)),
        named.map(collections.UserDict),
        few.map(collections.UserList),
        named.map(lambda items: types.SimpleNamespace(**items)),
        few.map(Rows),
        st.tuples(named, named).map(lambda both: _with(Table(both[0]), both[1])),
        st.tuples(NAMES, named).map(lambda both: _with(Name(both[0]), both[1])),
        st.builds(Pair, children, children),
        st.builds(Point, children, children),
        st.builds(Open, children, children),
        st.builds(Wider, children, children, few),
        few.map(Box),
        # The text of an error shows its arguments, and that of a set depends on the hash seed.
        st.builds(_trouble, fixed, st.none() | st.builds(OSError, st.integers(1, 9), NAMES), children),
        fixed.map(lambda items: ExceptionGroup("several", [TroubleError(*items), ValueError(1)])),
        st.builds(functools.partial, st.sampled_from([int, sorted]), children),
    )


def _shared(children):
    """The same object in several places, and inside itself."""
    return st.one_of(
        _many(children),
        _many(children).map(lambda child: [child, child, (child, {"again": child})]),
        _many(children).map(lambda child: Box([child, Box(child)])),
        _many(children).map(_ring),
    )


ATOMS = FIXED | LOOSE
TREES = st.recursive(ATOMS, _many, max_leaves=12)
"""Values without sharing on purpose, and without cycles."""
VALUES = st.recursive(ATOMS, _shared, max_leaves=12)
"""Values of everything."""
