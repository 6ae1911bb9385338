"""The write-ahead log: room made ahead, moved beside readers and writers, and cut anywhere."""

import random
import shutil
import sqlite3
import threading

import pytest

from perdure.store import log as module
from perdure.store import open_store
from perdure.store.sqlite import SqliteJournal
from perdure.testing import sample_call, sample_run, sample_session, sample_value


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def at_once(monkeypatch):
    """The log is moved after each commit, as soon as the thread gets to it."""
    monkeypatch.setattr(module, "FEW", 1)
    monkeypatch.setattr(module, "MANY", 1)


def wal(path):
    return path.with_name("journal.db-wal")


def until(done):
    """Wait for what another thread is to do."""
    for _ in range(3000):
        if done():
            return
        threading.Event().wait(0.01)
    pytest.fail("it did not come about")


def test_commits_that_wait_for_the_disk_get_room_ahead_and_need_no_more(path):
    """Promise 10: the log does not grow with them, however many there are."""
    journal = SqliteJournal(path)
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    until(lambda: wal(path).stat().st_size >= module.ROOM)
    size = wal(path).stat().st_size
    assert size < module.ROOM + 65536
    for seq in range(1, 101):
        journal.write(run.id, epoch, [sample_call(run.id, seq)])
        assert wal(path).stat().st_size == size
    journal.close()
    journal = SqliteJournal(path)
    assert [call.seq for call in journal.calls(run.id)] == list(range(1, 101))
    journal.close()


def test_where_nothing_waits_for_the_disk_no_room_is_made(path, at_once):
    """Promise 10: it would only cost."""
    journal = SqliteJournal(path, durability="process")
    epoch = journal.claim(sample_run(), sample_session())
    journal.write("r_00000001", epoch, [])
    until(lambda: journal._writer._unmoved == 0)
    assert wal(path).stat().st_size < module.ROOM
    journal.close()


@pytest.mark.parametrize(("durability", "many"), [("power", "FEW"), ("process", "MANY")])
def test_the_log_is_moved_after_so_many_commits_and_not_before(path, durability, many):
    """Promise 10: beginning it anew costs the next commit a look at the disk."""
    journal = SqliteJournal(path, durability=durability)
    epoch = journal.claim(sample_run(), sample_session())
    log = journal._writer._log
    number = getattr(module, many)
    assert not log.due(0, power=durability == "power")
    assert not log.due(number - 1, power=durability == "power")
    for _ in range(number):
        journal.write("r_00000001", epoch, [])
    until(lambda: journal._writer._unmoved < number)
    journal.close()


def test_a_log_that_outgrows_what_it_has_had_is_moved(path, monkeypatch):
    """Promise 10: large rows fill it with few commits; the room that it got then is used again."""
    monkeypatch.setattr("perdure.store.writer.TICK", 60)  # the thread keeps out of it
    journal = SqliteJournal(path, durability="process")
    epoch = journal.claim(sample_run(), sample_session())
    log = journal._writer._log
    journal.write("r_00000001", epoch, [sample_value("r_00000001", stream=bytes(2 * module.ROOM))])
    assert log.due(1, power=False)
    assert log.move()
    journal.write("r_00000001", epoch, [sample_value("r_00000001", stream=bytes(module.ROOM))])
    assert not log.due(1, power=False)
    journal.close()


def test_a_disk_with_little_room_keeps_it(path, monkeypatch):
    """Bad input: full; the room is a matter of speed and never taken from what is to be kept."""
    monkeypatch.setattr(module, "_SPARE", 1 << 60)
    journal = SqliteJournal(path)
    journal.claim(sample_run(), sample_session())
    until(lambda: journal._writer._transactions.roomy)
    assert wal(path).stat().st_size < module.ROOM
    journal.close()


def test_room_that_could_not_be_made_is_given_back(path, monkeypatch):
    """Bad input: the disk gets full just then."""
    journal = SqliteJournal(path, durability="process")
    epoch = journal.claim(sample_run(), sample_session())
    before = wal(path).stat().st_size

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "sync", full)
    journal._writer.do(lambda _: None, power=True)
    until(lambda: journal._writer._transactions.roomy)
    assert wal(path).stat().st_size == before
    journal.write("r_00000001", epoch, [sample_call("r_00000001")])
    journal.close()


def test_the_log_is_moved_beside_a_writer_and_starts_anew(path, at_once):
    """Promise 10: it stays small, and nobody who commits moves it."""
    journal = SqliteJournal(path, durability="process")
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    large = 0
    for round_ in range(3):
        for seq in range(1, 101):
            journal.write(run.id, epoch, [sample_call(run.id, seq, source="x" * 3000)])
        until(lambda: journal._writer._unmoved == 0)
        large = large or wal(path).stat().st_size
        assert wal(path).stat().st_size <= 2 * large, round_
    journal.close()


def test_a_reader_keeps_its_moment_while_the_log_is_moved(path, at_once):
    """Promise 4: a look that takes long neither stops a writer nor sees half of what it writes."""
    journal = SqliteJournal(path, durability="process")
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    journal.write(run.id, epoch, [sample_call(run.id, 1)])
    with sqlite3.connect(path, isolation_level=None) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM calls").fetchone() == (1,)
        for seq in range(2, 50):
            journal.write(run.id, epoch, [sample_call(run.id, seq)])
        moved = journal._writer._log.move()
        assert not moved
        assert reader.execute("SELECT count(*) FROM calls").fetchone() == (1,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM calls").fetchone() == (49,)
    reader.close()
    until(lambda: journal._writer._unmoved == 0)
    journal.close()


def test_a_log_that_got_large_is_written_from_its_beginning_again(path, at_once, monkeypatch):
    """Promise 10: once its readers let it; one that stays is not waited for again and again."""
    monkeypatch.setattr(module, "LARGE", 1 << 20)
    journal = SqliteJournal(path, durability="process")
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    log = journal._writer._log
    assert log._large == 1 << 20
    with sqlite3.connect(path, isolation_level=None) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM runs").fetchall()
        for number in range(1, 400):
            journal.write(run.id, epoch, [sample_value(run.id, number, stream=bytes(4000))])
        until(lambda: log._large == 2 << 20)
        reader.execute("COMMIT")
    reader.close()
    until(lambda: log._large == 1 << 20)
    size = wal(path).stat().st_size
    for number in range(400, 500):
        journal.write(run.id, epoch, [sample_value(run.id, number, stream=bytes(4000))])
    assert wal(path).stat().st_size == size
    journal.close()


def test_a_log_cut_anywhere_gives_the_commits_before_the_cut(path, tmp_path):
    """Promise 2: with room behind it or without, whole commits up to some point, and never half of one."""
    journal = SqliteJournal(path)
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    until(lambda: journal._writer._transactions.roomy)
    assert journal._writer._log.move()
    journal._writer._log.move = lambda **_: False  # the log is what is cut
    for seq in range(1, 61):
        journal.write(run.id, epoch, [sample_call(run.id, seq), sample_value(run.id, seq)])
    log, file = wal(path).read_bytes(), path.read_bytes()
    journal.close()
    assert len(log) >= module.ROOM
    end = len(log.rstrip(b"\0"))
    chance = random.Random(5)
    cuts = [chance.randrange(end + 1) for _ in range(40)] + [0, 31, 32, end, len(log)]
    found = []
    for number, cut in enumerate(cuts):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / "journal.db").write_bytes(file)
        rest = bytes(len(log) - cut) if number % 2 else b""
        (folder / "journal.db-wal").write_bytes(log[:cut] + rest)
        with open_store(folder) as store:
            assert store.journal.check() == "ok"
            seqs = [call.seq for call in store.journal.calls(run.id)]
            assert seqs == list(range(1, len(seqs) + 1))
            assert len(store.journal.value_ids()) == len(seqs)
            found.append((cut, len(seqs)))
            again = store.journal.claim(run, sample_session())
            store.journal.write(run.id, again, [sample_call(run.id, 99)])
        shutil.rmtree(folder)
    counts = [count for _, count in sorted(found)]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 60
    assert len(set(counts)) > 15


def test_a_log_that_cannot_be_looked_at_holds_nobody_up(path, at_once, monkeypatch):
    """Promise 2: moving the log is a matter of speed; whoever commits beside others gets an answer."""
    looked = threading.Event()

    def failing(_):
        looked.set()
        raise PermissionError(13, "no")

    journal = SqliteJournal(path)
    run = sample_run()
    epoch = journal.claim(run, sample_session())
    monkeypatch.setattr(module.Log, "due", lambda *_, **__: failing(0))
    monkeypatch.setattr(module.Log, "make_room", lambda *_: failing(0))
    journal.write(run.id, epoch, [sample_call(run.id, 1)])
    assert looked.wait(60)
    writers = [
        threading.Thread(target=journal.write, args=(run.id, epoch, [sample_call(run.id, seq)]))
        for seq in range(2, 10)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert sorted(call.seq for call in journal.calls(run.id)) == list(range(1, 10))
    journal.close()
