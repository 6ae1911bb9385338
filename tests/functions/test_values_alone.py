"""`perdure.dumps`, `loads` and `digest`: values by themselves (promises 3, 4 and 8)."""

from __future__ import annotations

import datetime as dt
import pickle
import threading

import ormsgpack
import pytest

import perdure
from perdure.errors import Damaged, NotKeepable, Untrusted


class Own:
    """A class of the user's, to be pickled."""

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return type(other) is Own and other.x == self.x

    __hash__ = None


PLAIN = {"a": (1, 2.5, None), "b": {3, 4}, "when": dt.datetime(2026, 11, 20, tzinfo=dt.UTC)}


@pytest.mark.parametrize("value", [PLAIN, [Own(1)], 2**100, b"x" * 3_000_000])
def test_what_was_dumped_is_loaded_as_it_was(value):
    """Promise 3."""
    found = perdure.loads(perdure.dumps(value))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("position", [0, 3, 10, -1, -20])
def test_bytes_that_were_altered_are_refused(position):
    """Promise 8: wherever a bit was turned."""
    data = bytearray(perdure.dumps(PLAIN))
    data[position] ^= 1
    with pytest.raises((Damaged, Untrusted)):
        perdure.loads(bytes(data))


def test_what_another_user_signed_is_refused_unless_plain_is_enough(tmp_path, monkeypatch):
    """Promise 8: nothing is unpickled from bytes that this user did not sign."""
    plain, full = perdure.dumps(PLAIN), perdure.dumps([Own(1)])
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "another"))
    with pytest.raises(Untrusted, match="PERDURE_KEY_FILE"):
        perdure.loads(plain)
    assert perdure.loads(plain, trust="plain") == PLAIN
    with pytest.raises(Untrusted):
        perdure.loads(full, trust="plain")


@pytest.mark.parametrize("data", [b"", b"PERDURE1", b"PERDURE1\x93\x01\x02\x03", pickle.dumps(1), "text"])
def test_what_is_no_dump_is_refused(data):
    with pytest.raises(Damaged, match=r"perdure\.dumps"):
        perdure.loads(data)


def test_the_key_that_a_dump_names_is_shown_escaped():
    """Promise 8: whoever wrote the bytes chose the name."""
    number, fields = ormsgpack.unpackb(perdure.dumps(1)[8:])
    data = b"PERDURE1" + ormsgpack.packb([number, {**fields, "key": "\x1b[2J\nsafe"}])
    with pytest.raises(Untrusted) as refused:
        perdure.loads(data)
    assert "\\x1b[2J\\nsafe" in str(refused.value)


def test_a_trust_that_there_is_not_is_told():
    with pytest.raises(ValueError, match='"signed", "safe", "plain"'):
        perdure.loads(perdure.dumps(1), trust="blind")


def test_what_cannot_be_kept_is_refused_by_path():
    """Promise 4."""
    with pytest.raises(NotKeepable) as refused:
        perdure.dumps({"a": [threading.Lock()]})
    assert refused.value.path == 'value["a"][0]'


def test_digests_follow_type_and_content():
    """Values alike digest alike, however they were built."""
    assert perdure.digest({3, 1, 2}) == perdure.digest({2, 3, 1})
    assert perdure.digest([1, 2]) != perdure.digest((1, 2))
    assert len({perdure.digest(value) for value in (1, True, 1.0)}) == 3
    with pytest.raises(TypeError, match="has no digest: it is a generator"):
        perdure.digest(each for each in ())


class Fading:
    """Pickles, loads, and says itself that it is another."""

    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return self.number == other.number

    __hash__ = None

    def __reduce__(self):
        return Fading, (0,)


def test_large_values_are_checked_on_request(monkeypatch):
    """Promise 4: under 1 MiB always, above it with `check_all` or PERDURE_CHECK."""
    large = [Fading(1), bytes(2 << 20)]
    perdure.dumps(large)
    with pytest.raises(NotKeepable, match="not equal"):
        perdure.dumps(large, check_all=True)
    monkeypatch.setenv("PERDURE_CHECK", "all")
    with pytest.raises(NotKeepable, match="not equal"):
        perdure.dumps(large)
    monkeypatch.setenv("PERDURE_CHECK", "everything")
    with pytest.raises(ValueError, match="PERDURE_CHECK is 'everything'"):
        perdure.dumps(1)
