"""What goes over the web: URLs, headers, cookies, requests, responses (httpx, requests, yarl, multidict).

A body that was not read is refused: reading it would change the object. What belongs to the connection (raw
streams, adapters, locks) is left out, and so are extensions of httpx that are no plain data: the http version
and the reason stay. A class derived from one of these is kept likewise, by the pickle leaf.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

from perdure.codec.model import Refusal

from .classes import find
from .row import Row, pairs, resolve

# -- told by their attributes ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """What of an object's attributes is kept."""

    live: tuple[str, ...] = ()
    """Left out: they belong to the connection or to the process."""
    remembered: tuple[str, ...] = ()
    """Kept, but not counted in a digest: they hold what was computed before."""
    anew: Callable[[Any], dict[str, Any]] = lambda _: {}
    """What stands for those that were left out."""
    says: str = "its attributes"
    """How such objects are stored, for the reference page."""


def _lock(_made: Any) -> dict[str, Any]:
    from threading import RLock

    return {"_cookies_lock": RLock()}


def _stream(made: Any) -> dict[str, Any]:
    body = vars(made)["stream"]
    return {"stream": find("httpx", "ByteStream")(body)} if body is not None else _unattached(made)


def _unattached(_made: Any) -> dict[str, Any]:
    return {"stream": find("httpx._content", "UnattachedStream")()}


_READ = "one whose body was not read is refused"
_EXTENSIONS = "extensions that are no plain data are left out, with a note"
_JAR = "its attributes, with a lock of its own"
KINDS: dict[str, Kind] = {
    "httpx.Request": Kind(("stream",), (), _stream, f"its attributes and its body; {_READ}; {_EXTENSIONS}"),
    "httpx.Response": Kind(
        *(("stream", "_decoder"), ("_text", "_encoding"), _unattached),
        f"its attributes, its request and its body; {_READ}; {_EXTENSIONS}",
    ),
    "httpx.Cookies": Kind(),
    "requests.models.Response": Kind(
        *(("raw", "connection"), (), lambda _: {"raw": None}),
        f"its attributes, its request and its body, without the connection (`raw` is `None`); {_READ}",
    ),
    "requests.models.PreparedRequest": Kind(),
    "requests.structures.CaseInsensitiveDict": Kind(),
    "requests.cookies.RequestsCookieJar": Kind(("_cookies_lock",), ("_now",), _lock, _JAR),
    "http.cookiejar.CookieJar": Kind(("_cookies_lock",), ("_now",), _lock, _JAR),
    "http.cookiejar.MozillaCookieJar": Kind(("_cookies_lock",), ("_now",), _lock, _JAR),
    "http.cookiejar.LWPCookieJar": Kind(("_cookies_lock",), ("_now",), _lock, _JAR),
    "http.cookiejar.DefaultCookiePolicy": Kind((), ("_now",)),
    "http.cookiejar.Cookie": Kind(),
}
"""By module and name; a class derived from one of them is kept like it."""


def base_of(cls: type) -> type | None:
    """The nearest base (or the class itself) that `KINDS` knows."""
    return next((base for base in cls.__mro__ if _named(base) in KINDS), None)


def _named(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def state_of(value: Any) -> dict[str, Any]:
    """The attributes that are kept.

    Raises:
        Refusal: its body was not read.
    """
    base = base_of(type(value))
    assert base is not None
    name, given = _named(base), vars(value)
    state = {key: part for key, part in given.items() if key not in KINDS[name].live}
    if name in ("httpx.Request", "httpx.Response"):
        sendable = name == "httpx.Request" and type(given["stream"]) is resolve("httpx", "ByteStream")
        if "_content" not in given and not sendable:
            advice = "Call its `.read()` (or `await` its `.aread()`) first, or keep what you need of it."
            raise Refusal(value, "Its body is a stream that was not read.", advice)
        if name == "httpx.Request":
            state["stream"] = b"".join(given["stream"]) if sendable else None
        state["extensions"] = {key: part for key, part in _extensions(value) if _is_plain(part)}
    elif name == "requests.models.Response" and given["_content"] is False and given["raw"] is not None:
        raise Refusal(
            value, "Its body was not read.", "Read its `.content` first, or keep what you need of it."
        )
    return state


def left_out(value: Any) -> list[str]:
    """The names of the extensions of a request or response of httpx that are not kept."""
    return [key for key, part in _extensions(value) if not _is_plain(part)]


def _extensions(value: Any) -> list[tuple[str, Any]]:
    return list((vars(value).get("extensions") or {}).items())


def _is_plain(part: Any, depth: int = 3) -> bool:
    if type(part) is dict and depth:
        return all(type(key) is str and _is_plain(item, depth - 1) for key, item in part.items())
    return part is None or type(part) in (bool, int, float, str, bytes)


def content_of(value: Any) -> dict[str, Any]:
    """The attributes that count in a digest."""
    base = base_of(type(value))
    assert base is not None
    passing = KINDS[_named(base)].remembered
    state = {key: part for key, part in state_of(value).items() if key not in passing}
    return state | {"encoding": encoding_of(value)} if "_encoding" in passing else state


def encoding_of(value: Any) -> Any:
    """The encoding of headers or of a response, asked of a copy: the property remembers what it finds."""
    copy = object.__new__(type(value))
    vars(copy).update(vars(value))
    return copy.encoding


def make_empty(cls: type) -> Any:
    """An empty object of the class."""
    return object.__new__(cls)


def fill_state(made: Any, state: dict[str, Any]) -> None:
    """Give an empty object its attributes, and what stands for those that were left out."""
    vars(made).update(state)
    base = base_of(type(made))
    if base is not None:
        vars(made).update(KINDS[_named(base)].anew(made))


def _object(name: str) -> Row:
    """A type of `KINDS`."""
    module, _, qualname = name.rpartition(".")
    return Row(
        *(94, module, qualname, lambda value: (name, *pairs(state_of(value)))),
        lambda parts: make_empty(_known(parts[0], KINDS)),
        lambda made, parts: fill_state(made, dict(zip(parts[::2], parts[1::2], strict=True))),
        1,
        plain=False,
        says=KINDS[name].says,
        types=name.replace("requests.models.", "requests."),
    )


def _known(name: str, table: Container[str]) -> Any:
    if name not in table:
        raise ValueError(f"{name!r} is no type of the web")
    module, _, qualname = name.rpartition(".")
    return find(module, qualname)


# -- told by other data ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """A type whose objects are told by one value, and made from it."""

    data: Callable[[Any], Any]
    make: Callable[[Any, Any], Any]
    """Of the class and the value."""
    says: str
    """How such objects are stored, for the reference page."""
    when: Callable[[Any], bool] | None = None


def _is_its_text(value: Any) -> bool:
    return bool(vars(type(value)(str(value))) == vars(value))


def _is_its_encoded_text(value: Any) -> bool:
    again = type(value)(str(value), encoded=True)
    return all(getattr(again, name) == getattr(value, name) for name in _SPLIT)


_SPLIT = ("scheme", "raw_authority", "raw_path", "raw_query_string", "raw_fragment")


def behind(proxy: Any) -> Any:
    """The dict that a proxy of multidict shows, which it has no attribute for."""
    return next(found for found in gc.get_referents(proxy) if not isinstance(found, type))


_PROXY = "the dict that it shows"
TOLD: dict[str, Told] = {
    "httpx.URL": Told(str, lambda cls, text: cls(text), "as its text", _is_its_text),
    "httpx.QueryParams": Told(
        *(lambda value: vars(value)["_dict"], lambda cls, items: cls(items)),
        "its items in their order",
        lambda value: vars(value).keys() == {"_dict"},
    ),
    "httpx.Headers": Told(
        # The property `encoding` would remember what it finds.
        *(lambda value: [vars(value)["_encoding"], value.raw], lambda cls, data: cls(data[1], data[0])),
        "its raw items in their order, and its encoding",
        lambda value: vars(value).keys() == {"_encoding", "_list"},
    ),
    "yarl.URL": Told(str, lambda cls, text: cls(text, encoded=True), "as its text", _is_its_encoded_text),
    "multidict._multidict.istr": Told(str.__str__, lambda cls, text: cls(text), "as its text"),
    "multidict._multidict.MultiDictProxy": Told(behind, lambda cls, of: cls(of), _PROXY),
    "multidict._multidict.CIMultiDictProxy": Told(behind, lambda cls, of: cls(of), _PROXY),
}


def _told(name: str, told: Told) -> Row:
    module, _, qualname = name.rpartition(".")
    return Row(
        *(95, module, qualname, lambda value: (name, told.data(value))),
        lambda parts: TOLD[parts[0]].make(_known(parts[0], TOLD), parts[1]),
        plain=False,
        when=told.when,
        identity=True,
        says=told.says,
        types=name.replace("._multidict", ""),
    )


_MULTI = ("multidict._multidict.MultiDict", "multidict._multidict.CIMultiDict")


def _add_items(made: Any, parts: list[Any]) -> None:
    given = iter(parts)
    for key in given:
        made.add(key, next(given))


def _multi(name: str) -> Row:
    module, _, qualname = name.rpartition(".")
    return Row(
        *(96, module, qualname, lambda value: (name, *pairs(value))),
        lambda parts: _known(parts[0], _MULTI)(),
        *(_add_items, 1),
        plain=False,
        says="its items in their order",
        types=name.replace("._multidict", ""),
    )


WEB: tuple[Row, ...] = (
    *(_object(name) for name in KINDS),
    *(_told(name, told) for name, told in TOLD.items()),
    *(_multi(name) for name in _MULTI),
)
"""Rows by exact type, three tags for all: the name stands in the stream."""
