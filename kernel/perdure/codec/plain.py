"""The short way for plain values: what msgpack holds exactly needs no tree, no numbers and no marks.

Plain are `None`, `bool`, `int` in 64 bits, `float`, text that UTF-8 can hold, `bytes`, and lists and dicts
with text keys of these, in which no list, dict or long text occurs twice. Whether a value is plain is asked
level by level of the garbage collector, which knows what containers hold: several times as fast as a walk.
"""

from __future__ import annotations

import functools
import gc
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from .model import LARGE, LONG, PLAIN

_KINDS = frozenset({type(None), bool, int, float, str, bytes, list, dict})
_HEAD = bytes([0x92, PLAIN])
"""How the stream of a plain value begins: an array of two, of which the first is `PLAIN`."""

_SHARED = object()
_DEPTH = 254
"""Levels that msgpack holds."""

_BOUND = 64 << 20
"""Bytes up to which a value that shares its parts is written out with each occurrence, for its digest."""


def packed(value: Any, outside: Mapping[int, str]) -> bytes | None:
    """The stream of a plain value; None where the value is not plain.

    Args:
        value: anything.
        outside: identities of objects that must not be written but referred to.
    """
    met = _containers(value)
    if type(met) is not set or not outside.keys().isdisjoint(met):
        return None
    return _msgpack([PLAIN, value])


def unpacked(stream: bytes) -> tuple[Any, ...]:
    """The value in the stream that `packed` made, or nothing where the stream is of the other form."""
    import ormsgpack

    return (ormsgpack.unpackb(stream)[1],) if stream[:2] == _HEAD else ()


def canonical(value: Any) -> bytes | None:
    """The same bytes for alike plain values, whatever they share; None where the value is not plain.

    None too for cycles, and for a value that is made of itself so often that its bytes would be too many.
    """
    met = _containers(value)
    if met is None or (met is _SHARED and _written_out(value, {}) > _BOUND):
        return None
    return _msgpack(value)


def _msgpack(value: Any) -> bytes | None:
    try:
        return _packer()(value)
    except TypeError:  # a large int, a lone surrogate, a key that is no text, too many levels, or such a type
        return None


@functools.cache
def _packer() -> Callable[[Any], bytes]:
    import ormsgpack

    # Another thread may have changed the value since its types were asked: a tuple must not become a list.
    exact = (
        ormsgpack.OPT_PASSTHROUGH_TUPLE
        | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
        | ormsgpack.OPT_PASSTHROUGH_DATETIME
        | ormsgpack.OPT_PASSTHROUGH_DATACLASS
        | ormsgpack.OPT_PASSTHROUGH_ENUM
        | ormsgpack.OPT_PASSTHROUGH_UUID
    )
    return functools.partial(ormsgpack.packb, option=exact)


def _containers(value: Any) -> Any:
    """Identities of the lists and dicts in a plain value; `_SHARED` where one, or a long text, occurs twice.

    None where an object of another kind lies in it.
    """
    kind = type(value)
    if kind is not list and kind is not dict:
        return set() if kind in _KINDS and not (kind is bytes and len(value) >= LARGE) else None
    met, shared, long, level = {id(value)}, False, list[Any](), [value]
    while level:
        below = gc.get_referents(*level)
        kinds = set(map(type, below))
        if not kinds <= _KINDS:
            return None
        if str in kinds:
            long += [item for item in below if type(item) is str and len(item) > LONG]
        if bytes in kinds:
            long += [item for item in below if type(item) is bytes and len(item) > LONG]
        level = [item for item in below if type(item) is dict or type(item) is list]
        new = set(map(id, level))
        if len(new) != len(level) or not met.isdisjoint(new):
            shared, level = (
                True,
                [item for item in {id(item): item for item in level}.values() if id(item) not in met],
            )
        met |= new
    shared = shared or len(set(map(id, long))) != len(long)
    if any(type(item) is bytes and len(item) >= LARGE for item in long):
        return None
    return _SHARED if shared else met


def _written_out(value: Any, known: dict[int, float], depth: int = 0) -> float:
    """Bytes of a value, about, when what it shares is written at each occurrence; infinite for a cycle."""
    kind = type(value)
    if kind is str or kind is bytes:
        return len(value)
    if kind is not list and kind is not dict:
        return 1
    key = id(value)
    if key not in known:
        known[key] = math.inf
        if depth < _DEPTH:
            known[key] = 1 + sum(_written_out(item, known, depth + 1) for item in gc.get_referents(value))
    return known[key]


def find_endless(value: Any, known: dict[int, bool]) -> None:
    """Find what has no `canonical` bytes: lists and dicts that hold themselves, or too many levels.

    So a ring is walked once, and not anew from each of its members.

    Args:
        value: a list or dict.
        known: what was found before, by identity, to which all in this value is added; what is told of here
            has to be kept alive.
    """
    users, waiting, stack = defaultdict[int, list[int]](list), dict[int, int](), [value]
    while stack:
        one = stack.pop()
        if id(one) not in waiting and id(one) not in known:
            below = [item for item in gc.get_referents(one) if type(item) is list or type(item) is dict]
            waiting[id(one)] = len(below)
            for item in below:
                users[id(item)].append(id(one))
            stack += below
    levels = defaultdict[int, int](int)
    ready = [key for key in [*waiting, *users] if not waiting.get(key) and not known.get(key)]
    for key in dict.fromkeys(ready):
        settled = [key]
        while settled:
            last = settled.pop()
            for user in users[last]:
                levels[user] = max(levels[user], levels[last] + 1)
                waiting[user] -= 1
                if not waiting[user]:
                    settled.append(user)
    known |= {key: left > 0 or levels[key] > 2 * _DEPTH for key, left in waiting.items()}
