"""The law of shared memory: whatever looks into one memory, a write shows afterwards where it showed before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perdure import codec
from values.sharing import seen

COUNT = 24

LOOKS: dict[type, list[Any]] = {
    np.ndarray: [
        lambda a, n: a[n % len(a) :],
        lambda a, n: a[:: n % 3 + 1],
        lambda a, n: a[:: -(n % 3) - 1],
        lambda a, n: a.T,
        lambda a, n: a.reshape(2, -1) if a.flags.c_contiguous and a.size % 2 == 0 else a,
        lambda a, n: a[..., n % a.shape[-1]] if a.ndim > 1 else a,
        lambda a, n: pd.DataFrame(a if a.ndim == 2 else a.reshape(-1, 1), copy=False),
        lambda a, n: pd.Series(a[0] if a.ndim > 1 else a, copy=False),
        lambda a, n: pd.Index(a[0] if a.ndim > 1 else a, copy=False),
        lambda a, n: pa.array(np.ravel(a)),
        lambda a, n: pl.Series("x", np.ravel(a)),
        lambda a, n: torch.from_numpy(a) if min(a.strides) > 0 and a.flags.writeable else a,
        lambda a, n: [a],
    ],
    pd.DataFrame: [
        lambda f, n: f.iloc[n % len(f) :],
        lambda f, n: f.iloc[:: n % 2 + 1, ::2],
        lambda f, n: f[f.columns[n % f.shape[1]]],
        lambda f, n: f.to_numpy(),
        lambda f, n: f.T,
        lambda f, n: f.copy(deep=False),
        lambda f, n: f.assign(new=1.0),
        lambda f, n: f.rename(columns=str),
    ],
    pd.Series: [
        lambda s, n: s.iloc[n % len(s) :],
        lambda s, n: s.to_numpy(),
        lambda s, n: s.to_frame(),
        lambda s, n: pd.Index(s),
        lambda s, n: s.array,
    ],
    pd.Index: [lambda i, n: pd.Series(i), lambda i, n: i.to_numpy(), lambda i, n: i[n % len(i) :]],
    pl.Series: [lambda s, n: s.to_numpy(), lambda s, n: s[n % len(s) :], lambda s, n: s.to_frame()],
    pa.Array: [lambda x, n: x[n % len(x) :], lambda x, n: pa.table({"x": x}), lambda x, n: pl.from_arrow(x)],
    torch.Tensor: [lambda t, n: t[n % len(t) :], lambda t, n: t.numpy()],
}
"""What may be made of an object so that it looks into its memory, or may do so."""

STEPS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=5
)


def built(steps: list[tuple[int, int, int]], dtype: str, shape: tuple[int, ...], gone: set[int]) -> list[Any]:
    """An array, and what looks into it or into each other, step by step; without the parts that are gone."""
    made: list[Any] = [np.arange(COUNT).astype(dtype).reshape(shape)]
    for source, look, number in steps:
        obj = made[source % len(made)]
        looks = next((found for cls, found in LOOKS.items() if isinstance(obj, cls)), [lambda same, _: same])
        made.append(looks[look % len(looks)](obj, number))
    flat = [part[0] if isinstance(part, list) else part for part in made]
    return [part for at, part in enumerate(flat) if at not in gone] or flat


@settings(max_examples=200, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(
    STEPS,
    st.sampled_from(["f8", "f4", "i2", "u1", "M8[us]", "O"]),
    st.sampled_from([(COUNT,), (4, 6), (2, 3, 4)]),
    st.sets(st.integers(0, 5), max_size=3),
    st.permutations(range(6)),
)
def test_a_write_shows_where_it_showed_before(steps, dtype, shape, gone, order):
    """Promises 1, 3 and 4: through arrays, frames, tensors, arrow and polars in any order, with one digest."""
    try:
        value, live = built(steps, dtype, shape, gone), built(steps, dtype, shape, gone)
    except (TypeError, ValueError, NotImplementedError, pa.ArrowException, pl.exceptions.PolarsError):
        return  # such a look there is not
    order = [at for at in order if at < len(value)]
    digest = codec.digest(value)
    made = codec.copy_value(value)
    assert codec.digest(made) == digest
    assert seen(made, order) == seen(live, order)
    assert codec.digest(made) == codec.digest(live)
