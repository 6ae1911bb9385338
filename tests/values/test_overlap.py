"""What shares memory in one value: a write through any part of it shows afterwards where it showed before."""

import dataclasses
import gc
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from laws.other_side import OtherSide
from perdure import codec
from perdure.codec import attempt
from values.sharing import parts, seen

SIZES = {"small": 12, "large": 144_000}
"""Numbers of eight bytes: in the stream, and out of band."""


def array(size, dtype="f8"):
    return np.arange(size).astype(dtype)


def table(size, dtype="f8"):
    return pd.DataFrame(
        {"x": array(size // 3, dtype), "y": array(size // 3, dtype), "z": array(size // 3, dtype)}
    )


def with_its(made, *looks):
    return [made, *(look(made) for look in looks)]


def nulls(made):
    return pa.array(made, mask=made == 2)


def closed(made):
    made.flags.writeable = False
    return made


PAIRS = {
    "an array and a frame over it": lambda n: with_its(
        array(n).reshape(-1, 3), lambda a: pd.DataFrame(a, columns=["x", "y", "z"], copy=False)
    ),
    "an array and two frames over it": lambda n: with_its(
        array(n).reshape(-1, 3), *[lambda a: pd.DataFrame(a, columns=["x", "y", "z"], copy=False)] * 2
    ),
    "two frames over an array that is not there": lambda n: with_its(
        array(n).reshape(-1, 3), *[lambda a: pd.DataFrame(a, columns=["x", "y", "z"], copy=False)] * 2
    )[1:],
    "an array and a frame of columns over it": lambda n: with_its(
        array(n), lambda a: pd.DataFrame({"x": a, "y": a}, copy=False)
    ),
    "an array and a series over it": lambda n: with_its(array(n), lambda a: pd.Series(a, copy=False)),
    "a series over a part of an array": lambda n: with_its(
        array(n), lambda a: pd.Series(a[1::2], copy=False)
    ),
    "an array and an index over it": lambda n: with_its(array(n), lambda a: pd.Index(a, copy=False)),
    "an index, a series of it, and its values": lambda n: with_its(
        pd.Index(array(n)), pd.Series, lambda i: i.to_numpy()
    ),
    "times and a series over them": lambda n: with_its(
        array(n, "M8[us]"), lambda a: pd.Series(a, copy=False), lambda a: pd.DatetimeIndex(a, copy=False)
    ),
    "a frame and its values": lambda n: with_its(table(n), lambda f: f.to_numpy()),
    "a frame and a column's values": lambda n: {"df": (made := table(n)), "y": made["y"].to_numpy()},
    "values before their frame": lambda n: [(made := table(n))["y"].to_numpy(), (made,)],
    "objects of a frame": lambda n: with_its(table(min(n, 300), object), lambda f: f["y"].to_numpy()),
    "a frame, a column and its values": lambda n: with_its(
        table(n), lambda f: f["y"], lambda f: f["y"].to_numpy()
    ),
    "a frame and a column": lambda n: with_its(table(n), lambda f: f["y"]),
    "a frame and a shallow copy": lambda n: with_its(
        table(n), lambda f: f.copy(deep=False), lambda f: f.to_numpy()
    ),
    "rows of a frame, and their values": lambda n: with_its(table(n).iloc[2:4], lambda f: f["z"].to_numpy()),
    "every second row of a frame": lambda n: with_its(table(n).iloc[::2], lambda f: f["y"].to_numpy()[::-1]),
    "a series and its values": lambda n: with_its(pd.Series(array(n)), lambda s: s.to_numpy()),
    "a series and a part of it": lambda n: with_its(pd.Series(array(n)), lambda s: s.iloc[:4]),
    "a series, a part of it, and values": lambda n: with_its(
        pd.Series(array(n)), lambda s: s.iloc[:4], lambda s: s.to_numpy()
    ),
    "nullable numbers": lambda n: with_its(
        pd.DataFrame({"x": pd.array(array(n, "i8"))}), lambda f: f["x"], lambda f: f["x"].array._data
    ),
    "nullable numbers and a series": lambda n: with_its(
        pd.Series(pd.array(array(n, "i8"))), lambda s: s.iloc[:4], lambda s: s.array
    ),
    "moments with a zone": lambda n: with_its(
        pd.Series(array(n, "M8[us]")).dt.tz_localize("Europe/Paris"),
        lambda s: s.iloc[:4],
        lambda s: s.array._ndarray,
    ),
    "categories": lambda n: with_its(
        pd.DataFrame({"c": pd.Categorical.from_codes(array(n, "i1") % 2, ["a", "b"])}),
        lambda f: f["c"],
        lambda f: f["c"].array._ndarray,
    ),
    "an array and arrow over it": lambda n: with_its(array(n), pa.array),
    "arrow over a part of an array": lambda n: with_its(array(n), lambda a: pa.array(a)[4:8]),
    "arrow with gaps over an array": lambda n: with_its(array(n), nulls, lambda a: nulls(a)[2:6]),
    "lists of arrow over an array": lambda n: with_its(
        array(n), lambda a: pa.FixedSizeListArray.from_arrays(pa.array(a), 2)
    ),
    "some lists of arrow over an array": lambda n: with_its(
        array(n), lambda a: pa.FixedSizeListArray.from_arrays(pa.array(a), 2)[:2]
    ),
    "an arrow table over two arrays": lambda n: [
        (one := array(n)),
        (two := array(n, "i2")),
        pa.table({"one": one, "two": two}),
        pa.record_batch({"one": one}),
    ],
    "arrow and what numpy reads of it": lambda n: with_its(
        pa.array(array(n).tolist()), lambda x: x.to_numpy(), lambda x: x[2:5]
    ),
    "a buffer of arrow": lambda n: with_its(array(n), pa.py_buffer, lambda a: pa.py_buffer(a).slice(8)),
    "a frame and an arrow table over it": lambda n: with_its(table(n), pa.Table.from_pandas),
    "an array and polars over it": lambda n: with_its(array(n), lambda a: pl.Series("x", a)),
    "whole numbers and polars over it": lambda n: with_its(
        array(n, "u2"), lambda a: pl.DataFrame({"x": a, "y": a})
    ),
    "moments of polars over an array": lambda n: with_its(
        array(n, "M8[us]"),
        lambda a: pl.from_arrow(pa.table({"t": a, "z": pa.array(a, pa.timestamp("us", "UTC"))})),
    ),
    "polars with gaps over an array": lambda n: with_its(array(n), lambda a: pl.from_arrow(nulls(a))),
    "a frame with gaps and polars over it": lambda n: with_its(
        pd.DataFrame({"x": pd.array([None, *range(n - 1)], "Int64"), "t": array(n, "M8[us]")}), pl.from_pandas
    ),
    "polars over two arrays": lambda n: with_its(
        array(n), lambda a: pl.concat([pl.Series("x", a[:5]), pl.Series("x", a[5:])], rechunk=False)
    ),
    "polars over columns": lambda n: with_its(np.asfortranarray(array(n).reshape(-1, 3)), pl.from_numpy),
    "polars over rows": lambda n: with_its(array(n).reshape(-1, 3), pl.Series),
    "polars and what numpy reads of it": lambda n: with_its(
        pl.Series(array(n).tolist()), lambda s: s.to_numpy()
    ),
    "a frame and polars over it": lambda n: with_its(table(n), pl.from_pandas),
    "a tensor and a series over it": lambda n: with_its(
        torch.arange(float(n)), lambda t: t.numpy(), lambda t: pd.Series(t.numpy(), copy=False)
    ),
    "a tensor and polars over it": lambda n: with_its(torch.arange(float(n)), lambda t: pl.Series(t.numpy())),
    "bytes and a series over them": lambda n: with_its(
        bytearray(range(128)) * n, lambda b: pd.Series(np.frombuffer(b, "u1"), copy=False), memoryview
    ),
    "an array, a memoryview and a series": lambda n: with_its(
        array(n), memoryview, lambda a: pd.Series(a[::-1], copy=False)
    ),
    "an array that is closed": lambda n: with_its(
        closed(array(n)), lambda a: pd.Series(a, copy=False), pa.array
    ),
}


def orders(count, size):
    """Each part written alone, and all of them one after another, both ways; large ones only so."""
    alone = [[at] for at in range(count)] if size == "small" else []
    return [*alone, list(range(count)), list(range(count))[::-1]]


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another process with the same key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERDURE_KEY_FILE", str(tmp_path_factory.mktemp("user") / "key"))
        made = OtherSide()
        yield made
        made.close()


COPYING = {
    "an index, a series of it, and its values",
    "a frame, a column and its values",
    "a frame and a column",
    "a frame and a shallow copy",
    "a series and a part of it",
    "a series, a part of it, and values",
    "arrow and what numpy reads of it",
    "polars and what numpy reads of it",
    "an array that is closed",
}
"""Where one write alone shows nowhere else: it is refused, or pandas copies first."""


@pytest.mark.parametrize("name", PAIRS)
def test_the_table_holds_what_shows_a_write_elsewhere(name):
    """Promise 3: without a round trip, as the installed packages have it; or else the others would prove nothing."""
    count = len(parts(PAIRS[name](SIZES["small"])))
    shown = False
    for at in range(count):
        before, after = seen(PAIRS[name](SIZES["small"]), [at])
        shown |= any(before[other] != after[1 + other] for other in range(count) if other != at)
    assert shown is (name not in COPYING)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAIRS)
def test_a_write_shows_where_it_showed_before(name, size):
    """Promises 3 and 4: through each part in turn; memory that is copied before a write is copied again."""
    count = SIZES[size]
    for order in orders(len(parts(PAIRS[name](count))), size):
        value = PAIRS[name](count)
        digest = codec.digest(value)
        made = codec.decode(codec.encode(value, check_all=True))
        assert codec.digest(made) == digest
        assert codec.digest(codec.copy_value(made)) == digest
        assert seen(made, order) == seen(value, order), order
        assert codec.digest(made) == codec.digest(value)


@pytest.mark.parametrize("name", PAIRS)
def test_a_write_shows_where_it_showed_in_another_process(other, name):
    """Promises 1 and 3: there and back, with one digest."""
    for order in orders(len(parts(PAIRS[name](SIZES["small"]))), "small"):
        value = PAIRS[name](SIZES["small"])
        made, digest = other.there_and_back(value)
        assert digest == codec.digest(value).hex
        assert seen(made, order) == seen(value, order), order


def test_values_that_are_closed_can_be_opened_as_before():
    """Promise 3: pandas lends its memory closed; who opens it writes into the frame."""
    for frame in (table(12), table(SIZES["large"])):
        for made, view in ([frame, frame.to_numpy()], codec.copy_value([frame, frame.to_numpy()])):
            assert not view.flags.writeable
            view.flags.writeable = True
            view[0, 0] = -1
            assert made.iloc[0, 0] == -1


@pytest.mark.parametrize("look", [lambda f: f["y"].to_numpy(), pl.from_pandas, pa.Table.from_pandas])
def test_memory_is_stored_once_and_not_copied(look):
    """Promise 10: with what looks into it a frame takes no more than alone, and comes back mapped."""
    count = 3_000_000  # more than is loaded for a trial
    frame = table(count)
    value = [frame, look(frame)]
    tracemalloc.start()
    encoded = codec.encode(value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    assert encoded.size < 1.01 * 8 * count
    memory = [bytearray(view) for view in encoded.buffers]
    made = codec.decode(dataclasses.replace(encoded, buffers=tuple(map(memoryview, memory))))
    cells = np.frombuffer(max(memory, key=len), "u1")
    assert np.shares_memory(cells, made[0]._mgr.blocks[0].values)


@pytest.mark.parametrize("dtype", ["f8", object])
def test_of_few_rows_of_a_large_frame_no_more_is_kept(dtype):
    """Promise 10: what lies between the columns of ten rows is left out, and they share memory all the same."""
    frame = table(30_000, dtype)
    for rows in (frame.iloc[5:15], frame.iloc[100:5:-30], frame.iloc[5:15, ::2]):
        value = [rows, rows["z"].to_numpy(), rows.iloc[1:]]
        encoded = codec.encode(value)
        assert encoded.size < 10_000
        made = codec.copy_value(value[:2])
        assert seen(codec.decode(encoded), [0]) == seen(value, [0])
        made[0].iloc[0, -1] = -5
        assert made[1][0] == -5


def test_arrays_too_scattered_for_strides_keep_all_between_them():
    """Promise 3: where leaving out would move elements out of step, nothing is left out."""
    base = np.arange(1_000_000.0)
    value = [base[::3], base[:10], base[5_000:5_100], base[::-250_001]]
    made = codec.copy_value(value)
    assert list(map(np.ndarray.tolist, made)) == list(map(np.ndarray.tolist, value))
    made[1][0] = made[2][1] = -1
    assert (made[0][0], made[0][1667]) == (-1, -1)


def test_what_was_encoded_is_let_go():
    """Promise 3: a record that a step ended holds no block, which would make pandas copy at the next write."""
    series = pd.Series(array(12))
    head = series.iloc[:4]
    codec.encode([series, head])
    gc.disable()
    try:
        codec.encode([series, head])
        head.iloc[0] = 1
        assert not series._mgr.blocks[0].refs.has_reference()
    finally:
        gc.enable()


def test_frames_alone_are_walked_once(monkeypatch):
    """Promise 10: a second walk costs only a value in which something overlaps."""
    walks = []
    once = attempt._walk_once
    monkeypatch.setattr(attempt, "_walk_once", lambda *args, **more: walks.append(1) or once(*args, **more))
    frame = table(12)
    codec.encode({"df": frame, "train": frame[:2].copy(), "arrow": pa.array([1, 2]), "sums": frame.sum()})
    assert len(walks) == 1
    arrow = pa.array([1.0, 2.0])
    codec.encode([arrow, arrow[1:], pa.table({"x": arrow}), pl.from_arrow(arrow)])
    assert len(walks) == 2
    codec.encode([frame, frame["x"].to_numpy()])
    assert len(walks) == 4
