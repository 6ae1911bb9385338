"""pandas: exact reduced forms of frames, and their content, not how their memory is laid out.

Two frames with the same labels, dtypes, attributes and cells are alike, whether or not their columns are
consolidated, sliced or strided, and whatever lies under a missing value.
"""

from __future__ import annotations

from typing import Any

import xxhash

from perdure.codec.rows.state import fill_attributes


def reduce(obj: Any) -> Any:
    """The reduced form of a frame or series with what a user hung on it, or `NotImplemented`."""
    import pandas as pd

    return _with_notes(obj) if isinstance(obj, (pd.DataFrame, pd.Series)) else NotImplemented


def _with_notes(frame: Any) -> Any:
    notes = notes_on(frame)
    if not notes:
        return NotImplemented
    make, args, state, *items = (*frame.__reduce_ex__(5), None, None, None)[:5]
    return make, args, (state, notes), *items, fill_attributes


def notes_on(frame: Any) -> dict[str, Any]:
    """Attributes that a user hung on a frame or series. Those of its class are in its state already."""
    known = frame._metadata  # noqa: SLF001
    return {
        name: value
        for name, value in vars(frame).items()
        if not name.startswith("_") and name not in known and name not in frame._internal_names_set  # noqa: SLF001
    }


def _frame() -> None:
    """Stands in a digest for a frame, a series or an index."""


def content(obj: Any) -> Any:  # noqa: PLR0911  one return for each kind
    """What stands in a digest for a frame, series, index or column; `NotImplemented` for anything else."""
    import pandas as pd

    kind = _kind(obj)
    if isinstance(obj, pd.DataFrame):
        columns = [_cells(obj.iloc[:, at].array) for at in range(obj.shape[1])]
        return _frame, (kind, obj.columns, obj.index, columns, obj.attrs, _more(obj))
    if isinstance(obj, pd.Series):
        return _frame, (kind, obj.name, obj.index, _cells(obj.array), obj.attrs, _more(obj))
    if isinstance(obj, pd.MultiIndex):
        levels = [obj.get_level_values(at) for at in range(obj.nlevels)]
        return _frame, (kind, levels)
    if isinstance(obj, pd.RangeIndex):
        return _frame, (kind, obj.start, obj.stop, obj.step, obj.name)
    if isinstance(obj, pd.Index):
        return _frame, (kind, obj.name, _cells(obj.array), str(getattr(obj, "freq", None)))
    if isinstance(obj, pd.api.extensions.ExtensionArray):
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
