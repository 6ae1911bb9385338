"""httpx, requests, yarl, multidict and the standard library's cookies: how the pickle leaf takes them."""

from __future__ import annotations

from typing import Any

from perdure.codec.rows.row import resolve
from perdure.codec.rows.state import with_attributes
from perdure.codec.rows.web import base_of, behind, content_of, encoding_of, fill_state, make_empty, state_of

_STATES = ("__reduce_ex__", "__reduce__", "__getstate__", "__setstate__")


KEPT: dict[str, str] = {
    "requests.Session": "its settings, headers and cookies, as requests pickles it; no connection",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:
    """The reduced form of what holds a connection, or `NotImplemented`."""
    cls: Any = type(obj)
    if _is_proxy(cls):
        return cls, (behind(obj),)
    if cls is resolve("requests.sessions", "Session"):
        return with_attributes(obj, obj.__reduce_ex__(5))
    base: Any = base_of(cls)
    if base is None or not _pickled_alike(cls, base):
        return NotImplemented
    return make_empty, (cls,), state_of(obj), None, None, fill_state


def content(obj: Any) -> Any:
    """What stands in a digest for an object: without what it computed before."""
    cls: Any = type(obj)
    if _is_proxy(cls):
        return cls, (behind(obj),)
    if cls is resolve("requests.sessions", "Session"):
        return cls, (sorted(vars(obj).items()),)  # loading sets them in another order
    headers = resolve("httpx", "Headers")
    if headers is not None and isinstance(obj, headers):
        return cls, (vars(obj) | {"_encoding": encoding_of(obj)},)
    base: Any = base_of(cls)
    if base is None or not _pickled_alike(cls, base):
        return NotImplemented
    return make_empty, (cls,), content_of(obj)


def _is_proxy(cls: type) -> bool:
    return cls.__module__ == "multidict._multidict" and cls.__name__.endswith("Proxy")


def _pickled_alike(cls: Any, base: Any) -> bool:
    """Whether a class leaves it to its base how its objects are pickled."""
    return all(getattr(cls, name, None) == getattr(base, name, None) for name in _STATES)
