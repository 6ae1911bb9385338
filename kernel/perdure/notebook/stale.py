"""Objects of a class that the notebook has defined anew since: alike in content, and of no use any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from perdure.codec.paths import children

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})
_MOST = 200_000
"""Objects that are looked at; a larger value is judged by these."""


def is_stale(value: Any, namespace: Mapping[str, Any]) -> bool:
    """Whether an object in the value is of a class that the notebook's name for it leads to no more."""
    seen: dict[int, Any] = {}
    known: dict[type, bool] = {}
    waiting = [value]
    while waiting and len(seen) < _MOST:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part
        cls = part if isinstance(part, type) else type(part)
        if cls not in known:
            known[cls] = _is_replaced(cls, namespace)
        if known[cls]:
            return True
        waiting += [each for each in _parts(part) if type(each) not in _ATOMS]
    return False


def _is_replaced(cls: type, namespace: Mapping[str, Any]) -> bool:
    """Whether the notebook holds another class under the class's own name."""
    if cls.__module__ != "__main__":
        return False
    first, *rest = cls.__qualname__.split(".")
    found: Any = namespace.get(first)
    for name in rest:
        found = getattr(found, name, None)
    return isinstance(found, type) and found is not cls


def _parts(value: Any) -> Iterable[Any]:
    """What lies in a value, where that is more than numbers and text."""
    kind = type(value)
    if isinstance(value, type | ModuleType | FunctionType):
        return ()
    if kind.__module__ == "numpy":
        value = value.ravel().tolist() if getattr(getattr(value, "dtype", None), "hasobject", False) else []
        kind = list
    if kind in (list, tuple, set, frozenset) and _ATOMS.issuperset(map(type, value)):
        return ()
    try:
        return [each for _, each in children(value)]
    except Exception:  # noqa: BLE001  an object that cannot be looked into has no parts
        return ()
