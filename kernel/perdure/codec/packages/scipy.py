"""scipy: the content of sparse matrices and trees, without what they remember or computed."""

from __future__ import annotations

from typing import Any

_REMEMBERED = frozenset(
    {"_has_sorted_indices", "_has_canonical_format", "has_sorted_indices", "has_canonical_format"}
)
"""Attributes that are found out from the indices, and then remembered."""


KEPT: dict[str, str] = {
    "scipy.sparse.spmatrix, scipy.sparse.sparray": "every format: its arrays and attributes",
    "scipy.spatial.KDTree, scipy.spatial.cKDTree": "its points and nodes",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def _sparse() -> None:
    """Stands in a digest for a sparse matrix."""


def _tree() -> None:
    """Stands in a digest for a tree of points."""


def content(obj: Any) -> Any:
    """What stands in a digest for a sparse matrix or array, or a tree; `NotImplemented` for anything else."""
    from scipy.sparse import issparse

    if type(obj).__name__ in ("KDTree", "cKDTree"):  # its nodes follow from these
        return _tree, (type(obj), obj.data, obj.leafsize, obj.boxsize)

    if not issparse(obj):
        return NotImplemented
    parts = {name: value for name, value in vars(obj).items() if name not in _REMEMBERED}
    return _sparse, (), (type(obj), sorted(parts.items()))
