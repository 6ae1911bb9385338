"""One writer thread: an answer after the commit, and no work that spoils another's."""

import os
import sqlite3
import threading
from functools import partial

import pytest

from perdure.errors import NotOwner, StoreError, StoreForked
from perdure.store.sqlite import SqliteJournal
from perdure.testing import in_threads, sample_call, sample_run, sample_session


@pytest.fixture
def journal(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")
    yield journal
    journal.close()


def held_back(journal, works):
    """Queue the works behind one that waits until all are there, so that they share a commit."""
    begun, gate = threading.Event(), threading.Event()

    def wait(_):
        begun.set()
        gate.wait(60)

    blocker = threading.Thread(target=journal._writer.do, args=[wait], kwargs={"power": False})
    blocker.start()
    begun.wait(60)
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    while journal._writer._queue.qsize() < len(works):
        threading.Event().wait(0.001)
    gate.set()
    for thread in (blocker, *threads):
        thread.join()


def test_a_refused_write_does_not_touch_those_that_share_its_commit(journal):
    """Promise 2 of the journal, in a group: the refusal reaches its own caller only."""
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    refused = []

    def write(seq, epoch):
        try:
            journal.write(run.id, epoch, [sample_call(run.id, seq)])
        except NotOwner:
            refused.append(seq)

    held_back(journal, [lambda n=n: write(n, epoch if n != 2 else epoch + 1) for n in (1, 2, 3)])
    assert refused == [2]
    assert [call.seq for call in journal.calls(run.id)] == [1, 3]


def test_work_that_fails_half_way_is_undone(journal):
    """Promise 1 of the journal: what it had written before it failed is not in the commit."""
    run = sample_run()
    journal.claim(run, sample_session())

    def half(connection):
        connection.execute("UPDATE runs SET state = 'half'")
        raise ValueError("the other half")

    with pytest.raises(ValueError, match="the other half"):
        journal._writer.do(half, power=False)
    assert journal.run(run.id).state == "running"


def test_a_group_is_one_commit_and_waits_for_the_disk_if_one_of_it_does(journal):
    """Promise 10: waiting callers share a commit; "power" holds for the whole of it."""
    seen = []

    def look(connection):
        seen.append((connection.execute("PRAGMA synchronous").fetchone()[0], threading.current_thread().name))

    def one(power):
        journal._writer.do(look, power=power)

    commits = []
    one(power=False)
    journal._writer._connection.set_trace_callback(
        lambda text: commits.append(text) if text == "COMMIT;" else None
    )
    held_back(journal, [lambda: one(power=False), lambda: one(power=True)])
    one(power=False)
    assert [level for level, _ in seen] == [1, 2, 2, 1]
    assert {name for _, name in seen} == {"perdure-writer"}
    assert len(commits) == 3  # the one that held them back, the two together, the last


def test_durability_of_a_write_overrules_that_of_the_journal(journal, tmp_path):
    """Promise 5: effects are written with "power", whatever the journal's own setting is."""
    levels = []
    weak = SqliteJournal(tmp_path / "other.db", durability="process")
    for each, durability in ((journal, None), (journal, "process"), (weak, None), (weak, "power")):
        each._do(lambda c: levels.append(c.execute("PRAGMA synchronous").fetchone()[0]), durability)
    weak.close()
    assert levels == [2, 1, 1, 2]


def test_an_interrupted_caller_leaves_the_journal_whole(journal):
    """Promise 2: a KeyboardInterrupt while waiting; the write may be committed, and is so as a whole."""
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    gate = threading.Event()

    def slow(connection):
        # The main thread is waiting for this very work: interrupt it there, then go on.
        os.kill(os.getpid(), 2)
        gate.wait(5)
        connection.execute("UPDATE runs SET state = 'changed'")

    with pytest.raises(KeyboardInterrupt):
        journal._writer.do(slow, power=False)
    gate.set()
    journal.write(run.id, epoch, [sample_call(run.id)])
    assert journal.run(run.id).state == "changed"
    assert journal.check() == "ok"


def test_an_interrupted_read_does_not_hold_on_to_the_past(journal):
    """Promise 4 of the journal: the next read on the same connection sees what was written since."""
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    journal.write(run.id, epoch, [sample_call(run.id, 1)])

    def interrupt():
        raise KeyboardInterrupt

    journal._reader.set_progress_handler(interrupt, 1)
    with pytest.raises(StoreError, match="interrupted"):
        journal.calls(run.id)
    journal._reader.set_progress_handler(None, 0)
    journal.write(run.id, epoch, [sample_call(run.id, 2)])
    assert len(journal.calls(run.id)) == 2


def test_a_closed_journal_says_so(journal):
    run = sample_run()
    journal.claim(run, sample_session())
    journal.close()
    with pytest.raises(StoreError, match="closed"):
        journal.claim(run, sample_session())
    with pytest.raises(StoreError, match="closed"):
        journal.runs()


def test_closing_leaves_one_file(journal):
    """Whoever copies the folder of a closed store has all of it in `journal.db`."""
    journal.claim(sample_run(), sample_session())
    journal.close()
    assert not journal.path.with_name("journal.db-wal").exists()
    with sqlite3.connect(journal.path) as copy:
        assert copy.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    copy.close()


def test_a_forked_child_cannot_use_the_journal(journal):
    """Promise 6: the child is told, and the parent goes on undisturbed."""
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        told = []
        for use in (
            journal.runs,
            partial(journal.write, run.id, epoch, []),
            journal.close,
        ):
            try:
                use()
                told.append("nothing")
            except StoreForked:
                told.append("StoreForked")
        os.write(write, " ".join(told).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"StoreForked StoreForked nothing"
    os.close(read)
    journal.write(run.id, epoch, [sample_call(run.id)])
    assert len(journal.calls(run.id)) == 1


def test_four_processes_write_at_once(folder, start):
    """Promise 2: each finds every write of its own, and none is refused as busy."""
    script = """
store = open_store(sys.argv[1], durability="process")
run = sample_run(int(sys.argv[2]))
epoch = store.journal.claim(run, sample_session())
print("ready", flush=True)
sys.stdin.readline()
for seq in range(1, 101):
    store.journal.write(run.id, epoch, [sample_call(run.id, seq)])
print(len(store.journal.calls(run.id)), store.journal.check(), flush=True)
"""
    writers = [start(script, folder, number) for number in range(4)]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 4
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [writer.stdout.readline() for writer in writers] == ["100 ok\n"] * 4


def test_the_journal_is_born_once(tmp_path):
    """Promise 2: threads that make the same journal at the same moment find one and the same."""
    journals = []
    path = tmp_path / "journal.db"
    in_threads([lambda: journals.append(SqliteJournal(path))] * 4)
    journals[0].claim(sample_run(), sample_session())
    assert [len(journal.runs()) for journal in journals] == [1] * 4
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".tmp-*"))
    for journal in journals:
        journal.close()
