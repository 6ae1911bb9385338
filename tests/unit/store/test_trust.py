"""Values that another key signed: told, signed after a question, and never before (promise 8)."""

from dataclasses import replace

import pytest

from perdure import codec
from perdure.errors import Damaged, NoSuchRun, StoreDamaged, StoreFull, Untrusted
from perdure.store import open_store
from perdure.store.cipher import Cipher
from perdure.store.keys import key_file, rotate_key
from perdure.store.notices import notices
from perdure.store.records import Place
from perdure.store.trust import resign, sign, survey
from perdure.testing import sample_call, sample_run, sample_session


class Own:
    """Needs a class to be loaded."""

    def __eq__(self, other):
        return type(other) is Own

    __hash__ = None


VALUES = {"small": [1, 2], "class": [Own()], "large": b"x" * 2_000_000, "text": "All work. " * 50_000}


def fill(store, run):
    """A run with a call for each value; gives the values' records by name."""
    epoch = store.journal.claim(run, sample_session())
    records = {}
    for seq, (name, value) in enumerate(VALUES.items()):
        record = store.vault.seal(codec.encode(value), Place(run.id, name, "1f"))
        call = sample_call(run.id, seq, step=name, inputs="1f", value=record.id)
        store.journal.write(run.id, epoch, [record, call])
        records[name] = record
    return records


def loaded(store, record):
    place = Place(record.run, record.step, record.inputs, record.role)
    return codec.decode(store.vault.unseal(store.journal.value(record.id), place, subject=record.step))


@pytest.fixture
def foreign(folder):
    """A store of which the key is gone: runs 1 and 2, of which 2 is a child of 1, and run 3."""
    runs = [sample_run(1), sample_run(2, parent="r_00000001"), sample_run(3, workflow="other")]
    with open_store(folder) as store:
        found = {run.id: fill(store, run) for run in runs}
    key_file().unlink()
    return found


@pytest.fixture
def store(foreign, folder):
    with open_store(folder) as store:
        yield store


def test_what_another_key_signed_is_told_without_loading_it(store, foreign):
    """Promise 8: how many values, of which runs, signed by which key, and how many can run code."""
    key = foreign["r_00000001"]["small"].key_id
    offer = survey(store)
    assert [(run.run, len(run.values), run.code, run.keys[key]) for run in offer.runs] == [
        ("r_00000001", 4, 1, 4),
        ("r_00000002", 4, 1, 4),
        ("r_00000003", 4, 1, 4),
    ]
    text = "\n".join(offer.lines())
    assert f"flights r_00000001: 4 values, signed by key {key}, 1 can run code" in text
    assert "3 values can run code" in text
    assert store.key.id in text


def test_a_run_is_signed_with_what_it_started_and_nothing_else(store, foreign):
    """Promise 8: in one commit; the rest is refused as before."""
    assert sign(store, survey(store, "r_00000001")) == 8
    for run in ("r_00000001", "r_00000002"):
        for name, record in foreign[run].items():
            assert loaded(store, record) == VALUES[name]
    with pytest.raises(Untrusted, match="perdure trust"):
        loaded(store, foreign["r_00000003"]["small"])
    assert sign(store, survey(store, "other")) == 4
    assert survey(store).lines() == [f"Every value here is signed by your key ({survey(store).key})."]
    with pytest.raises(NoSuchRun):
        survey(store, "none")


def test_a_broken_value_is_told_and_not_signed(store, foreign):
    """Promise 8: the bytes are held to their names first."""
    large = foreign["r_00000003"]["large"]
    path = store.path / "blobs" / large.buffers[0][:2] / large.buffers[0]
    path.write_bytes(b"y" * 2_000_000)
    offer = survey(store, "r_00000003")
    assert (len(offer.values), offer.runs[0].left) == (3, {"broken": 1})
    assert "1 not signed: the bytes are not those that were stored" in offer.lines()[1]
    assert sign(store, offer) == 3
    with pytest.raises(Untrusted):
        loaded(store, large)


def test_a_record_that_names_another_file_opens_none(store, foreign, tmp_path, monkeypatch):
    """Promise 8: a store may come from anybody; only blobs are read to tell what is broken."""
    (tmp_path / "other").write_bytes(b"x")
    old = foreign["r_00000003"]["small"]
    planted = replace(old, stream=None, stream_blob="../../other")
    store.journal.replace_values([(old, planted)])
    monkeypatch.setattr(type(store.blobs), "get", lambda _, name, **__: pytest.fail(name))
    assert store.vault.flaw(planted) == "broken"


def test_a_record_that_cannot_be_read_is_told(store, foreign):
    """Bad input: not msgpack where msgpack should be."""
    store.journal._writer.do(
        lambda connection: connection.execute("UPDATE stored_values SET preview = x'C1'"), power=False
    )
    with pytest.raises(StoreDamaged, match="a record cannot be read"):
        survey(store)


def test_a_value_that_was_changed_after_the_question_is_not_signed(store, foreign):
    """Promise 8: a yes is for what was shown."""
    offer = survey(store, "r_00000003")
    old = foreign["r_00000003"]["small"]
    evil = codec.encode([Own()])
    store.journal.replace_values([(old, replace(old, stream=evil.stream, codec=evil.codec))])
    assert sign(store, offer) == 3
    with pytest.raises(Untrusted):
        loaded(store, old)


def test_an_altered_value_of_ones_own_is_offered_as_such(store, foreign):
    """Promise 8: altered is not foreign; and one that was moved does not fit its new place even when signed."""
    sign(store, survey(store))
    record = store.journal.value(foreign["r_00000001"]["small"].id)
    store.journal.replace_values([(record, replace(record, step="large"))])
    (run,) = survey(store).runs
    assert (run.altered, len(run.values)) == (1, 1)
    assert "1 altered since you signed" in str(run)
    sign(store, survey(store))
    moved = Place(record.run, "small", record.inputs, record.role)
    with pytest.raises(Damaged, match="not those that were signed"):
        store.vault.unseal(store.journal.value(record.id), moved, subject="it")


def test_a_value_that_lies_about_needing_no_class_is_not_loaded(store, foreign):
    """Promise 8: what was told before the yes is the truth; `plain` is decoded as plain."""
    from perdure.engine.keeping import decode

    old = foreign["r_00000003"]["class"]
    store.journal.replace_values([(old, replace(old, codec="plain"))])
    offer = survey(store, "r_00000003")
    assert offer.runs[0].code == 0
    sign(store, offer)
    encoded = store.vault.unseal(
        store.journal.value(old.id), Place(old.run, old.step, old.inputs, old.role), subject="it"
    )
    with pytest.raises(Untrusted):
        decode(encoded)


def test_a_newer_and_an_encrypted_value_are_left(store, foreign):
    """Promise 8: what could not be opened anyway is not signed."""
    small, text = foreign["r_00000003"]["small"], foreign["r_00000003"]["text"]
    sealed = Cipher(rotate_key()).seal(b"x", b"")
    key_file().unlink()
    store.journal.replace_values(
        [(small, replace(small, format=99)), (text, replace(text, packing="aes", stream=sealed))]
    )
    with open_store(store.path) as again:
        assert survey(again, "r_00000003").runs[0].left == {"newer": 1, "sealed": 1}


@pytest.mark.parametrize("encrypt", ["0", "1"])
def test_values_are_stored_anew_with_a_rotated_key(folder, encrypt, monkeypatch):
    """Promise 8: signed anew and, as the store now is, in secret or in the clear; the old key is not needed."""
    with open_store(folder) as store:
        records = fill(store, sample_run(1))
    monkeypatch.setenv("PERDURE_ENCRYPT", encrypt)
    new = rotate_key()
    with open_store(folder) as store:
        assert [loaded(store, record) for record in records.values()] == list(VALUES.values())
        assert resign(store) == (4, 0)
        assert resign(store) == (0, 0)
    new.path.write_text(new.path.read_text().splitlines()[0])
    with open_store(folder) as store:
        assert [loaded(store, record) for record in records.values()] == list(VALUES.values())
        packings = [store.journal.value(record.id).packing for record in records.values()]
    assert packings == (["aes", "aes", "aes", "zstd+aes"] if encrypt == "1" else ["", "", "", "zstd"])
    monkeypatch.setenv("PERDURE_ENCRYPT", "0")
    with open_store(folder) as store:
        assert resign(store)[0] == (4 if encrypt == "1" else 0)
        assert [loaded(store, record) for record in records.values()] == list(VALUES.values())


def test_no_room_is_told_as_such_when_values_are_stored_anew(folder, monkeypatch):
    """Promise 2: it is no fault of the values, and what was kept is whole."""
    resource = pytest.importorskip("resource")
    with open_store(folder) as store:
        records = fill(store, sample_run(1))
    monkeypatch.setenv("PERDURE_ENCRYPT", "1")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_store(folder) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            with pytest.raises(StoreFull):
                resign(store)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with open_store(folder) as store:
        assert [loaded(store, record) for record in records.values()] == list(VALUES.values())
        assert resign(store) == (4, 0)


def test_what_is_told_before_signing_holds_nothing_that_a_terminal_obeys(store, foreign, folder):
    """Promise 8: whoever wrote the store chose the names in it, and may not hide a line with them."""
    hidden = "\x1b[2J\rsafe\n\u202e"
    for value in store.journal.value_ids():
        record = store.journal.value(value)
        store.journal.replace_values([(record, replace(record, key_id=hidden, run=hidden))])
    told = [*survey(store).lines(), *notices(store)]
    assert any("safe" in line for line in told)
    assert all(line.isprintable() for line in told)
    with pytest.raises(Untrusted) as refused:
        loaded(store, store.journal.value(store.journal.value_ids()[0]))
    assert "\x1b" not in str(refused.value)
