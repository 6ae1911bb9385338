"""Blobs among kills, full disks, and several processes at once."""

import os
import random
import shutil
import sys
from pathlib import Path

import pytest

from perdure.errors import StoreError
from perdure.store import failpoints
from perdure.store.directory import DirectoryBlobs

ROW = 3 << 20
ROWS = [random.Random(seed).randbytes(ROW) for seed in range(5)]
FIRST = b"".join(ROWS[:4])
SECOND = b"".join(ROWS)
"""With one row more."""

PUTS = f"""
import random
from perdure.store.directory import DirectoryBlobs
rows = [random.Random(seed).randbytes({ROW}) for seed in range(5)]
blobs = DirectoryBlobs(Path(sys.argv[1]))
def put(data):
    return blobs.put(memoryview(data).cast("B", (len(data) // {ROW}, {ROW})), durability=sys.argv[2])
"""


@pytest.fixture
def blobs(tmp_path):
    return DirectoryBlobs(tmp_path / "blobs")


def files_of(blobs):
    return [path for path in blobs.folder.rglob("*") if path.is_file() and path.parent != blobs.folder]


def temporaries(blobs):
    return list(blobs.folder.rglob(".tmp-*"))


def put(blobs, data):
    return blobs.put(memoryview(data).cast("B", (len(data) // ROW, ROW)))


STEPS = [
    *("blob.begun", "blob.written", "blob.synced", "blob.renamed", "blob.named", "ledger.appended"),
    *("recipe.begun", "recipe.written", "recipe.synced", "recipe.renamed", "recipe.named"),
]


def test_every_durable_step_of_a_blob_has_a_name(blobs, monkeypatch):
    """Promise 2: these are the steps at which the next test kills."""
    steps = []
    monkeypatch.setattr(failpoints, "hook", steps.append)
    put(blobs, FIRST)
    put(blobs, SECOND)
    blobs.put(b"small")
    assert set(steps) == set(STEPS)


@pytest.mark.parametrize(
    ("step", "time"), [*((step, 1) for step in STEPS), *((step, 2) for step in STEPS[:6])]
)
def test_a_kill_at_any_step_loses_nothing_that_was_acknowledged(blobs, start, monkeypatch, step, time):
    """Promise 2: names that were given out are whole, others are there whole or not at all."""
    monkeypatch.setenv("PERDURE_FAILPOINT", f"{step}:{time}")
    script = "print(put(b''.join(rows[:4])), flush=True); print(put(b''.join(rows)), flush=True)"
    writer = start(PUTS + script, blobs.folder, "power")
    told = writer.communicate(timeout=60)[0].split()
    assert writer.returncode == -9
    assert blobs.names() >= set(told)
    assert list(blobs.check()) == []
    for name, data in zip(told, (FIRST, SECOND), strict=False):
        assert bytes(DirectoryBlobs(blobs.folder).get(name)) == data
    blobs.sweep()
    assert temporaries(blobs) == []
    assert bytes(blobs.get(put(blobs, SECOND))) == SECOND
    assert list(blobs.check()) == []


def test_processes_that_put_the_same_at_once_agree(blobs, start):
    """Promise 9: nobody reads what another one has half written."""
    script = "print('ready', flush=True); sys.stdin.readline(); print(put(b''.join(rows[:4])), put(b''.join(rows)))"
    writers = [start(PUTS + script, blobs.folder, "process") for _ in range(3)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    told = [writer.communicate(timeout=60)[0].split() for writer in writers]
    assert told[0] == told[1] == told[2]
    assert [bytes(blobs.get(name)) for name in told[0]] == [FIRST, SECOND]
    assert list(blobs.check()) == []
    assert temporaries(blobs) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on file sizes")
@pytest.mark.parametrize("durability", ["power", "process"])
def test_a_disk_that_is_full_in_the_middle_of_a_blob_leaves_the_others(blobs, run, durability):
    """Promise 2: the error says so, what was half written is gone, and when there is room it goes on."""
    name = put(blobs, FIRST)
    script = """
import resource
def tell(data):
    try:
        print(put(data))
    except StoreFull as error:
        print(type(error).__name__)
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
tell(bytes(reversed(b''.join(rows))))
tell(b''.join(rows))
tell(rows[4])
print(len(blobs.get(sys.argv[3])), sum(1 for _ in Path(sys.argv[1]).rglob(".tmp-*")))
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
tell(b''.join(rows))
"""
    *full, left, again = run(PUTS + script, blobs.folder, durability, name)
    assert full == ["StoreFull"] * 3
    assert left == f"{len(FIRST)} 0"
    assert bytes(blobs.get(again)) == SECOND


def test_a_write_that_is_interrupted_leaves_nothing(blobs, monkeypatch):
    """Promise 2: the thread that hashes beside it has ended before the memory may change."""

    def interrupt(step):
        if step == "blob.written":
            raise KeyboardInterrupt

    monkeypatch.setattr(failpoints, "hook", interrupt)
    with pytest.raises(KeyboardInterrupt):
        put(blobs, FIRST)
    monkeypatch.undo()
    assert files_of(blobs) == temporaries(blobs) == []
    assert bytes(blobs.get(put(blobs, FIRST))) == FIRST


def mapped(path):
    return str(path) in Path("/proc/self/maps").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_with_restore_read_nothing_is_mapped(blobs):
    """Promise 3: `restore="read"` gives the same bytes in memory that is cheap to overwrite."""
    name = put(blobs, FIRST)
    path = blobs.folder / name[:2] / name
    view = blobs.get(name)
    assert mapped(path)
    del view
    view = DirectoryBlobs(blobs.folder, restore="read").get(name)
    assert not mapped(path)
    view[:3] = b"abc"
    assert bytes(view[3:]) == FIRST[3:]
    assert bytes(blobs.get(name)) == FIRST


@pytest.mark.skipif(sys.platform != "linux", reason="measures what Linux tells of memory")
def test_putting_takes_no_memory_for_the_data(blobs, run):
    """Promise 10: neither what is new nor what is known is copied."""
    script = """
import resource
data = [random.Random(seed).randbytes(16 << 20) for seed in range(4)]
data = [bytearray(b''.join(data[:4])), bytearray(b''.join([data[0], *data[:2], *data[3:]]))]
import mmap, numpy, blake3, xxhash, threading, ctypes
import perdure.store.blobs.putting
def anonymous():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))
from perdure.errors import StoreError
from perdure.store import failpoints
most = before = anonymous()
def look(step):
    global most
    most = max(most, anonymous())
failpoints.hook = look
names = [blobs.put(memoryview(part).cast("B", (4, 16 << 20)), durability="process") for part in (data[0], *data)]
print(most - before < 8 << 10, len(blobs.sources(names[-1])))
"""
    assert run(PUTS + script, blobs.folder, "process") == ["True 1"]


def test_a_folder_that_was_deleted_is_made_again(blobs):
    """Promise 2: what was known of its blobs is known no more."""
    put(blobs, FIRST)
    shutil.rmtree(blobs.folder)
    assert bytes(blobs.get(put(blobs, SECOND))) == SECOND


def test_a_store_that_was_deleted_is_not_made_again_for_a_blob(blobs):
    """Promise 2: no journal would refer to it; it is told instead."""
    put(blobs, FIRST)
    shutil.rmtree(blobs.folder.parent)
    with pytest.raises(StoreError, match="moved or deleted"):
        put(blobs, SECOND)
    assert not blobs.folder.parent.exists()


def test_a_child_that_was_forked_goes_on_by_itself(blobs):
    """Promise 9: it may put and get what its parent does."""
    mapped, pieced = put(blobs, FIRST), put(blobs, SECOND)
    views = [blobs.get(mapped), blobs.get(pieced)]
    child = os.fork()
    if child == 0:
        for view in views:
            view[:5] = b"child"
        other = bytes(reversed(FIRST))
        right = bytes(blobs.get(put(blobs, other))) == other and bytes(blobs.get(pieced)) == SECOND
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert [bytes(view) for view in views] == [FIRST, SECOND]
    assert list(blobs.check()) == []
