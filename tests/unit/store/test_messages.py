"""What anybody says to the owner of a run, across processes: kept, told and acted on."""

import os
import threading

import pytest

from perdure.errors import StoreForked, StoreReadOnly
from perdure.store import open_store
from perdure.store.gc import collect
from perdure.store.protocols import AlreadyMade
from perdure.testing import sample_call, sample_message, sample_run, sample_session, sample_state

POST = """
from perdure.testing import sample_message
with open_store(sys.argv[1]) as store:
    store.journal.post(sample_message(sys.argv[2], int(sys.argv[3])))
"""


def test_another_process_may_leave_a_message_though_a_run_is_owned(store, folder, run):
    """Promise 10 of the journal: the owner goes on writing, and sees it at its next look."""
    sample = sample_run()
    with store.lock(sample):
        epoch = store.journal.claim(sample, sample_session())
        before = store.journal.changes()
        run(POST, folder, sample.id, 7)
        assert store.journal.changes() != before
        assert store.journal.messages(sample.id) == [sample_message(sample.id, 7)]
        store.journal.write(sample.id, epoch, [sample_call(sample.id)])
        store.journal.drop_messages([sample_message("", 7).id])
    with open_store(folder, readonly=True) as again:
        assert again.journal.messages() == []


def test_a_watcher_sees_each_commit_of_another_process_and_no_other(store, folder, start):
    """Promise 12 of the journal: one look after each; while nobody commits, the number stays."""
    script = """
from perdure.testing import sample_message
store = open_store(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    store.journal.post(sample_message("r_1", int(line)))
    print("posted", flush=True)
"""
    other = start(script, folder)
    assert other.stdout.readline() == "ready\n"
    seen = [store.journal.changes()]
    for number in range(20):
        assert store.journal.changes() == seen[-1]
        other.stdin.write(f"{number}\n")
        other.stdin.flush()
        assert other.stdout.readline() == "posted\n"
        seen.append(store.journal.changes())
        assert len(store.journal.messages("r_1")) == number + 1
    assert len(set(seen)) == 21


def test_what_is_written_later_is_told_once_it_is_committed(store):
    """Promise 12 of the journal: within a moment, without a further call."""
    sample = sample_run()
    epoch = store.journal.claim(sample, sample_session())
    before = store.journal.changes()
    store.journal.write(sample.id, epoch, [sample_call(sample.id)], durability="later")
    for _ in range(3000):
        if store.journal.changes() != before:
            break
        threading.Event().wait(0.01)
    assert store.journal.changes() != before


START = """
from perdure.store.protocols import AlreadyMade
store = open_store(sys.argv[1])
run = sample_run(int(sys.argv[2]))
seen = store.journal.find_run(run.workflow, run.parent, run.key)
print("ready", flush=True)
sys.stdin.readline()
with store.lock(run) as lock:
    try:
        store.journal.claim(run, sample_session(), lock.check, newest=seen.id if seen else "")
        print(run.id, flush=True)
    except AlreadyMade as error:
        print("made", error.run, flush=True)
"""


@pytest.mark.parametrize("known", [False, True])
def test_processes_that_start_one_workflow_at_once_make_one_run(folder, start, known):
    """Promise 11 of the journal: the first run of a workflow, or the one after a finished one."""
    with open_store(folder) as store:
        if known:
            store.journal.claim(sample_run(1), sample_session())
        others = [start(START, folder, number) for number in (2, 3, 4)]
        assert [other.stdout.readline() for other in others] == ["ready\n"] * 3
        for other in others:
            other.stdin.write("\n")
            other.stdin.flush()
        told = [other.stdout.readline().split() for other in others]
        [[made]] = [words for words in told if len(words) == 1]
        assert sorted(told, key=len) == [[made], ["made", made], ["made", made]]
        assert [run.id for run in store.journal.runs()] == [made, *(["r_00000001"] if known else [])]


def test_a_lost_race_leaves_no_lock_and_no_run(store):
    """Promise 6: the other run can be taken by whoever is free to."""
    first, second = sample_run(1), sample_run(2)
    with store.lock(first):
        store.journal.claim(first, sample_session(), newest="")
    with store.lock(second) as lock, pytest.raises(AlreadyMade, match=first.id):
        store.journal.claim(second, sample_session(), lock.check, newest="")
    assert store.owner(second.id) is None
    with store.lock(first):
        assert store.journal.claim(first, sample_session()) == 2


def test_a_store_that_is_opened_for_reading_takes_none(folder):
    """Bad input: it is said, and nothing is written."""
    with open_store(folder) as store:
        run = sample_run()
        store.journal.claim(run, sample_session())
        store.journal.post(sample_message(run.id))
    with open_store(folder, readonly=True) as store:
        before = store.journal.changes()
        for work in (
            lambda: store.journal.post(sample_message(run.id, 2)),
            lambda: store.journal.drop_messages([sample_message(run.id).id]),
            store.journal.uncache,
            lambda: store.journal.write(run.id, 1, [sample_state(run.id)]),
        ):
            with pytest.raises(StoreReadOnly):
                work()
        assert store.journal.messages() == [sample_message(run.id)]
        assert (store.journal.all_states(), store.journal.cached_calls()) == ([], [])
        assert store.journal.changes() == before


def test_a_forked_child_is_told_to_open_the_store_anew(store):
    """Promise 6: it neither posts nor looks through its parent's connections."""
    read, write = os.pipe()
    if os.fork() == 0:
        told = []
        for work in (
            lambda: store.journal.post(sample_message("r_1")),
            lambda: store.journal.drop_messages(["m_1"]),
            store.journal.messages,
            store.journal.changes,
            store.journal.uncache,
            store.journal.all_states,
            store.journal.cached_calls,
        ):
            try:
                work()
            except StoreForked:
                told.append(".")
        os.write(write, "".join(told).encode())
        os._exit(0)
    os.wait()
    assert os.read(read, 100) == b"......."
    assert store.journal.messages() == []


def test_what_nobody_can_hear_is_collected(store):
    """Promise 10: a message to a run that is not there goes, one to a run that is stays."""
    run = sample_run()
    store.journal.claim(run, sample_session())
    kept = sample_message(run.id, 1)
    for message in (kept, sample_message("r_none", 2)):
        store.journal.post(message)
    collect(store, dry_run=True)
    assert len(store.journal.messages()) == 2
    collect(store)
    assert store.journal.messages() == [kept]
