"""A preview is small plain data, made without asking a user's class anything."""

import datetime as dt

import numpy as np
import ormsgpack
import pandas as pd
import pytest

from perdure import codec


class Loud:
    def __repr__(self):
        raise AssertionError

    __str__ = __repr__

    def __len__(self):
        raise AssertionError


class LoudDict(dict):
    def __iter__(self):
        raise RuntimeError


LINES = [
    (0.1, "0.1"),
    (None, "None"),
    ("abc", "'abc'"),
    ("a" * 100, f"'{'a' * 57}…'"),
    ([1, 2, 3], "list of 3"),
    ({"a": 1}, "dict of 1"),
    (dt.date(2024, 1, 2), "date 2024-01-02"),
    (np.zeros((1000, 2)), "ndarray 1,000 x 2, float64"),
    (np.float64(1.5), "float64 1.5"),
    (pd.DataFrame({"a": [1.0] * 1200, "b": 2.0, "s": "x"}), "DataFrame 1,200 x 3, float64 2, str 1"),
    (pd.Series([1, 2]), "Series 2, int64"),
    (len, "function len"),
    (Loud, "class Loud"),
    (Loud(), "Loud"),
    (ValueError("no"), "ValueError 'no'"),
]


@pytest.mark.parametrize(("value", "expected"), LINES)
def test_a_value_has_one_short_line(value, expected):
    """Promise 8: listing and previewing never decode."""
    assert codec.line(codec.preview(value)) == expected


@pytest.mark.parametrize(
    "value",
    [
        "x" * 100_000,
        [10**5000],
        ["é\ud800" * 1000] * 1000,
        {f"{i}" * 100: "y" * 1000 for i in range(1000)},
        pd.DataFrame({f"column {i} " * 20: [i] for i in range(500)}),
        pd.DataFrame({f"\N{CAT FACE}{i}" * 50: [i] for i in range(50)}),
        LoudDict(a=1),
        [Loud()],
    ],
)
def test_a_preview_is_small_plain_and_never_raises(value):
    """Promise 8: it is shown as it is stored."""
    shown = codec.preview(value)
    assert len(ormsgpack.packb(shown)) <= 4000
    assert len(codec.line(shown)) <= 200


def test_a_preview_shows_the_first_items():
    """Promise 8: enough to see what it is."""
    assert codec.preview({"a": [1], 2: "x"})["items"] == ["'a': list of 1", "2: 'x'"]
    assert codec.preview(pd.DataFrame({"a": [1]}))["columns"] == [["a", "int64"]]
