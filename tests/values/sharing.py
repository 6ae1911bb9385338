"""Writes through the parts of a value, and what is read through the others afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa


def parts(value: Any) -> list[Any]:
    """The parts of a value, those in tuples too."""
    flat = list(value.values()) if isinstance(value, dict) else list(value)
    return [part[0] if isinstance(part, tuple) else part for part in flat]


def write(part: Any) -> str | None:
    """Change cells through it, if it lets one. The error counts too."""
    try:
        if isinstance(part, np.ndarray):
            part[...] = part[::-1].copy()
        elif isinstance(part, pd.DataFrame):
            for column in range(part.shape[1]):
                part.iloc[0, column] = part.iloc[-1, column]
        elif isinstance(part, pd.Series):
            part.iloc[0] = part.iloc[-1]
        elif isinstance(part, pl.DataFrame):
            part[0, 0] = 7
        else:
            part[1] = part[3]
    except (TypeError, ValueError, IndexError, NotImplementedError, pl.exceptions.PolarsError) as error:
        return type(error).__name__
    return None


def read(part: Any) -> Any:
    """All that can be read through it."""
    if isinstance(part, pa.Buffer):
        return part.to_pybytes()
    if isinstance(part, bytearray | memoryview):
        return bytes(part)
    if isinstance(part, pl.DataFrame | pa.Table | pa.RecordBatch):
        return part.to_dict(as_series=False) if isinstance(part, pl.DataFrame) else part.to_pydict()
    if isinstance(part, pd.DataFrame):
        return part.to_dict("list")
    if getattr(getattr(part, "dtype", None), "kind", "") == "M":
        part = part.astype("i8")
    return part.to_list() if hasattr(part, "to_list") else part.tolist()


def seen(value: Any, order: Iterable[int]) -> list[Any]:
    """What is read through all parts after each write through one of them."""
    told = [list(map(read, parts(value)))]
    for at in order:
        failed = write(parts(value)[at])
        told.append([failed, *map(read, parts(value))])
    return told
