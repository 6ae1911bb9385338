"""The syntax tree of a function, remembered across restarts: its source may be gone by then."""

from __future__ import annotations

from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

_remembered: WeakKeyDictionary[FunctionType, str] = WeakKeyDictionary()


def tree_of(function: FunctionType) -> str | None:
    """Digest of the tree in which the function was written; None where that is not known."""
    known = _remembered.get(function)
    if known is None:
        from perdure.codec.syntax import definition_tree, tree_digest

        tree = definition_tree(function)
        if tree is None:
            return None
        known = _remembered[function] = tree_digest(tree)
    return known


def remember_tree(function: FunctionType, tree: Any) -> None:
    """A function that was made from stored code keeps the digest of its source."""
    if isinstance(tree, str):
        _remembered[function] = tree
