"""The web: httpx, requests, yarl, multidict, and the standard library's cookies."""

from __future__ import annotations

import datetime as dt
import io
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy, LWPCookieJar
from typing import Any

import httpx
import multidict
import requests
import yarl
from requests.cookies import RequestsCookieJar, create_cookie
from requests.structures import CaseInsensitiveDict

from values.alike import alike
from values.sample import Sample

# Objects without an `==` of their own are compared by all their attributes but these: of the connection, and the clock.
_LIVE = {"stream", "_decoder", "_cookies_lock", "raw", "connection", "extensions", "_now"}


def told(value: Any) -> Any:
    """An object of the web as builtins: its type, and all that is kept of it."""
    roots = {base.__module__.partition(".")[0] for base in type(value).__mro__}
    if isinstance(
        value,
        (multidict.MultiDict, multidict.MultiDictProxy, multidict.CIMultiDict, multidict.CIMultiDictProxy),
    ):
        return type(value), [(type(key), str(key), told(item)) for key, item in value.items()]
    if roots & {"httpx", "requests", "http"} and hasattr(value, "__dict__") and not isinstance(value, type):
        return type(value), {name: told(part) for name, part in vars(value).items() if name not in _LIVE}
    if isinstance(value, (list, tuple)):
        return type(value), [told(item) for item in value]
    if isinstance(value, dict):
        return type(value), [(told(key), told(item)) for key, item in value.items()]
    return value


def same(before: Any, after: Any) -> None:
    """Raises where the second object does not tell what the first does."""
    alike(told(before), told(after))
    assert repr(before) == repr(after)
    if isinstance(before, httpx.Request):
        assert b"".join(before.stream) == b"".join(after.stream)


def same_response(before: Any, after: Any) -> None:
    """As `same`, and what a user reads of a response of httpx."""
    same(before, after)
    for name in ("content", "text", "http_version", "reason_phrase", "is_closed", "encoding"):
        assert getattr(before, name, None) == getattr(after, name, None), name
    assert list(after.iter_bytes()) == list(before.iter_bytes())


def same_yarl(before: yarl.URL, after: yarl.URL) -> None:
    """All that yarl tells of a URL."""
    assert type(before) is type(after) is yarl.URL
    for name in (
        "scheme",
        "raw_authority",
        "raw_host",
        "raw_path",
        "raw_query_string",
        "raw_fragment",
        "user",
        "password",
        "explicit_port",
        "absolute",
    ):
        assert getattr(before, name) == getattr(after, name), name
    assert str(before) == str(after) and hash(before) == hash(after)


def _request(**more: Any) -> httpx.Request:
    return httpx.Request(
        "POST",
        "https://u:p@x.de/a?b=c",
        headers=[("X-A", "1"), ("x-a", "2")],
        cookies={"c": "d"},
        json={"k": [1]},
        **more,
    )


def _transport(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/from":
        return httpx.Response(
            302, headers={"location": "/to", "set-cookie": "a=b; Path=/; Max-Age=100000000"}
        )
    return httpx.Response(
        200,
        headers=[("set-cookie", "c=d"), ("content-encoding", "identity"), ("set-cookie", "e=f")],
        text="h\xe4",
        extensions={"http_version": b"HTTP/2", "reason_phrase": b"Fine"},
    )


def _fixed(response: httpx.Response) -> httpx.Response:
    for one in (response, *response.history):
        one._elapsed = dt.timedelta(seconds=1.5)
        for jar in vars(one).get("_cookies", ()) and [one._cookies.jar]:
            for cookie in jar:
                cookie.expires = 2_000_000_000
            jar._now = jar._policy._now = 5
    return response


def _followed() -> httpx.Response:
    with httpx.Client(transport=httpx.MockTransport(_transport), follow_redirects=True) as client:
        return _fixed(client.get("https://x.de/from"))


def _not_followed() -> httpx.Response:
    with httpx.Client(transport=httpx.MockTransport(_transport)) as client:
        response = client.get("https://x.de/from")
    assert response.cookies
    assert response.text == ""
    return _fixed(response)


def _cookies() -> httpx.Cookies:
    made = httpx.Cookies({"a": "b"})
    made.set("c", "d", domain="x.de", path="/p")
    made.set("c", "e", domain="y.de")
    made.jar.set_cookie(_cookie())
    return made


def _cookie() -> Cookie:
    return create_cookie(
        "n",
        "v",
        domain=".x.de",
        path="/q",
        secure=True,
        expires=2_000_000_000,
        rest={"HttpOnly": None, "SameSite": "Lax"},
    )


def _jar(cls: type = CookieJar) -> Any:
    made = cls(policy=DefaultCookiePolicy(blocked_domains=["ads.de"], rfc2965=True))
    made.set_cookie(_cookie())
    return made


def _prepared(**more: Any) -> requests.PreparedRequest:
    return requests.Request(
        "POST", "https://u:p@x.de/a", params={"q": "1"}, headers={"X-A": "1"}, cookies={"c": "d"}, **more
    ).prepare()


def _answered(*, code: int = 200, history: bool = True) -> requests.Response:
    made = requests.Response()
    made.status_code, made.reason, made.url = code, "OK", "https://x.de/a?q=1"
    made.headers = CaseInsensitiveDict({"Content-Type": "text/plain", "ETag": "x"})
    made.encoding = "utf-8"
    made.raw = io.BytesIO(b"h\xc3\xa4")
    made.connection = io.BytesIO()
    made.elapsed = dt.timedelta(seconds=2)
    made.request = _prepared(json={"k": 1})
    made.cookies.set("a", "b", domain="x.de", path="/")
    assert made.content
    if history:
        made.history = [_answered(code=301, history=False)]
    return made


def _multi(cls: Any) -> Any:
    made = cls([("A", 1), ("b", [2]), ("A", 3)])
    made.add("B", None)
    return made


SAMPLES = [
    Sample("httpx.URL", lambda: httpx.URL("https://u:p%20q@\u00fc.de:8443/a%2Fb/?c=d&c=e#f"), same=same),
    Sample("httpx.URL relative", lambda: httpx.URL("../a?b"), same=same),
    Sample("httpx.URL IPv6", lambda: httpx.URL("http://[::1]:80/"), same=same),
    Sample("httpx.QueryParams", lambda: httpx.QueryParams([("a", "1"), ("b", ""), ("a", "2")]), same=same),
    Sample("httpx.QueryParams with an empty list", lambda: httpx.QueryParams({"a": [], "b": "1"}), same=same),
    Sample(
        "httpx.Headers",
        lambda: httpx.Headers([("X-A", "1"), ("b", "2"), ("x-a", "3"), ("Authorization", "s")]),
        same=same,
    ),
    Sample("httpx.Headers latin-1", lambda: httpx.Headers([(b"x", b"\xe4")]), same=same),
    Sample(
        "httpx.Headers with an encoding",
        lambda: httpx.Headers({"x": "\xe4"}, encoding="iso-8859-1"),
        same=same,
    ),
    Sample("httpx.Cookies", _cookies, same=same),
    Sample("httpx.Request", _request, same=same),
    Sample("httpx.Request without body", lambda: httpx.Request("GET", "http://x.de"), same=same),
    Sample("httpx.Response", lambda: httpx.Response(200, text="h\xe4"), same=same_response),
    Sample(
        "httpx.Response with request",
        lambda: httpx.Response(404, json=[1], request=_request(extensions={"timeout": {"read": 5.0}})),
        same=same_response,
    ),
    Sample("httpx.Response after a redirect", _followed, same=same_response),
    Sample("httpx.Response that names the next request", _not_followed, same=same_response),
    Sample("requests.Response", _answered, same=same),
    Sample("requests.Response, empty", requests.Response, same=same),
    Sample("requests.PreparedRequest", lambda: _prepared(data={"a": "b"}), same=same),
    Sample("requests.PreparedRequest with files", lambda: _prepared(data=b"\x00" * 3), same=same),
    Sample(
        "requests CaseInsensitiveDict",
        lambda: CaseInsensitiveDict([("A", 1), ("b", [2]), ("a", 3)]),
        same=same,
    ),
    Sample("requests RequestsCookieJar", lambda: _jar(RequestsCookieJar), same=same),
    Sample("http.cookiejar.CookieJar", _jar, same=same),
    Sample("http.cookiejar.LWPCookieJar", lambda: _jar(LWPCookieJar), same=same),
    Sample("http.cookiejar.Cookie", _cookie, same=same),
    Sample("yarl.URL", lambda: yarl.URL("https://u:p@\u00fc.de:8443/a%2Fb/?c=d&c=e#f"), same=same_yarl),
    Sample("yarl.URL encoded", lambda: yarl.URL("http://x.de/%7e%zz?a=%2", encoded=True), same=same_yarl),
    Sample("yarl.URL relative", lambda: yarl.URL("a/b?c=1"), same=same_yarl),
    Sample(
        "yarl.URL built",
        lambda: yarl.URL.build(scheme="http", host="x", path="/a b", query={"q": "1 2"}),
        same=same_yarl,
    ),
    Sample("yarl.URL with caches", lambda: _warm(yarl.URL("http://x.de/a/b?q=1")), same=same_yarl),
    Sample("multidict.MultiDict", lambda: _multi(multidict.MultiDict), same=same),
    Sample("multidict.CIMultiDict", lambda: _multi(multidict.CIMultiDict), same=same),
    Sample(
        "multidict.MultiDictProxy", lambda: multidict.MultiDictProxy(_multi(multidict.MultiDict)), same=same
    ),
    Sample(
        "multidict.CIMultiDictProxy",
        lambda: multidict.CIMultiDictProxy(_multi(multidict.CIMultiDict)),
        same=same,
    ),
    Sample("multidict.istr", lambda: multidict.istr("A")),
]


def _warm(url: yarl.URL) -> yarl.URL:
    assert url.parts and url.query and url.host and hash(url)
    return url
