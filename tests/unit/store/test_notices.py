"""What is said about a lost key, a key on another volume, and a shared store: calm, with the way out."""

import os
from pathlib import Path

import pytest

from perdure import codec
from perdure.store import notices as module
from perdure.store import open_store
from perdure.store.keys import key_file, passing_key, rotate_key
from perdure.store.notices import notices
from perdure.store.records import Place
from perdure.store.vault import Vault
from perdure.testing import sample_run, sample_session


@pytest.fixture
def kept(store):
    """A store with one value of this user's."""
    epoch = store.journal.claim(sample_run(), sample_session())
    record = store.vault.seal(codec.encode([1]), Place(sample_run().id, "load", "1f"))
    store.journal.write(sample_run().id, epoch, [record])
    return record


def test_there_is_nothing_to_say_where_all_is_in_order(store, kept):
    assert notices(store) == []
    rotate_key()
    with open_store(store.path) as again:
        assert notices(again) == []
    with open_store(":memory:") as memory:
        assert notices(memory) == []


def test_a_key_that_is_gone_is_told_until_it_is_back(store, kept):
    """Promise 8: nothing is made by saying it."""
    path = key_file().rename(key_file().with_name("away"))
    for _ in range(2):
        with open_store(store.path) as again:
            (said,) = notices(again)
            assert f"1 of 1 values here were signed by key {kept.key_id}, there is none in" in said
            assert "PERDURE_KEY_FILE" in said
            assert "perdure trust" in said
            assert not key_file().exists()
    path.rename(key_file())
    with open_store(store.path) as again:
        assert notices(again) == []


def test_values_of_several_keys_are_told(store, kept):
    """Promise 8: a store in which another user kept something."""
    other = Vault(store.blobs, passing_key())
    record = other.seal(codec.encode([2]), Place("r_00000001", "load", "1f"))
    epoch = store.journal.claim(sample_run(), sample_session())
    store.journal.write(sample_run().id, epoch, [record])
    (said,) = notices(store)
    assert f"1 of 2 values here were signed by key {record.key_id}, yours is {store.key.id}" in said


def test_a_key_on_another_volume_is_told_once_for_each_store(store, monkeypatch):
    """A container may lose one of two volumes: said with the way out, and not again."""
    monkeypatch.setattr(module, "_device", lambda path: len(Path(path).parts))
    (said,) = notices(store)
    assert "different volumes" in said
    assert "PERDURE_KEY_FILE" in said
    assert notices(store) == []


def test_a_key_that_is_not_made_yet_is_looked_for_where_it_will_be(store, tmp_path, monkeypatch):
    monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "not" / "there"))
    assert notices(store) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_store_that_others_can_write_to_is_told(store):
    """Promise 8."""
    store.path.chmod(0o775)
    (said,) = notices(store)
    assert "others can write to this store" in said
    assert f"chmod 700 {store.path}" in said


@pytest.mark.skipif(os.name == "nt", reason="POSIX users")
def test_a_store_of_another_user_is_told(store, monkeypatch):
    """Promise 8."""
    monkeypatch.setattr(os, "getuid", lambda: store.path.stat().st_uid + 1)
    (said,) = notices(store)
    assert "belongs to another user" in said
    assert "PERDURE_STORE" in said
