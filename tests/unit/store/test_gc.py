"""Collecting garbage, and nothing else."""

import os
import time
from dataclasses import replace

import pytest

from perdure.errors import StoreError
from perdure.store import open_store
from perdure.store.forgetting import LENT, Limits
from perdure.store.gc import collect, size
from perdure.store.records import NoteRecord, RestoreRecord
from perdure.testing import sample_call, sample_run, sample_session, sample_value


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


@pytest.fixture
def memory():
    with open_store(":memory:") as store:
        yield store


def test_only_blobs_that_no_value_refers_to_go(any_store):
    """Promise 2: what a checkpoint needs stays; a dry run tells the same and removes nothing."""
    store = any_store
    run = sample_run()
    epoch = store.journal.claim(run, sample_session())
    stream, buffer, garbage = (store.blobs.put(data) for data in (b"s" * 10, b"b" * 20, b"g" * 30))
    value = sample_value(run.id, stream=None, stream_blob=stream, buffers=(buffer,))
    store.journal.write(run.id, epoch, [value, sample_call(run.id, value=value.id)])
    told = collect(store, dry_run=True)
    assert store.blobs.names() == {stream, buffer, garbage}
    done = collect(store)
    assert told == done
    assert store.path or done.left == told.left == size(store)  # a journal's log grows by itself
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
    told = collect(store, Limits(keep=2), dry_run=True)
    assert len(store.journal.runs()) == 10
    done = collect(store, Limits(keep=2))
    assert set(done.runs) == set(told.runs) == {"r_00000001", "r_00000005"}
    assert {run.id[-1] for run in store.journal.runs()} == set("2346789a")


def test_what_a_kept_run_was_forked_from_stays(any_store):
    """Promise 1: a fork restores calls of the run that it was forked from, and that one's of its own."""
    store = any_store
    finish(store, 1)
    finish(store, 2, forked_from="r_00000001")
    finish(store, 3)
    finish(store, 4, forked_from="r_00000002")
    assert collect(store, Limits(keep=1)).runs == ("r_00000003",)


def test_an_owned_run_stays_though_it_is_finished(any_store):
    store = any_store
    for number in (1, 2):
        finish(store, number)
    with store.lock(sample_run(1)):
        assert collect(store, Limits(keep=0)).runs == ("r_00000002",)
    assert collect(store, Limits(keep=0)).runs == ("r_00000001",)


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
    collect(store, Limits(keep=0))
    assert [path.name for path in (folder / "locks").iterdir()] == ["gc.lock"]


DAY = 86400.0


def begin(store, number, **fields):
    """A run with a large value as its result; its size in bytes is `number` thousand."""
    run = sample_run(number, kind="function", state="done", **fields)
    epoch = store.journal.claim(run, sample_session(started=run.created))
    blob = store.blobs.put(b"%d" % number * (1000 * number // len(str(number))))
    value = sample_value(run.id, number, stream=None, stream_blob=blob, buffers=(), role="result", step="")
    run = replace(run, result=value.id, finished=fields.get("finished", float(number)))
    store.journal.write(run.id, epoch, [run, value])
    return run.id


def test_a_dry_run_counts_what_the_runs_to_be_forgotten_hold(any_store):
    """Promise 2: the figures of a dry run are those of the run."""
    store = any_store
    for number in (1, 2, 3):
        begin(store, number)
    store.blobs.put(b"garbage")
    told = collect(store, Limits(keep=1), dry_run=True)
    assert (told.runs, told.workflows) == (("r_00000002", "r_00000001"), (("flights", 2),))
    assert (told.blobs, told.bytes) == (3, 1000 + 2000 + 7)
    assert collect(store, Limits(keep=1)) == told


def test_what_a_kept_run_shares_is_not_counted_and_stays(any_store):
    """Promise 2: the same bytes in two runs are one blob."""
    store = any_store
    for number in (1, 2):
        run = sample_run(number, finished=float(number))
        epoch = store.journal.claim(run, sample_session())
        value = sample_value(
            run.id, number, stream=None, stream_blob=store.blobs.put(b"same" * 9), buffers=()
        )
        store.journal.write(run.id, epoch, [run, value, sample_call(run.id, value=value.id)])
    told = collect(store, Limits(keep=1), dry_run=True)
    assert (told.runs, told.bytes) == (("r_00000001",), 0)
    assert collect(store, Limits(keep=1)) == told
    assert len(store.blobs.names()) == 1


def test_what_a_change_was_stored_against_stays_with_the_change(store):
    """Promise 2: the first version is forgotten, its bytes are not, as long as a later one has them."""
    import numpy as np

    rows = np.random.default_rng(0).random((24, 100_000))
    for number in (1, 2):
        rows[3] = number
        run = sample_run(number, kind="function", state="done")
        epoch = store.journal.claim(run, sample_session())
        blob = store.blobs.put(memoryview(rows))
        value = sample_value(run.id, number, stream=b"", buffers=(blob,), role="result", step="")
        run = replace(run, result=value.id, finished=float(number))
        store.journal.write(run.id, epoch, [run, value])
    assert store.blobs.sources(blob)
    told = collect(store, Limits(keep=1), dry_run=True)
    assert (told.runs, told.bytes) == (("r_00000001",), 0)
    assert collect(store, Limits(keep=1)) == told
    assert bytes(store.blobs.get(blob)) == rows.tobytes()
    assert collect(store, Limits(keep=0)).bytes > rows.nbytes
    assert store.blobs.names() == set()


def test_nothing_is_collected_while_a_list_of_pieces_cannot_be_read(store):
    """Promise 2: what it needs would be taken for garbage, though the list itself may be whole."""
    import numpy as np

    rows = np.random.default_rng(0).random((24, 100_000))
    store.blobs.put(memoryview(rows))
    rows[3] = 1
    run = sample_run(1, kind="function", state="done")
    epoch = store.journal.claim(run, sample_session())
    blob = store.blobs.put(memoryview(rows))
    store.journal.write(run.id, epoch, [sample_value(run.id, 1, buffers=(blob,))])
    pieces = store.blobs.folder / blob[:2] / f"{blob}.pieces"
    aside = pieces.rename(pieces.with_suffix(".aside"))
    pieces.symlink_to(pieces)
    with pytest.raises(StoreError, match=r"Make it readable, then try again"):
        collect(store)
    aside.replace(pieces)
    assert bytes(store.blobs.get(blob, verify=True)) == rows.tobytes()


def test_the_journal_gives_back_the_room_of_small_values(store, folder):
    """Promise 10: they lie in its file, which gets smaller; who has it open meanwhile reads and writes on."""
    for number in (1, 2):
        run = sample_run(number, kind="function", state="done", finished=float(number))
        epoch = store.journal.claim(run, sample_session())
        values = [
            sample_value(run.id, 100 * number + each, stream=b"x" * 100_000, buffers=()) for each in range(40)
        ]
        calls = [sample_call(run.id, seq, value=value.id) for seq, value in enumerate(values)]
        store.journal.write(run.id, epoch, [run, *values, *calls])
    with open_store(folder) as other:
        assert len(other.journal.value_ids()) == 80
        gone = collect(store, Limits(keep=1))
        assert gone.journal > 3_000_000
        assert store.journal.check() == "ok"
        assert other.journal.calls(run.id) == calls
        other.journal.write(run.id, epoch, [sample_call(run.id, 99)])
        assert len(store.journal.calls(run.id)) == 41


def test_runs_go_by_age(any_store):
    """Promise 1: by when they finished; what `keep` holds stays whatever its age."""
    store = any_store
    now = time.time()
    for number, days in ((1, 40), (2, 20), (3, 35), (4, 50)):
        begin(store, number, finished=now - days * DAY, workflow="old" if number == 4 else "flights")
    assert set(collect(store, Limits(older_than=30 * DAY), dry_run=True).runs) == {
        "r_00000001",
        "r_00000003",
        "r_00000004",
    }
    assert collect(store, Limits(keep=1, older_than=30 * DAY)).runs == ("r_00000001",)


def test_the_oldest_runs_go_until_the_store_fits(memory):
    """Promise 1: the newest of each workflow stays, and more where `keep` says so."""
    store = memory  # whose size is that of its blobs, to the byte
    for number in (1, 2, 3, 4):
        begin(store, number)
    begin(store, 5, workflow="other", finished=0.5)
    room = size(store) - 1500
    told = collect(store, Limits(max_size=room), dry_run=True)
    assert set(told.runs) == {"r_00000001", "r_00000002"}
    assert told.left <= room
    assert collect(store, Limits(max_size=room)) == told
    assert collect(store, Limits(max_size=0, keep=2)).runs == ()
    assert collect(store, Limits(max_size=0)).runs == ("r_00000003",)
    assert set(collect(store, Limits(max_size=0, keep=0)).runs) == {"r_00000004", "r_00000005"}


def test_what_a_fork_came_from_goes_with_it_and_not_before(memory):
    """Promise 1: also where the store is to fit."""
    store = memory  # whose size is that of its blobs, to the byte
    begin(store, 1)
    begin(store, 2, forked_from="r_00000001", finished=9.0)
    begin(store, 3, finished=5.0)
    assert collect(store, Limits(max_size=size(store) - 1, keep=0), dry_run=True).runs == ("r_00000003",)
    assert set(collect(store, Limits(max_size=0, keep=0)).runs) == {"r_00000001", "r_00000002", "r_00000003"}


def test_what_a_run_at_work_may_reuse_stays(any_store, monkeypatch):
    """Promise 1: it may restore any call of the runs that it named, and has named them a moment after it began."""
    store = any_store
    for number in (1, 2, 3):
        begin(store, number)
    begin(store, 4, workflow="other")
    run = sample_run(9, kind="function")
    with store.lock(run) as lock:
        assert collect(store, Limits(keep=0), dry_run=True).runs == ("r_00000004",)
        epoch = store.journal.claim(run, sample_session())
        store.journal.write(run.id, epoch, [NoteRecord(run.id, LENT, "runs", 1.0, {"runs": ["r_00000002"]})])
        later = lock.owner.since + 100
        monkeypatch.setattr(time, "time", lambda: later)
        assert set(collect(store, Limits(keep=0), dry_run=True).runs) == {
            "r_00000001",
            "r_00000003",
            "r_00000004",
        }


def test_a_run_in_doubt_is_never_forgotten(any_store):
    """Promise 5: its effect would be repeated without a question."""
    store = any_store
    run = sample_run(1, kind="function", state="in doubt", finished=1.0)
    store.journal.write(run.id, store.journal.claim(run, sample_session()), [run])
    assert collect(store, Limits(keep=0)).runs == ()


def test_values_that_a_later_attempt_took_the_place_of_go(any_store):
    """Promise 2: nothing refers to them; while the run is owned, they stay."""
    store = any_store
    run = sample_run()
    epoch = store.journal.claim(run, sample_session())
    values = [
        sample_value(
            run.id, number, stream=None, stream_blob=store.blobs.put(b"%d" % number * 50), buffers=()
        )
        for number in (1, 2)
    ]
    setup = sample_value(run.id, 3, role="setup", buffers=())
    store.journal.write(run.id, epoch, [*values, setup, sample_call(run.id, value=values[1].id)])
    with store.lock(run):
        assert collect(store).blobs == 0
    told = collect(store, dry_run=True)
    assert (told.blobs, told.bytes) == (1, 50)
    assert collect(store) == told
    assert set(store.journal.value_ids()) == {values[1].id, setup.id}


# -- what a notebook's own run holds ---------------------------------------------------------------------


def notebook(store, kernels=1, number=1, **fields):
    """A notebook's own run that so many kernels were at work on, each for ten seconds."""
    run = sample_run(number, state="open", **fields)
    for kernel in range(kernels):
        store.journal.claim(run, sample_session(started=10.0 * kernel))
    return run


def child(store, parent, number, at, workflow="report", **fields):
    run = sample_run(
        number, kind="cell", workflow=workflow, parent=parent.id, created=at, key=str(number), **fields
    )
    epoch = store.journal.claim(run, sample_session(started=at))
    store.journal.write(run.id, epoch, [replace(run, state="done", finished=at + 1)])
    return run.id


def test_older_runs_that_a_notebook_started_go_though_it_is_open(any_store):
    """Promise 1: what its last two kernels used stays, as its next Run All will ask for it."""
    store = any_store
    run = notebook(store, kernels=5)
    runs = [child(store, run, 16 + number, at=10.0 * number + 1) for number in range(5)]
    assert set(collect(store, Limits(keep=1), dry_run=True).runs) == set(runs[:3])
    store.journal.write(run.id, 5, [RestoreRecord(run.id, runs[0], 5, 45.0, 0.1, 1.0)])
    gone = collect(store, Limits(keep=1))
    assert set(gone.runs) == set(runs[1:3])
    assert run.id in {each.id for each in store.journal.runs()}


def test_another_workflow_of_the_notebook_is_told_by_its_own_last_kernels(any_store):
    """Promise 1: a notebook that was run only in part lately keeps what the rest of it needs."""
    store = any_store
    run = notebook(store, kernels=9)
    early = [child(store, run, 16 + number, at=1.0 + number, workflow="early") for number in range(5)]
    for number in range(9):
        child(store, run, 32 + number, at=10.0 * number + 5)
    gone = collect(store, Limits(keep=1))
    assert not set(gone.runs) & set(early)
    assert len(gone.runs) == 7


def test_what_an_open_notebook_started_stays_while_a_kernel_is_at_work_on_it(any_store):
    """Promise 6: it may ask for any of it at any moment."""
    store = any_store
    run = notebook(store, kernels=5)
    for number in range(5):
        child(store, run, 16 + number, at=10.0 * number + 1)
    with store.lock(run):
        assert collect(store, Limits(keep=0, old_versions=True)).runs == ()


def test_a_notebook_run_in_whose_place_another_one_was_begun_counts_as_finished(any_store):
    """Promise 1: `--fresh` left it behind; one with an effect in doubt stays."""
    store = any_store
    first, second = notebook(store, number=1), notebook(store, number=2)
    other = notebook(store, number=3, key="other")
    fourth = notebook(store, number=4)
    store.journal.write(second.id, 1, [sample_call(second.id, kind="effect", state="in doubt")])
    assert collect(store, Limits(keep=0)).runs == (first.id,)
    assert {run.id for run in store.journal.runs()} == {second.id, other.id, fourth.id}


def test_older_versions_of_a_notebooks_calls_go_on_request(any_store):
    """Promise 1: of each step the newest call stays, its newest checkpoint, and what effects recorded."""
    store = any_store
    run = notebook(store, kernels=4)

    def call(seq, **fields):
        blob = store.blobs.put(b"%d" % seq * 100)
        value = sample_value(run.id, seq, stream=None, stream_blob=blob, buffers=())
        made = sample_call(run.id, seq, value=value.id, **fields)
        store.journal.write(run.id, 4, [value, made])
        return made.id

    old_code = call(1, code="1", epoch=4)
    old_inputs = call(2, inputs="1", epoch=1)
    lately = call(3, inputs="2", epoch=3)
    effect = call(4, kind="effect", code="1")
    keyed = call(5, key="k", code="1")
    newest = call(6, epoch=4)
    failed = call(7, state="failed", epoch=4, error="no", caught=False)
    lonely = call(8, step="other", code="1")
    assert collect(store).calls == 0
    told = collect(store, Limits(old_versions=True), dry_run=True)
    done = collect(store, Limits(old_versions=True))
    assert done == told
    assert (done.calls, done.blobs, done.bytes, done.runs) == (2, 2, 200, ())
    left = {each.id for each in store.journal.calls(run.id)}
    assert left == {lately, effect, keyed, newest, failed, lonely}
    assert not left & {old_code, old_inputs}
