"""scipy: the content of sparse matrices, without what they remember about themselves."""

from __future__ import annotations

from typing import Any

_REMEMBERED = frozenset(
    {"_has_sorted_indices", "_has_canonical_format", "has_sorted_indices", "has_canonical_format"}
)
"""Attributes that are found out from the indices, and then remembered."""


KEPT: dict[str, str] = {
    "scipy.sparse.spmatrix, scipy.sparse.sparray": "every format: its arrays and attributes",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def _sparse() -> None:
    """Stands in a digest for a sparse matrix."""


def content(obj: Any) -> Any:
    """What stands in a digest for a sparse matrix or array; `NotImplemented` for anything else."""
    from scipy.sparse import issparse

    if not issparse(obj):
        return NotImplemented
    parts = {name: value for name, value in vars(obj).items() if name not in _REMEMBERED}
    return _sparse, (), (type(obj), sorted(parts.items()))
