"""Every door of the engine: nothing that this user's key did not sign is loaded (promise 8)."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

import perdure
from perdure import step, workflow
from perdure.engine.process import use_store
from perdure.errors import Damaged, NotKeepable, NotLoadable, Untrusted
from perdure.store import open_store
from perdure.store.trust import sign, survey

MADE = []


class Loud:
    """Notes when one is made from bytes."""

    def __setstate__(self, state):
        MADE.append(state)
        self.__dict__.update(state)

    def __eq__(self, other):
        return type(other) is Loud and self.__dict__ == other.__dict__

    __hash__ = None

    def __init__(self):
        self.x = 1


@step
def make():
    return Loud()


def look():
    raise LookupError("not yet")


@workflow
def whole():
    return make()


@workflow
def failing():
    make()
    return look()


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store in a folder, made this process's."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    for name in ("PERDURE_KEY_FILE", "PERDURE_CODEC", "PERDURE_ENCRYPT"):
        monkeypatch.delenv(name, raising=False)
    with open_store(tmp_path / "store") as opened:
        before = use_store(opened)
        MADE.clear()
        yield opened
        use_store(before)


@pytest.fixture
def another_key(tmp_path, monkeypatch, store):
    def changed():
        monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "another"))
        store.__dict__.pop("vault", None)
        store.__dict__.pop("key", None)
        MADE.clear()

    return changed


@pytest.mark.parametrize("door", [whole, failing], ids=["the result of a run", "the value of a call"])
def test_what_another_key_signed_is_not_loaded(door, store, another_key):
    """Promise 8: a finished run's result, and a call that is restored when its run goes on."""
    with contextlib.suppress(LookupError):
        door()
    another_key()
    with pytest.raises(Untrusted, match="perdure trust"):
        door()
    assert MADE == []
    sign(store, survey(store))
    with contextlib.suppress(LookupError):
        assert door() == Loud()
    assert MADE != []


@pytest.mark.parametrize("door", [whole, failing], ids=["the result of a run", "the value of a call"])
def test_what_was_altered_or_moved_is_not_loaded(door, store):
    """Promise 8: nor the value of another step in its place."""
    with contextlib.suppress(LookupError):
        door()
    for value in store.journal.value_ids():
        record = store.journal.value(value)
        store.journal.replace_values([(record, replace(record, step="other", inputs="", role="value"))])
    MADE.clear()
    with pytest.raises(Damaged, match="--redo"):
        door()
    assert MADE == []


def test_the_safe_codec_refuses_to_keep_and_to_load_a_pickle(store, monkeypatch):
    """Promise 8: `codec="safe"`; the sentence names the part."""
    full = perdure.dumps({"a": [Loud()]})
    with pytest.raises(NotKeepable, match=r"value.*a.*0"):
        perdure.dumps({"a": [Loud()]}, codec="safe")
    MADE.clear()
    with pytest.raises(NotLoadable, match="pickle"):
        perdure.loads(full, trust="safe")
    assert MADE == []
    assert perdure.loads(perdure.dumps((1, {2}), codec="safe"), trust="safe") == (1, {2})
    monkeypatch.setenv("PERDURE_CODEC", "safe")
    with pytest.raises(NotKeepable):
        whole()
    with pytest.raises(NotLoadable):
        perdure.loads(full)
    assert MADE == []


def test_an_encrypted_store_tells_nothing_of_inputs(store, monkeypatch):
    """Promise 8: neither in the call's parts nor in the reason why it ran again."""
    monkeypatch.setenv("PERDURE_ENCRYPT", "1")

    @step
    def double(word):
        return word * 2

    words = ["hidden"]

    @workflow
    def doubled():
        found = double(words[-1])
        if len(words) == 1:
            raise LookupError
        return found

    with pytest.raises(LookupError):
        doubled.using(key="k")()
    words.append("veiled")
    assert doubled.using(key="k")() == "veiledveiled"
    calls = [call for run in store.journal.runs() for call in store.journal.calls(run.id)]
    assert "`word` changed" in calls[-1].reason
    values = [store.journal.value(value) for value in store.journal.value_ids()]
    text = repr([(call.input_parts, call.reason, call.outputs) for call in calls]) + repr(values)
    assert "hidden" not in text
    assert "veiled" not in text
    assert {value.packing for value in values} == {"aes"}


def test_a_setting_that_cannot_be_understood_is_told(monkeypatch):
    """Bad input: nothing is kept with a codec that was not meant."""
    monkeypatch.setenv("PERDURE_CODEC", "saef")
    with pytest.raises(ValueError, match="set it to full or safe"):
        perdure.dumps(1)
