"""Group commit: an answer after the commit, and no write that spoils another's."""

import contextlib
import os
import random
import signal
import sqlite3
import threading
from dataclasses import replace
from functools import partial

import pytest

from perdure.errors import NotOwner, StoreBusy, StoreError, StoreForked
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
    while len(journal._writer._line) < len(works):
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
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    done = []
    journal._writer._transactions._connection.set_trace_callback(
        lambda text: done.extend(word for word in ("FULL", "NORMAL", "COMMIT") if word in text)
    )

    def write(seq, durability):
        journal.write(run.id, epoch, [sample_call(run.id, seq)], durability=durability)

    held_back(journal, [lambda: write(1, "process"), lambda: write(2, "power")])
    write(3, "process")
    held, group, last = ["NORMAL", "COMMIT"], ["FULL", "COMMIT"], ["NORMAL", "COMMIT"]
    assert done == [*held, *group, *last]


def test_a_caller_that_comes_alone_commits_by_itself(journal):
    """Promise 10: no other thread is waited for."""
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    names = []
    journal._writer._transactions._connection.set_trace_callback(
        lambda text: names.append(threading.current_thread().name) if text == "COMMIT;" else None
    )
    for seq in (1, 2):
        journal.write(run.id, epoch, [sample_call(run.id, seq)])
    assert names == [threading.current_thread().name] * 2


def test_durability_of_a_write_overrules_that_of_the_journal(journal, tmp_path):
    """Promise 5: effects are written with "power", whatever the journal's own setting is."""
    levels = []
    weak = SqliteJournal(tmp_path / "other.db", durability="process")
    for each, durability in ((journal, None), (journal, "process"), (weak, None), (weak, "power")):
        each._do(lambda c: levels.append(c.execute("PRAGMA synchronous").fetchone()[0]), durability)
    weak.close()
    assert levels == [2, 1, 1, 2]


def test_a_caller_interrupted_at_work_leaves_the_journal_as_it_was(journal):
    """Promise 2: a KeyboardInterrupt in the middle of a transaction; the next one goes through."""
    run = sample_run()
    epoch = journal.claim(run, sample_session())

    def slow(connection):
        connection.execute("UPDATE runs SET state = 'changed'")
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        journal._writer.do(slow, power=False)
    journal.write(run.id, epoch, [sample_call(run.id)])
    assert journal.run(run.id).state == "running"
    assert journal.check() == "ok"


@contextlib.contextmanager
def standing_in_line(journal):
    """Let another thread hold the turn, and interrupt this one as soon as a write of it stands in line."""
    begun, gate = threading.Event(), threading.Event()

    def hold(_):
        begun.set()
        gate.wait(60)

    def interrupt():
        while not journal._writer._line:
            threading.Event().wait(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    threads = [
        threading.Thread(target=journal._writer.do, args=[hold], kwargs={"power": False}),
        threading.Thread(target=interrupt),
    ]
    threads[0].start()
    begun.wait(60)
    threads[1].start()
    yield
    gate.set()
    for thread in threads:
        thread.join()


def test_a_caller_interrupted_while_it_waits_leaves_its_write_whole(journal):
    """Promise 2: it stands in line behind another; then it is committed, as a whole."""
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    with standing_in_line(journal), pytest.raises(KeyboardInterrupt):
        journal.write(run.id, epoch, [sample_call(run.id, seq) for seq in (1, 2)])
    journal.write(run.id, epoch, [sample_call(run.id, 3)])
    assert [call.seq for call in journal.calls(run.id)] == [1, 2, 3]


def test_what_comes_after_an_interrupted_write_stands(journal):
    """Promise 3 of the journal: the older write of a caller that was interrupted in line never replaces it."""
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    with standing_in_line(journal):
        with pytest.raises(KeyboardInterrupt):
            journal.write(run.id, epoch, [sample_call(run.id, state="older")])
        journal.write(run.id, epoch, [sample_call(run.id, state="newer")], durability="later")
    assert [call.state for call in journal.calls(run.id)] == ["newer"]


class Interrupted:
    """A connection whose caller is interrupted when a statement is done, once."""

    def __init__(self, connection, at):
        self.connection, self.at = connection, at

    def execute(self, statement, *parameters):
        done = self.connection.execute(statement, *parameters)
        if self.at is not None and self.at in statement:
            self.at = None
            raise KeyboardInterrupt
        return done

    def __getattr__(self, name):
        return getattr(self.connection, name)


@pytest.mark.parametrize(("at", "kept"), [("BEGIN", 1), ("REPLACE", 1), ("UPDATE", 1), ("COMMIT", 2)])
def test_what_was_to_be_written_later_survives_an_interrupt_and_comes_once(journal, monkeypatch, at, kept):
    """Promise 2: a write that took it along is interrupted at each of its statements."""
    monkeypatch.setattr("perdure.store.writer.TICK", 60)  # the thread is to leave it to the write
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    plain = journal._writer._transactions._connection
    journal._writer._transactions._connection = Interrupted(plain, at)
    journal.write(run.id, epoch, [sample_call(run.id, 1, state="running")], durability="later")
    with pytest.raises(KeyboardInterrupt):
        journal.write(run.id, epoch, [sample_call(run.id, 1, state="done"), sample_call(run.id, 2)])
    journal._writer._transactions._connection = plain
    states = {call.seq: call.state for call in journal.calls(run.id)}
    assert states == ({1: "running"} if kept == 1 else {1: "done", 2: "done"})
    journal.write(run.id, epoch, [])
    assert {call.seq: call.state for call in journal.calls(run.id)} == states
    assert not journal._writer._later


def test_interrupts_at_any_moment_lose_nothing_and_bring_nothing_old_back(journal):
    """Promise 2: of writes that wait, writes that were to follow later, and writes of other threads."""

    def interrupt(*_):
        raise KeyboardInterrupt

    run, other = sample_run(1), sample_run(2)
    epoch, others = (journal.claim(each, sample_session()) for each in (run, other))
    ended = threading.Event()
    acknowledged = []

    def beside():
        while not ended.is_set():
            call = sample_call(other.id, len(acknowledged) + 1)
            journal.write(other.id, others, [call], durability="process")
            acknowledged.append(call.seq)

    thread = threading.Thread(target=beside)
    before = signal.signal(signal.SIGALRM, interrupt)
    chance = random.Random(4)
    kept, interrupted = {}, 0
    thread.start()
    try:
        for seq in range(1, 401):
            call = sample_call(run.id, seq, state="running")
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00001, 0.001))
                journal.write(run.id, epoch, [call], durability="later")
                journal.write(run.id, epoch, [replace(call, state="done")], durability="process")
                kept[seq] = "done"
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                signal.setitimer(signal.ITIMER_REAL, 0)
                interrupted += 1
                journal.write(run.id, epoch, [replace(call, state="failed")], durability="process")
                kept[seq] = "failed"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        ended.set()
        thread.join(60)
    assert not thread.is_alive()
    assert interrupted > 20
    # A write whose caller was interrupted while it stood in line may still come: before the one after it.
    assert {call.seq: call.state for call in journal.calls(run.id)} == kept
    assert [call.seq for call in journal.calls(other.id)] == acknowledged
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


def test_what_is_to_be_written_later_outlasts_a_moment_in_which_nobody_can_write(tmp_path):
    """Promise 2: nobody is told of a trouble that went by; neither the write nor what comes after it is lost."""
    journal = SqliteJournal(tmp_path / "journal.db", busy_timeout=0.01)
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    with contextlib.closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal.write(run.id, epoch, [sample_call(run.id, 1)], durability="later")
        with pytest.raises(StoreBusy):
            journal.write(run.id, epoch, [])
        with pytest.raises(StoreBusy):
            journal.write(run.id, epoch, [sample_call(run.id, 2)])
        other.execute("ROLLBACK")
    journal.write(run.id, epoch, [sample_call(run.id, 3)])
    assert [call.seq for call in journal.calls(run.id)] == [1, 3]
    journal.close()


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
