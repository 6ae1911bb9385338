"""pandas, pyarrow and polars: frames, columns, indexes and what they are made of."""

from __future__ import annotations

import datetime as dt
import decimal
import zoneinfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from values.alike import alike
from values.sample import Sample


class Table(pd.DataFrame):
    """A frame with a field of its own."""

    _metadata = ["source"]  # noqa: RUF012  as pandas asks for it

    @property
    def _constructor(self):
        return Table


class Named(pd.Series):
    """A series with a field of its own."""

    _metadata = ["name", "unit"]  # noqa: RUF012  as pandas asks for it


def _pandas(before, after):
    """As `alike`, and what `repr` and pandas' own comparison leave out."""
    assert type(before) is type(after)
    if isinstance(before, (Table, Named)):
        base = pd.DataFrame if isinstance(before, Table) else pd.Series
        alike(base(before), base(after))
    else:
        alike(before, after)
    if isinstance(before, (pd.DataFrame, pd.Series)):
        assert before.flags == after.flags
        for name in before._metadata:
            assert getattr(before, name, None) == getattr(after, name, None)
        assert before._metadata == after._metadata
        _pandas(before.index, after.index)
    if isinstance(before, pd.DataFrame):
        _pandas(before.columns, after.columns)
        for at in range(before.shape[1]):
            _cells(before.iloc[:, at].array, after.iloc[:, at].array)
    elif isinstance(before, pd.MultiIndex):
        for one, two in zip(before.levels, after.levels, strict=True):
            _pandas(one, two)
        alike([list(x) for x in before.codes], [list(x) for x in after.codes])
        alike([before.sortorder, list(before.names)], [after.sortorder, list(after.names)])
    elif isinstance(before, pd.Index):
        alike(list(before.names), list(after.names))
        assert getattr(before, "freq", None) == getattr(after, "freq", None)
        if not isinstance(before, pd.RangeIndex):
            _cells(before.array, after.array)
    else:
        _cells(getattr(before, "array", before), getattr(after, "array", after))


def _cells(before, after):
    assert type(before) is type(after)
    assert before.dtype == after.dtype
    assert repr(before.dtype) == repr(after.dtype)
    if before.dtype == object:
        alike(before.tolist(), after.tolist())
    for name in ("ordered", "fill_value", "closed", "kind"):
        assert repr(getattr(before, name, None)) == repr(getattr(after, name, None))
    if hasattr(before, "categories"):
        _pandas(before.categories, after.categories)
    if hasattr(before, "_readonly"):
        assert before._readonly == after._readonly


def _moment(before, after):
    alike(before, after)
    for name in ("unit", "fold", "tz", "value", "resolution"):
        assert getattr(before, name, None) == getattr(after, name, None)
        assert type(getattr(before, name, None)) is type(getattr(after, name, None))


def _arrow(before, after):
    assert type(before) is type(after)
    if isinstance(before, (pa.Schema, pa.Field)):
        assert before.equals(after, check_metadata=True)
        assert before.metadata == after.metadata
    else:
        assert before.equals(after)
    for name in ("type", "schema", "num_rows", "is_mutable", "num_chunks", "null_count"):
        assert getattr(before, name, None) == getattr(after, name, None)
    if hasattr(before, "schema"):
        assert before.schema.equals(after.schema, check_metadata=True)
    if hasattr(before, "validate"):
        after.validate(full=True)


def _polars(before, after):
    assert type(before) is type(after)
    if isinstance(before, pl.LazyFrame):
        assert before.explain() == after.explain()
        _polars(before.collect(), after.collect())
    elif isinstance(before, pl.Expr):
        assert before.meta.eq(after)
    elif isinstance(before, pl.DataFrame):
        assert (before.shape, before.columns) == (after.shape, after.columns)
        for one, two in zip(before.get_columns(), after.get_columns(), strict=True):
            _polars(one, two)
    else:
        assert (before.name, before.dtype, repr(before.dtype)) == (after.name, after.dtype, repr(after.dtype))
        if before.dtype == pl.Object:
            alike(before.to_list(), after.to_list())
        else:
            assert before.equals(after, check_dtypes=True, check_names=True, null_equal=True)


def _same_repr(before, after):
    assert type(before) is type(after)
    assert before == after
    assert repr(before) == repr(after)


def _identical(before, after):
    assert before is after


def _grouped(before, after):
    assert type(before) is type(after)
    pd.testing.assert_frame_equal(before.sum(), after.sum())
    assert list(getattr(before, "groups", ())) == list(getattr(after, "groups", ()))


NAIVE = dt.datetime(2024, 1, 1)  # noqa: DTZ001  without a zone, on purpose
PARIS = zoneinfo.ZoneInfo("Europe/Paris")
DAYS = {"start": "2024-03-30", "periods": 3}


def frame():
    return pd.DataFrame(
        {
            "f": [1.5, np.nan, -0.0],
            "i": np.array([1, 2, 3], "i4"),
            "b": [True, False, True],
            "t": ["a", None, "żółw"],
            "o": [{"k": [1]}, (2,), None],
            "d": pd.date_range(**DAYS),
            "z": pd.date_range(**DAYS, tz=PARIS),
            "c": pd.Categorical(["x", "y", "x"], categories=["y", "x", "unused"], ordered=True),
            "n": pd.array([1, None, 3], dtype="Int8"),
            "p": pd.period_range("2024", periods=3, freq="M"),
            "v": pd.interval_range(0, 3),
            "s": pd.array([0.0, 1.0, 0.0], dtype=pd.SparseDtype("float64", 0.0)),
            "a": pd.array([[1], None, [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        },
        index=pd.Index([7, 8, 9], name="key"),
    )


def hung(made, **notes):
    for name, value in notes.items():
        object.__setattr__(made, name, value)
    return made


def noted():
    made = frame()
    made.attrs.update({"source": ["here"], 1: None})
    return made.set_flags(allows_duplicate_labels=False)


def own():
    made = Table({"a": [1]})
    made.source = {"from": "there"}
    return made


def own_series():
    made = Named([1.0], name="x")
    made.unit = "m"
    return made


def unused_levels():
    made = pd.MultiIndex.from_product([["a", "b"], pd.date_range(**DAYS, tz="UTC")], names=["x", ("y", 1)])
    return made[1:3]


def chunks():
    return pd.Series(pd.concat([pd.Series(["a", None]), pd.Series(["b" * 40])], ignore_index=True), name="t")


DTYPES = {
    "category": pd.CategoricalDtype(["b", "a"], ordered=True),
    "with a zone": pd.DatetimeTZDtype("ns", PARIS),
    "period": pd.PeriodDtype("Q-MAR"),
    "interval": pd.IntervalDtype("f8", "both"),
    "sparse": pd.SparseDtype("i4", -1),
    "Int16": pd.Int16Dtype(),
    "Float32": pd.Float32Dtype(),
    "boolean": pd.BooleanDtype(),
    "string": pd.StringDtype("python"),
    "str": pd.StringDtype("pyarrow", na_value=np.nan),
    "arrow": pd.ArrowDtype(pa.timestamp("ns", "UTC")),
}
COLUMNS = {
    **{
        f"nullable {name}": lambda name=name: pd.array([1, None, 3], dtype=name)
        for name in (
            "Int8",
            "Int16",
            "Int32",
            "Int64",
            "UInt8",
            "UInt16",
            "UInt32",
            "UInt64",
            "Float32",
            "Float64",
        )
    },
    "nullable boolean": lambda: pd.array([True, None, False], dtype="boolean"),
    **{
        f"string {storage} {missing}": lambda storage=storage, missing=missing: pd.array(
            ["a", None, "żółw\0"], dtype=pd.StringDtype(storage, na_value=missing)
        )
        for storage in ("python", "pyarrow")
        for missing in (pd.NA, np.nan)
    },
    **{
        f"arrow {kind}": lambda kind=kind, cells=cells: pd.array([*cells, None], dtype=pd.ArrowDtype(kind))
        for kind, cells in (
            (pa.int64(), [1]),
            (pa.string(), ["a"]),
            (pa.decimal128(5, 2), [decimal.Decimal("1.50")]),
            (pa.date32(), [dt.date(2024, 1, 1)]),
            (pa.struct([("a", pa.int8())]), [{"a": 1}]),
            (pa.timestamp("us", "Europe/Paris"), [dt.datetime(2024, 1, 1, tzinfo=PARIS)]),
        )
    },
    "category": lambda: pd.Categorical(["a", None, "b"], categories=["b", "a", "c"]),
    "category, ordered": lambda: pd.Categorical([1, 3], categories=[3, 1], ordered=True),
    "category of moments": lambda: pd.Categorical(pd.date_range(**DAYS, tz=PARIS)),
    "moments": lambda: pd.date_range(**DAYS).array,
    "moments with a zone": lambda: pd.date_range(**DAYS, tz=PARIS, unit="ns").array,
    "durations": lambda: pd.to_timedelta([1, None, 3], unit="s").array,
    "periods": lambda: pd.period_range("2024", periods=2, freq="2W-TUE").array,
    "intervals": lambda: pd.arrays.IntervalArray.from_tuples([(0.0, 1.0), None], closed="left"),
    "sparse": lambda: pd.arrays.SparseArray([0, 0, 1, 2], fill_value=0),
    "sparse, blocks": lambda: pd.arrays.SparseArray([np.nan, 1.0, 2.0], kind="block"),
    "numpy": lambda: pd.Series([1.5, 2.5]).array,
    "objects": lambda: pd.Series([{1: 2}, None], dtype=object).array,
}
INDEXES = {
    "RangeIndex": lambda: pd.RangeIndex(2, 11, 3, name="r"),
    "of int64": lambda: pd.Index([3, 1]),
    "of float32": lambda: pd.Index([1.5], dtype="f4"),
    "of bool": lambda: pd.Index([True, False]),
    "of complex": lambda: pd.Index([1j]),
    "of str": lambda: pd.Index(["a", None, "b"], name=("n", 1)),
    "of objects": lambda: pd.Index([(1, "a"), None, 2.5, frozenset({1})], dtype=object),
    "of strings in Python": lambda: pd.Index(["a"], dtype="string[python]"),
    "of Int64": lambda: pd.Index(pd.array([1, None], dtype="Int64")),
    "of arrow": lambda: pd.Index(pd.array([1], dtype=pd.ArrowDtype(pa.int8()))),
    "DatetimeIndex": lambda: pd.DatetimeIndex(["2024-01-01", None], name="t"),
    "DatetimeIndex with freq": lambda: pd.date_range(**DAYS, freq="2h"),
    "DatetimeIndex with a zone": lambda: pd.date_range(**DAYS, tz=PARIS, unit="s"),
    "DatetimeIndex in UTC": lambda: pd.date_range(**DAYS, tz="UTC"),
    "DatetimeIndex with an offset": lambda: pd.date_range(**DAYS, tz=dt.timezone(dt.timedelta(hours=2))),
    "DatetimeIndex of business days": lambda: pd.date_range(
        **DAYS, freq=pd.offsets.CustomBusinessDay(weekmask="Mon Wed")
    ),
    "TimedeltaIndex": lambda: pd.timedelta_range("1h", periods=3, name="d"),
    "PeriodIndex": lambda: pd.period_range("2024", periods=3, freq="Q-FEB"),
    "IntervalIndex": lambda: pd.interval_range(0, 3, closed="both", name="v"),
    "IntervalIndex of moments": lambda: pd.interval_range(pd.Timestamp("2024", tz="UTC"), periods=2),
    "CategoricalIndex": lambda: pd.CategoricalIndex(["a", "b", "a"], ["b", "a", "c"], ordered=True, name="c"),
    "MultiIndex": lambda: pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, None)], names=["n", None]),
    "MultiIndex with unused levels": unused_levels,
    "empty": lambda: pd.Index([]),
    "with names of a tuple": lambda: pd.Index([1], name=pd.Timestamp("2024")),
}
ARROW = {
    **{
        f"of {kind}": lambda kind=kind, cells=cells: pa.array([*cells, None, *cells], kind)
        for kind, cells in (
            (pa.int8(), [1]),
            (pa.uint64(), [2**64 - 1]),
            (pa.float16(), [1.5]),
            (pa.float32(), [-0.0]),
            (pa.float64(), [-0.0, 2.5]),
            (pa.bool_(), [True, False]),
            (pa.string(), ["a", "żółw"]),
            (pa.large_string(), ["a"]),
            (pa.string_view(), ["a" * 40]),
            (pa.binary(), [b"\0"]),
            (pa.large_binary(), [b"a"]),
            (pa.binary_view(), [b"a" * 40]),
            (pa.binary(3), [b"abc"]),
            (pa.date32(), [dt.date(2024, 1, 1)]),
            (pa.date64(), [dt.date(2024, 1, 1)]),
            (pa.time32("s"), [dt.time(1)]),
            (pa.time64("ns"), [dt.time(1)]),
            (pa.timestamp("s"), [NAIVE]),
            (pa.timestamp("ns", "Europe/Paris"), [1]),
            (pa.duration("ms"), [dt.timedelta(1)]),
            (pa.month_day_nano_interval(), [pa.MonthDayNano([1, 2, 3])]),
            (pa.decimal32(5, 2), [decimal.Decimal("1.50")]),
            (pa.decimal128(5, 2), [decimal.Decimal("1.50")]),
            (pa.decimal256(50, 2), [decimal.Decimal("1.50")]),
            (pa.null(), []),
            (pa.list_(pa.int64()), [[1, None], []]),
            (pa.large_list(pa.string()), [["a"]]),
            (pa.list_(pa.int8(), 2), [[1, 2]]),
            (pa.list_view(pa.int64()), [[1], [2, 3]]),
            (
                pa.struct([pa.field("a", pa.int8(), nullable=False), pa.field("b", pa.list_(pa.string()))]),
                [{"a": 1, "b": ["x"]}],
            ),
            (pa.map_(pa.string(), pa.int64()), [[("a", 1), ("b", None)]]),
            (pa.dictionary(pa.int8(), pa.string()), ["b", "a"]),
            (pa.dictionary(pa.int32(), pa.string(), ordered=True), ["b"]),
            (pa.uuid(), [b"0123456789abcdef"]),
        )
    },
    "of dense unions": lambda: pa.UnionArray.from_dense(
        pa.array([0, 1, 0], "int8"), pa.array([0, 0, 1], "int32"), [pa.array([1, 2]), pa.array(["x"])]
    ),
    "of sparse unions": lambda: pa.UnionArray.from_sparse(
        pa.array([0, 1, 0], "int8"), [pa.array([1, 2, 3]), pa.array(["x", "y", "z"])]
    ),
    "run-end encoded": lambda: pc.run_end_encode(pa.array([1, 1, 2, None])),
    "in a slice": lambda: pa.array(["a", None, "b", "c"])[1:3],
    "in a slice of a large one": lambda: pa.array(range(200_000))[5:9],
    "in a slice of maps": lambda: pa.array([[("a", 1)], None, [("b", 2)]], pa.map_(pa.string(), pa.int64()))[
        1:
    ],
    "with texts under its nulls": lambda: pa.Array.from_buffers(
        pa.string(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([0, 1, 2], "i4")), pa.py_buffer(b"ab")]
    ),
    "empty": lambda: pa.array([], pa.timestamp("us", "UTC")),
    "large": lambda: pa.array(np.arange(300_000.0)),
}
SCALARS = {name: make for name, make in ARROW.items() if name not in ("empty", "of null")}
SCHEMA = pa.schema(
    [
        pa.field("a", pa.int64(), nullable=False, metadata={"unit": "m"}),
        pa.field("b", pa.list_(pa.field("x", pa.string()))),
    ],
    metadata={"k": b"\xff"},
)
POLARS = {
    "integers": lambda: pl.Series("a", [1, None, 3], dtype=pl.Int16),
    "floats": lambda: pl.Series("f", [1.5, None, float("nan"), -0.0]),
    "text": lambda: pl.Series("s", ["a", None, "b" * 40]),
    "Boolean": lambda: pl.Series("b", [True, None]),
    "Binary": lambda: pl.Series("b", [b"a", None]),
    "Categorical": lambda: pl.Series("c", ["x", "y", None, "x"], dtype=pl.Categorical),
    "Enum": lambda: pl.Series("e", ["lo", "hi"], dtype=pl.Enum(["hi", "lo", "unused"])),
    "Decimal": lambda: pl.Series("d", [decimal.Decimal("1.50"), None], dtype=pl.Decimal(10, 2)),
    "Datetime": lambda: pl.Series("t", [NAIVE, None], dtype=pl.Datetime("ms")),
    "Datetime with a zone": lambda: pl.Series("t", [NAIVE], dtype=pl.Datetime("ns", "Europe/Paris")),
    "Date": lambda: pl.Series([dt.date(2024, 1, 1)]),
    "Time": lambda: pl.Series([dt.time(1)]),
    "Duration": lambda: pl.Series([dt.timedelta(1)], dtype=pl.Duration("ns")),
    "List": lambda: pl.Series("l", [[1], None, [2, None]]),
    "Array": lambda: pl.Series("r", [[[1, 2], [3, 4]]], dtype=pl.Array(pl.Int8, (2, 2))),
    "Struct": lambda: pl.Series("s", [{"a": 1, "b": "x"}, None]),
    "Null": lambda: pl.Series("n", [None, None]),
    "Object": lambda: pl.Series("o", [{1}, None, "a"], dtype=pl.Object),
    "Int128": lambda: pl.Series("h", [1 << 100, None], dtype=pl.Int128),
    "List of Categorical": lambda: pl.Series("lc", [["a"], ["b", "a"]], dtype=pl.List(pl.Categorical)),
    "Struct of Enum": lambda: pl.Series("se", [{"e": "lo"}], dtype=pl.Struct({"e": pl.Enum(["hi", "lo"])})),
    "empty": lambda: pl.Series("z", [], dtype=pl.Datetime("us")),
    "large": lambda: pl.Series("big", range(300_000)),
    "large text": lambda: pl.Series("t", ["some text of more than twelve letters", None] * 30_000),
    "large, in chunks": lambda: pl.concat(
        [pl.Series("t", ["a", None] * 20_000), pl.Series("t", ["b"] * 20_000)], rechunk=False
    ),
    "large, sliced": lambda: pl.Series("t", range(300_000)).slice(5, 50_000),
    "large Struct": lambda: pl.Series("s", [{"a": 1, "b": ["x"]}, None] * 5_000),
    "large Datetime": lambda: pl.Series("t", range(50_000)).cast(pl.Datetime("us", "Europe/Paris")),
    "large Categorical": lambda: pl.Series("c", ["x", "y"] * 50_000, dtype=pl.Categorical),
    "large Decimal": lambda: pl.Series("d", range(50_000)).cast(pl.Decimal(12, 2)),
}


def everything():
    return pl.DataFrame(
        [
            make().rename(name)[:1].extend_constant(None, 1)
            for name, make in POLARS.items()
            if not name.startswith(("large", "empty", "Object", "Array", "Null"))
        ]
    )


SAMPLES = [
    Sample("DataFrame", frame, _pandas),
    Sample("DataFrame without columns", lambda: pd.DataFrame(index=[1, 2]), _pandas),
    Sample("DataFrame without rows", lambda: frame().iloc[:0], _pandas),
    Sample("DataFrame, empty", pd.DataFrame, _pandas),
    Sample(
        "DataFrame with duplicate columns",
        lambda: pd.DataFrame([[1, "a", 2.5]], columns=["x", "x", "y"]),
        _pandas,
    ),
    Sample(
        "DataFrame with columns of any kind",
        lambda: pd.DataFrame([[1, 2, 3, 4]], columns=pd.Index([1, "1", None, (1, 2)], dtype=object, name=5)),
        _pandas,
    ),
    Sample(
        "DataFrame with columns in levels",
        lambda: pd.DataFrame(
            np.eye(2), columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["n", 0])
        ),
        _pandas,
    ),
    Sample(
        "DataFrame with columns of moments",
        lambda: pd.DataFrame(np.eye(3), columns=pd.date_range(**DAYS, tz=PARIS)),
        _pandas,
    ),
    Sample("DataFrame with an index in levels", lambda: frame().set_index(["c", "z"]), _pandas),
    Sample("DataFrame with attrs and flags", noted, _pandas),
    Sample("DataFrame with an attribute", lambda: hung(frame(), note=["x"]), _pandas),
    Sample("DataFrame of a class of its own", own, _pandas),
    Sample(
        "DataFrame in a frame",
        lambda: pd.DataFrame({"a": [pd.DataFrame({"b": [1]}), pd.Series([2])]}),
        _pandas,
    ),
    Sample("DataFrame, sliced", lambda: pd.DataFrame(np.arange(40.0).reshape(10, 4)).iloc[::2, 1:3], _pandas),
    Sample(
        "DataFrame, large",
        lambda: pd.DataFrame(np.arange(400_000.0).reshape(-1, 4), columns=list("abcd")),
        _pandas,
    ),
    Sample("Series", lambda: pd.Series([1, 2], index=["a", "b"], name=("n", 1)), _pandas),
    Sample("Series of a class of its own", own_series, _pandas),
    Sample("Series of text in chunks", chunks, _pandas),
    Sample(
        "Series of moments, large",
        lambda: pd.Series(pd.date_range("2024", periods=200_000, freq="s", tz=PARIS)),
        _pandas,
    ),
    *(Sample(f"array, {name}", make, _pandas) for name, make in COLUMNS.items()),
    *(
        Sample(f"Series of {name}", lambda make=make: pd.Series(make()), _pandas)
        for name, make in COLUMNS.items()
    ),
    *(Sample(f"Index, {name}", make, _pandas) for name, make in INDEXES.items()),
    *(Sample(f"dtype, {name}", lambda dtype=dtype: dtype, _same_repr) for name, dtype in DTYPES.items()),
    Sample("Timestamp", lambda: pd.Timestamp("2024-03-31T01:02:03.000000004"), _moment),
    Sample("Timestamp in a unit", lambda: pd.Timestamp("2024-03-31").as_unit("s"), _moment),
    Sample(
        "Timestamp with a zone and fold",
        lambda: pd.Timestamp(year=2024, month=10, day=27, hour=2, minute=30, fold=1, tz=PARIS),
        _moment,
    ),
    Sample("Timestamp with an offset", lambda: pd.Timestamp("2024-01-01T00:00+05:30"), _moment),
    Sample("Timedelta", lambda: pd.Timedelta("1 days 00:00:00.000000001"), _moment),
    Sample("Timedelta in a unit", lambda: pd.Timedelta(5, "s").as_unit("ms"), _moment),
    Sample("Period", lambda: pd.Period("2024-02", "2Q-FEB"), _moment),
    Sample("Interval", lambda: pd.Interval(pd.Timestamp("2024"), pd.Timestamp("2025"), "left")),
    Sample("NaT", lambda: pd.NaT, _identical),
    Sample("NA", lambda: pd.NA, _identical),
    *(
        Sample(f"offset {name}", lambda offset=offset: offset, _same_repr)
        for name, offset in {
            "Day": pd.offsets.Day(2),
            "MonthEnd": pd.offsets.MonthEnd(3, normalize=True),
            "BusinessDay": pd.offsets.BDay(offset=dt.timedelta(hours=1)),
            "CustomBusinessDay": pd.offsets.CustomBusinessDay(holidays=["2024-01-01"]),
            "DateOffset": pd.DateOffset(months=1, days=2),
            "Week": pd.offsets.Week(weekday=3),
        }.items()
    ),
    Sample("NamedAgg", lambda: pd.NamedAgg("a", "sum"), _same_repr),
    Sample(
        "groupby", lambda: pd.DataFrame({"k": list("aba"), "v": [1, 2, 3]}).groupby("k", sort=False), _grouped
    ),
    Sample("rolling", lambda: pd.DataFrame({"v": [1.0, 2, 3]}).rolling(2, min_periods=1), _grouped),
    Sample("expanding", lambda: pd.DataFrame({"v": [1.0, 2, 3]}).expanding(), _grouped),
    Sample(
        "resampler",
        lambda: pd.DataFrame({"v": [1.0, 2, 3]}, index=pd.date_range(**DAYS)).resample("2D"),
        _grouped,
    ),
    *(Sample(f"arrow array {name}", make, _arrow) for name, make in ARROW.items()),
    *(Sample(f"arrow scalar {name}", lambda make=make: make()[0], _arrow) for name, make in SCALARS.items()),
    Sample("arrow scalar, null", lambda: pa.scalar(None, pa.timestamp("ns", "UTC")), _arrow),
    Sample("ChunkedArray", lambda: pa.chunked_array([["a", None], [], ["b"]]), _arrow),
    Sample("ChunkedArray without chunks", lambda: pa.chunked_array([], pa.int8()), _arrow),
    Sample(
        "ChunkedArray of dictionaries",
        lambda: pa.chunked_array(
            [pa.array(["a", "b"]).dictionary_encode(), pa.array(["c"]).dictionary_encode()]
        ),
        _arrow,
    ),
    Sample("arrow Table", lambda: pa.table({"a": [1, 2], "b": [["x"], None]}, schema=SCHEMA), _arrow),
    Sample(
        "arrow Table with duplicate columns",
        lambda: pa.table([pa.array([1]), pa.array(["a"])], names=["x", "x"]),
        _arrow,
    ),
    Sample("arrow Table without columns", lambda: pa.table({}), _arrow),
    Sample(
        "arrow Table of pandas",
        lambda: pa.Table.from_pandas(pd.DataFrame({"a": [1, None]}, index=["x", "y"])),
        _arrow,
    ),
    Sample(
        "RecordBatch", lambda: pa.record_batch({"a": [1, 2], "b": [["x"], None]}, schema=SCHEMA)[1:], _arrow
    ),
    Sample("arrow Schema", lambda: SCHEMA, _arrow),
    Sample("arrow Field", lambda: SCHEMA.field(0), _arrow),
    *(
        Sample(f"arrow type of {kind}", lambda kind=kind: kind, _same_repr)
        for kind in (
            pa.int8(),
            pa.timestamp("ns", "UTC"),
            pa.dictionary(pa.int8(), pa.string(), ordered=True),
            SCHEMA.field(1).type,
            pa.map_(pa.string(), pa.int8()),
            pa.uuid(),
            pa.dense_union([pa.field("a", pa.int8())]),
        )
    ),
    Sample("arrow Buffer", lambda: pa.py_buffer(b"abc"), _arrow),
    Sample("arrow Buffer, large", lambda: pa.py_buffer(b"abc" * 400_000), _arrow),
    *(Sample(f"polars Series of {name}", make, _polars) for name, make in POLARS.items()),
    Sample("polars DataFrame", everything, _polars),
    Sample(
        "polars DataFrame with objects",
        lambda: pl.DataFrame({"a": [1, 2], "o": pl.Series([{1}, object], dtype=pl.Object)}),
        _polars,
    ),
    Sample(
        "polars DataFrame, large",
        lambda: pl.DataFrame({"a": range(200_000), "b": ["some text of many letters"] * 200_000}),
        _polars,
    ),
    Sample("polars DataFrame, empty", pl.DataFrame, _polars),
    Sample(
        "polars DataFrame without rows",
        lambda: pl.DataFrame(schema={"a": pl.Int8, "e": pl.Enum(["x"])}),
        _polars,
    ),
    Sample(
        "polars LazyFrame",
        lambda: (
            pl.DataFrame({"a": [1, 2], "s": ["x", "y"]})
            .lazy()
            .filter(pl.col("a") > 1)
            .with_columns(b=pl.col("a") * 2)
        ),
        _polars,
    ),
    Sample("polars Expr", lambda: pl.col("a").sum().over("b").alias("c"), _polars),
    Sample("polars Schema", lambda: pl.Schema({"a": pl.Int8(), "e": pl.Enum(["x"])}), _same_repr),
    *(
        Sample(f"polars dtype {name}", lambda dtype=dtype: dtype, _same_repr)
        for name, dtype in {
            "class": pl.Int64,
            "Datetime": pl.Datetime("ns", "UTC"),
            "Enum": pl.Enum(["b", "a"]),
            "Struct": pl.Struct({"a": pl.List(pl.Int8)}),
            "Categorical": pl.Categorical(),
        }.items()
    ),
]
