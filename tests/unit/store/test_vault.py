"""Values under seal: nothing comes out that this user's key did not sign for that very place (promise 8)."""

from dataclasses import replace

import pytest
from blake3 import blake3

from perdure.codec import Encoded
from perdure.errors import Damaged, NotLoadable, Untrusted
from perdure.store import open_store
from perdure.store.keys import passing_key
from perdure.store.memory import MemoryBlobs
from perdure.store.records import Place
from perdure.store.vault import INLINE, Vault
from perdure.testing import sample_run, sample_session

OTHER = "0" * 64
PLACE = Place("r_1", "load", "1f")


def encoded(stream=b"stream", buffers=(b"b" * 100,)):
    views = tuple(memoryview(buffer) for buffer in buffers)
    return Encoded(
        codec="full", stream=stream, buffers=views, packages={"pandas": "3.0"}, preview={"type": "list"}
    )


@pytest.fixture
def vault():
    return Vault(MemoryBlobs(), passing_key())


def seal(vault, value):
    return vault.seal(value, PLACE)


@pytest.mark.parametrize("size", [0, INLINE, INLINE + 1])
def test_a_value_comes_back_as_it_was_sealed(vault, size):
    """Promise 4: stream, buffers and what is said about them; large streams lie in a blob."""
    value = encoded(stream=b"s" * size)
    record = seal(vault, value)
    assert (record.stream is None, record.stream_blob is None) == (size > INLINE, size <= INLINE)
    assert record.size == size + 100
    assert vault.unseal(record, PLACE, subject="the result of `load`") == value


def test_the_digest_is_of_stream_and_buffers(vault):
    record = seal(vault, encoded())
    parts = [blake3(b"stream").digest(), blake3(b"b" * 100).digest()]
    assert record.digest == blake3(b"".join(parts)).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"run": "r_2"},
        {"step": "other"},
        {"inputs": "2f"},
        {"role": "shown"},
        {"id": "v_0000000000000002"},
        {"codec": "plain"},
        {"stream": b"Stream"},
        {"stream": None, "stream_blob": "no digest"},
        {"stream": None, "stream_blob": None},
        {"buffers": ()},
        {"buffers": (OTHER,)},
        {"format": 0},
        {"signature": b""},
        {"signature": b"\0" * 32},
    ],
)
def test_what_was_altered_or_swapped_is_refused_before_a_blob_is_opened(vault, change, monkeypatch):
    """Promise 8: each part that the signature covers, one at a time."""
    record = replace(seal(vault, encoded()), **change)
    monkeypatch.setattr(vault._blobs, "get", lambda *_, **__: pytest.fail("a blob was opened"))
    with pytest.raises(Damaged, match=r"the result of `load` is damaged.*\n.*--redo"):
        vault.unseal(record, PLACE, subject="the result of `load`")


@pytest.mark.parametrize(
    "place",
    [
        Place("r_2", "load", "1f"),
        Place("r_1", "other", "1f"),
        Place("r_1", "load", "2f"),
        Place("r_1", "load", "1f", "shown"),
    ],
)
def test_a_value_that_is_asked_for_in_another_place_is_refused(vault, place):
    """Promise 8: a journal that points to another step's value, rightly signed, gives nothing."""
    record = seal(vault, encoded())
    with pytest.raises(Damaged, match="--redo"):
        vault.unseal(record, place, subject="it")


def test_a_value_of_another_key_names_both_keys(vault):
    """Bad input: a wrong key; the message says what to set."""
    record = seal(vault, encoded())
    other = Vault(vault._blobs, passing_key())
    with pytest.raises(Untrusted) as refused:
        other.unseal(record, PLACE, subject="the result of `load`")
    text = str(refused.value)
    assert record.key_id in text
    assert other._key.id in text
    assert "PERDURE_KEY_FILE" in text
    assert "--redo" in text


def test_a_value_of_a_newer_format_is_named_so(vault):
    record = replace(seal(vault, encoded()), format=99)
    with pytest.raises(NotLoadable, match="format 99"):
        vault.unseal(record, PLACE, subject="it")


def test_a_blob_that_is_gone_is_told_with_what_it_belongs_to(vault):
    record = seal(vault, encoded())
    vault._blobs.remove(record.buffers)
    with pytest.raises(Damaged, match=r"(?s)the result of `load` is damaged.*blob .* missing.*--redo"):
        vault.unseal(record, PLACE, subject="the result of `load`")


def test_with_the_key_gone_values_are_refused_and_listing_works(folder, tmp_path):
    """Bad input: a missing key; a new one is made, and says that it is not the old one."""
    with open_store(folder) as store:
        run = sample_run()
        epoch = store.journal.claim(run, sample_session())
        record = store.vault.seal(encoded(), Place(run.id, "load", "1f"))
        store.journal.write(run.id, epoch, [record])
        path = store.key.path
    path.unlink()
    with open_store(folder) as store:
        assert store.journal.runs()[0].workflow == "flights"
        kept = store.journal.value(record.id)
        assert kept.preview == {"type": "list"}
        assert not path.exists()  # listing needs no key and makes none
        with pytest.raises(Untrusted, match=record.key_id):
            store.vault.unseal(kept, Place(kept.run, "load", "1f"), subject="it")


def test_the_blobs_of_a_sealed_value_wait_for_the_disk_as_the_store_does(folder, monkeypatch):
    """Promise 2: with "power", what the record refers to is on disk before it is written."""
    asked = []
    for setting, wish in (("power", None), ("process", None), ("process", "power")):
        with open_store(folder, durability=setting) as store:
            put = store.blobs.put
            monkeypatch.setattr(
                store.blobs,
                "put",
                lambda data, *, durability, put=put: (asked.append(durability), put(data))[1],
            )
            store.vault.seal(encoded(), PLACE, durability=wish)
    assert asked == ["power", "process", "power"]
