"""Requests and responses: what belongs to the connection is left out, a body that was not read is refused."""

import http.cookiejar
import io
import threading

import httpx
import multidict
import pytest
import requests
import yarl

from perdure import codec
from perdure.errors import NotKeepable
from values.samples import web as w


class Leaf:
    """Goes to the pickle leaf, since it says itself how it is pickled."""

    def __init__(self, held):
        self.held = held

    def __getstate__(self):
        return {"held": self.held}


def _parts():
    yield b"part"


def _unread():
    with httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=_parts()))
    ) as client:
        return client.send(client.build_request("GET", "http://x.de"), stream=True)


def _unread_of_requests():
    made = requests.Response()
    made.raw = io.BytesIO(b"abc")
    return made


@pytest.mark.parametrize(
    "make",
    [
        _unread,
        lambda: httpx.Request("POST", "http://x.de", content=_parts()),
        lambda: httpx.Request("POST", "http://x.de", files={"f": io.BytesIO(b"a")}),
        _unread_of_requests,
    ],
)
@pytest.mark.parametrize("place", [lambda value: [value], Leaf])
def test_a_body_that_was_not_read_is_refused_and_left_as_it_is(make, place):
    """Promise 4: reading it would change the object, so the user is asked to."""
    value = make()
    with pytest.raises(NotKeepable, match="not read") as caught:
        codec.encode(place(value))
    assert "read()" in str(caught.value) or ".content" in str(caught.value)
    read = value.content if isinstance(value, requests.Response) else value.read()
    assert read
    codec.copy_value(place(value))


def test_a_request_body_that_is_an_open_file_is_refused():
    """Promise 4: with the path to it."""
    made = requests.Request("POST", "http://x.de", data=io.BufferedReader(io.BytesIO(b"a"))).prepare()
    with pytest.raises(NotKeepable, match="body"):
        codec.encode(made)


def test_extensions_that_are_live_are_left_out_and_told():
    """Issue "Values": extensions are dropped with a note; the http version and the reason stay."""
    live = {"network_stream": threading.Lock(), "http_version": b"HTTP/2", "reason_phrase": b"Fine"}
    response = httpx.Response(200, text="a", extensions=live)
    encoded = codec.encode(response)
    assert encoded.preview["note"] == "extensions left out: network_stream"
    after = codec.decode(encoded)
    assert (after.http_version, after.reason_phrase) == ("HTTP/2", "Fine")
    assert set(after.extensions) == {"http_version", "reason_phrase"}
    assert set(response.extensions) == set(live)


@pytest.mark.parametrize("sample", w.SAMPLES, ids=lambda sample: sample.name)
def test_it_comes_back_from_inside_a_pickled_object_too(sample):
    """Promise 4: the packages' own pickles forget extensions, streams and locks."""
    value = sample.make()
    after = codec.copy_value(Leaf([value, value])).held
    assert after[0] is after[1]
    sample.same(value, after[0])


class Mine(httpx.Response):
    """A class of the user's own."""


class MineOfRequests(requests.Response):
    def __init__(self):
        super().__init__()
        self.more = [1]


def test_a_class_of_ones_own_is_kept_like_its_base():
    """Promise 4: neither read behind the user's back, nor shortened."""
    response = Mine(200, text="a", extensions={"http_version": b"HTTP/2"})
    w.same_response(response, codec.copy_value(response))
    made = MineOfRequests()
    made.raw = io.BytesIO(b"abc")
    with pytest.raises(NotKeepable, match="not read"):
        codec.encode(made)
    assert made.content == b"abc"
    assert codec.copy_value(made).more == [1]


def test_a_response_can_be_used_after_it_came_back():
    """Promise 3: a request can be sent again, cookies taken over, headers changed."""
    after = codec.copy_value(w._followed())
    assert [one.status_code for one in after.history] == [302]
    assert after.request.url == "https://x.de/to"
    assert after.cookies.get("a") is None
    assert after.history[0].cookies["a"] == "b"
    after.headers["x"] = "y"
    assert after.raise_for_status() is after
    request = codec.copy_value(w._not_followed()).next_request
    with httpx.Client(transport=httpx.MockTransport(w._transport)) as client:
        assert client.send(request).status_code == 200


def test_what_is_shared_stays_shared():
    """Promise 3: the request of a response, and the dict behind a proxy."""
    response = httpx.Response(200, request=w._request())
    after, request = codec.copy_value([response, response.request])
    assert after.request is request
    held = multidict.MultiDict(a=1)
    proxy, behind = codec.copy_value([multidict.MultiDictProxy(held), held])
    behind.add("b", 2)
    assert list(proxy.items()) == [("a", 1), ("b", 2)]


def test_a_jar_can_be_used_from_threads_after_it_came_back():
    """Promise 3: its lock is one of its own."""
    jar = w._jar()
    after = codec.copy_value(jar)
    assert after._cookies_lock is not jar._cookies_lock
    after.set_cookie(w._cookie())
    assert len(after) == 1


def _asked(value):
    assert value.text
    assert value.headers.encoding
    assert value.encoding
    return value


def _found(headers):
    assert headers.encoding == "ascii"
    return headers


def _headers(*items):
    return httpx.Headers(list(items))


ALIKE = [
    (httpx.Response(200, text="a"), _asked(httpx.Response(200, text="a"))),
    (_headers(("a", "b")), _found(_headers(("a", "b")))),
    (yarl.URL("http://x/a"), w._warm(yarl.URL("http://x/a?q=1")).with_query(None)),
]


@pytest.mark.parametrize(("one", "two"), ALIKE)
def test_what_was_remembered_is_no_content(one, two):
    """Promise 1: a text that was decoded, an encoding that was found, caches."""
    assert codec.digest(one).hex == codec.digest(two).hex


EDITS = [
    (httpx.URL("http://x/a"), httpx.URL("http://x/A")),
    (_headers(("a", "1"), ("b", "2")), _headers(("b", "2"), ("a", "1"))),
    (_headers(("a", "1")), _headers(("A", "1"))),
    (_headers(("a", "1"), ("a", "2")), _headers(("a", "1, 2"))),
    (httpx.Response(200, text="a"), httpx.Response(200, content=b"a")),
    (httpx.Response(200), httpx.Response(201)),
    (httpx.Response(200), httpx.Response(200, extensions={"http_version": b"HTTP/2"})),
    (w._cookies(), httpx.Cookies({"a": "b"})),
    (w._answered(), w._answered(history=False)),
    (w._prepared(data=b"a"), w._prepared(data=b"b")),
    (multidict.MultiDict([("a", 1), ("a", 2)]), multidict.MultiDict([("a", 2), ("a", 1)])),
    (yarl.URL("http://x/%41", encoded=True), yarl.URL("http://x/A")),
]


@pytest.mark.parametrize(("one", "two"), EDITS)
def test_any_difference_changes_the_digest(one, two):
    """Promise 1: order, case, duplicates, cookies, history all count."""
    assert codec.digest(one).hex != codec.digest(two).hex


def test_a_class_of_another_name_is_not_made_from_a_stream():
    """Promise 8: the name in the stream leads to the types of the table and to no others."""
    from perdure.codec.rows.table import BY_TAG

    for tag in (94, 95, 96):
        with pytest.raises((ValueError, KeyError)):
            BY_TAG[tag].make(["subprocess.Popen", ["true"]])


def test_the_policy_of_a_jar_stays():
    """Promise 4: what is blocked stays blocked."""
    after = codec.copy_value(w._jar())
    assert isinstance(after._policy, http.cookiejar.DefaultCookiePolicy)
    assert after._policy.blocked_domains() == ("ads.de",)
