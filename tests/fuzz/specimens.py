"""What the fuzzer starts from: encodings of many kinds of values, as streams and as dumps.

A specimen is made from a seed and a number alone, so that a failure can be made again anywhere.
"""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import fractions
import ipaddress
import pathlib
import re
import types
import uuid
import zoneinfo
from dataclasses import dataclass

from fuzz import canary

_shared = ["shared", {"deep": (1, 2)}]
_ring = [1]
_ring.append({"ring": _ring})

VALUES = [
    None,
    -1,
    [True, 2**63, -(2**63), 2**70, 1.5, float("nan"), complex(1, -0.0)],
    {"name": "Ada", "tags": ["x", "y" * 70], "raw": b"z" * 70, "none": None, "floats": [0.5] * 30},
    (1, (2, (3, ())), [_shared, _shared, (_shared,)]),
    _ring,
    {1, 2.5, "three", (4, frozenset({5}))},
    {1: "int", "one": 2, (1, 2): "tuple", frozenset({3}): "set", None: 0, b"b": dt.date(2026, 1, 2)},
    ["\ud800 lone", "a\0b", "\U0001f600", bytearray(b"bytes" * 20), memoryview(b"view" * 30)],
    memoryview(array.array("d", [1.0, 2.0, 3.0, 4.0])).cast("B").cast("d", (2, 2)),
    [range(1, 10, 2), slice(None, 5), ..., NotImplemented, int, OSError],
    collections.OrderedDict(a=1, b=collections.Counter("hello"), c=collections.deque([1, 2], 3)),
    collections.defaultdict(list, {"k": [1]}),
    collections.ChainMap({"a": 1}, {"b": [2]}),
    types.SimpleNamespace(a=1, b=types.SimpleNamespace(c=2)),
    types.MappingProxyType({"a": [1]}),
    [decimal.Decimal("1.10"), decimal.Decimal("sNaN12"), fractions.Fraction(1, 3)],
    [
        dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC, fold=1),
        dt.datetime(2026, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1),
        dt.time(1, 2, tzinfo=dt.timezone(dt.timedelta(hours=1), "name")),
        dt.timedelta(-1, 2, 3),
        zoneinfo.ZoneInfo("America/New_York"),
    ],
    [uuid.UUID(int=7), pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("c:/d"), pathlib.Path("/e")],
    [re.compile(r"(a|b)+\d{2,3}", re.IGNORECASE), re.compile(rb"[^x]*$", re.DOTALL)],
    [ipaddress.ip_address("::1"), ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_interface("1.2.3.4/24")],
    [array.array("d", [1.0, 2.0]), array.array("u", "text"), array.array("q", range(20))],
    # These need more trust than the fuzzer gives: nothing of them may be made.
    [ValueError("x", 1), canary.Canary(1), canary.Kind.A, canary.Pair(1, 2), canary.Point(1, 2)],
    [canary.sing, canary.Canary, re, lambda: canary.TRIPPED],
]


@dataclass(frozen=True, slots=True)
class Specimen:
    """One input of the decoder."""

    door: str
    """`decode` takes it as a stream beside `buffers`, `loads` as a dump."""
    data: bytes
    buffers: tuple[bytes, ...] = ()
    codec: str = "plain"
    how: str = ""
    """The mutations that made it."""

    @property
    def size(self) -> int:
        """Bytes of data and buffers."""
        return len(self.data) + sum(map(len, self.buffers))


def streams() -> list[bytes]:
    """The streams of all values."""
    from perdure import codec

    return [codec.encode(value).stream for value in VALUES]


def dumps() -> list[bytes]:
    """Some values as dumps; one is long enough to be compressed."""
    import perdure

    long = [{"id": number, "name": f"name {number % 7}"} for number in range(4000)]
    return [perdure.dumps(value) for value in (VALUES[3], VALUES[6], VALUES[17], VALUES[-2], long)]
