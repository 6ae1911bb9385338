"""Workflows' durable dicts in a store: what they refer to is kept, checked, signed and measured like all else."""

from dataclasses import replace

import pytest

from perdure import codec
from perdure.cli import main
from perdure.errors import Damaged, NotOwner, Untrusted
from perdure.store import open_store
from perdure.store.checking import check
from perdure.store.dicts import dict_of, place_of_item
from perdure.store.forgetting import Limits
from perdure.store.gc import collect
from perdure.store.keys import key_file, rotate_key
from perdure.store.records import Place, StateRecord
from perdure.store.sizes import sizes
from perdure.store.trust import resign, sign, survey
from perdure.testing import sample_call, sample_run, sample_session, sample_state

LARGE = b"x" * 2_000_000


def begin(store, number=1, **fields):
    run = sample_run(number, **fields)
    return run, store.journal.claim(run, sample_session())


def put(store, value, item="a", *, workflow="flights", name="counts", run="r_00000001", epoch=1):
    """Set an entry, as a step does: its value and its record in one commit."""
    record = store.vault.seal(codec.encode(value), place_of_item(workflow, name, item))
    store.journal.write(run, epoch, [record, StateRecord(workflow, name, item, run, record.id, 4.5)])
    return record


def got(store, item="a", *, workflow="flights", name="counts"):
    """The value of an entry."""
    [state] = [each for each in store.journal.states(workflow, name) if each.item == item]
    record = store.journal.value(state.value)
    return codec.decode(store.vault.unseal(record, place_of_item(workflow, name, item), subject=item))


@pytest.fixture(params=["folder", "memory"])
def any_store(request, folder):
    with open_store(folder if request.param == "folder" else ":memory:") as store:
        yield store


def test_what_an_entry_refers_to_is_collected_once_it_is_replaced_or_deleted(any_store):
    """Promise 2: and not before, blobs and all, also while its run is at work."""
    store = any_store
    run, epoch = begin(store)
    with store.lock(run):
        first, kept = put(store, LARGE), put(store, LARGE + b"kept", "b")
        assert collect(store).blobs == 0
        assert (got(store), got(store, "b")) == (LARGE, LARGE + b"kept")
        second = put(store, LARGE + b"second")
        told = collect(store, dry_run=True)
        assert store.journal.value(first.id) is not None
        collect(store)
        assert store.journal.value_ids() == [kept.id, second.id]
        assert got(store) == LARGE + b"second"
        gone = replace(sample_state(run.id), value=None)
        store.journal.write(run.id, epoch, [gone])
        collect(store)
        assert store.journal.value_ids() == [kept.id]
        assert store.blobs.names() >= {*kept.buffers}
    assert told.blobs == 0, "what was put just now stays while a process is at work"
    collect(store)
    assert store.blobs.names() == {*kept.buffers}
    assert got(store, "b") == LARGE + b"kept"


def test_a_dry_run_tells_what_a_replaced_entry_frees(any_store):
    """Promise 2: the same as is done."""
    begin(any_store)
    put(any_store, LARGE)
    put(any_store, 2)
    told = collect(any_store, dry_run=True)
    assert (told.blobs, told.bytes) == (1, any_store.blobs.size(*any_store.blobs.names()))
    assert collect(any_store) == told


def test_an_entry_outlives_the_runs_of_its_workflow(any_store):
    """Promise 13 of the journal: forgetting the run that wrote it takes it not along."""
    store = any_store
    run, epoch = begin(store)
    put(store, LARGE)
    store.journal.write(run.id, epoch, [replace(run, state="done", finished=5.0)])
    assert collect(store, Limits(keep=0)).runs == (run.id,)
    assert store.journal.runs() == []
    assert got(store) == LARGE


def test_an_entry_comes_with_its_step_or_not_at_all(any_store):
    """Promises 1 and 6: a former owner's step changes neither."""
    store = any_store
    run, former = begin(store)
    begin(store)
    with pytest.raises(NotOwner):
        store.journal.write(run.id, former, [sample_call(run.id), sample_state(run.id)])
    assert (store.journal.calls(run.id), store.journal.all_states()) == ([], [])


def test_it_is_measured_with_its_workflow(any_store, capsys):
    """Promise 10: also where no run of it is left, and nothing refers to it any more."""
    store = any_store
    begin(store)
    begin(store, 2, workflow="a/b")
    put(store, LARGE)
    put(store, 1)
    put(store, 2, workflow="a/b", name="c/d", run="r_00000002")
    by = {share.name: share for share in sizes(store).workflows}
    assert set(by) == {"flights", "a/b"}
    assert [(run.name, run.values, [step.name for step in run.parts]) for run in by["flights"].parts] == [
        ("", 2, ["counts"])
    ]
    assert [step.name for run in by["a/b"].parts for step in run.parts] == ["c/d"]
    if store.path is not None:
        store.close()
        assert main(["--store", str(store.path), "du", "flights"]) == 0
        assert "(state)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["counts", "", "a/b", "~", "~0", "~1", "a~1b", "/"])
@pytest.mark.parametrize("workflow", ["flights", "a/b", "~", "a~1b", "/"])
def test_each_entry_has_a_place_of_its_own(workflow, name):
    """Promise 8: whatever workflows and dicts are called."""
    place = place_of_item(workflow, name, "item")
    assert dict_of(place.step) == (workflow, name)
    assert (place.run, place.inputs, place.role) == ("", "item", "state")


def test_values_cannot_be_swapped(store):
    """Promise 8: between entries, dicts, workflows, or with a step's."""
    run, epoch = begin(store)
    record = put(store, 1)
    for workflow, name, item in (
        ("flights", "counts", "b"),
        ("flights", "other", "a"),
        ("other", "counts", "a"),
        ("flights/counts", "", "a"),
    ):
        store.journal.write(run.id, epoch, [StateRecord(workflow, name, item, run.id, record.id, 1.0)])
        with pytest.raises(Damaged):
            got(store, item, workflow=workflow, name=name)
    with pytest.raises(Damaged):
        store.vault.unseal(record, Place("r_00000001", "flights/counts", "a", "value"), subject="it")


def test_a_broken_entry_is_told_with_what_to_do(store, capsys):
    """Promise 4: of its workflow, also where one run of it is looked at."""
    begin(store)
    begin(store, 2, workflow="other")
    put(store, LARGE)
    put(store, 1)
    kept = put(store, LARGE, "b")
    done = check(store)
    assert (done.whole, done.values, done.unused, done.unused_blobs) == (True, 2, 1, 0)
    assert (check(store, "flights").values, check(store, "other").values) == (2, 0)
    path = store.path / "blobs" / kept.buffers[0][:2] / kept.buffers[0]
    path.write_bytes(b"y" * 10)
    for named in (None, "flights"):
        [broken] = check(store, named).broken
        assert (broken.run, broken.workflow, broken.step, broken.role) == ("", "flights", "counts/b", "state")
        assert broken.advice == "Set `b` of `counts` anew in a step."
    assert check(store, "other").whole
    assert main(["--store", str(store.path), "check"]) == 1
    assert "  flights, step `counts/b`, state: blob" in capsys.readouterr().out


def test_what_another_key_signed_is_told_and_signed_with_its_workflow(folder):
    """Promise 8: refused until then."""
    with open_store(folder) as store:
        begin(store)
        begin(store, 2, workflow="other")
        record = put(store, (1,))
        put(store, 2, workflow="other", run="r_00000002")
    key_file().unlink()
    with open_store(folder) as store:
        with pytest.raises(Untrusted):
            got(store)
        assert [(run.run, run.workflow, len(run.values)) for run in survey(store).runs] == [
            ("(state)", "flights", 1),
            ("(state)", "other", 1),
        ]
        offer = survey(store, "flights")
        assert list(offer.values) == [record.id]
        assert "  flights (state): 1 value, signed by key" in offer.lines()[1]
        assert sign(store, offer) == 1
        assert got(store) == (1,)
        with pytest.raises(Untrusted):
            got(store, workflow="other")


def test_a_new_key_signs_and_encrypts_them_too(store, monkeypatch):
    """Promise 8: the older key is needed no more."""
    begin(store)
    put(store, LARGE)
    put(store, [1], "b")
    monkeypatch.setenv("PERDURE_ENCRYPT", "1")
    rotate_key()
    store.close()
    with open_store(store.path) as again:
        assert resign(again) == (2, 0)
        assert {value.packing for value in map(again.journal.value, again.journal.value_ids())} == {"aes"}
        assert set(again.journal.key_ids()) == {again.key.id}
        assert (got(again), got(again, "b")) == (LARGE, [1])
        assert check(again).whole
