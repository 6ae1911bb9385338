"""How large memory is restored and verified, as a store's settings or the environment say."""

import json
import os
import random

import pytest

from perdure.errors import Damaged, StoreError
from perdure.store import open_store
from perdure.store.settings import FILE, restore_mode, verify_mode

DATA = random.Random(2).randbytes(5 << 20)


def put_into(folder):
    with open_store(folder) as store:
        return store.blobs.put(DATA)


def tell(folder, name, word):
    (folder / FILE).write_text(json.dumps({name: word}))


@pytest.fixture
def kept(folder):
    return put_into(folder)


@pytest.fixture(params=["folder", "environment"])
def say(request, folder, monkeypatch):
    """Set one thing, in one of the two places."""
    if request.param == "folder":
        return lambda name, word: tell(folder, name, word)
    return lambda name, word: monkeypatch.setenv(f"PERDURE_{name.upper()}", word)


def test_memory_is_mapped_unless_it_is_to_be_read(folder, kept, say):
    """Promise 3: alike in content, whichever way."""
    with open_store(folder) as store:
        assert bytes(store.blobs.get(kept)) == DATA
        path = folder / "blobs" / kept[:2] / kept
        mapped = store.blobs.get(kept)
        say("restore", "read")
    with open_store(folder) as store:
        read = store.blobs.get(kept)
    os.truncate(path, 0)  # who mapped it must not look any more
    assert bytes(read) == DATA
    del mapped


def test_memory_is_believed_unless_it_is_to_be_verified_in_full(folder, kept, say, monkeypatch):
    """Promise 8: with `full`, also where nothing seems to have changed."""
    monkeypatch.setattr("perdure.store.blobs.seen.Seen.knows", lambda *_: True)
    path = folder / "blobs" / kept[:2] / kept
    path.write_bytes(b"x" + DATA[1:])
    with open_store(folder) as store:
        store.blobs.get(kept)
    say("verify", "full")
    with open_store(folder) as store, pytest.raises(Damaged):
        store.blobs.get(kept)


def test_the_environment_has_the_last_word(folder, kept, monkeypatch):
    tell(folder, "restore", "read")
    assert restore_mode(folder) == "read"
    monkeypatch.setenv("PERDURE_RESTORE", "map")
    assert restore_mode(folder) == "map"
    assert restore_mode(None) == "map"
    monkeypatch.delenv("PERDURE_RESTORE")
    assert restore_mode(None) == "map"
    assert verify_mode(folder) == "changed"


@pytest.mark.parametrize("name", ["restore", "verify"])
def test_a_word_that_is_not_known_is_told(folder, kept, say, name):
    """Errors say where it stands and what to write."""
    say(name, "fast")
    with pytest.raises(StoreError, match=rf"(?i){name}.*fast.*(map|changed).*(read|full)"):
        open_store(folder)
