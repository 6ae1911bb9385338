"""What `functools.lru_cache` makes, in the pickle leaf: it comes back with its limits, and empty."""

from __future__ import annotations

import functools
import gc
from typing import Any

from perdure.codec.model import Refusal
from perdure.codec.rows.row import by_reference

_CACHED: Any = type(functools.lru_cache(int))


def reduce(obj: Any) -> Any:
    """The reduced form of a cached function that cannot be imported, or `NotImplemented`."""
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


def make_cached(function: Any, maxsize: int | None, typed: bool) -> Any:  # noqa: FBT001  part of the format
    """A cached function whose cache is empty."""
    return functools.lru_cache(maxsize, typed)(function)


content = reduce
