"""Changes in place are restored in place: all that refers to an object sees what became of it.

A cell that changes an object changes it under every name, and inside every container, that holds it. A
restore that put a new object under one name would leave the others with the old content.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perdure.store.records import CallRecord

    from .session import Session


class _Plain:
    """The smallest class whose instances have a `__dict__`."""


_MAPPINGS = (dict, OrderedDict, defaultdict, Counter)


def apply(session: Session, call: CallRecord, values: dict[str, Any]) -> None:
    """Move the new content of changed inputs into the objects that are there, where those are as they were.

    Args:
        session: the notebook.
        call: the call that changed inputs in place.
        values: its decoded outputs by name; those that were moved are replaced by the objects that are there.
    """
    namespace = session.namespace
    before = {part.name: part.digest for part in call.input_parts}
    moved: dict[int, tuple[Any, Any]] = {}
    for name in (output.name for output in call.outputs if output.how == "changed"):
        if name not in values or name not in namespace or id(values[name]) in moved:
            continue
        old, new = namespace[name], values[name]
        if session.part(name).digest == before.get(name) and _move(old, new):
            moved[id(new)] = (new, old)
    if moved:
        for name, value in values.items():
            values[name] = moved[id(value)][1] if id(value) in moved else value
        _relink([*values.values()], {new: old for new, (_, old) in moved.items()})


def _move(old: Any, new: Any) -> bool:
    """Make `old` hold what `new` holds; False, and nothing is touched, where its type does not allow that."""
    kind = type(old)
    if kind is not type(new):
        return False
    if kind in (list, bytearray):
        old[:] = new
    elif kind in _MAPPINGS or kind is set:
        old.clear()
        old.update(new)
    elif kind is deque and old.maxlen == new.maxlen:
        old.clear()
        old.extend(new)
    elif _is(kind, "numpy", "ndarray"):
        if old.shape != new.shape or old.dtype != new.dtype or not old.flags.writeable:
            return False
        old[...] = new
    elif _is(kind, "pandas", "DataFrame", "Series"):
        old._update_inplace(new)  # noqa: SLF001  what pandas itself does for `inplace=True`
        old.attrs = new.attrs
    elif _is_plain(kind):
        vars(old).clear()
        vars(old).update(vars(new))
    else:
        return False
    return True


def _is(kind: type, package: str, *names: str) -> bool:
    """Whether it is one of these classes of a package; the package is not imported for that."""
    module = sys.modules.get(package)
    return module is not None and any(kind is getattr(module, name, None) for name in names)


def _is_plain(kind: type) -> bool:
    """Whether its instances hold nothing outside their `__dict__`: neither slots nor state in C."""
    slots = any(vars(base).get("__slots__") for base in kind.__mro__)
    return not slots and kind.__dictoffset__ != 0 and kind.__basicsize__ == _Plain.__basicsize__


def _relink(values: Iterable[Any], moved: Mapping[int, Any]) -> None:
    """Let lists, mappings and attributes refer to the objects that are there, instead of their new twins."""
    seen: set[int] = set()
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if type(value) in (list, deque):
            places: Iterable[tuple[Any, Any]] = enumerate(value)
            holder: Any = value
        elif type(value) in _MAPPINGS:
            places, holder = value.items(), value
        elif _is_plain(type(value)):
            places, holder = vars(value).items(), vars(value)
        else:
            continue
        for place, part in list(places):
            if id(part) in moved:
                holder[place] = moved[id(part)]
            else:
                waiting.append(part)
