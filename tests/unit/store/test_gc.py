"""Collecting garbage, and nothing else."""

import os

import pytest

from perdure.store import open_store
from perdure.store.gc import collect
from perdure.testing import sample_run, sample_session, sample_value


def age(store, name):
    os.utime(store.blobs.folder / name[:2] / name, (1, 1))


def finish(store, number, **fields):
    run = sample_run(number, finished=float(number), **fields)
    epoch = store.journal.claim(run, sample_session())
    store.journal.write(run.id, epoch, [run])
    return run.id


@pytest.fixture(params=["folder", "memory"])
def any_store(request, folder):
    with open_store(folder if request.param == "folder" else ":memory:") as store:
        yield store


def test_only_blobs_that_no_value_refers_to_go(any_store):
    """Promise 2: what a checkpoint needs stays; a dry run tells the same and removes nothing."""
    store = any_store
    run = sample_run()
    epoch = store.journal.claim(run, sample_session())
    stream, buffer, garbage = (store.blobs.put(data) for data in (b"s" * 10, b"b" * 20, b"g" * 30))
    value = sample_value(run.id, stream=None, stream_blob=stream, buffers=(buffer,))
    store.journal.write(run.id, epoch, [value])
    told = collect(store, dry_run=True)
    assert store.blobs.names() == {stream, buffer, garbage}
    done = collect(store)
    assert told == done
    assert (done.blobs, done.bytes) == (1, 30)
    assert store.blobs.names() == {stream, buffer}


def test_the_newest_finished_runs_stay_with_their_children(any_store):
    """Promise 1: per workflow; unfinished ones do not count, and stay."""
    store = any_store
    for number in (1, 2, 3):
        finish(store, number)
    finish(store, 4, workflow="other")
    finish(store, 5, parent="r_00000001")
    finish(store, 6, parent="r_00000003")
    store.journal.claim(sample_run(7), sample_session())
    finish(store, 8)
    finish(store, 9, parent="r_00000008")
    store.journal.claim(sample_run(10, parent="r_00000002"), sample_session())
    told = collect(store, keep=2, dry_run=True)
    assert len(store.journal.runs()) == 10
    done = collect(store, keep=2)
    assert set(done.runs) == set(told.runs) == {"r_00000001", "r_00000005"}
    assert {run.id[-1] for run in store.journal.runs()} == set("2346789a")


def test_what_a_kept_run_was_forked_from_stays(any_store):
    """Promise 1: a fork restores calls of the run that it was forked from, and that one's of its own."""
    store = any_store
    finish(store, 1)
    finish(store, 2, forked_from="r_00000001")
    finish(store, 3)
    finish(store, 4, forked_from="r_00000002")
    assert collect(store, keep=1).runs == ("r_00000003",)


def test_an_owned_run_stays_though_it_is_finished(any_store):
    store = any_store
    for number in (1, 2):
        finish(store, number)
    with store.lock(sample_run(1)):
        assert collect(store, keep=0).runs == ("r_00000002",)
    assert collect(store, keep=0).runs == ("r_00000001",)


def test_while_a_run_is_owned_young_blobs_stay(store):
    """Promise 2: its owner may have put them, and not yet recorded the value."""
    young, old = store.blobs.put(b"young"), store.blobs.put(b"old")
    age(store, old)
    with store.lock(sample_run()):
        assert collect(store).blobs == 1
        assert store.blobs.names() == {young}
    assert collect(store).blobs == 1
    assert store.blobs.names() == set()


def test_no_run_gets_an_owner_while_garbage_is_collected(store, folder, start):
    """Promise 6: who comes meanwhile waits, and gets the run afterwards."""
    script = """
store = open_store(sys.argv[1])
print("ready", flush=True)
store.lock(sample_run())
print("locked", flush=True)
"""
    with store.locks.still() as owners:
        assert owners == []
        other = start(script, folder)
        assert other.stdout.readline() == "ready\n"
        assert store.locks._try("r_00000001") is not None  # still free: nobody took it
    assert other.stdout.readline() == "locked\n"


def test_leftovers_of_killed_processes_are_swept(store, folder):
    """Promise 2: half-written files are no blobs, and half-made journals no journals."""
    blob = store.blobs.put(b"x")
    left = [store.blobs.folder / blob[:2] / ".tmp-1", folder / ".tmp-journal-1"]
    for path in left:
        path.write_bytes(b"half")
    collect(store)
    assert not [path for path in left if path.exists()]


def test_lock_files_of_forgotten_runs_go_too(store, folder):
    store.lock(sample_run(1)).release()
    finish(store, 1)
    collect(store, keep=0)
    assert [path.name for path in (folder / "locks").iterdir()] == ["gc.lock"]
