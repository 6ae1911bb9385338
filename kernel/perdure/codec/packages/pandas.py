"""pandas: exact reduced forms of frames, and their content, not how their memory is laid out.

Two frames with the same labels, dtypes, attributes and cells are alike, whether or not their columns are
consolidated, sliced or strided, and whatever lies under a missing value. Which frames share memory, and
copy it before they write, is kept with them: so frames and arrays may come back on one memory.
"""

from __future__ import annotations

import copyreg
from typing import Any

import xxhash

from perdure.codec.model import Refusal
from perdure.codec.rows.state import fill_attributes, hung_on, set_state, with_attributes

_SERIES = "pandas.core.internals.managers.SingleBlockManager"
_SHARERS = "pandas._libs.internals.BlockValuesRefs"
"""What a series consists of, and where pandas notes who shares memory until one of them is written."""

_PAGE = "Its functions and templates belong to the page that shows it."
_PAGE_ADVICE = "Keep the frame (`.data`), or the page (`.to_html()`)."


KEPT: dict[str, str] = {
    "pandas.DataFrame, pandas.Series": (
        "labels, `attrs`, flags, attributes and columns, large memory not copied; how columns lie "
        "together in memory is no content"
    ),
    "pandas.Index": "every kind: labels, names and frequency; attributes that a user hung on it are not kept",
    "pandas.Categorical, pandas.api.extensions.ExtensionArray": (
        "dtype and memory; of text over arrow, the chunks as they are"
    ),
    "pandas.api.extensions.ExtensionDtype": "its parameters",
    "pandas.Timestamp, pandas.Timedelta": "its number with unit, zone and fold, and attributes",
    "pandas.Period, pandas.Interval": "its number with frequency, or its ends",
    "pandas.NaT, pandas.NA": "by its name, as the one object that it is",
    "pandas.tseries.offsets.BaseOffset": "its count and attributes",
    "pandas.api.typing.DataFrameGroupBy, pandas.api.typing.SeriesGroupBy": "the frame and the keys",
    "pandas.api.typing.Rolling, pandas.api.typing.Expanding, pandas.api.typing.Resampler": (
        "the frame and the settings"
    ),
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:  # noqa: PLR0911  one return for each kind
    """The reduced form of what pandas pickles with a loss or a copy, or `NotImplemented`."""
    import pandas as pd

    if isinstance(obj, (pd.DataFrame, pd.Series)):
        return _with_notes(obj)
    if _kind(obj) == "pandas.io.formats.style.Styler":
        raise Refusal(obj, _PAGE, _PAGE_ADVICE)
    if type(obj).__module__.partition(".")[0] != "pandas":
        return NotImplemented
    if isinstance(obj, pd.api.extensions.ExtensionArray) and hasattr(obj, "_pa_array"):
        # pandas itself would put the chunks together, in other memory.
        return copyreg.__newobj__, (type(obj),), {**vars(obj), "_cache": {}}, None, None, fill_chunks  # type: ignore[attr-defined]
    if isinstance(obj, pd.Index):
        return _with_sharers(with_attributes(obj, obj.__reduce_ex__(5)), vars(obj).get("_references"))
    if _kind(obj) == _SERIES:  # its own form names neither its block nor who shares the memory
        return type(obj), (obj.blocks[0], obj.axes[0])
    if _is_block(obj):
        return _block(obj)
    return (type(obj), ()) if _kind(obj) == _SHARERS else _scalar(obj)


def _scalar(obj: Any) -> Any:
    """The form of a time or dtype with its fold, and what a user hung on it."""
    import pandas as pd

    if type(obj) is pd.Timestamp and obj.fold and obj.tzinfo is None:  # its pickle is its time alone
        return with_attributes(obj, (with_fold, (obj.replace(fold=0),)))
    times = (pd.Timedelta, pd.Period, pd.api.extensions.ExtensionDtype)
    return (
        with_attributes(obj, obj.__reduce_ex__(5))
        if isinstance(obj, times) and hung_on(obj)
        else NotImplemented
    )


def with_fold(moment: Any) -> Any:
    """The second of two moments that a clock shows alike."""
    return moment.replace(fold=1)


def parts(obj: Any) -> Any:
    """The columns of objects of a frame, the objects of such a series or index; else `NotImplemented`."""
    import pandas as pd

    if isinstance(obj, pd.DataFrame):
        columns = ((at, name) for at, name in enumerate(obj.columns) if obj.dtypes.iloc[at].kind == "O")
        return (
            (f'["{name}"]' if type(name) is str else f"[{name!r}]", obj.iloc[:, at]) for at, name in columns
        )
    if not isinstance(obj, (pd.Series, pd.Index)) or obj.dtype.kind != "O":
        return NotImplemented
    place = ".iloc" if isinstance(obj, pd.Series) else ""
    return ((f"{place}[{at}]", item) for at, item in enumerate(obj.array))


def fill_chunks(made: Any, state: dict[str, Any]) -> None:
    """Give an array over arrow its chunks as they were."""
    vars(made).update(state)


def _is_block(obj: Any) -> bool:
    return any(
        base.__name__ == "Block" and base.__module__.startswith("pandas.") for base in type(obj).__mro__
    )


def _block(block: Any) -> Any:
    """The form of a block over its own cells; pandas' form holds a copy of cells that do not lie together."""
    from pandas._libs.internals import _unpickle_block

    parts = block.values, block.mgr_locs.indexer, block.ndim  # noqa: PD011  of a block, not of a frame
    return _with_sharers((_unpickle_block, parts), getattr(block, "refs", None))


def _with_sharers(form: Any, sharers: Any) -> Any:
    """The form of a block or index with the record of those that share its memory, if there are others."""
    if sharers is None or not sharers.has_reference():
        return form
    make, args, state = (*form, None)[:3]
    fill = form[5] if len(form) > 5 else set_state  # noqa: PLR2004
    return make, args, (fill, state, sharers), None, None, fill_sharers


def fill_sharers(made: Any, state: tuple[Any, Any, Any]) -> None:
    """Give a block or index its state, and enter it where those that share its memory are recorded."""
    fill, own, sharers = state
    fill(made, own)
    if _is_block(made):
        made.refs = sharers
        sharers.add_reference(made)
    else:
        made._references = sharers  # noqa: SLF001
        sharers.add_index_reference(made)


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
        return _frame, (kind, levels, *_hung(obj))
    if isinstance(obj, pd.RangeIndex):
        return _frame, (kind, obj.start, obj.stop, obj.step, obj.name, *_hung(obj))
    if isinstance(obj, pd.Index):
        return _frame, (kind, obj.name, _cells(obj.array), _freq(obj), *_hung(obj))
    if isinstance(obj, pd.api.extensions.ExtensionArray):
        return _frame, _cells(obj)
    return NotImplemented


def _freq(index: Any) -> Any:
    """The frequency of an index, with the holidays and other parts that its text leaves out."""
    freq = getattr(index, "freq", None)
    parts = getattr(freq, "kwds", None) or {}
    return str(freq), {name: part for name, part in sorted(parts.items()) if name != "calendar"}


def _hung(index: Any) -> list[Any]:
    hung = hung_on(index)
    return [hung] if hung else []


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
    if hasattr(values, "_pa_array"):
        return "arrow", repr(dtype), repr(getattr(dtype, "na_value", None)), values._pa_array  # noqa: SLF001
    if isinstance(dtype, pd.StringDtype):
        return "text", repr(dtype.na_value), dtype.storage, *_texts(values)
    if isinstance(dtype, (pd.DatetimeTZDtype, pd.PeriodDtype)):
        return "moments", str(dtype), getattr(dtype, "tz", None), values.asi8
    if isinstance(dtype, pd.IntervalDtype):
        return "intervals", str(dtype), values.left, values.right
    if isinstance(dtype, pd.SparseDtype):
        places = values.sp_index.to_int_index().indices
        return "sparse", str(dtype.subtype), dtype.fill_value, len(values), places, values.sp_values
    data, mask = getattr(values, "_data", None), getattr(values, "_mask", None)
    if isinstance(data, np.ndarray) and isinstance(mask, np.ndarray):
        return (
            "masked",
            str(dtype),
            np.where(mask, np.zeros((), data.dtype), data) if mask.any() else data,
            mask,
        )
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
