"""What is broken is found and told, and nothing is changed by looking (promises 2, 4 and 8)."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from perdure import codec
from perdure.errors import NoSuchRun
from perdure.store import open_store
from perdure.store.checking import check
from perdure.store.keys import key_file
from perdure.store.records import NoteRecord, Place
from perdure.testing import sample_call, sample_run, sample_session

LARGE = bytearray(os.urandom(3 << 20))
VALUES = {"small": [1, 2], "long": list(range(200_000)), "large": LARGE}


def fill(store, number=1, **fields):
    run = sample_run(number, **fields)
    epoch = store.journal.claim(run, sample_session())
    inputs = store.vault.seal(codec.encode([number]), Place(run.id, role="inputs"))
    source = store.vault.seal(codec.encode("import math"), Place(run.id, "tools", role="setup"))
    records = [
        *(inputs, source),
        replace(run, inputs=inputs.id),
        NoteRecord(run.id, "setup", "tools", 1.0, {"value": source.id}),
    ]
    for seq, (step, value) in enumerate(VALUES.items(), start=1):
        call = sample_call(run.id, seq, step=step)
        kept = value + bytes([number]) if step == "large" else value  # another blob for each run
        sealed = store.vault.seal(codec.encode(kept), Place(run.id, step, call.inputs, "value"))
        records += [sealed, replace(call, value=sealed.id)]
    store.journal.write(run.id, epoch, records)
    return run.id


@pytest.fixture
def filled(store):
    fill(store)
    fill(store, 2, workflow="other", parent=None)
    return store


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if len(path.name) == len("0" * 64)}


def blob_of(store, step, run="r_00000001"):
    """The file of the blob of a step's value."""
    call = next(call for call in store.journal.calls(run) if call.step == step)
    value = store.journal.value(call.value)
    name = value.stream_blob or value.buffers[0]
    return store.path / "blobs" / name[:2] / name


def found(store, run=None):
    with open_store(store.path, readonly=True) as anew:
        return check(anew, run)


def test_a_whole_store_is_told_to_be_whole(filled):
    """Promise 2: with how much was looked at."""
    done = found(filled)
    assert (done.whole, done.journal, done.runs, done.values, done.broken) == (True, "ok", 2, 10, [])
    assert (done.blobs, done.foreign, done.unused, done.unused_blobs) == (3, 0, 0, 0)
    assert done.bytes == sum(map(filled.blobs.size, filled.blobs.names()))


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "empty"])
@pytest.mark.parametrize("step", ["long", "large"])
def test_a_damaged_blob_is_told_with_the_step_and_what_to_do(filled, harm, step):
    """Promise 4: one bit, a part, or all of it; nothing else suffers, and nothing is changed."""
    path = blob_of(filled, step)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    {
        "flip": lambda: path.write_bytes(data),
        "cut": lambda: path.write_bytes(data[:-5]),
        "remove": path.unlink,
        "empty": lambda: path.write_bytes(b""),
    }[harm]()
    before = everything(filled.path / "blobs")
    broken = found(filled).broken
    assert {(each.step, each.role) for each in broken} == {(step, "value")}
    assert "r_00000001" in {each.run for each in broken}
    assert all("--redo" in each.advice and path.name[:12] in each.cause for each in broken)
    assert everything(filled.path / "blobs") == before


def change(store, value, **fields):
    """Put a value that nobody signed in the place of another."""
    record = store.journal.value(value)
    store.journal.replace_values([(record, replace(record, **fields))])


def value_of(store, step):
    return next(call.value for call in store.journal.calls("r_00000001") if call.step == step)


@pytest.mark.parametrize("fields", [{"stream": b"other"}, {"size": 1}, {"digest": "0"}, {"signature": b""}])
def test_a_value_that_was_altered_is_told(filled, fields):
    """Promise 8."""
    change(filled, value_of(filled, "small"), **fields)
    (broken,) = found(filled).broken
    assert (broken.run, broken.workflow, broken.step, broken.role) == (
        *("r_00000001", "flights"),
        *("small", "value"),
    )
    assert "not those that were signed" in broken.cause


def test_a_value_in_the_place_of_another_is_told(filled):
    """Promise 8: it is whole and signed, and belongs elsewhere."""
    calls = filled.journal.calls("r_00000001")
    epoch = filled.journal.claim(sample_run(), sample_session())
    filled.journal.write("r_00000001", epoch, [replace(calls[0], value=calls[1].value)])
    done = found(filled)
    assert [each.step for each in done.broken] == ["small"]
    assert done.unused == 1


def test_a_value_whose_record_is_missing_is_told(filled):
    """Promise 4: with the step that refers to it."""
    calls = filled.journal.calls("r_00000001")
    epoch = filled.journal.claim(sample_run(), sample_session())
    filled.journal.write("r_00000001", epoch, [replace(calls[0], value="v_0")])
    assert [(each.step, each.cause) for each in found(filled).broken] == [("small", "its record is missing.")]


def test_what_a_newer_call_took_the_place_of_is_told_so(filled):
    """Promise 11: nobody need run a step again for it."""
    calls = filled.journal.calls("r_00000001")
    epoch = filled.journal.claim(sample_run(), sample_session())
    newer = replace(calls[0], id="c_00000077", seq=9)
    filled.journal.write("r_00000001", epoch, [newer, replace(calls[0], value="v_0")])
    assert [each.advice for each in found(filled).broken] == ["A newer call took its place."]


def test_one_run_is_checked_with_what_it_needs(filled):
    """Promise 2: and no other."""
    blob_of(filled, "large", "r_00000002").unlink()
    fill(filled, 3, parent="r_00000001")
    assert found(filled, "other").runs == 1
    assert {each.run for each in found(filled, "other").broken} == {"r_00000002"}
    assert found(filled, "r_00000001").runs == 2
    with pytest.raises(NoSuchRun):
        found(filled, "nothing")


def test_values_of_another_key_are_counted_not_broken(filled):
    """Promise 8: what everybody can see of them is checked."""
    key_file().unlink()
    done = found(filled)
    assert (done.whole, done.foreign) == (True, 10)
    blob_of(filled, "large").unlink()
    assert {each.step for each in found(filled).broken} == {"large"}


def test_what_nothing_refers_to_is_no_fault(filled):
    """Promise 2."""
    filled.blobs.put(b"garbage")
    done = found(filled)
    assert (done.whole, done.unused_blobs) == (True, 1)


def test_an_encrypted_store_is_checked_too(store, monkeypatch):
    """Promise 8."""
    monkeypatch.setenv("PERDURE_ENCRYPT", "1")
    fill(store)
    assert found(store).whole
    blob_of(store, "large").write_bytes(b"x" * 10)
    assert [each.step for each in found(store).broken] == ["large"]


def test_a_store_in_memory_can_be_checked():
    """Promise 2: through the protocols alone."""
    with open_store(":memory:") as memory:
        fill(memory)
        assert check(memory).whole
        memory.blobs.remove(memory.blobs.names())
        assert {each.step for each in check(memory).broken} == {"long", "large"}
