"""Whether what was loaded says itself that it is not what was stored (promise 4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from perdure.codec.packages.kits import KITS, ask

from .paths import children

_Parts = Callable[[Any], Iterable[tuple[str, Any]]]

_MOST = 2_000
"""Objects of a value that are asked; a larger value is judged by these."""

_SKIPPED = (type, ModuleType, FunctionType, BuiltinFunctionType)
_REMEMBERED = "_CacheHashWrapper"
"""What attrs keeps of a hash; no other object has the same."""
_CONTENTS: tuple[Any, ...] = tuple(
    kind.__eq__
    for kind in (object, type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)
)
"""Equality by identity, and that of containers, whose contents are asked themselves."""


def unequal(before: Any, after: Any) -> Any:
    """The first object in `before` that denies to be equal to its counterpart in `after`, or None.

    An object whose equality fails, or gives no yes or no, says nothing. Those of a package that has a kit are
    not asked: the kit answers for them. What they hold for others is.
    """
    seen, queue = {id(before)}, deque([(before, after)])
    while queue and len(seen) < _MOST:
        one, two = queue.popleft()
        if isinstance(one, _SKIPPED) or type(one).__qualname__ == _REMEMBERED:
            continue
        known = type(one) is type(two) and _known(type(one))
        if not known and (type(one) is not type(two) or _denied(one, two)):
            return one
        for item, counterpart in _pairs(one, two, _cells if known else children):
            if id(item) not in seen:
                seen.add(id(item))
                queue.append((item, counterpart))
    return None


def _known(cls: type) -> bool:
    # To compare decimals sets flags in the context of the user; they are kept exactly.
    return cls.__module__.partition(".")[0] in KITS or cls.__module__ == "decimal"


def _cells(value: Any) -> Iterable[tuple[str, Any]]:
    """The objects that an object of a package holds for others, such as those in an array."""
    found = ask(value, "parts")
    return () if found is NotImplemented else found


def _pairs(one: Any, two: Any, parts: _Parts) -> list[tuple[Any, Any]]:
    """The parts of two objects side by side, where both have parts of the same names in one order."""
    if isinstance(one, (set, frozenset)):
        return []
    try:
        below, counterparts = list(parts(one)), list(parts(two))
    except Exception:  # noqa: BLE001  an object that cannot be looked into has no parts
        return []
    if [step for step, _ in below] != [step for step, _ in counterparts]:
        return []
    return [(item, part) for (_, item), (_, part) in zip(below, counterparts, strict=True)]


def _denied(one: Any, two: Any) -> bool:
    if type(one).__eq__ in _CONTENTS:
        return False
    try:
        answer = one == two
        return type(answer).__name__ in ("bool", "bool_") and not answer
    except Exception:  # noqa: BLE001  a user's __eq__ may do anything
        return False
