"""What `functools` makes of functions, in the pickle leaf: caches come back with their limits, and empty."""

from __future__ import annotations

import functools
import gc
from typing import Any

from perdure.codec.model import Refusal
from perdure.codec.rows.row import by_reference

_CACHED: Any = type(functools.lru_cache(int))


KEPT: dict[str, str] = {
    "functools.lru_cache, functools.cache": "function and limits; its cache comes back empty",
    "functools.cached_property, functools.partialmethod": (
        "the function, with a lock of its own where Python gives it one"
    ),
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:
    """The reduced form of a cached property, or a cached function that cannot be imported."""
    if type(obj) is functools.cached_property:
        return make_cached_property, (obj.func, obj.attrname, obj.__doc__)
    if type(obj) is not _CACHED or (obj.__module__ != "__main__" and by_reference(obj)):
        return NotImplemented
    limits = obj.cache_parameters()
    return make_cached, (_called(obj), limits["maxsize"], limits["typed"]), dict(vars(obj))


def _called(cached: Any) -> Any:
    """The function whose results are cached; `__wrapped__` may name another."""
    known = gc.get_referents(cached)
    caches = [at for at, each in enumerate(known) if type(each) is dict and each is not vars(cached)]
    found = known[caches[0] + 1] if caches else None
    if not callable(found):
        raise Refusal(cached, "Which function it caches cannot be seen.", "Keep the function itself.")
    return found


def make_cached_property(function: Any, name: str | None, doc: str | None) -> Any:
    """A cached property; its lock, where Python gives it one, is a new one."""
    made: Any = functools.cached_property(function)
    made.attrname, made.__doc__ = name, doc
    return made


def make_cached(function: Any, maxsize: int | None, typed: bool) -> Any:  # noqa: FBT001  part of the format
    """A cached function whose cache is empty."""
    return functools.lru_cache(maxsize, typed)(function)


content = reduce
