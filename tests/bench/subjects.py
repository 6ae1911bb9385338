"""The values of the benchmark, each made anew whenever it is asked for, alike each time."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ROWS = 10_000_000
MIXED_ROWS = 9_000_000


@dataclass(frozen=True, slots=True)
class Subject:
    """One value by its name in the table."""

    name: str
    make: Callable[[], Any]
    rounds: int
    """Rounds of the comparison; in each, every contender does everything once (small values: many times)."""
    needs: str = ""
    """The package without which there is no such value."""


def tiny() -> dict[str, Any]:
    """A few numbers and words."""
    return {"name": "Ada", "age": 36, "ok": True, "score": 0.5}


def plain() -> list[dict[str, Any]]:
    """About 10 kB of what JSON can hold."""
    return [_record(number) for number in range(62)]


def rich() -> list[dict[str, Any]]:
    """About 10 kB with moments, tuples, sets, decimals and ids."""
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return [
        {
            "when": start + dt.timedelta(minutes=number),
            "pair": (number, f"name {number}"),
            "tags": {f"tag {number % 5}", f"tag {number % 7}"},
            "price": decimal.Decimal(number) / 8,
            "id": uuid.UUID(int=number * 7919),
            "note": "twelve bytes " * 4,
        }
        for number in range(45)
    ]


def many() -> list[dict[str, Any]]:
    """100,000 small dicts."""
    return [{"id": number, "name": f"name {number % 1000}", "x": number / 7} for number in range(100_000)]


def numeric(seed: int = 0) -> Any:
    """A frame of 800 MB: 10 columns of 10 million float64."""
    import numpy as np
    import pandas as pd

    numbers = np.random.default_rng(seed).random((10, ROWS))
    return pd.DataFrame(numbers.T, columns=[f"c{at}" for at in range(10)], copy=False)


def mixed(seed: int = 0) -> Any:
    """A frame of about 700 MB: floats, integers, flags, text, categories, moments with a zone, nullable integers."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    chance = np.random.default_rng(seed)
    which = chance.integers(0, 1000, MIXED_ROWS)
    names = pa.array([f"name {number}" for number in range(1000)], pa.large_string()).take(pa.array(which))
    moments = (np.arange(MIXED_ROWS) + seed) * 1_000_000_000
    columns: dict[str, Any] = {f"f{at}": chance.random(MIXED_ROWS) for at in range(4)}
    columns["whole"] = which
    columns["small"] = which.astype("int32")
    columns["flag"] = which % 2 == 0
    columns["text"] = pd.array(names, dtype=pd.StringDtype("pyarrow", na_value=np.nan))
    columns["kind"] = pd.Categorical.from_codes(which % 5, list("abcde"))
    columns["when"] = pd.DatetimeIndex(moments.view("M8[ns]"), tz="UTC")
    columns["maybe"] = pd.arrays.IntegerArray(which, which % 10 == 0)
    return pd.DataFrame(columns)


def objects() -> Any:
    """A column of a million Python objects: dicts and tuples in turn."""
    import pandas as pd

    items = [{"id": number} if number % 2 else (number, str(number)) for number in range(1_000_000)]
    return pd.DataFrame({"item": pd.Series(items, dtype=object)})


def forest() -> Any:
    """A fitted random forest of 100 trees."""
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier

    x, y = make_classification(20_000, 20, random_state=0)
    return RandomForestClassifier(100, random_state=0, n_jobs=1).fit(x, y)


def tensor() -> Any:
    """A tensor of 400 MB."""
    import torch

    return torch.rand(100_000_000, generator=torch.Generator().manual_seed(0))


SUBJECTS = (
    Subject("tiny dict", tiny, 25),
    Subject("10 kB plain dicts", plain, 25),
    Subject("10 kB rich dicts", rich, 25),
    Subject("100,000 dicts", many, 3),
    Subject("800 MB frame, numeric", numeric, 3),
    Subject("mixed frame, 700 MB", mixed, 3, "pyarrow"),
    Subject("object column, 1 M rows", objects, 3),
    Subject("random forest", forest, 5, "sklearn"),
    Subject("tensor, 400 MB", tensor, 3, "torch"),
)


def _record(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"name {number}",
        "score": number / 7,
        "ok": number % 2 == 0,
        "tags": ["red", "green", f"t{number % 9}"],
        "place": {"lat": 52.5 + number / 1000, "lon": 13.4, "city": "Berlin"},
        "none": None,
        "counts": [number, number + 1, number * number],
    }
