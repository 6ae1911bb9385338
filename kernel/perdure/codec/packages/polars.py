"""polars: large columns by their own memory, columns of objects, plans without functions, and content."""

from __future__ import annotations

import sys
from typing import Any

from perdure.codec.model import Refusal
from perdure.codec.rows.overlap import window_of

_SMALL = 1 << 16
"""Bytes up to which a column is left to polars' own form, which holds every dtype but objects."""

_OWN = frozenset({"_df", "_s", "_ldf", "_pyexpr"})
"""The one attribute that an object of polars has by itself."""

_FUNCTIONS = (b"PLPYFN", b"\xacOpaquePython", b"\xaaPythonScan")
"""What stands in a written plan before a Python function."""


KEPT: dict[str, str] = {
    "polars.DataFrame, polars.Series": (
        "name, dtype and attributes; small columns in polars' own form, large ones by their memory, not "
        "copied; over an array in the same value, the memory of that array; how columns are cut into chunks "
        "is no content"
    ),
    "polars.LazyFrame, polars.Expr": (
        "its plan as polars writes it; one that calls a Python function is refused"
    ),
    "polars.DataType": "its parameters",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:
    """The reduced form of a frame, column or plan, or `NotImplemented`.

    Raises:
        Refusal: a plan calls a Python function.
    """
    import polars as pl

    if isinstance(obj, (pl.LazyFrame, pl.Expr)):
        _without_functions(obj)
    elif not isinstance(obj, (pl.DataFrame, pl.Series)):
        return NotImplemented
    notes = {name: value for name, value in vars(obj).items() if name not in _OWN}
    form = _reduced(obj)
    if not notes:
        return form
    make, args, state = (*(obj.__reduce_ex__(5) if form is NotImplemented else form), None)[:3]
    return make, args, (state, notes), None, None, fill_notes


def _reduced(obj: Any) -> Any:
    import polars as pl

    if type(obj) is pl.DataFrame:
        return make_frame, (obj.get_columns(), obj.height)
    if type(obj) is not pl.Series:
        return NotImplemented
    if obj.dtype == pl.Object:
        return make_objects, (obj.name, obj.to_list())
    lent = "pyarrow" in sys.modules and _is_number(obj.dtype) and obj.null_count() > 0
    if (lent or obj.estimated_size() >= _SMALL) and _has_arrow() and _is_exact(obj.dtype):
        return make_series, (obj.name, _chunks(obj))
    arrays = memory(obj)
    if any(window_of(array, fixed=True) is not None for array in arrays):
        return make_over_arrays, (obj.name, arrays, None if _is_array(obj.dtype) else obj.dtype)
    return NotImplemented


def memory(column: Any) -> list[Any]:
    """The memory of a column of numbers as arrays, one for each chunk; none where numpy would copy it."""
    inner = column.dtype.inner if _is_array(column.dtype) else column.dtype
    if "numpy" not in sys.modules or not _is_number(inner) or column.null_count():
        return []
    try:
        return [chunk.to_physical().to_numpy(allow_copy=False) for chunk in column.get_chunks()]
    except (RuntimeError, TypeError):
        return []


def _is_array(dtype: Any) -> bool:
    import polars as pl

    return isinstance(dtype, pl.Array) and not dtype.inner.is_temporal()


def _is_number(dtype: Any) -> bool:
    """Whether its cells lie in memory as numbers that numpy knows."""
    return bool(dtype.is_integer() or dtype.is_float() or dtype.is_temporal())


def make_over_arrays(name: str, arrays: list[Any], dtype: Any) -> Any:
    """A column over these arrays of numbers, which a dtype may show as moments."""
    import polars as pl

    made = pl.concat([pl.Series(name, array) for array in arrays], rechunk=False)
    return made if dtype is None else made.cast(dtype)


def make_frame(columns: list[Any], height: int) -> Any:
    """A frame of these columns."""
    import polars as pl

    if columns:  # by name: in a list, polars gives a name to one whose name is empty
        return pl.DataFrame({column.name: column for column in columns})
    return pl.DataFrame(height=height) if height else pl.DataFrame()


def make_series(name: str, chunks: list[Any]) -> Any:
    """A column over the memory of these arrays."""
    import polars as pl
    import pyarrow as pa

    return pl.Series(name, pl.from_arrow(pa.chunked_array(chunks), rechunk=False))


def make_objects(name: str, items: list[Any]) -> Any:
    """A column of Python objects."""
    import polars as pl

    return pl.Series(name, items, dtype=pl.Object)


def fill_notes(made: Any, state: tuple[Any, dict[str, Any]]) -> None:
    """Give an object of polars its state, and what a user hung on it."""
    if state[0] is not None:
        made.__setstate__(state[0])
    vars(made).update(state[1])


def _has_arrow() -> bool:
    from importlib.util import find_spec

    return find_spec("pyarrow") is not None


def _is_exact(dtype: Any) -> bool:
    """Whether a column of this dtype comes back from arrow with it."""
    import polars as pl

    if isinstance(dtype, pl.Struct):
        return bool(dtype.fields) and all(_is_exact(field.dtype) for field in dtype.fields)
    if isinstance(dtype, (pl.List, pl.Array)):
        return _is_exact(dtype.inner)
    small = dtype.is_numeric() and str(dtype) not in ("Int128", "UInt128")
    return small or dtype.is_temporal() or dtype in (pl.Boolean, pl.String, pl.Binary)


def _chunks(column: Any) -> list[Any]:
    """The memory of a column as arrow's arrays, not copied."""
    from polars import CompatLevel

    return [chunk.to_arrow(compat_level=CompatLevel.newest()) for chunk in column.get_chunks()]


def _without_functions(plan: Any) -> None:
    """Pass over a plan that polars alone can run."""
    import polars as pl

    try:
        written = plan.serialize() if isinstance(plan, pl.LazyFrame) else plan.meta.serialize()
    except Exception as error:
        raise Refusal(
            plan, f"polars cannot write the plan: {error}.", "Keep what `.collect()` gives."
        ) from error
    if any(mark in written for mark in _FUNCTIONS):
        cause = "Its plan calls a Python function, which polars would store apart from the notebook."
        raise Refusal(plan, cause, "Keep what `.collect()` gives, or make the plan where it is used.")


def _polars() -> None:
    """Stands in a digest for what polars holds."""


def content(obj: Any) -> Any:
    """What stands in a digest for a frame or column; `NotImplemented` for anything else."""
    import polars as pl

    if not isinstance(obj, (pl.DataFrame, pl.Series)) or not _has_arrow():
        return NotImplemented
    kind = f"{type(obj).__module__}.{type(obj).__qualname__}"
    notes = {name: value for name, value in vars(obj).items() if name not in _OWN}
    if isinstance(obj, pl.DataFrame):
        return _polars, (kind, obj.shape, [_column(column) for column in obj.get_columns()], notes)
    return _polars, (kind, _column(obj), notes)


def _column(column: Any) -> Any:
    """Name, dtype and content of a column, whatever numbers stand for its categories."""
    import polars as pl

    from .pyarrow import logical

    dtype = column.dtype
    told = column.name, repr(dtype), dtype.categories.to_list() if isinstance(dtype, pl.Enum) else None
    if dtype == pl.Object:
        return *told, column.to_list()
    if str(dtype) in ("Int128", "UInt128") or isinstance(dtype, (pl.Enum, pl.Categorical)):
        column = column.cast(pl.String)
    try:
        chunks = _chunks(column)
    except Exception:  # noqa: BLE001  a dtype inside another that arrow does not have
        return *told, column.to_list()
    return *told, logical(chunks[0].type, chunks, ordered=False) if chunks else []
