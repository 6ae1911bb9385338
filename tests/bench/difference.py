"""In what a value differs from what came back: the first change, in few words, or nothing."""

from __future__ import annotations

from typing import Any


def difference(before: Any, after: Any) -> str:
    """`tuple -> list` and the like; empty where type and content are the same all the way down."""
    if type(before) is not type(after):
        return f"{type(before).__name__} -> {type(after).__name__}"
    module = type(before).__module__.partition(".")[0]
    if module in _KINDS:
        return _KINDS[module](before, after)
    if isinstance(before, list | tuple):
        found = next(filter(None, map(difference, before, after)), "")
        return found or ("" if len(before) == len(after) else "other length")
    if isinstance(before, dict):
        return difference(list(before), list(after)) or difference(
            list(before.values()), list(after.values())
        )
    if isinstance(before, set):
        return difference(sorted(before, key=repr), sorted(after, key=repr))
    return "" if before == after and repr(before) == repr(after) else "other content"


def _frames(before: Any, after: Any) -> str:
    for column, kind in before.dtypes.items():
        if repr(kind) != repr(after.dtypes[column]):
            return f"{kind} -> {after.dtypes[column]}"
        if repr(kind) == "object" and (found := difference(list(before[column]), list(after[column]))):
            return found
    return "" if before.equals(after) and difference(before.attrs, after.attrs) == "" else "other content"


def _tensors(before: Any, after: Any) -> str:
    import torch

    return "" if before.dtype == after.dtype and torch.equal(before, after) else "other content"


def _models(before: Any, after: Any) -> str:
    import numpy as np

    x = np.random.default_rng(0).random((1000, before.n_features_in_))
    same = np.array_equal(before.predict_proba(x), after.predict_proba(x))
    return "" if same and repr(before.get_params()) == repr(after.get_params()) else "other content"


_KINDS = {"pandas": _frames, "torch": _tensors, "sklearn": _models}
