"""Values under seal: nothing comes out that this user's key did not sign for that very place (promise 8)."""

from dataclasses import replace

import pytest
from blake3 import blake3

from perdure.codec import Encoded
from perdure.errors import Damaged, NotLoadable, Untrusted
from perdure.store import open_store
from perdure.store.keys import passing_key, rotate_key, user_key
from perdure.store.memory import MemoryBlobs
from perdure.store.records import Place
from perdure.store.vault import INLINE, Vault
from perdure.testing import sample_run, sample_session

OTHER = "0" * 64
PLACE = Place("r_1", "load", "1f")


def noise(size):
    """Bytes that do not compress."""
    return blake3(b"").digest(size)


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
    value = encoded(stream=noise(size))
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
        {"packing": "zstd"},
        {"python": "3.0"},
        {"packages": {}},
        {"digest": OTHER},
        {"size": 7},
        {"preview": {"type": "dict"}},
        {"created": 0.0},
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
    assert (vault.standing(record), other.standing(record)) == ("yours", "foreign")
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


def test_a_long_stream_is_compressed_where_that_pays(vault):
    """Promise 10: the record says so, and its size is that of the value."""
    value = encoded(stream=b"All work and no play. " * 40_000)
    record = seal(vault, value)
    assert record.packing == "zstd"
    assert len(record.stream) < len(value.stream) / 20
    assert record.size == value.size
    assert vault.unseal(record, PLACE, subject="it") == value
    assert seal(vault, encoded(stream=noise(100_000))).packing == ""


def test_a_stream_that_expands_beyond_what_was_signed_is_refused(vault):
    """Promise 8: no small record fills the memory, even one that this user's key signed."""
    record = seal(vault, encoded(stream=bytes(1 << 20)))
    with pytest.raises(Damaged, match="more than was signed"):
        vault.unseal(vault.signed(replace(record, size=1000)), PLACE, subject="it")


def test_an_encrypted_value_shows_nothing_of_its_content(vault):
    """Promise 8: neither in its record nor in its blobs, and it comes back as it was."""
    word = b"confidential"
    value = replace(
        encoded(stream=word * 100_000, buffers=(word * 100, b"")),
        preview={"type": "list", "size": 3, "items": ["'confidential'"], "text": "confidential"},
    )
    vault._encrypt = True
    record = seal(vault, value)
    assert record.packing == "zstd+aes"
    assert record.preview == {"type": "list", "size": 3}
    stored = [bytes(vault._blobs.get(name)) for name in vault._blobs.names()]
    assert not any(word[:4] in part for part in (*stored, repr(record).encode()))
    found = vault.unseal(record, PLACE, subject="it")
    assert (found.stream, found.buffers) == (value.stream, value.buffers)
    moved = vault.signed(replace(record, step="other"))
    with pytest.raises(Damaged, match="another place"):
        vault.unseal(moved, replace(PLACE, step="other"), subject="it")


def test_equal_encrypted_buffers_are_stored_once(vault):
    """Promise 10."""
    vault._encrypt = True
    records = [seal(vault, encoded()) for _ in range(2)]
    assert records[0].buffers == records[1].buffers
    assert records[0].stream != records[1].stream
    assert blake3(b"b" * 100).hexdigest() not in records[0].buffers


def test_a_key_that_another_process_rotated_is_found(folder):
    """Promise 8: a value that was signed with a newer key of the same file is this user's."""
    with open_store(folder) as store:
        assert store.key.path is not None
        rotate_key()
        other = Vault(store.blobs, user_key())
        record = seal(other, encoded())
        assert store.vault.standing(record) == "yours"
        assert store.vault.unseal(record, PLACE, subject="it") == encoded()


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
