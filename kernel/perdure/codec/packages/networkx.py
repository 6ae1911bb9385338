"""networkx: the content of graphs, without what they compute and keep for the next time."""

from __future__ import annotations

from functools import cached_property
from typing import Any

_PARTS = frozenset({"graph", "_node", "_adj", "_succ", "_pred", "__networkx_cache__"})


KEPT: dict[str, str] = {
    "networkx.Graph": (
        "directed or not, with parallel edges or without: nodes, edges, their order and attributes"
    ),
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def _graph() -> None:
    """Stands in a digest for a graph."""


def content(obj: Any) -> Any:
    """What stands in a digest for a graph, in order; `NotImplemented` for views and for anything else."""
    import networkx as nx

    if not isinstance(obj, nx.Graph) or not all(isinstance(near, dict) for near in (obj._node, obj._adj)):  # noqa: SLF001
        return NotImplemented
    computed = {
        name
        for base in type(obj).__mro__
        for name, member in vars(base).items()
        if isinstance(member, cached_property)
    }
    more = {name: value for name, value in vars(obj).items() if name not in _PARTS | computed}
    before = [(node, list(near)) for node, near in getattr(obj, "_pred", {}).items()]
    return _graph, (), (type(obj), obj.graph, obj._node, obj._adj, before, more)  # noqa: SLF001
