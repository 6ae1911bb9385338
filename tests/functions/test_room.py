"""That room runs out is said once, before it does."""

import json
import warnings

import pytest

from perdure import step, workflow
from perdure.engine import room
from perdure.engine.process import use_store
from perdure.store import open_store
from perdure.store.gc import size


@step
def noise(number):
    return bytes([number]) * 300_000


@workflow
def make(numbers):
    return len([noise(number) for number in numbers])


@pytest.fixture(autouse=True)
def store(tmp_path, own_user):
    """A store on a disk."""
    with open_store(tmp_path / ".perdure", durability="process") as opened:
        before = use_store(opened)
        yield opened
        use_store(before)


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(room, "_rooms", {})
    monkeypatch.setattr(room, "SECONDS", 0.0)
    for name in ("PERDURE_WARN_FREE", "PERDURE_LIMIT"):
        monkeypatch.delenv(name, raising=False)


def told(numbers):
    """What is said while a workflow runs."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make(numbers)
    return [str(each.message) for each in caught if each.category is room.StoreTight]


def test_a_disk_that_is_nearly_full_is_said_once_with_the_ways_out(monkeypatch):
    """Promise 10: the first checkpoint that finds it so says it, the others do not repeat it."""
    assert told([1]) == []
    monkeypatch.setenv("PERDURE_WARN_FREE", "1000TB")
    (sentence,) = told([2, 3])
    assert "are left on the disk of this store" in sentence
    assert "perdure du" in sentence
    assert "perdure gc --keep" in sentence
    assert told([4]) == []


def test_a_limit_for_the_store_is_said_when_a_checkpoint_crosses_it(store):
    """Promise 10: a limit in the settings; what it takes is counted as it grows."""
    assert told([1]) == []
    limit = size(store) + 20_000_000
    (store.path / "settings.json").write_text(json.dumps({"limit": str(limit)}))
    assert told([2]) == []
    store.blobs.put(bytes(30_000_000))
    assert told([3]) == [], "nothing of this process's checkpoints has crossed it"
    (sentence,) = told(range(10, 90))
    assert "perdure gc --max-size" in sentence


def test_settings_that_cannot_be_understood_are_said(monkeypatch):
    monkeypatch.setenv("PERDURE_WARN_FREE", "plenty")
    (sentence,) = told([1])
    assert "PERDURE_WARN_FREE" in sentence
    assert "write it like 500MB" in sentence


def test_a_notebook_is_told_when_it_begins(store, monkeypatch):
    assert room.tight(store) == ()
    monkeypatch.setenv("PERDURE_WARN_FREE", "1000TB")
    assert len(room.tight(store)) == 1
    assert told([1]) == []
