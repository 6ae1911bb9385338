"""pandas, pyarrow and polars: what the table of values cannot say. Memory, independence, what a digest sees."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from perdure import codec
from perdure.errors import NotKeepable

COUNT = 1 << 18


def again(value):
    return codec.decode(codec.encode(value))


def address(memory):
    return np.frombuffer(memory, "u1").__array_interface__["data"][0]


def texts(count=COUNT):
    return pa.array([f"a text of some length {at}" for at in range(1000)] * (count // 1000))


LARGE = {
    "floats": lambda: pd.Series(np.ones(COUNT)),
    "frame": lambda: pd.DataFrame(np.ones((COUNT, 3))),
    "moments": lambda: pd.Series(pd.date_range("2024", periods=COUNT, freq="s")),
    "moments with a zone": lambda: pd.Series(
        pd.date_range("2024", periods=COUNT, freq="s", tz="Europe/Paris")
    ),
    "DatetimeIndex": lambda: pd.date_range("2024", periods=COUNT, freq="s"),
    "durations": lambda: pd.Series(pd.timedelta_range(0, periods=COUNT, freq="s")),
    "periods": lambda: pd.Series(pd.period_range("2024", periods=COUNT, freq="s")),
    "nullable": lambda: pd.Series(pd.array(np.arange(COUNT), dtype="Int64")),
    "category": lambda: pd.Series(pd.Categorical.from_codes(np.zeros(4 * COUNT, "i8") % 1, ["a"])),
    "text": lambda: pd.Series(pd.array(texts(), dtype="str")),
    "text in chunks": lambda: pd.concat([pd.Series(pd.array(texts(), dtype="str"))] * 3, ignore_index=True),
    "arrow": lambda: pa.table(
        {
            "a": np.ones(COUNT),
            "b": texts(COUNT // 1000 * 1000).slice(0).take(pa.array(np.arange(COUNT) % 1000)),
        }
    ),
    "polars": lambda: pl.DataFrame({"a": np.ones(COUNT), "t": texts(262_000).to_pylist() + [None] * 144}),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_columns_travel_out_of_band(name):
    """Promise 10: no column is written into the stream."""
    value = LARGE[name]()
    encoded = codec.encode({"x": value})
    assert encoded.buffers
    assert len(encoded.stream) < encoded.size / 3
    assert codec.digest(codec.decode(encoded)) == codec.digest({"x": value})


def test_the_memory_of_a_column_is_lent_and_not_copied():
    """Promise 10: buffers are the live memory: of zones, of text in chunks, of nullable numbers."""
    moments = pd.Series(pd.date_range("2024", periods=COUNT, freq="s", tz="Europe/Paris"))
    nullable = pd.Series(pd.array(np.arange(COUNT), dtype="Int64"))
    chunked = LARGE["text in chunks"]()
    cells = [moments.array._ndarray, nullable.array._data]
    live = {address(cell.view("u1")) for cell in cells}
    live |= {chunk.buffers()[2].address for chunk in chunked.array._pa_array.chunks}
    lent = {address(view) for view in codec.encode([moments, nullable, chunked]).buffers}
    assert live <= lent
    numbers = pl.Series("a", np.ones(COUNT))
    assert address(numbers.to_numpy().view("u1")) in {address(view) for view in codec.encode(numbers).buffers}


def test_a_restored_frame_can_be_written():
    """Promise 3: alike in mutability, in each kind of column."""
    value = pd.DataFrame(
        {
            "f": np.ones(COUNT),
            "z": pd.date_range("2024", periods=COUNT, freq="s", tz="UTC"),
            "t": texts(262_000).to_pylist() + ["x"] * 144,
        }
    )
    value["n"] = pd.array([1] * COUNT, dtype="Int64")
    value["c"] = pd.Categorical(["a"] * COUNT, categories=["a", "b"])
    made = again(value)
    for column, cell in {
        "f": 7.0,
        "z": pd.Timestamp("2030", tz="UTC"),
        "t": "new",
        "n": pd.NA,
        "c": "b",
    }.items():
        made.loc[3, column] = cell
        assert made.loc[3, column] is cell or made.loc[3, column] == cell
    made.sort_values("f", inplace=True)  # noqa: PD002  it must be possible
    assert made["f"].iloc[-1] == 7.0
    assert value["f"].max() == 1.0


def test_frames_that_share_memory_lazily_are_independent_afterwards():
    """Promise 3: pandas copies on the first write; so must what comes back."""
    value = pd.DataFrame({"a": np.arange(3.0), "b": np.arange(3.0)})
    for column in (value["a"], value.copy(deep=False)["a"], value.iloc[1:]["a"]):
        frame, series = again([value, column])
        before = series.tolist()
        frame.loc[:, "a"] = -1.0
        assert series.tolist() == before
        series.iloc[0] = 9.0
        assert frame["a"].tolist() == [-1.0] * 3


def test_columns_without_a_name_keep_none():
    """Promise 4: polars would call it `column_0`."""
    assert again(pl.DataFrame({"": [1], "a": [2]})).columns == ["", "a"]


def test_nullable_columns_that_share_memory_lazily_are_independent_afterwards():
    """Promise 3: a column holds the very array of its frame, which either copies before it writes."""
    value = pd.DataFrame({"n": pd.array([1, 2, 3], "Int64"), "t": ["a", "b", "c"]})
    for name, cell in (("n", 9), ("t", "z")):
        frame, series = again([value, value[name]])
        before = series.tolist()
        frame.loc[0, name] = cell
        assert series.tolist() == before
        series.iloc[1] = cell
        assert frame[name].tolist() == [cell, *before[1:]]


def test_a_frame_on_a_cycle_comes_back():
    """Promise 3: sharing and cycles run through columns of objects."""
    value = pd.DataFrame({"o": [[], [1]]}, dtype=object)
    value.iloc[0, 0].extend([value, value.iloc[1, 0]])
    made = again(value)
    assert made.iloc[0, 0][0] is made
    assert made.iloc[0, 0][1] is made.iloc[1, 0]


@pytest.mark.parametrize(
    "made",
    [
        lambda: pa.array(np.arange(COUNT))[10:20],
        lambda: texts(COUNT)[10:20],
        lambda: pa.array([[at, at] for at in range(COUNT // 2)])[10:20],
        lambda: texts(COUNT).cast(pa.string_view())[10:20],
        lambda: pa.table({"a": np.arange(COUNT), "b": texts(262_000).to_pylist() + [None] * 144})[10:20],
        lambda: pl.Series(texts(COUNT).to_pylist())[10:20],
        lambda: pd.Series(pd.array(texts(COUNT), dtype="str")).iloc[10:20],
    ],
)
def test_a_slice_does_not_carry_what_it_was_cut_from(made):
    """Promise 10: bytes are in proportion to the value."""
    value = made()
    encoded = codec.encode(value)
    assert encoded.size < 70_000
    assert codec.digest(codec.decode(encoded)) == codec.digest(value)


def frame(**changed):
    columns = {
        "f": [1.5, np.nan, 0.0],
        "t": pd.array(["a", None, "b"], dtype="str"),
        "o": pd.Series([{"k": 1}, (2,), None], dtype=object),
        "z": pd.date_range("2024", periods=3, tz="UTC"),
        "c": pd.Categorical(["x", "y", "x"]),
        "n": pd.array([1, None, 3], dtype="Int8"),
        "s": pd.arrays.SparseArray([0, 1, 0]),
        "p": pd.period_range("2024", periods=3, freq="M"),
        "v": pd.interval_range(0, 3),
        "a": pd.array([[1], None, []], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    }
    return pd.DataFrame({**columns, **changed})


def edits():
    """Frames that all differ from each other, in one thing."""
    yield from (
        frame(),
        frame().rename(columns={"f": "g"}),
        frame().set_axis([0, 1, 3]),
        frame().rename_axis("k"),
        frame()[list("tfozcnspva")],
    )
    yield from (
        frame().iloc[:2],
        frame().iloc[::-1],
        frame().astype({"f": "f4"}),
        frame().astype({"t": object}),
        frame().astype({"n": "Int16"}),
    )
    yield frame().set_flags(allows_duplicate_labels=False)
    noted = frame()
    noted.attrs["a"] = 1
    yield noted
    yield from (
        frame(f=[1.5, np.nan, -0.0]),
        frame(f=[1.5, 2.0, 0.0]),
        frame(t=pd.array(["a", "", "b"], dtype="str")),
        frame(t=pd.array(["ab", None, ""], dtype="str")),
    )
    yield from (
        frame(o=pd.Series([{"k": 1.0}, (2,), None], dtype=object)),
        frame(o=pd.Series([{"k": 1}, [2], None], dtype=object)),
        frame(o=pd.Series([{"k": 1}, (2,), np.nan], dtype=object)),
    )
    yield from (
        frame(z=pd.date_range("2024", periods=3, tz="Europe/London")),
        frame(z=pd.date_range("2024", periods=3, tz="UTC", unit="s")),
        frame(z=pd.date_range("2024", periods=3)),
    )
    yield from (
        frame(c=pd.Categorical(["x", "y", "x"], ordered=True)),
        frame(c=pd.Categorical(["x", "y", "x"], categories=["y", "x"])),
        frame(c=pd.Categorical(["x", "y", "x"], categories=["x", "y", "z"])),
    )
    yield from (
        frame(n=pd.array([1, 0, 3], dtype="Int8")),
        frame(n=pd.array([1, 2, 3], dtype="Int8")),
        frame(s=pd.arrays.SparseArray([0, 1, 1])),
        frame(s=pd.arrays.SparseArray([0, 1, 0], fill_value=1)),
    )
    yield from (
        frame(p=pd.period_range("2024", periods=3, freq="D")),
        frame(v=pd.interval_range(0, 3, closed="left")),
        frame(a=pd.array([[1], [], []], dtype=pd.ArrowDtype(pa.list_(pa.int64())))),
    )
    yield from (
        frame()["f"],
        frame()["f"].rename("x"),
        frame()["f"].rename(None),
        frame()["t"],
        frame().columns,
        frame().index,
    )
    levels = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    yield from (
        levels,
        levels.set_names(["x", None]),
        levels[::-1],
        pd.Index([("a", 1), ("b", 2)], tupleize_cols=False),
    )
    days = pd.date_range("2024", periods=3)
    yield from (
        days,
        pd.DatetimeIndex(list(days)),
        days.rename("d"),
        days.as_unit("s"),
        days.to_period(),
        days.tz_localize("UTC"),
    )


def arrow_edits():
    yield from (
        pa.array([0, None]),
        pa.array([None, 0]),
        pa.array(["", None]),
        pa.array([None, ""]),
        pa.array([False, None]),
    )
    yield from (
        pl.Series("a", [0, None]),
        pl.Series("a", [None, 0]),
        pl.Series("a", ["", None]),
        pl.Series("a", [None, ""]),
    )
    yield from (
        pa.array([1, 2]),
        pa.array([1, 2], "int32"),
        pa.array([1, None]),
        pa.array([1, 0]),
        pa.chunked_array([[1, 2]]),
        pa.array(["a", "bc"]),
        pa.array(["ab", "c"]),
        pa.array([b"ab", b"c"]),
    )
    yield from (
        pa.array([[1], [2]]),
        pa.array([[1, 2], []]),
        pa.array([[1, 2], None]),
        pa.array([{"a": 1}, None]),
        pa.array([{"a": 1}, {"a": None}]),
        pa.array([{"b": 1}, None]),
        pa.array([True, False]),
        pa.array([True, True]),
    )
    yield from (
        pa.array(["a", "b"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([1, 0], "int32"), ["b", "a"]),
        pa.array([1, 2], pa.timestamp("s")),
        pa.array([1, 2], pa.timestamp("s", "UTC")),
    )
    yield from (
        pa.table({"a": [1]}),
        pa.table({"b": [1]}),
        pa.table({"a": [1]}).replace_schema_metadata({"k": "v"}),
        pa.record_batch({"a": [1]}),
        pa.table({"a": [1]}).schema,
        pa.scalar(1),
        pa.scalar(1, "int8"),
        pa.int8(),
        pa.py_buffer(b"a"),
    )
    yield from (
        pa.nulls(2),
        pa.nulls(3),
        pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
        pa.array([0.0, 1.0]),
        pa.array([-0.0, 1.0]),
    )
    yield from (
        pl.Series("a", [1, 2]),
        pl.Series("b", [1, 2]),
        pl.Series("a", [1, 3]),
        pl.Series("a", [1, 2], dtype=pl.Int8),
        pl.DataFrame({"a": [1, 2]}),
        pl.Series("a", ["x"], dtype=pl.Categorical),
        pl.Series("a", ["x"]),
        pl.Series("a", ["x"], dtype=pl.Enum(["x"])),
        pl.Series("a", ["x"], dtype=pl.Enum(["x", "y"])),
    )
    yield from (
        pl.Series("a", [dt.timedelta(1)]),
        pl.Series("a", [[1], None]),
        pl.Series("a", [[1], []]),
        pl.Series("a", [{1}], dtype=pl.Object),
        pl.Series("a", [{2}], dtype=pl.Object),
        pl.col("a"),
        pl.col("b"),
        pl.LazyFrame({"a": [1]}),
        pl.LazyFrame({"a": [2]}),
        pl.LazyFrame({"a": [1]}).select("a"),
    )


@pytest.mark.parametrize("made", [edits, arrow_edits])
def test_every_difference_counts(made):
    """Promise 1: one cell, dtype, name, label, category, note or order more or less is another value."""
    found = [codec.digest(value) for value in made()]
    assert [each.cause for each in found if each.weak] == []
    assert len({each.hex for each in found}) == len(found)


def hidden(under):
    return pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([5, under]))])


ALIKE = {
    "blocks": lambda: [
        pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}),
        pd.DataFrame({"a": [1.0, 2.0]}).assign(b=[3.0, 4.0]),
        pd.DataFrame(np.array([[1.0, 3.0], [2.0, 4.0]]), columns=["a", "b"]),
    ],
    "chunks of text": lambda: [
        pd.Series(["a", "b", None]),
        pd.concat([pd.Series(["a"]), pd.Series(["b", None])], ignore_index=True),
        pd.Series(["x", "a", "b", None]).iloc[1:].reset_index(drop=True),
    ],
    "under a missing value": lambda: [
        pd.arrays.IntegerArray(np.array([1, x]), np.array([False, True])) for x in (5, 6)
    ],
    "sparse indexes": lambda: [pd.arrays.SparseArray([0, 1, 1], kind=kind) for kind in ("integer", "block")],
    "chunks": lambda: [
        pa.chunked_array([["a", None, "bc"]]),
        pa.chunked_array([["a"], [], [None, "bc"]]),
        pa.chunked_array([pa.array(["x", "a", None, "bc", "y"])[1:4]]),
    ],
    "chunks of lists": lambda: [
        pa.chunked_array([[[1], None, [2, 3]]]),
        pa.chunked_array([[[1], None], pa.array([[9], [2, 3]])[1:]]),
    ],
    "chunks of structs": lambda: [
        pa.chunked_array([[{"a": 1}, None, {"a": None}]]),
        pa.chunked_array([[{"a": 1}], [None, {"a": None}]]),
    ],
    "under a null": lambda: [hidden(1), hidden(2)],
    "dictionaries in chunks": lambda: [
        pa.chunked_array([pa.array(["a", "b", "a"]).dictionary_encode()]),
        pa.chunked_array([pa.array(["a", "b"]).dictionary_encode(), pa.array(["a"]).dictionary_encode()]),
    ],
    "polars chunks": lambda: [
        pl.Series("a", ["x", None, "y"]),
        pl.concat([pl.Series("a", ["x"]), pl.Series("a", [None, "y"])], rechunk=False),
        pl.Series("a", ["z", "x", None, "y"])[1:],
    ],
    "polars categories": lambda: [
        pl.Series("a", ["x", "y"], dtype=pl.Categorical),
        pl.Series("a", ["y", "x", "y"], dtype=pl.Categorical)[1:],
    ],
    "polars flags": lambda: [pl.Series("a", [1, 2]), pl.Series("a", [1, 2]).set_sorted()],
}


@pytest.mark.parametrize("name", ALIKE)
def test_how_a_column_lies_in_memory_does_not_count(name):
    """Promise 1: values alike in type, content and order have one digest, however they were built."""
    found = [codec.digest(value) for value in ALIKE[name]()]
    assert [each.cause for each in found if each.weak] == []
    assert len({each.hex for each in found}) == 1


def test_long_columns_are_read_to_their_end():
    """Promise 1: a digest reads in pieces, and leaves none out."""
    cells = np.arange(600_000)
    base = pa.array(cells)
    for at in (0, 262_143, 262_144, 599_999):
        other = cells.copy()
        other[at] = -1
        assert codec.digest(pa.array(other)) != codec.digest(base)
        gaps = np.zeros(len(cells), bool)
        gaps[at] = True
        assert codec.digest(pa.array(cells, mask=gaps)) != codec.digest(base)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pl.LazyFrame({"a": [1]}).map_batches(lambda part: part),
        lambda: pl.col("a").map_elements(lambda cell: cell, return_dtype=pl.Int64),
        lambda: pl.LazyFrame({"a": [1]}).select(pl.col("a").map_batches(lambda column: column)),
    ],
)
def test_a_plan_that_calls_a_function_is_refused(make):
    """Promise 4: polars would store the function apart from the notebook that defines it."""
    with pytest.raises(NotKeepable, match="calls a Python function"):
        codec.encode({"plan": make()})


def test_a_styler_is_refused():
    """Promise 4: with an advice."""
    with pytest.raises(NotKeepable, match=r"Keep the frame"):
        codec.encode(pd.DataFrame({"a": [1]}).style)


def test_attributes_hung_on_polars_are_kept_and_count():
    """Promise 4: polars' own pickle forgets them."""
    for value in (pl.DataFrame({"a": [1]}), pl.Series("a", [1]), pl.Series("a", range(COUNT))):
        bare = codec.digest(value)
        value.note = ["x"]
        made = again(value)
        assert made.note == ["x"]
        assert made.equals(value)
        assert codec.digest(made) == codec.digest(value) != bare
