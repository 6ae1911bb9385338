"""A store that cannot be used is told apart by cause, and left as it was."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest

from perdure.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly, StoreTooNew
from perdure.store import open_store
from perdure.testing import sample_call, sample_run, sample_session, sample_value


def fill(store, calls=3):
    run = sample_run()
    epoch = store.journal.claim(run, sample_session())
    store.journal.write(run.id, epoch, [sample_call(run.id, seq) for seq in range(1, calls + 1)])
    return run.id, epoch


def bytes_of(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("journal.db*")}


# -- read-only -------------------------------------------------------------------------------------------


@pytest.fixture
def sealed():
    """A folder below which everything is made read-only, for a user that permissions bind."""
    base = Path(tempfile.mkdtemp())
    base.chmod(0o755)

    def seal():
        for path in (base, *base.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        return base

    yield base, seal
    for path in (base, *base.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.rmtree(base)


AS_NOBODY = """
import pytest, sqlite3, jupyter_core.paths, urllib.parse
import perdure.store.gc, perdure.store.directory, perdure.store.sqlite, perdure.store.location, filelock, blake3, ormsgpack
if os.geteuid() == 0:
    os.setuid(65534)
def tell(work):
    try:
        print(work())
    except PerdureError as error:
        print(type(error).__name__)
"""

LOOK = """
store = open_store(sys.argv[1])
run = store.journal.runs()[0]
tell(lambda: len(store.journal.calls(run.id)))
tell(lambda: store.owner(run.id))
tell(lambda: bytes(store.blobs.get(sys.argv[2])))
tell(lambda: store.journal.write(run.id, run.epoch, [sample_call(run.id, 9)]))
tell(lambda: store.blobs.put(b"new"))
tell(lambda: store.lock(run))
tell(lambda: perdure.store.gc.collect(store))
"""


def test_a_read_only_store_can_be_listed_and_refuses_writes(sealed, run):
    """Bad input: the sentence says read-only, and what was kept can still be looked at."""
    base, seal = sealed
    with open_store(base / ".perdure") as store:
        fill(store)
        name = store.blobs.put(b"kept")
    before = bytes_of(base / ".perdure")
    seal()
    assert run(AS_NOBODY + LOOK, base / ".perdure", name) == ["3", "None", "b'kept'", *["StoreReadOnly"] * 4]
    assert bytes_of(base / ".perdure") == before


def test_a_read_only_store_of_a_killed_process_shows_its_last_writes(sealed, run, start):
    """Promise 2: what lies in the write-ahead log is seen, though nobody can move it into the file."""
    base, seal = sealed
    writer = start(
        "store = open_store(sys.argv[1]); r = sample_run(); e = store.journal.claim(r, sample_session())\n"
        "store.journal.write(r.id, e, [sample_call(r.id, 1)])\n"
        "print(store.blobs.put(b'kept'), flush=True); sys.stdin.read()",
        base / ".perdure",
    )
    name = writer.stdout.readline().strip()
    writer.kill()
    writer.wait()
    assert (base / ".perdure" / "journal.db-wal").stat().st_size
    seal()
    assert run(AS_NOBODY + LOOK, base / ".perdure", name) == ["1", "None", "b'kept'", *["StoreReadOnly"] * 4]


def test_a_store_cannot_be_made_in_a_read_only_folder(sealed, run):
    base, seal = sealed
    seal()
    script = AS_NOBODY + "tell(lambda: open_store(sys.argv[1]))"
    assert run(script, base / ".perdure") == ["StoreReadOnly"]


def test_reading_makes_nothing(tmp_path):
    with pytest.raises(StoreError, match=r"there is no journal\.db"):
        open_store(tmp_path / "none", readonly=True)
    assert not (tmp_path / "none").exists()


def test_a_store_opened_for_reading_refuses_writes(store, folder):
    run, epoch = fill(store)
    with open_store(folder, readonly=True) as reader:
        assert len(reader.journal.calls(run)) == 3
        with pytest.raises(StoreReadOnly, match="read-only"):
            reader.journal.write(run, epoch, [])


# -- full ------------------------------------------------------------------------------------------------

FILL = """
store = open_store(sys.argv[1], durability="process")
run = sample_run()
epoch = store.journal.claim(run, sample_session())
kept = 0
try:
    while True:
        store.journal.write(run.id, epoch, [sample_call(run.id, kept + 1, source=os.urandom(20000).hex())])
        kept += 1
except StoreFull as error:
    assert "perdure gc" in str(error)
try:
    store.blobs.put(os.urandom(8 << 20))
except StoreFull:
    print(kept, len(store.journal.calls(run.id)), store.journal.check(), flush=True)
"""


def check_full(lines, folder):
    kept, seen, sound = lines[-1].split()
    assert int(kept) > 5
    assert (int(seen), sound) == (int(kept), "ok")
    assert not [path for path in folder.rglob("*") if path.name.startswith(".tmp-")]


def test_a_limit_on_file_sizes_is_told_as_a_full_store(folder, run):
    """Bad input: full; every acknowledged write is there, and no half-written file is left."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
    check_full(run(limit + FILL, folder), folder)
    with open_store(folder) as store:  # without the limit it goes on
        store.journal.write("r_00000001", 1, [sample_call("r_00000001", 9999)])
        assert store.journal.check() == "ok"


def test_a_full_disk_is_told_as_a_full_store(tmp_path, run):
    """Bad input: full, on a disk that really is."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this account may not mount a small disk; the limit on file sizes is tested in any case")
    try:
        check_full(run(FILL, disk / ".perdure"), disk)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_store_on_a_disk_without_any_room_is_read_and_told_as_full(tmp_path):
    """Bad input: not even room for what SQLite needs to open it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with open_store(tmp_path / "store") as store:
        fill(store)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this account may not mount a small disk")
    try:
        shutil.copytree(tmp_path / "store", disk / "store")
        with contextlib.suppress(OSError), (disk / "rest").open("wb", buffering=0) as rest:
            while rest.write(bytes(4096)):
                pass
        with open_store(disk / "store") as store:
            assert len(store.journal.calls("r_00000001")) == 3
            with pytest.raises(StoreFull):
                fill(store)
    finally:
        subprocess.run(["umount", disk], check=True)


# -- locked, newer, damaged ------------------------------------------------------------------------------


def test_a_store_that_another_process_holds_is_busy(store, folder, start, monkeypatch):
    """Bad input: the sentence tells how long it waited; afterwards the same write goes through."""
    run, epoch = fill(store)
    holder = start(
        "import sqlite3; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE')\n"
        "print('held', flush=True); sys.stdin.readline(); c.execute('ROLLBACK'); print('free', flush=True)",
        folder / "journal.db",
    )
    assert holder.stdout.readline() == "held\n"
    monkeypatch.setenv("PERDURE_BUSY_TIMEOUT", "0.2")
    with open_store(folder) as second:
        with pytest.raises(StoreBusy, match=r"for 0\.2 s; nothing was written"):
            second.journal.write(run, epoch, [sample_call(run, 9)])
        assert len(second.journal.calls(run)) == 3
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "free\n"
        second.journal.write(run, epoch, [sample_call(run, 9)])
        assert len(store.journal.calls(run)) == 4


def test_a_timeout_that_is_no_number_is_named(folder, monkeypatch):
    monkeypatch.setenv("PERDURE_BUSY_TIMEOUT", "soon")
    with pytest.raises(StoreError, match="PERDURE_BUSY_TIMEOUT is 'soon'"):
        open_store(folder)


def test_a_newer_store_is_left_untouched(folder):
    """Bad input: a newer version."""
    open_store(folder).close()
    change(folder, "PRAGMA user_version = 99")
    before = bytes_of(folder)
    with pytest.raises(StoreTooNew, match="schema 99, this version reads up to 4"):
        open_store(folder)
    assert bytes_of(folder) == before


def change(folder, statement):
    connection = sqlite3.connect(folder / "journal.db", isolation_level=None)
    connection.execute(statement)
    connection.close()


def garbage(path):
    path.write_bytes(b"this is no journal" * 500)


def nothing(path):
    path.write_bytes(b"")


def another_program(path):
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.close()


@pytest.mark.parametrize("damage", [garbage, nothing, another_program])
def test_what_is_not_a_journal_is_left_untouched(folder, damage):
    """Bad input: damaged from the first byte on."""
    open_store(folder).close()
    damage(folder / "journal.db")
    before = bytes_of(folder)
    with pytest.raises(StoreDamaged, match="left untouched"):
        open_store(folder)
    assert bytes_of(folder) == before


def test_damage_inside_is_told_when_it_is_met(folder):
    """Bad input: damaged in the middle; the journal's own check tells it too."""
    with open_store(folder) as store:
        run, _ = fill(store, calls=200)
    path = folder / "journal.db"
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 200] = os.urandom(200)
    path.write_bytes(data)
    before = bytes_of(folder)["journal.db"]
    with open_store(folder) as store:
        assert store.journal.check() != "ok"
        with pytest.raises(StoreDamaged):
            store.journal.calls(run)
    assert bytes_of(folder)["journal.db"] == before


def test_a_journal_that_is_moved_while_open_takes_no_writes(store, folder):
    """Promise 2: what is acknowledged is in the store, not in a file that nobody finds again."""
    run, epoch = fill(store)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(StoreError, match="moved or deleted"):
        store.journal.write(run, epoch, [sample_call(run, 9)])
    folder.with_name("elsewhere").rename(folder)
    store.journal.write(run, epoch, [sample_call(run, 9)])


def test_a_write_that_is_too_large_does_not_take_others_down(folder, run):
    """Promise 2: of writes that share a commit, only the one that does not fit is refused."""
    script = """
import resource, threading
store = open_store(sys.argv[1], durability="process")
run = sample_run()
epoch = store.journal.claim(run, sample_session())
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
begun, gate = threading.Event(), threading.Event()
refused = []
def write(seq, size):
    try:
        store.journal.write(run.id, epoch, [sample_call(run.id, seq, source="x" * size)])
    except StoreFull:
        refused.append(seq)
def block(connection):
    begun.set()
    gate.wait(60)
threads = [threading.Thread(target=write, args=[seq, (4 << 20) if seq == 2 else 10]) for seq in (1, 2, 3)]
blocker = threading.Thread(target=store.journal._writer.do, args=[block], kwargs={"power": False})
blocker.start()
begun.wait(60)
for thread in threads: thread.start()
while len(store.journal._writer._line) < 3: time.sleep(0.001)
gate.set()
for thread in (blocker, *threads): thread.join()
print(refused, [call.seq for call in store.journal.calls(run.id)])
"""
    assert run(script, folder) == ["[2] [1, 3]"]


def test_a_failure_without_a_name_is_still_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(tmp_path / "file" / ".perdure")


def test_a_full_store_is_told_from_every_door():
    """Bad input: full and read-only are recognised by what the system says, whoever says it."""
    import errno

    from perdure.store.failures import from_system

    kinds = {
        errno.ENOSPC: StoreFull,
        errno.EFBIG: StoreFull,
        errno.EDQUOT: StoreFull,
        errno.EROFS: StoreReadOnly,
    }
    for number, kind in kinds.items():
        assert type(from_system(OSError(number, "x"), "p")) is kind


@pytest.mark.parametrize(
    ("statement", "look"),
    [
        ("UPDATE runs SET created = 'never'", lambda store: store.journal.runs()),
        ("UPDATE calls SET took = 'long'", lambda store: store.journal.calls("r_00000001")),
        ("UPDATE calls SET bytes = x'00'", lambda store: store.journal.calls("r_00000001")),
        ("UPDATE stored_values SET buffers = x'05'", lambda store: store.journal.blob_names()),
    ],
)
def test_a_column_that_holds_another_kind_of_thing_is_told(folder, statement, look):
    """SQLite keeps anything in any column: a store of somebody else's may hold it."""
    with open_store(folder) as store:
        run, epoch = fill(store)
        store.journal.write(run, epoch, [sample_value(run, 1)])
    with sqlite3.connect(folder / "journal.db") as connection:
        assert connection.execute(statement).rowcount > 0
    with open_store(folder) as store, pytest.raises(StoreDamaged, match="a record cannot be read"):
        look(store)
