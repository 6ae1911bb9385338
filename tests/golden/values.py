"""The values of the golden files: many kinds, each small. What stands here is never changed, only added to."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import math
import pathlib
import re
import uuid
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass
class Point:
    """A class that the codec takes apart."""

    x: int
    y: float = 0.0


class Colour(enum.Enum):
    """An enumeration."""

    RED = 1
    BLUE = "b"


class Model:
    """A class that is pickled by reference."""

    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def __eq__(self, other: object) -> bool:
        return type(other) is Model and other.weights == self.weights

    __hash__ = None  # type: ignore[assignment]


def _plain() -> Any:
    return {
        "none": None,
        "flags": [True, False],
        "numbers": [0, -1, 2**63 - 1, -(2**63), 1.5, -0.0, math.inf],
        "text": ["", "é∀𝄞", "nul \0"],
        "bytes": b"\0\xff",
        "nested": {"list": [[], {}]},
    }


def _rows() -> Any:
    zone = dt.timezone(dt.timedelta(hours=2), "two")
    return [
        (1, (2,)),
        {1, 2, 3},
        frozenset({"a"}),
        2**200,
        3 + 4j,
        decimal.Decimal("1.10"),
        fractions.Fraction(2, 3),
        dt.datetime(2026, 11, 20, 12, 30, 1, 5, tzinfo=zone),
        dt.datetime(2026, 10, 25, 2, 30, fold=1),  # noqa: DTZ001  a naive one
        dt.date(2026, 11, 20),
        dt.timedelta(days=-1, seconds=3),
        uuid.UUID(int=7),
        pathlib.PurePosixPath("a/b"),
        re.compile(r"a+", re.IGNORECASE),
        range(1, 10, 2),
        slice(1, None),
        bytearray(b"xyz"),
        collections.deque([1, 2], maxlen=3),
        collections.OrderedDict(b=1, a=2),
        collections.Counter("abca"),
        {(1, 2): "key", None: 0},
        "lone \ud800",
    ]


def _sharing() -> Any:
    shared = [1]
    cycle: list[Any] = [shared, shared]
    cycle.append(cycle)
    return cycle


def _array() -> Any:
    import numpy as np

    return np.tile(np.arange(256, dtype="u1"), 4096)  # 1 MiB: out of band


def _small_arrays() -> Any:
    import numpy as np

    return [np.arange(6, dtype=">i4").reshape(2, 3), np.array(["a", None], dtype=object), np.float32(0.5)]


def _frame() -> Any:
    import pandas as pd

    columns = {"n": [1, 2, 3], "x": [0.5, None, 2.0], "s": ["a", "b", None]}
    return pd.DataFrame(columns, index=pd.Index([10, 20, 30], name="id"))


VALUES: dict[str, Callable[[], Any]] = {
    "plain": _plain,
    "rows": _rows,
    "classes": lambda: [Point(1, 2.5), Colour.BLUE, Point],
    "sharing": _sharing,
    "leaf": lambda: {"model": Model([1, 2]), "partial": functools.partial(math.hypot, 3.0)},
    "error": lambda: ValueError("no", 3),
    "array": _array,
    "arrays": _small_arrays,
    "frame": _frame,
    "text": lambda: "All work and no play.\n" * 5000,
    "long": lambda: [f"line {number}" for number in range(30_000)],
}
"""By name; each call makes the value anew."""


def _as_deep(found: Any, expected: Any) -> bool:
    return bool(found == expected) and list(map(type, found)) == list(map(type, expected))


def _as_arrays(found: Any, expected: Any) -> bool:
    return all(
        (type(a), a.dtype, a.shape, a.tolist()) == (type(b), b.dtype, b.shape, b.tolist())
        for a, b in zip(found, expected, strict=True)
    )


_ALIKE: dict[str, Callable[[Any, Any], bool]] = {
    "rows": _as_deep,
    "sharing": lambda found, _: found[0] is found[1] and found[2] is found and found[0] == [1],
    "leaf": lambda a, b: a["model"] == b["model"] and a["partial"](4.0) == b["partial"](4.0),
    "error": lambda found, expected: found.args == expected.args,
    "array": lambda found, expected: _as_arrays([found], [expected]) and found.flags.writeable,
    "arrays": _as_arrays,
    "frame": lambda found, expected: bool(found.equals(expected)) and found.index.name == "id",
}


def alike(name: str, found: Any) -> bool:
    """Whether what was read is the value of this name, in type and content."""
    expected = VALUES[name]()
    return type(found) is type(expected) and _ALIKE.get(name, lambda a, b: bool(a == b))(found, expected)
