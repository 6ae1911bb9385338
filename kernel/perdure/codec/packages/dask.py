"""dask: collections have no content that a digest could read: computing one changes its graph."""

from __future__ import annotations

from typing import Any

WEAK: dict[str, str] = {
    "dask.array.Array, dask.dataframe.DataFrame, dask.bag.Bag, dask.delayed.Delayed": (
        "its graph of work is kept; what it would give is not known before `.compute()`"
    ),
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def content(obj: Any) -> Any:
    """Nothing stands in a digest for a collection: it is weak.

    Raises:
        ValueError: it is a collection.
    """
    from dask.base import is_dask_collection

    if isinstance(obj, type) or not is_dask_collection(obj):
        return NotImplemented
    raise ValueError("it is work for dask that may not be done yet; `.compute()` has the content")
