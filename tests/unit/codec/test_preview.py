"""A preview is small plain data, made without asking a user's class anything, with secrets masked."""

import collections
import dataclasses
import datetime as dt
import enum
import functools
import math
import sys
import types

import httpx
import matplotlib.figure
import networkx as nx
import numpy as np
import ormsgpack
import pandas as pd
import PIL.Image
import polars as pl
import pyarrow as pa
import pydantic
import pytest
import scipy.sparse as sp
import shapely
import torch
import xarray as xr
import yarl
from sklearn.linear_model import LogisticRegression

from perdure import codec
from perdure.codec import masking
from perdure.codec.masking import MASK
from perdure.errors import NotKeepable
from values.samples import models, web

previews = sys.modules["perdure.codec.preview"]


class Loud:
    def __repr__(self):
        raise AssertionError

    __str__ = __repr__

    def __len__(self):
        raise AssertionError


class LoudDict(dict):
    def __iter__(self):
        raise RuntimeError


class LoudEverywhere:
    """All that it is asked it answers with an error."""

    __hash__ = object.__hash__

    def __init__(self):
        object.__setattr__(self, "kept", 1)

    def __getattribute__(self, name):
        raise AssertionError(name)

    __repr__ = __str__ = __len__ = __iter__ = __eq__ = __bool__ = __format__ = None


class LoudFrame(pd.DataFrame):
    @property
    def columns(self):
        raise AssertionError

    shape = dtypes = iloc = columns


LINES = [
    (0.1, "0.1"),
    (None, "None"),
    ("abc", "'abc'"),
    ("a" * 100, f"'{'a' * 57}…'"),
    ([1, 2, 3], "list of 3"),
    ({"a": 1}, "dict of 1"),
    (dt.date(2024, 1, 2), "date 2024-01-02"),
    (np.zeros((1000, 2)), "ndarray 1,000 x 2, float64"),
    (np.float64(1.5), "float64 1.5"),
    (pd.DataFrame({"a": [1.0] * 1200, "b": 2.0, "s": "x"}), "DataFrame 1,200 x 3, float64 2, str 1"),
    (pd.Series([1, 2]), "Series 2, int64"),
    (len, "function len"),
    (Loud, "class Loud"),
    (Loud(), "Loud"),
    (ValueError("no"), "ValueError 'no'"),
]


@pytest.mark.parametrize(("value", "expected"), LINES)
def test_a_value_has_one_short_line(value, expected):
    """Promise 8: listing and previewing never decode."""
    assert codec.line(codec.preview(value)) == expected


@pytest.mark.parametrize(
    "value",
    [
        "x" * 100_000,
        [10**5000],
        ["é\ud800" * 1000] * 1000,
        {f"{i}" * 100: "y" * 1000 for i in range(1000)},
        pd.DataFrame({f"column {i} " * 20: [i] for i in range(500)}),
        pd.DataFrame({f"\N{CAT FACE}{i}" * 50: [i] for i in range(50)}),
        LoudDict(a=1),
        [Loud()],
    ],
)
def test_a_preview_is_small_plain_and_never_raises(value):
    """Promise 8: it is shown as it is stored."""
    shown = codec.preview(value)
    assert len(ormsgpack.packb(shown)) <= 4000
    assert len(codec.line(shown)) <= 200


def test_a_preview_shows_the_first_items():
    """Promise 8: enough to see what it is."""
    assert codec.preview({"a": [1], 2: "x"})["items"] == ["'a': list of 1", "2: 'x'"]
    assert codec.preview(pd.DataFrame({"a": [1]}))["columns"] == [["a", "int64"]]


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Login:
    user: str
    password: str
    pin: int = 1

    @property
    def loud(self):
        raise AssertionError


def _figure():
    made = matplotlib.figure.Figure()
    made.subplots(2)[0].set_title("First")
    return made


KNOWN = [
    (1, "scalar", "1", {}),
    ("a", "text", "'a'", {"size": 1}),
    (b"a", "bytes", "b'a'", {"size": 1}),
    (Colour.RED, "scalar", "Colour RED", {}),
    (collections.deque([1]), "sequence", "deque of 1", {"items": ["1"]}),
    (frozenset({1}), "set", "frozenset of 1", {"items": ["1"]}),
    (collections.Counter("aa"), "mapping", "Counter of 1", {"items": ["'a': 2"]}),
    (types, "module", "module types", {}),
    (functools.partial(len), "function", "function len", {}),
    (
        np.arange(10.0).reshape(2, 5),
        "array",
        "ndarray 2 x 5, float64",
        {"bytes": 80, "head": [f"{n}.0" for n in range(8)]},
    ),
    (np.array([Loud()], object), "array", "ndarray 1, object", {"head": ["Loud"]}),
    (np.array(Loud(), object), "array", "ndarray Loud", {}),
    (np.arange(6).reshape(2, 3)[:, ::2], "array", "ndarray 2 x 2, int64", {"head": ["0", "2", "3", "5"]}),
    (pd.Series([1, 2], name="s"), "series", "Series 2, int64", {"head": ["1", "2"]}),
    (pd.Series([Loud()]), "series", "Series 1, object", {"head": ["Loud"]}),
    (pd.Timestamp("2024-01-02"), "scalar", "Timestamp 2024-01-02 00:00:00", {}),
    (pd.RangeIndex(3), "series", "RangeIndex 3, int64", {"head": ["0", "1", "2"]}),
    (
        pl.DataFrame({"a": [1]}),
        "frame",
        "DataFrame 1 x 1, Int64 1",
        {"rows": [["1"]], "columns": [["a", "Int64"]]},
    ),
    (pl.LazyFrame({"a": [1]}), "frame", "LazyFrame (lazy: not computed)", {}),
    (
        pa.table({"a": [1]}),
        "frame",
        "Table 1 x 1, int64 1",
        {"bytes": 8, "rows": [["1"]], "columns": [["a", "int64"]]},
    ),
    (pa.schema([("a", pa.int8())]), "schema", "Schema of 1", {"columns": [["a", "int8"]]}),
    (pa.scalar(1), "scalar", "Int64Scalar 1", {}),
    (
        torch.ones(1, 2, requires_grad=True),
        "tensor",
        "Tensor 1 x 2, torch.float32",
        {"bytes": 8, "head": ["1.0", "1.0"], "note": "cpu, requires grad"},
    ),
    (
        torch.nn.Sequential(torch.nn.Linear(2, 3)),
        "estimator",
        "Sequential of 9 parameters",
        {"fields": [["0", "Linear of 9 parameters"]]},
    ),
    (LogisticRegression(C=2.0), "estimator", "LogisticRegression C=2.0", {}),
    (sp.csr_array(np.eye(3)), "array", "csr_array 3 x 3, float64", {"note": "3 stored elements"}),
    (sp.dok_array(np.eye(3)), "array", "dok_array 3 x 3, float64", {"note": "3 stored elements"}),
    (nx.Graph([(1, 1), (1, 2)]), "graph", "Graph of 2 nodes, 2 edges", {}),
    (nx.MultiDiGraph([(1, 2), (1, 2)]), "graph", "MultiDiGraph of 2 nodes, 2 edges", {}),
    (xr.DataArray([1, 2], dims="x"), "array", "DataArray (x: 2), int64", {}),
    (xr.Dataset({"a": ("x", [1])}), "frame", "Dataset (x: 1)", {"fields": [["a", "Variable (x: 1), int64"]]}),
    (shapely.Point(1, 2), "object", "Point of 1 point(s)", {}),
    (PIL.Image.new("RGB", (4, 5)), "image", "Image RGB 4 x 5", {}),
    (_figure(), "figure", "Figure of 2 axes", {"items": ["First"]}),
    (models.Point(1, [2]), "model", "Point", {"fields": [["x", "1"], ["y", "list of 1"]]}),
    (models.Sub(a=1), "model", "Sub", {"fields": [["a", "1"], ["b", "'b'"], ["extra_field", "list of 0"]]}),
    (models.Struct(1), "model", "Struct", {"fields": [["a", "1"], ["b", "list of 0"]]}),
    (types.SimpleNamespace(a=1), "object", "SimpleNamespace", {"fields": [["a", "1"]]}),
    (
        httpx.Response(200, text="a", request=httpx.Request("GET", "http://x.de")),
        "web",
        "Response 200 GET http://x.de, 1 bytes",
        {},
    ),
    (httpx.QueryParams("a=b&a=c"), "web", "QueryParams of 1", {"fields": [["a", "'b'"], ["a", "'c'"]]}),
]


@pytest.mark.parametrize(
    ("value", "kind", "line", "more"), KNOWN, ids=lambda item: item if isinstance(item, str) else ""
)
def test_a_preview_tells_kind_size_and_head(value, kind, line, more):
    """Issue "Values": kind, shape, dtype or schema, length, bytes, first rows or items."""
    shown = codec.preview(value)
    assert kind in previews.KINDS
    assert (shown["kind"], codec.line(shown)) == (kind, line)
    assert {name: shown.get(name) for name in more} == more


def test_a_frame_shows_its_first_rows():
    """Issue "Values": up to 5 rows of up to 12 columns, cells as short texts."""
    frame = pd.DataFrame(
        {"a": [1.5] * 9, "b": "x" * 99, "c": pd.to_datetime(["2024-01-02"] * 9), "d": [Loud()] * 9}
    )
    frame["e"] = pd.Categorical(["u"] * 9)
    shown = codec.preview(frame)
    assert len(shown["rows"]) == 5
    assert shown["rows"][0] == ["1.5", f"'{'x' * 22}…", "2024-01-02 00:00:00", "Loud", "'u'"]
    assert shown["bytes"] == frame.memory_usage(deep=False).sum()
    wide = codec.preview(pd.DataFrame(np.zeros((2, 30))))
    assert [len(row) for row in wide["rows"]] == [12, 12]


@pytest.mark.parametrize("loud", [LoudEverywhere, lambda: LoudFrame({"a": [1]})])
def test_nothing_of_a_users_class_is_asked(loud):
    """Promise 8: neither a property nor a method."""
    value = loud()
    for whole in (value, [value], {"k": value}, {value: 1} if type(value) is LoudEverywhere else [value]):
        shown = previews._brief(whole)  # it does not pass over errors
        assert previews._details(whole, shown["kind"])
        assert codec.preview(whole)["kind"] != "object" or "fields" in codec.preview(whole)


TEXTS = ["\x1b[31mred", "\u202eevil", "a\x00b", "\x9b", "\u2028", "\ud800", "a\r\nb"]


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_terminal_would_obey_is_escaped(text):
    """Issue "Values": escaped, in items, names, columns, cells and messages."""
    made = type(text.replace("\x00", "").replace("\ud800", ""), (), {})()
    frame = pd.DataFrame({"a" + text: [1]}, dtype=object) if "\ud800" not in text else [text]
    for value in (
        text,
        {text: text},
        made,
        frame,
        ValueError(text),
        types.SimpleNamespace(**{text: text}),
        nx.Graph(),
        httpx.Headers({"a": "b"}),
    ):
        shown = codec.preview(value)
        for part in _texts(shown):
            assert part.isprintable(), part
        ormsgpack.packb(shown)


def _texts(shown):
    if isinstance(shown, str):
        yield shown
    elif isinstance(shown, (list, dict)):
        for part in shown.values() if isinstance(shown, dict) else shown:
            yield from _texts(part)


# -- secrets -----------------------------------------------------------------------------------------------

TOKEN = "ghp_" + "a1B2" * 9
SECRETS = [
    TOKEN,
    "sk-proj-" + "a1B2c3D4" * 4,
    "AKIAIOSFODNN7EXAMPLE",
    "xoxb-12345678-abcdef",
    "Authorization: Bearer hunter2hunter2",
    "bearer hunter2hunter2",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
    "https://user:hunter2@x.de/path",
    "password=hunter2",
    "{'api_key': 'hunter2'}",
    "Cookie: a=hunter2; b=hunter2",
    "postgres://user:p@hunter2@x.de/db",
    'password = "my hunter2"',
    "password='my \\'hunter2'",
    '{\\"password\\": \\"my hunter2\\"}',
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2",
]


def _places(text):
    yield text
    yield text.encode()
    yield [text]
    yield {"k": text}
    yield {text: 1}
    yield ("x" * 40 + " " + text + "y" * 20,)
    yield {1: {"a": text}, "b": [text]}
    yield pd.DataFrame({"a": [text], "b": pd.Series([text], dtype=object)})
    yield pd.DataFrame({text: [1]})
    yield pd.Series([text])
    yield pd.Index([text])
    yield np.array([text])
    yield np.str_(text)
    yield pl.DataFrame({"a": [text]})
    yield pa.table({"a": [text]})
    yield ValueError(text)
    yield Login(text, "x")
    yield models.WithDict(text)
    yield types.SimpleNamespace(a=text)
    yield type("Text", (str,), {})(text)
    yield web.CaseInsensitiveDict({"a": text})
    yield LogisticRegression(solver=text)
    yield nx.Graph([(text, 1)])


@pytest.mark.parametrize("text", SECRETS)
def test_common_keys_and_tokens_are_masked_wherever_they_stand(text):
    """Issue "Values": values matching the patterns are masked."""
    for value in _places(text):
        said = "\n".join(_texts(codec.preview(value))) + codec.line(codec.preview(value))
        for piece in ("hunter2", "a1B2", "AKIAIOSFODNN7", "12345678-abc", "c2lnbmF0", "eyJzdW"):
            assert piece not in said, (type(value), said)


NAMES = [
    "password",
    "db_password",
    "API_KEY",
    "apiKey",
    "x-api-key",
    "Authorization",
    "set-cookie",
    "token",
    "accessToken",
    "client_secret",
]


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_under_a_secret_name_is_masked(name):
    """Issue "Values": whatever it looks like."""
    plain = "mellon"
    places = [
        {name: plain},
        {"a": {name: plain}, name: 12345},
        types.SimpleNamespace(**{name: plain}),
        httpx.Headers({name: plain}),
    ]
    places += [
        pd.DataFrame({name: [plain]}),
        pl.DataFrame({name: [plain]}),
        pd.Series([plain], name=name),
        {name: [plain]},
        {name.encode(): plain},
        pd.DataFrame({("a", name): [plain]}),
        pd.Series({name: plain}),
        pd.DataFrame({"a": [plain]}, index=[name]),
    ]
    if name.isidentifier():
        places.append(collections.namedtuple("Named", [name])(plain))  # noqa: PYI024  its fields are named here
    for value in places:
        said = "\n".join(_texts(codec.preview(value)))
        assert plain not in said
        assert "12345" not in said
        assert MASK in said or isinstance(value.get("a") if isinstance(value, dict) else None, dict)


@pytest.mark.parametrize(
    "name", ["max_tokens", "tokenizer", "author", "secretary", "monkey", "key", "passenger"]
)
def test_ordinary_names_are_not_masked(name):
    """A preview that hides everything is of no use."""
    assert codec.preview({name: "mellon"})["items"] == [f"'{name}': 'mellon'"]


@pytest.mark.parametrize(
    "text",
    ["a == b", "https://x.de:8080/a", "task-20240101-run-1234567890abcdef", "10:30", "x: y", "sk-learn"],
)
def test_ordinary_texts_are_not_masked(text):
    """The same."""
    assert codec.line(codec.preview(text)) == repr(text)


class Secret:
    """Stands for `perdure.Secret`."""

    __module__ = "perdure.engine.anywhere"

    def __init__(self):
        self.value = "mellon"


def test_secrets_by_type_are_masked():
    """Promise 8: `Secret` and pydantic's secrets say nothing, alone and inside others."""
    for value in (
        Secret(),
        pydantic.SecretStr("mellon"),
        pydantic.SecretBytes(b"mellon"),
        pydantic.Secret[str]("mellon"),
    ):
        for whole in (value, [value], {"k": value}, pd.DataFrame({"a": [value]}), models.WithDict(value)):
            said = "\n".join(_texts(codec.preview(whole)))
            assert "mellon" not in said
            assert MASK[:4] in said


def test_the_path_to_what_cannot_be_kept_says_no_secret():
    """Issue "Values": masking applies wherever a text is made of a value."""
    with pytest.raises(NotKeepable) as caught:
        codec.encode({TOKEN: {"a": (_ for _ in ())}})
    assert "a1B2" not in str(caught.value)
    assert MASK in caught.value.path


def test_patterns_of_ones_own_are_masked_too(monkeypatch):
    """Issue "Values": `PERDURE_MASK` adds patterns, separated by `;` or line breaks."""
    monkeypatch.setenv("PERDURE_MASK", "patient-\\d+; \\d{16}\nmellon")
    for text in ("patient-12", "1234567812345678", "say mellon"):
        for value in _places(text):
            said = "\n".join(_texts(codec.preview(value)))
            assert text.removeprefix("say ") not in said, (type(value), said)
    assert MASK in codec.preview([1234567812345678])["items"][0]
    assert "ghp_" not in codec.line(codec.preview(TOKEN))


def test_a_bad_pattern_is_told_and_unmasks_nothing(monkeypatch):
    """Issue "Values": the other patterns hold all the same."""
    masking._patterns.cache_clear()
    monkeypatch.setenv("PERDURE_MASK", "(mellon;patient")
    with pytest.warns(UserWarning, match="PERDURE_MASK") as told:
        shown = [codec.preview("patient"), codec.preview(TOKEN), codec.preview("patient")]
    assert len(told) == 1
    assert all(MASK in made["text"] for made in shown)


# -- bounds ------------------------------------------------------------------------------------------------


def _large():
    wide = "\N{CAT FACE}" * 300
    yield pd.DataFrame({f"{wide}{at}": [wide] * 9 for at in range(40)})
    yield {f"{wide}{at}": wide for at in range(99)}
    yield types.SimpleNamespace(**{f"{wide}{at}": wide for at in range(99)})
    yield pa.table({f"{wide}{at}": [wide] for at in range(40)})
    yield ValueError(*[wide] * 99)
    yield np.array([wide] * 99)
    yield httpx.URL("http://x.de/" + "a" * 5000)
    yield yarl.URL("http://x.de/" + "a" * 5000)
    yield np.zeros(1, [(f"{wide}{at}", "f8") for at in range(300)])
    yield torch.nn.Sequential(*[torch.nn.Linear(1, 1) for _ in range(200)])
    yield type(wide.replace("\N{CAT FACE}", "a") * 20, (), {})()


def test_a_large_preview_is_shortened_not_emptied():
    """Issue "Values": bounded to 4 kB, and something is shown."""
    for value in _large():
        shown = codec.preview(value)
        assert len(ormsgpack.packb(shown)) <= previews.MOST
        assert "kind" in shown
    frame = codec.preview(next(_large()))
    assert frame["rows"]
    assert frame["columns"]
    assert frame["cut"]


def test_no_pass_is_made_over_large_memory():
    """Issue "Values": cheap. A window on memory of 2^50 elements would never be read to its end."""
    huge = np.broadcast_to(np.float64(1.0), (1 << 50,))
    shown = previews._brief(huge) | previews._details(huge, "array")
    assert shown["shape"] == [1 << 50]
    assert shown["head"] == ["1.0"] * 8
    assert math.prod(shown["shape"]) * 8 == shown["bytes"]
