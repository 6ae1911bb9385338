"""Canonical forms of arrays and frames for the digest: by logical content, not by how memory is laid out.

Two frames with the same labels, dtypes, attributes and cells are alike, whether or not their columns are
consolidated, sliced or strided, and whatever lies under a missing value.
"""

from __future__ import annotations

import sys
from typing import Any

import xxhash

from .reduced import notes_on

_CHUNK = 1 << 20


def _array() -> None:
    """Stands in the stream for an array."""


def _frame() -> None:
    """Stands in the stream for a frame, a series or an index."""


def reduce_content(obj: Any) -> Any:
    """The canonical form of an array, frame, series, index or column; `NotImplemented` for anything else."""
    np = sys.modules["numpy"]
    if type(obj) is np.ndarray or type(obj) is np.memmap:
        return _array, array_content(obj)
    if type(obj) is np.ma.MaskedArray and not obj.dtype.hasobject and obj.dtype.names is None:
        mask = np.ma.getmaskarray(obj)
        return _array, (
            "masked",
            np.where(mask, np.zeros((), obj.dtype), obj.data),
            mask,
            obj.fill_value,
            obj.hardmask,
        )
    pandas = sys.modules.get("pandas")
    if pandas is not None and hasattr(pandas, "DataFrame"):
        return _reduce_pandas(pandas, obj)
    return NotImplemented


def array_content(array: Any) -> tuple[Any, ...]:
    """dtype, shape and content of an array, in C order whatever order its memory has."""
    dtype = array.dtype
    if dtype.hasobject or dtype.kind == "T":
        return "object", dtype, array.shape, array.ravel().tolist()
    if dtype.names is not None:
        return "fields", str(dtype), array.shape, [(name, array_content(array[name])) for name in dtype.names]
    return "array", dtype.str, array.shape, _content(array)


def _content(array: Any) -> bytes:
    """Hash of the elements, piece by piece where they do not lie in C order."""
    import numpy as np

    hasher = xxhash.xxh3_128()
    if array.size and array.dtype.itemsize:
        flat: Any = array.view(np.ndarray)
        if flat.flags.c_contiguous:
            hasher.update(flat.reshape(-1).view("u1"))
        else:
            rows = max(1, _CHUNK // max(1, flat[:1].nbytes))
            for start in range(0, len(flat), rows):
                piece: Any = np.ascontiguousarray(flat[start : start + rows])
                hasher.update(piece.reshape(-1).view("u1"))
    return hasher.digest()


def _reduce_pandas(pandas: Any, obj: Any) -> Any:  # noqa: PLR0911  one return for each kind
    kind = _kind(obj)
    if isinstance(obj, pandas.DataFrame):
        columns = [_cells(obj.iloc[:, at].array) for at in range(obj.shape[1])]
        return _frame, (kind, obj.columns, obj.index, columns, obj.attrs, _more(obj))
    if isinstance(obj, pandas.Series):
        return _frame, (kind, obj.name, obj.index, _cells(obj.array), obj.attrs, _more(obj))
    if isinstance(obj, pandas.MultiIndex):
        levels = [obj.get_level_values(at) for at in range(obj.nlevels)]
        return _frame, (kind, levels)
    if isinstance(obj, pandas.RangeIndex):
        return _frame, (kind, obj.start, obj.stop, obj.step, obj.name)
    if isinstance(obj, pandas.Index):
        return _frame, (kind, obj.name, _cells(obj.array), str(getattr(obj, "freq", None)))
    if isinstance(obj, pandas.api.extensions.ExtensionArray):
        return _frame, _cells(obj)
    return NotImplemented


def _kind(obj: Any) -> str:
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def _more(obj: Any) -> list[Any]:
    """What a subclass or a user adds to a frame or series, and its flags."""
    added = (getattr(obj, name, None) for name in obj._metadata)  # noqa: SLF001
    return [obj.flags.allows_duplicate_labels, notes_on(obj), *added]


def _cells(values: Any) -> tuple[Any, ...]:  # noqa: PLR0911  one return for each dtype
    """The logical content of one column."""
    import numpy as np
    import pandas as pd

    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category", values.codes, values.categories, values.ordered
    if isinstance(dtype, pd.StringDtype):
        return "text", repr(dtype.na_value), dtype.storage, *_texts(values)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "moments", str(dtype), values.asi8
    if isinstance(dtype, pd.PeriodDtype):
        return "periods", str(dtype), values.asi8
    if isinstance(dtype, pd.IntervalDtype):
        return "intervals", str(dtype), values.left, values.right
    data, mask = getattr(values, "_data", None), getattr(values, "_mask", None)
    if isinstance(data, np.ndarray) and isinstance(mask, np.ndarray):
        return "masked", str(dtype), np.where(mask, np.zeros((), data.dtype), data), mask
    if isinstance(values, pd.arrays.NumpyExtensionArray) or isinstance(dtype, np.dtype):
        return "cells", np.asarray(values)
    return "items", str(dtype), list(values)


def _texts(values: Any) -> tuple[Any, ...]:
    """Lengths, letters and gaps of a column of text."""
    import numpy as np

    gaps = np.asarray(values.isna())
    texts = np.where(gaps, "", np.asarray(values, dtype=object)).tolist()
    lengths = np.fromiter(map(len, texts), "i8", len(texts))
    letters = xxhash.xxh3_128_digest("".join(texts).encode("utf-8", "surrogatepass"))
    return lengths, letters, gaps
