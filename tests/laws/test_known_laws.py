"""The law of known digests: whatever is done to values that were restored, their digests are those of their content."""

from __future__ import annotations

import contextlib
import ctypes
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perdure import codec
from perdure.codec import known
from perdure.store.directory import DirectoryBlobs

ROWS = 150_000
"""So many that a block of numbers is mapped, and one of its columns is known by itself."""


def values() -> dict[str, Any]:
    """Values with large memory; none holds rows of another, for rows that are stored once are not mapped."""
    numbers = np.arange(ROWS * 4, dtype="f8").reshape(4, ROWS)
    texts = [f"text {at % 991} of many" if at % 7 else None for at in range(ROWS)]
    frame = pd.DataFrame(
        {
            "a": numbers[0],
            "b": np.where(numbers[0] == 7, np.nan, numbers[0][::-1] / 7),
            "c": numbers[0] % 5,
            "i": np.arange(ROWS),
            "j": np.arange(ROWS) % 1000,
            "when": pd.date_range("2024", periods=ROWS, freq="min"),
            "zone": pd.date_range("2024", periods=ROWS, freq="min", tz="Europe/Oslo"),
            "text": [f"row {at % 977} of many" for at in range(ROWS)],
            "kind": pd.Categorical.from_codes(np.arange(ROWS) % 3, ["x", "y", "z"]),
            "gaps": pd.array(np.arange(ROWS), dtype="Int64"),
        },
        index=pd.Index(np.arange(ROWS) * 3, name="at"),
    )
    return {
        "frame": frame.copy(),
        "series": pd.Series(numbers[1] * 5, name="s"),
        "array": numbers + 0.5,
        "turned": np.asfortranarray(numbers),
        "fields": np.zeros(ROWS, [("x", "f8"), ("y", "i4")]),
        "arrow": pa.table({"n": numbers[2] * 2, "t": texts}),
        "polars": pl.DataFrame({"n": numbers[3] * 3, "t": texts}),
        "torch": torch.arange(ROWS * 4, dtype=torch.float64).reshape(4, ROWS) / 3,
    }


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    """Gives one of the values, as a store does, over mapped memory of its own."""
    blobs = DirectoryBlobs(tmp_path_factory.mktemp("store") / "blobs")
    kept = {}
    for name, value in values().items():
        encoded = codec.encode(value)
        kept[name] = encoded, [blobs.put(buffer, durability="process") for buffer in encoded.buffers]

    def restored(name: str) -> Any:
        encoded, names = kept[name]
        return codec.decode(replace(encoded, buffers=tuple(map(blobs.get, names))))

    return restored


def hashed(value: Any) -> str:
    """The digest of a value of which nothing is known."""
    finders = set(known.finders)
    known.finders.clear()
    try:
        return codec.digest(value).hex
    finally:
        known.finders.update(finders)


# -- writes that no API of the value sees --------------------------------------------------------------------


def cell(value: Any, at: int) -> int:
    """The address of eight bytes of the value's memory."""
    if isinstance(value, pa.Table):
        return int(value.column("n").chunk(0).buffers()[1].address) + at % ROWS * 8
    if isinstance(value, pl.DataFrame):
        return int(value["n"].to_arrow().buffers()[1].address) + at % ROWS * 8
    if isinstance(value, torch.Tensor):
        return int(value.data_ptr()) + at % value.numel() * 8
    if isinstance(value, (pd.DataFrame, pd.Series)):
        blocks = [np.asarray(block.values) for block in value._mgr.blocks if block.dtype.kind in "fiM"]
        blocks = [block for block in blocks if block.itemsize == 8]
        value = blocks[at % len(blocks)]
    memory = value["x"] if value.dtype.names else value
    place = np.unravel_index(at % memory.size, memory.shape)
    return int(memory.ctypes.data) + sum(int(n) * step for n, step in zip(place, memory.strides, strict=True))


def by_address(value: Any, at: int, number: int) -> None:
    ctypes.c_double.from_address(cell(value, at)).value = number


def the_same_again(value: Any, at: int, number: int) -> None:
    here = ctypes.c_double.from_address(cell(value, at))
    here.value = float(here.value)


def by_the_system(value: Any, at: int, number: int) -> None:
    """Reading a file into it, which happens outside the process."""
    with Path("/dev/zero").open("rb", buffering=0) as zeros:
        zeros.readinto((ctypes.c_char * (1 + number % 8)).from_address(cell(value, at)))


def by_a_view(value: Any, at: int, number: int) -> None:
    lent = (ctypes.c_double * 1).from_address(cell(value, at))
    memoryview(lent).cast("B").cast("d")[0] = number


def by_torch(value: Any, at: int, number: int) -> None:
    lent = (ctypes.c_double * 1).from_address(cell(value, at))
    torch.from_numpy(np.frombuffer(lent, "f8")).add_(number)


def of_a_frame(value: Any, at: int, number: int) -> None:
    """A tensor over the read-only array that a frame hands out, to which torch writes nevertheless."""
    lent = value.to_numpy() if isinstance(value, pd.Series) else value
    if isinstance(lent, pd.DataFrame):
        lent = lent["a"].to_numpy()
    if isinstance(lent, np.ndarray) and lent.dtype == "f8":
        torch.from_numpy(lent)[..., at % lent.shape[-1]].add_(number)


WRITES = [by_address, the_same_again, by_the_system, by_a_view, by_torch, of_a_frame]


# -- what pandas lets one do to a frame in place -------------------------------------------------------------

EDITS: list[Any] = [
    lambda f, at, n: f.iloc.__setitem__((at % len(f), 0), n),
    lambda f, at, n: f.iloc.__setitem__((slice(at % 100, at), 3), n),
    lambda f, at, n: f.loc.__setitem__((f.index[at % len(f)], "b"), n),
    lambda f, at, n: f.at.__setitem__((f.index[at % len(f)], "c"), n),
    lambda f, at, n: f.iat.__setitem__((at % len(f), 1), n),
    lambda f, at, n: f.loc.__setitem__((slice(None), "c"), n),
    lambda f, at, n: f.loc.__setitem__((f["j"] == at % 1000, "text"), f"other {n}"),
    lambda f, at, n: f.loc.__setitem__((f["j"] == at % 1000, "gaps"), pd.NA),
    lambda f, at, n: f.loc.__setitem__((f["j"] == at % 1000, "kind"), "xyz"[n % 3]),
    lambda f, at, n: f.loc.__setitem__((f["j"] == at % 1000, "zone"), pd.Timestamp("2001", tz="Europe/Oslo")),
    lambda f, at, n: f.loc.__setitem__((f["j"] == at % 1000, "when"), pd.NaT),
    lambda f, at, n: f.__setitem__("a", f["a"] * n),
    lambda f, at, n: f.__setitem__(f"new{n % 3}", float(n)),
    lambda f, at, n: f.__setitem__("b", f["b"].shift(n % 3)),
    lambda f, at, n: f.__setitem__("i", f["i"].astype("i4" if n % 2 else "i8")),
    lambda f, at, n: f.insert(0, f"first{n}", n),
    lambda f, at, n: f.pop("c"),
    lambda f, at, n: f.drop(columns=["j"], inplace=True),  # noqa: PD002
    lambda f, at, n: f.drop(index=f.index[at % len(f)], inplace=True),  # noqa: PD002
    lambda f, at, n: f.fillna({"b": 0.5}, inplace=True),  # noqa: PD002
    lambda f, at, n: f.replace({"j": {at % 1000: n}}, inplace=True),  # noqa: PD002
    lambda f, at, n: f.sort_values("b", inplace=True, ascending=bool(n % 2)),  # noqa: PD002
    lambda f, at, n: f.rename(columns={"j": f"j{n % 2}"}, inplace=True),  # noqa: PD002
    lambda f, at, n: f.reset_index(inplace=True, drop=bool(n % 2)),  # noqa: PD002
    lambda f, at, n: f.update(pd.DataFrame({"a": [float(n)]}, index=[f.index[at % len(f)]])),
    lambda f, at, n: f.eval(f"a = a + {n % 5}", inplace=True),  # noqa: PD002
    lambda f, at, n: setattr(f.index, "name", f"at{n % 3}"),
    lambda f, at, n: setattr(f.columns, "name", f"names{n % 3}"),
    lambda f, at, n: setattr(f, "columns", [f"{name}{n % 2}" for name in f.columns]),
    lambda f, at, n: f.attrs.__setitem__("note", n % 4),
    lambda f, at, n: setattr(f.flags, "allows_duplicate_labels", n % 2 == 0),
    lambda f, at, n: setattr(f, "hung", n),
]

NUMBERS = st.tuples(st.integers(0, 1 << 20), st.integers(0, 99))


def obeyed(value: Any, change: Any, at: int, number: int) -> None:
    """The law for one change; what pandas refuses changes nothing."""
    with contextlib.suppress(KeyError, TypeError, ValueError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change(value, at, number)
    assert codec.digest(value).hex == hashed(value), change


@pytest.mark.parametrize("name", sorted(values()))
def test_large_memory_that_was_restored_is_known(restored, name, monkeypatch):
    """Promise 10: what was hashed once is not hashed again where the same bytes are mapped."""
    first = codec.digest(restored(name)).hex
    assert codec.digest(restored(name)).hex == first == hashed(restored(name))
    monkeypatch.setattr("perdure.store.blobs.hashes.Hashes.get", lambda *_: b"something else")
    monkeypatch.setattr(known, "_kept", dict.fromkeys(known._kept, b"something else"))
    assert codec.digest(restored(name)).hex != first


@settings(max_examples=60, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from([*EDITS, *WRITES]), NUMBERS), min_size=1, max_size=4))
def test_a_restored_frame_has_the_digest_of_its_content_whatever_is_done_to_it(restored, steps):
    """Promise 1: an input that was changed is seen, however it was changed."""
    frame = restored("frame")
    before = codec.digest(frame).hex
    for change, numbers in steps:
        obeyed(frame, change, *numbers)
    assert codec.digest(restored("frame")).hex == before == hashed(restored("frame"))


@pytest.mark.parametrize("name", sorted(values()))
@settings(max_examples=15, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.sampled_from(WRITES), NUMBERS), min_size=1, max_size=2))
def test_a_write_that_no_api_sees_is_seen(restored, name, steps):
    """Promise 1: who holds an address, or a tensor over a read-only array, changes the digest with the value."""
    value = restored(name)
    before = codec.digest(value).hex
    for write, numbers in steps:
        obeyed(value, write, *numbers)
    assert codec.digest(restored(name)).hex == before


@pytest.mark.parametrize("edit", range(len(EDITS)))
def test_each_edit_of_a_frame_is_seen(restored, edit):
    """Promise 1: the list of what pandas lets one do in place, each by itself."""
    frame = restored("frame")
    before = codec.digest(frame).hex
    obeyed(frame, EDITS[edit], 12_345, 7)
    assert codec.digest(frame).hex != before
