"""The standard library's types."""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import fractions
import functools
import io
import ipaddress
import itertools
import operator
import pathlib
import random
import re
import string
import struct
import types
import typing
import urllib.parse
import uuid
import warnings
import weakref
import zoneinfo

from values.sample import Sample

PARIS = zoneinfo.ZoneInfo("Europe/Paris")


class Half(dt.tzinfo):
    """A zone of one's own."""

    def __init__(self, minutes=30):
        self.minutes = minutes

    def utcoffset(self, _moment):
        return dt.timedelta(minutes=self.minutes)

    def dst(self, _moment):
        return None

    def tzname(self, _moment):
        return "HALF"


class Dice(random.Random):
    pass


class Bound(functools.partial):
    pass


def add(x, y=2, *, z=3):
    return x + y + z


@functools.lru_cache(maxsize=7)
def cached(x):
    return x + 1


@functools.singledispatch
def shown(x):
    return str(x)


class Shape:
    """Methods to refer to."""

    side = 3

    def area(self):
        return self.side**2

    @classmethod
    def unit(cls):
        return cls()

    @staticmethod
    def corners():
        return 4

    def __eq__(self, other):
        return type(other) is Shape

    __hash__ = None


def _drawn(cls=random.Random):
    made = cls(3)
    made.random()
    made.gauss(0, 1)
    return made


def _bytes_at(position, data=b"abcdef"):
    made = io.BytesIO(data)
    made.seek(position)
    return made


def _text_at(position, text="a\r\nb\nc\rd", newline="\n"):
    made = io.StringIO(text, newline=newline)
    made.seek(position)
    return made


def same_stream(before, after):
    """Content, position, newline mode by what it does, attributes, and that it can be written."""
    assert type(before) is type(after)
    assert before.getvalue() == after.getvalue()
    assert before.tell() == after.tell()
    assert vars(before) == vars(after)
    if isinstance(before, io.StringIO):
        assert before.newlines == after.newlines
        assert before.line_buffering == after.line_buffering
    here = before.tell()
    assert before.readlines() == after.readlines()
    written = [
        stream.write("x\ny\r\nz\r" if isinstance(stream, io.StringIO) else b"x") for stream in (before, after)
    ]
    assert written[0] == written[1]
    assert before.getvalue() == after.getvalue()
    for stream in (before, after):
        stream.truncate(here)
        stream.seek(here)


def same_partial(before, after):
    from values.alike import alike

    assert type(before) is type(after)
    alike([before.func, before.args, before.keywords], [after.func, after.args, after.keywords])
    alike(vars(before), vars(after))


def same_iterator(before, after):
    """The type, and what is still to come; looking at it leaves it as it was."""
    import copy

    assert type(before) is type(after)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, two = copy.deepcopy(before), copy.deepcopy(after)
    assert repr(before) == repr(after) or "object at" in repr(before)
    from values.alike import alike

    alike(list(itertools.islice(one, 20)), list(itertools.islice(two, 20)))


def same_chain_map(before, after):
    from values.alike import alike

    assert type(before) is type(after)
    alike(before.maps, after.maps)


def same_user(before, after):
    from values.alike import alike

    assert type(before) is type(after)
    alike(vars(before), vars(after))


def same_proxy(before, after):
    from values.alike import alike

    assert type(before) is type(after) is types.MappingProxyType
    alike(dict(before), dict(after))


def same_random(before, after):
    from values.alike import alike

    assert type(before) is type(after)
    alike([before.getstate(), vars(before)], [after.getstate(), vars(after)])


def same_text(before, after):
    assert type(before) is type(after)
    assert repr(before) == repr(after)
    assert str(before) == str(after)


def same_network(before, after):
    assert type(before) is type(after)
    assert before == after and str(before) == str(after)
    assert getattr(before, "scope_id", None) == getattr(after, "scope_id", None)


def same_decimal(before, after):
    assert type(before) is type(after) and before.as_tuple() == after.as_tuple()


def same_method(before, after):
    assert type(before) is type(after)
    assert before.__self__ == after.__self__ and before.__name__ == after.__name__


def same_moment(before, after):
    from values.alike import alike

    assert type(before) is type(after)
    assert before.replace(tzinfo=None) == after.replace(tzinfo=None)
    assert before.fold == after.fold
    assert (before.tzinfo is after.tzinfo) or not isinstance(before.tzinfo, zoneinfo.ZoneInfo)
    assert before.tzinfo is not dt.UTC or after.tzinfo is dt.UTC
    alike(before.tzinfo, after.tzinfo)


def same_zone(before, after):
    assert before is after


def same_window(before, after):
    assert type(before) is type(after)
    assert (before.size, before.format) == (after.size, after.format)


def same_template(before, after):
    assert type(before) is type(after) and vars(before) == vars(after)


def same_uuid(before, after):
    assert type(before) is type(after) and before == after and before.is_safe is after.is_safe


def hung(value, **attributes):
    """The value with attributes hung on."""
    for name, attribute in attributes.items():
        object.__setattr__(value, name, attribute)
    return value


def _used(iterator, times):
    for _ in range(times):
        next(iterator)
    return iterator


def same_array(before, after):
    assert type(before) is type(after)
    assert (before.typecode, before.tobytes()) == (after.typecode, after.tobytes())


def same_form(before, after):
    assert type(before) is type(after) and before == after and repr(before) == repr(after)


def same_dead(before, after):
    assert type(before) is type(after) is weakref.ref and after() is None


def _views():
    viewed = {"a": 1}
    return [viewed, viewed.keys(), viewed.values(), viewed.items()]


def same_views(before, after):
    assert list(map(type, before)) == list(map(type, after))
    after[0]["b"] = 2
    assert [len(view) for view in after[1:]] == [2, 2, 2]
    del after[0]["b"]
    assert list(after[3]) == list(before[3])


COLLECTIONS = [
    Sample("OrderedDict", lambda: collections.OrderedDict(b=1, a=[2])),
    Sample("OrderedDict with an attribute", lambda: hung(collections.OrderedDict(b=1), note=[1])),
    Sample("defaultdict", lambda: collections.defaultdict(list, {"a": [1]})),
    Sample("defaultdict without a factory", lambda: collections.defaultdict(None, {1: 2})),
    Sample("defaultdict with a function of one's own", lambda: collections.defaultdict(cached, {1: 2})),
    Sample("Counter", lambda: collections.Counter("abca")),
    Sample("Counter with an attribute", lambda: hung(collections.Counter("ab"), note=1)),
    Sample("deque", lambda: collections.deque([1, [2]])),
    Sample("deque with maxlen", lambda: collections.deque([1, 2, 3], maxlen=3)),
    Sample("deque with maxlen 0", lambda: collections.deque(maxlen=0)),
    Sample("ChainMap", lambda: collections.ChainMap({"a": 1}, {"a": 2, "b": [3]}), same_chain_map),
    Sample("UserDict", lambda: collections.UserDict({"a": [1]}), same_user),
    Sample("UserList", lambda: collections.UserList([1, [2]]), same_user),
    Sample("UserString", lambda: collections.UserString("text"), same_user),
    Sample("MappingProxyType", lambda: types.MappingProxyType({"a": [1]}), same_proxy),
    Sample("SimpleNamespace", lambda: types.SimpleNamespace(a=1, b=[2])),
    Sample("dict, views of one", _views, same_views),
    Sample("range", lambda: range(2, 20, 3)),
    Sample("range past 64 bits", lambda: range(2**70, 2**70 + 9, 2)),
    Sample("slice", lambda: slice(1, None, -1)),
    Sample("slice of other things", lambda: slice("a", [1], None)),
    Sample("Ellipsis", lambda: ...),
    Sample("NotImplemented", lambda: NotImplemented),
]

NUMBERS = [
    Sample(f"Decimal {text}", lambda text=text: decimal.Decimal(text), same_decimal)
    for text in (
        "-1.500",
        "0E-10",
        "-0",
        "1E+999999",
        "1E-1000000",
        "NaN",
        "-NaN123",
        "sNaN",
        "-sNaN45",
        "Infinity",
        "-Infinity",
        "9" * 60,
    )
] + [
    Sample("Decimal Context", lambda: decimal.Context(prec=5, rounding=decimal.ROUND_UP), same_text),
    Sample("Fraction", lambda: fractions.Fraction(-7, 3)),
    Sample("Fraction, large", lambda: fractions.Fraction(2**80, 3**60)),
    Sample("random.Random", _drawn, same_random),
    Sample("random.Random, a class of one's own", lambda: _drawn(Dice), same_random),
    Sample("random.Random, spare gauss", lambda: hung(_drawn(), note=1), same_random),
    Sample("random.SystemRandom", random.SystemRandom, lambda a, b: b.random()),
]

MOMENTS = [
    Sample("datetime", lambda: dt.datetime(2024, 1, 2, 3, 4, 5, 6), same_moment),  # noqa: DTZ001  naive
    Sample("datetime with fold", lambda: dt.datetime(2024, 1, 2, fold=1), same_moment),  # noqa: DTZ001  the same
    Sample("datetime in a zone", lambda: dt.datetime(2024, 7, 1, tzinfo=PARIS), same_moment),
    Sample(
        "datetime in a zone, second pass",
        lambda: dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=PARIS),
        same_moment,
    ),
    Sample("datetime in UTC", lambda: dt.datetime(2024, 1, 1, tzinfo=dt.UTC), same_moment),
    Sample(
        "datetime at an offset",
        lambda: dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5.5))),
        same_moment,
    ),
    Sample("datetime in a zone of one's own", lambda: dt.datetime(2024, 1, 1, tzinfo=Half(45)), same_moment),
    Sample("date", lambda: dt.date(2024, 2, 29)),
    Sample("time", lambda: dt.time(1, 2, 3, 4)),
    Sample("time with fold and zone", lambda: dt.time(1, 2, 3, 4, fold=1, tzinfo=PARIS), same_moment),
    Sample("time in UTC", lambda: dt.time(1, tzinfo=dt.UTC), same_moment),
    Sample("timedelta", lambda: dt.timedelta(-1, 2, 3)),
    Sample("timedelta, longest", lambda: dt.timedelta.max),
    Sample("timezone UTC", lambda: dt.UTC, same_zone),
    Sample("timezone", lambda: dt.timezone(dt.timedelta(seconds=-3661))),
    Sample("timezone with a name", lambda: dt.timezone(dt.timedelta(hours=1), "X")),
    Sample("timezone at offset 0 with a name", lambda: dt.timezone(dt.timedelta(0), "UTC")),
    Sample("ZoneInfo", lambda: PARIS, same_zone),
    Sample("ZoneInfo UTC", lambda: zoneinfo.ZoneInfo("UTC"), same_zone),
    Sample("ZoneInfo past the cache", lambda: zoneinfo.ZoneInfo.no_cache("Asia/Tokyo"), same_text),
    Sample("tzinfo of one's own", lambda: Half(15)),
]

TEXTS = [
    Sample("UUID", lambda: uuid.UUID(int=5), same_uuid),
    Sample("UUID, safe", lambda: uuid.UUID(int=5, is_safe=uuid.SafeUUID.safe), same_uuid),
    Sample("UUID, unsafe", lambda: uuid.UUID(int=2**128 - 1, is_safe=uuid.SafeUUID.unsafe), same_uuid),
    Sample("PurePosixPath", lambda: pathlib.PurePosixPath("/a/../b")),
    Sample("PureWindowsPath", lambda: pathlib.PureWindowsPath("c:/x", "Y")),
    Sample("Path", lambda: pathlib.Path("a//b/./c")),
    Sample("Path, empty", pathlib.Path),
    Sample("Path that is no text", lambda: pathlib.Path("a\udcff")),
    Sample("Pattern of str", lambda: re.compile("(?P<x>a.b)", re.DOTALL | re.IGNORECASE)),
    Sample("Pattern of bytes", lambda: re.compile(b"a\xff", re.MULTILINE)),
    Sample("Pattern with flags inside", lambda: re.compile("(?x)a b")),
    Sample("Pattern, ASCII", lambda: re.compile(r"\w", re.ASCII | re.VERBOSE)),
    *(
        Sample(name, make, same_network)
        for name, make in {
            "IPv4Address": lambda: ipaddress.ip_address("10.0.0.1"),
            "IPv6Address": lambda: ipaddress.ip_address("fe80::1"),
            "IPv6Address with a scope": lambda: ipaddress.ip_address("fe80::1%eth0"),
            "IPv4Network": lambda: ipaddress.ip_network("10.0.0.0/8"),
            "IPv6Network": lambda: ipaddress.ip_network("2001:db8::/32"),
            "IPv4Interface": lambda: ipaddress.ip_interface("10.0.0.1/8"),
            "IPv6Interface": lambda: ipaddress.ip_interface("2001:db8::1/64"),
            "IPv6Interface with a scope": lambda: ipaddress.ip_interface("fe80::1%2/64"),
        }.items()
    ),
    Sample("SplitResult", lambda: urllib.parse.urlsplit("http://a:1/b?c#d")),
    Sample("SplitResultBytes", lambda: urllib.parse.urlsplit(b"http://a:1/b?c#d")),
    Sample("ParseResult", lambda: urllib.parse.urlparse("http://a:1/b;p?c#d")),
    Sample("ParseResultBytes", lambda: urllib.parse.urlparse(b"http://a:1/b;p?c#d")),
    Sample("DefragResult", lambda: urllib.parse.urldefrag("http://a/b#d")),
    Sample("DefragResultBytes", lambda: urllib.parse.urldefrag(b"http://a/b#d")),
    Sample("string.Template", lambda: string.Template("$a"), same_template),
    Sample("struct.Struct", lambda: struct.Struct("<iq3s"), same_window),
]

MEMORY = [
    *(
        Sample(f"array.array {code}", lambda code=code: array.array(code, [1, 2, 100]))
        for code in "bBhHiIlLqQfd"
    ),
    Sample("array.array u", lambda: array.array("u", "añ\U0001f600")),
    Sample("array.array, empty", lambda: array.array("i")),
    Sample("array.array, nan", lambda: array.array("d", [float("nan"), -0.0]), same_array),
    Sample("array.array of 2 MiB", lambda: array.array("q", range(1 << 18))),
    Sample("BytesIO", lambda: _bytes_at(0), same_stream),
    Sample("BytesIO with a position", lambda: _bytes_at(3), same_stream),
    Sample("BytesIO with a position past its end", lambda: _bytes_at(9), same_stream),
    Sample("BytesIO, empty", io.BytesIO, same_stream),
    Sample("BytesIO of 2 MiB", lambda: _bytes_at(5, b"z" * (1 << 21)), same_stream),
    Sample("BytesIO with an attribute", lambda: hung(_bytes_at(1), name="f.bin"), same_stream),
    *(
        Sample(
            f"StringIO, newline {newline!r}",
            lambda newline=newline: _text_at(2, newline=newline),
            same_stream,
        )
        for newline in ("\n", "", None, "\r", "\r\n")
    ),
    Sample("StringIO with a position past its end", lambda: _text_at(20), same_stream),
    Sample("StringIO with an attribute", lambda: hung(_text_at(1), name="f"), same_stream),
    Sample("StringIO with a lone surrogate", lambda: _text_at(0, "\ud800"), same_stream),
]


def _attributed():
    return hung(functools.partial(add, 1, z=[2]), note="n")


def _recursive_partial():
    made = functools.partial(add)
    made.__setstate__((add, ([made],), {}, {}))
    return made


FUNCTIONS = [
    Sample("type by reference", lambda: Shape),
    Sample("type, built in", lambda: dict),
    Sample("type of the standard library", lambda: collections.OrderedDict),
    Sample("type of None", lambda: type(None)),
    Sample("type of a function", lambda: types.FunctionType),
    Sample("function by reference", lambda: add),
    Sample("function, built in", lambda: len),
    Sample("function of a C module", lambda: operator.add),
    Sample("module", lambda: collections),
    Sample("method, bound", lambda: Shape().area, same_method),
    Sample("method of a class", lambda: Shape.unit, same_method),
    Sample("method, static", lambda: Shape.corners),
    Sample("method of a built-in type", lambda: str.upper),
    Sample("method of a built-in type, bound", lambda: [1].append, same_method),
    Sample("method wrapper", lambda: (5).__add__, same_method),
    Sample("slot of a type", lambda: int.__add__),
    Sample("partial", lambda: functools.partial(add, 1, z=[2]), same_partial),
    Sample("partial with an attribute", _attributed, same_partial),
    Sample("partial of a partial", lambda: functools.partial(functools.partial(add, 1), 2), same_partial),
    Sample("partial, a class of one's own", lambda: Bound(add, 1), same_partial),
    Sample("partialmethod", lambda: functools.partialmethod(add, 1), same_user),
    Sample("lru_cache function", lambda: cached),
    Sample("singledispatch function", lambda: shown),
    Sample("itemgetter", lambda: operator.itemgetter("a", 1), same_text),
    Sample("attrgetter", lambda: operator.attrgetter("a.b"), same_text),
    Sample("methodcaller", lambda: operator.methodcaller("m", 1, k=2), same_text),
    Sample("GenericAlias", lambda: list[int]),
    Sample("union of types", lambda: int | None, lambda a, b: (type(a) is type(b) and a == b) or 1 / 0),
    *(
        Sample(f"typing {text}", lambda form=form: form, same_form)
        for text, form in {
            "List[int]": typing.List[int],  # noqa: UP006  it is another object than `list[int]`
            "Optional[str]": typing.Optional[str],  # noqa: UP045  the same
            "Callable": typing.Callable[[int], str],
            "Literal": typing.Literal["a", 1],
            "Any": typing.Any,
            "Annotated": typing.Annotated[int, "note"],
        }.items()
    ),
]


ITERATORS = [
    Sample("itertools.count", lambda: _used(itertools.count(5, 2), 3), same_text),
    Sample("itertools.count of floats", lambda: itertools.count(0.5, 0.25), same_text),
    Sample("itertools.count past 64 bits", lambda: itertools.count(2**70), same_text),
    Sample("itertools.repeat", lambda: itertools.repeat([1]), same_text),
    Sample("itertools.chain", lambda: itertools.chain([1, 2], [3]), same_iterator),
    Sample("itertools.chain from one iterable", lambda: itertools.chain.from_iterable([[1]]), same_iterator),
    Sample("itertools.cycle", lambda: itertools.cycle("ab"), same_iterator),
    Sample("itertools.islice", lambda: itertools.islice([1, 2, 3, 4, 5], 1, None, 2), same_iterator),
    Sample("itertools.accumulate", lambda: itertools.accumulate([1, 2, 3]), same_iterator),
    Sample("itertools.accumulate with a start", lambda: itertools.accumulate([1], initial=5), same_iterator),
    Sample("itertools.takewhile", lambda: itertools.takewhile(bool, [1, 0]), same_iterator),
    Sample("itertools.dropwhile", lambda: itertools.dropwhile(bool, [1, 0, 2]), same_iterator),
    Sample("itertools.compress", lambda: itertools.compress("ab", [0, 1]), same_iterator),
    Sample("itertools.product", lambda: itertools.product([1, 2], "ab"), same_iterator),
    Sample("itertools.permutations", lambda: itertools.permutations([1, 2, 3], 2), same_iterator),
    Sample("itertools.combinations", lambda: itertools.combinations([1, 2, 3], 2), same_iterator),
    Sample("iterator of a list", lambda: iter([1, 2, 3]), same_iterator),
    Sample("iterator of a tuple", lambda: iter((1, 2, 3)), same_iterator),
    Sample("iterator of a text", lambda: iter("a\xe4"), same_iterator),
    Sample("iterator of a range", lambda: iter(range(9)), same_iterator),
    Sample("iterator of a deque", lambda: iter(collections.deque([1, 2])), same_iterator),
    Sample("enumerate", lambda: enumerate(["a", "b"]), same_iterator),
    Sample("enumerate from another number", lambda: enumerate(["a", "b"], 5), same_iterator),
    Sample("reversed", lambda: reversed([1, 2, 3]), same_iterator),
    Sample("reversed tuple", lambda: reversed((1, 2, 3)), same_iterator),
    Sample("zip and map", lambda: zip([1, 2], map(abs, [-1, -2]), strict=True), same_iterator),
    Sample("itertools.repeat, limited", lambda: _used(itertools.repeat("a", 5), 2), same_text),
]


class Kept:
    def __init__(self, name):
        self.name = name


def _weak_reference():
    value = Kept("a")
    return [value, weakref.ref(value)]


def same_weak(before, after):
    assert after[1]() is after[0]


def _weak_collections():
    first, second = Kept("a"), Kept("b")
    keys, values = weakref.WeakKeyDictionary({first: [1]}), weakref.WeakValueDictionary(k=second)
    return [first, second, weakref.WeakSet([first, second]), keys, values]


def same_collections(before, after):
    assert list(map(type, before)) == list(map(type, after))
    first, second, members, keys, values = after
    assert set(members) == {first, second}
    assert list(keys.items()) == [(first, [1])]
    assert list(values.items()) == [("k", second)]


def _tree():
    made = Kept("root")
    made.child = Kept("leaf")
    made.child.parent = weakref.ref(made)
    return made


def same_tree(before, after):
    assert type(before) is type(after) and after.child.name == "leaf"
    assert after.child.parent() is after


WEAK = [
    Sample("weakref to an object inside", _weak_reference, same_weak),
    Sample("weakref from a part to the whole", _tree, same_tree),
    Sample("weakref to an object that is gone", lambda: weakref.ref(Kept("x")), same_dead),
    Sample("WeakSet, WeakKeyDictionary, WeakValueDictionary", _weak_collections, same_collections),
]


SAMPLES = [*COLLECTIONS, *NUMBERS, *MOMENTS, *TEXTS, *MEMORY, *FUNCTIONS, *ITERATORS, *WEAK]
