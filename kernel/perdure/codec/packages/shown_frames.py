"""What a preview says of arrays and frames, of numpy, pandas, polars and pyarrow, at a glance only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

from perdure.codec.masking import cut, shown

from .shower import COLUMNS, ELEMENTS, ITEMS, Say, Shower, dtype_name, label, sized

_ROWS, _WIDE = 5, 200
_CELL = 24
"""Characters of a cell that are shown."""


def _scalar(value: Any, _say: Say) -> dict[str, Any]:
    return {"kind": "scalar", "text": shown(str(value))}


def _table(
    shape: Iterable[int], columns: list[tuple[Any, Any]], counted: Iterable[Any], say: Say
) -> dict[str, Any]:
    dtypes = list(counted)  # of which a frame of many columns has few, but a hash is of the dtype's making
    named = {key: dtype_name(dtype) for key, dtype in {id(dtype): dtype for dtype in dtypes}.items()}
    kinds = Counter(named[id(dtype)] for dtype in dtypes)
    return {
        "kind": "frame",
        "shape": [int(length) for length in shape],
        "dtypes": [[kind, count] for kind, count in kinds.most_common(ITEMS)],
        "columns": [[label(name, say), dtype_name(dtype)] for name, dtype in columns[: 2 * COLUMNS]],
    }


def _rows(
    names: list[Any], columns: list[list[Any]], say: Say, labels: list[Any] | None = None
) -> list[list[str]]:
    """The first rows, cell by cell; what stands under a secret name, or beside one, is masked."""
    rows = list(zip(*columns, strict=True))
    return [
        [cut(say.cell((name, label), item), _CELL) for name, item in zip(names, row, strict=True)]
        for label, row in zip(labels or [None] * len(rows), rows, strict=True)
    ]


def _array(value: Any, say: Say) -> dict[str, Any]:
    import numpy as np

    base: Any = np.ndarray
    made = sized("array", base.shape.__get__(value), base.dtype.__get__(value))
    return made if made["shape"] else made | {"text": say.brief(base.item(value))}


def _array_head(value: Any, say: Say) -> dict[str, Any]:
    import numpy as np

    base: Any = np.ndarray
    dtype, size = base.dtype.__get__(value), base.size.__get__(value)
    made: dict[str, Any] = {"bytes": int(base.nbytes.__get__(value))}
    if size and dtype.names is None and base.ndim.__get__(value):
        # One by one: a slice of `flat` over a StringDType reads memory that is not its own.
        first = islice(base.flat.__get__(value), ELEMENTS)
        made["head"] = [
            say.cell(None, item.item() if isinstance(item, np.generic) else item) for item in first
        ]
    return made


def _numpy_scalar(value: Any, _say: Say) -> dict[str, Any]:
    made = {"kind": "scalar", "shape": [], "dtype": shown(str(value.dtype))}
    return made if value.dtype.hasobject else made | {"text": shown(str(value))}


def _plain_pandas(value: Any, name: str) -> Any:
    """The same data as an object of pandas' own class."""
    import pandas as pd

    base = getattr(pd, name)
    return value if type(value) is base else base(value, copy=False)


def _frame(value: Any, say: Say) -> dict[str, Any]:
    plain = _plain_pandas(value, "DataFrame")
    dtypes = list(plain.dtypes)
    return _table(plain.shape, list(zip(plain.columns[: 2 * COLUMNS], dtypes, strict=False)), dtypes, say)


def _frame_head(value: Any, say: Say) -> dict[str, Any]:
    plain = _plain_pandas(value, "DataFrame")
    made: dict[str, Any] = {}
    if plain.shape[1] <= _WIDE:
        made["bytes"] = plain.index.memory_usage() + sum(
            _bytes(plain, at, dtype) for at, dtype in enumerate(plain.dtypes)
        )
    head = plain.iloc[:_ROWS, :COLUMNS]
    columns = [_cells(column.array) for _, column in head.items()]
    return made | {"rows": _rows(list(head.columns), columns, say, head.index.tolist())}


def _bytes(plain: Any, at: int, dtype: Any) -> int:
    """Bytes of a column, which for numpy's dtypes follow from the dtype."""
    if type(dtype).__module__.partition(".")[0] == "numpy":
        return len(plain) * int(dtype.itemsize)
    return int(plain.iloc[:, at].array.nbytes)


def _cells(array: Any) -> list[Any]:
    """The elements; of an array of a class of the user's own, only that they are there."""
    if type(array).__module__.partition(".")[0] not in ("pandas", "numpy"):
        return [...] * len(array)
    items: list[Any] = (array.to_numpy() if type(array).__name__ == "NumpyExtensionArray" else array).tolist()
    return items


def _series(value: Any, _say: Say) -> dict[str, Any]:
    plain = _plain_pandas(value, "Series")
    return sized("series", plain.shape, plain.dtype)


def _series_head(value: Any, say: Say) -> dict[str, Any]:
    plain = _plain_pandas(value, "Series")
    first = plain.iloc[:ELEMENTS]
    cells = zip(first.index.tolist(), _cells(first.array), strict=True)
    return {
        "bytes": int(plain.memory_usage(deep=False)),
        "head": [say.cell((plain.name, label), item) for label, item in cells],
    }


def _index(value: Any, _say: Say) -> dict[str, Any]:
    return sized("series", [len(value)], value.dtype)


def _index_head(value: Any, say: Say) -> dict[str, Any]:
    return {"head": [say.cell(None, item) for item in value[:ELEMENTS]]}


def _column(value: Any, _say: Say) -> dict[str, Any]:
    return sized("array", [len(value)], value.dtype)


def _polars(value: Any, say: Say) -> dict[str, Any]:
    schema = list(value.schema.items())
    return _table(value.shape, schema, value.dtypes, say)


def _polars_head(value: Any, say: Say) -> dict[str, Any]:
    head = value[:_ROWS, :COLUMNS]
    made = {"bytes": int(value.estimated_size())} if value.width <= _WIDE else {}
    return made | {"rows": _rows(head.columns, [column.to_list() for column in head.get_columns()], say)}


def _polars_series(value: Any, _say: Say) -> dict[str, Any]:
    return sized("series", [len(value)], value.dtype)


def _polars_series_head(value: Any, say: Say) -> dict[str, Any]:
    cells = value[:ELEMENTS].to_list()
    return {"bytes": int(value.estimated_size()), "head": [say.cell(value.name, item) for item in cells]}


def _arrow(value: Any, say: Say) -> dict[str, Any]:
    columns = [(field.name, field.type) for field in value.schema]
    return _table((value.num_rows, value.num_columns), columns, [dtype for _, dtype in columns], say)


def _arrow_head(value: Any, say: Say) -> dict[str, Any]:
    from pyarrow import ExtensionType

    head, names = value.slice(0, _ROWS), value.schema.names[:COLUMNS]
    columns = [
        [...] * len(column) if isinstance(column.type, ExtensionType) else column.to_pylist()
        for column in head.columns[:COLUMNS]
    ]
    return {"bytes": int(value.nbytes), "rows": _rows(names, columns, say)}


def _arrow_schema(value: Any, _say: Say) -> dict[str, Any]:
    fields = [[shown(field.name), shown(str(field.type))] for field in islice(value, 2 * COLUMNS)]
    return {"kind": "schema", "size": len(value), "columns": fields}


def _arrow_array(value: Any, _say: Say) -> dict[str, Any]:
    return sized("array", [len(value)], value.type)


def _arrow_array_head(value: Any, say: Say) -> dict[str, Any]:
    head = [say.brief(item) for item in value.slice(0, ELEMENTS).to_pylist()]
    return {"bytes": int(value.nbytes), "head": head}


def _arrow_scalar(value: Any, say: Say) -> dict[str, Any]:
    return {"kind": "scalar", "text": say.cell(None, value.as_py())}


def _lazy(_value: Any, _say: Say) -> dict[str, Any]:
    return {"kind": "frame", "text": "(lazy: not computed)"}


FRAMES: dict[str, Shower] = {
    "numpy.ndarray": Shower(_array, _array_head),
    "numpy.generic": Shower(_numpy_scalar),
    "pandas.DataFrame": Shower(_frame, _frame_head),
    "pandas.Series": Shower(_series, _series_head),
    "pandas.Index": Shower(_index, _index_head),
    "pandas.ExtensionArray": Shower(_column),
    **dict.fromkeys(
        [f"pandas.{name}" for name in ("Timestamp", "Timedelta", "Period", "Interval", "NaTType", "NAType")],
        Shower(_scalar),
    ),
    "polars.DataFrame": Shower(_polars, _polars_head),
    "polars.Series": Shower(_polars_series, _polars_series_head),
    "polars.LazyFrame": Shower(_lazy),
    "pyarrow.Scalar": Shower(_arrow_scalar),
    "pyarrow.Table": Shower(_arrow, _arrow_head),
    "pyarrow.RecordBatch": Shower(_arrow, _arrow_head),
    "pyarrow.Schema": Shower(_arrow_schema),
    "pyarrow.Array": Shower(_arrow_array, _arrow_array_head),
    "pyarrow.ChunkedArray": Shower(_arrow_array, _arrow_array_head),
}
"""By the package and the name of the class."""
