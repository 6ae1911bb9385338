"""Blobs in files: born whole, verified, mapped."""

import os
import random
from pathlib import Path

import pytest

from perdure.errors import Damaged
from perdure.store import files
from perdure.store.blobs import hashing, seen
from perdure.store.directory import MAPPED, DirectoryBlobs

BIG = b"0123456789abcdef" * (MAPPED // 16)
LARGE = random.Random(1).randbytes(9 << 20)  # of a size to be known again in pieces


@pytest.fixture
def blobs(tmp_path):
    return DirectoryBlobs(tmp_path / "blobs")


def path_of(blobs, name):
    return blobs.folder / name[:2] / name


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    os.truncate(path, path.stat().st_size - 1)


def grow(path):
    path.write_bytes(path.read_bytes() + b"x")


@pytest.mark.parametrize("data", [b"small", BIG])
@pytest.mark.parametrize("damage", [flip, cut, grow])
def test_altered_bytes_are_refused(blobs, data, damage):
    """Promise 8: by a process that never saw the blob, and by the one that put it."""
    name = blobs.put(data)
    damage(path_of(blobs, name))
    for reader in (blobs, DirectoryBlobs(blobs.folder)):
        with pytest.raises(Damaged, match=rf"blob {name[:12]} is damaged.*(?s:.*)--redo"):
            reader.get(name)


@pytest.mark.parametrize("damage", [flip, cut, grow])
def test_putting_the_bytes_again_mends_a_damaged_blob(blobs, damage):
    """Promise 8: the advice of the error, to run the step again, leads out of it."""
    name = blobs.put(BIG)
    damage(path_of(blobs, name))
    with pytest.raises(Damaged):
        blobs.get(name)
    assert blobs.put(BIG) == name
    assert bytes(DirectoryBlobs(blobs.folder).get(name)) == BIG


@pytest.fixture
def hashed(monkeypatch):
    """The sizes of what is hashed to verify it."""
    sizes = []
    name_of = hashing.name_of
    monkeypatch.setattr(hashing, "name_of", lambda view: sizes.append(len(view)) or name_of(view))
    return sizes


@pytest.mark.parametrize("data", [b"small", BIG])
def test_what_was_put_is_not_hashed_again_until_its_file_changes(blobs, data, hashed):
    """Promise 10: in no process, as long as size, times and inode are the same."""
    name = blobs.put(data)
    DirectoryBlobs(blobs.folder).get(name)
    assert hashed == []
    os.utime(path_of(blobs, name), ns=(1, 1))
    DirectoryBlobs(blobs.folder).get(name)
    DirectoryBlobs(blobs.folder).get(name)
    assert hashed == [len(data)]


@pytest.mark.parametrize("durability", ["power", "process"])
def test_after_a_start_of_the_machine_each_blob_is_hashed_once(blobs, hashed, monkeypatch, durability):
    """Promise 8: a disk may have lost or changed what was thought to be on it."""
    name = blobs.put(BIG, durability=durability)
    monkeypatch.setattr(seen, "boot", lambda: "another")
    for _ in range(2):
        DirectoryBlobs(blobs.folder).get(name)
    assert hashed == [len(BIG)]
    flip(path_of(blobs, name))
    with pytest.raises(Damaged):
        DirectoryBlobs(blobs.folder).get(name)


def test_a_change_that_puts_the_time_back_is_seen(blobs):
    """Promise 8: the system's own time of the change cannot be set."""
    name = blobs.put(BIG)
    path = path_of(blobs, name)
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(Damaged):
        blobs.get(name)


def test_what_is_verified_on_request_is_hashed_each_time_and_read(blobs, hashed):
    """Promise 8: streams are unpickled, so nobody may change them after the look."""
    name = blobs.put(BIG)
    for _ in range(2):
        assert type(blobs.get(name, verify=True).obj) is bytearray
    assert hashed == [len(BIG)] * 2


def test_with_full_verification_each_load_hashes(blobs, hashed):
    """Promise 8: `verify="full"` believes nothing; what it finds is known to the others."""
    name = blobs.put(BIG)
    careful = DirectoryBlobs(blobs.folder, verify="full")
    careful.get(name)
    careful.get(name)
    assert hashed == [len(BIG)] * 2


def test_a_torn_note_of_what_was_seen_costs_no_other(blobs, hashed):
    """Promise 2: a process may be killed in the middle of its note."""
    first = blobs.put(BIG)
    [notes] = blobs.folder.glob("seen-*")
    notes.write_bytes(notes.read_bytes()[:-10])
    second = DirectoryBlobs(blobs.folder).put(BIG[1:])
    reader = DirectoryBlobs(blobs.folder)
    reader.get(second)
    assert hashed == []
    reader.get(first)
    assert hashed == [len(BIG)]


@pytest.mark.parametrize(
    "spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"\xff\n+12 \n\n:")]
)
def test_notes_may_be_lost_or_spoiled(blobs, spoil):
    """Promise 2: they save time and hold nothing else."""
    name = blobs.put(LARGE)
    for notes in (blobs.folder / "chunks", *blobs.folder.glob("seen-*")):
        spoil(notes)
    again = DirectoryBlobs(blobs.folder)
    assert bytes(again.get(name)) == LARGE
    assert again.put(LARGE) == name
    assert DirectoryBlobs(blobs.folder).sources(again.put(LARGE + b"x")) >= {name}


def test_sweeping_prunes_the_notes(blobs, monkeypatch):
    """Promise 10: what is kept in mind does not grow with history."""
    gone, kept = blobs.put(LARGE), blobs.put(BIG)
    chunks = blobs.folder / "chunks"
    assert gone in chunks.read_text()
    blobs.remove([gone])
    blobs.sweep()
    assert gone not in chunks.read_text()
    assert kept in chunks.read_text()
    monkeypatch.setattr(seen, "boot", lambda: "another")
    DirectoryBlobs(blobs.folder).sweep()
    assert not list(blobs.folder.glob("seen-*"))


def test_what_this_process_put_is_not_read_again_to_verify_it(blobs, hashed):
    """Promise 10: also when the same bytes are put twice."""
    name = blobs.put(BIG)
    blobs.put(BIG)
    hashed.clear()
    blobs.get(name)
    assert hashed == []


def test_the_same_bytes_are_not_written_again(blobs):
    """Promise 10: no new file, but as young as a new one."""
    name = blobs.put(BIG)
    inode = path_of(blobs, name).stat().st_ino
    os.utime(path_of(blobs, name), (1, 1))
    blobs.put(BIG)
    assert path_of(blobs, name).stat().st_ino == inode
    assert path_of(blobs, name).stat().st_mtime > 1


def test_a_large_blob_is_mapped_and_a_write_to_it_stays_private(blobs):
    """Promise 3: the value can be changed as before, and the checkpoint stays what it is."""
    name = blobs.put(BIG)
    view = blobs.get(name)
    assert type(view.obj).__name__ == "mmap"
    view[:5] = b"other"
    assert path_of(blobs, name).read_bytes() == BIG


def test_without_descriptors_left_a_large_blob_is_read(blobs, run, monkeypatch):
    """Promise 3: a thousand mapped blobs do not end in "too many open files"."""
    name = blobs.put(BIG)
    script = """
import resource
from perdure.store.directory import DirectoryBlobs
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
blobs = DirectoryBlobs(Path(sys.argv[1]))
views = [blobs.get(sys.argv[2]) for _ in range(100)]
print(len({bytes(view) for view in views}))
"""
    assert run(script, blobs.folder, name) == ["1"]


def test_a_put_that_is_killed_leaves_no_blob(blobs, start):
    """Promise 2: only a temporary file, which is no blob, and which is swept away."""
    script = """
from perdure.store.directory import DirectoryBlobs
def die(temporary, path):
    os.kill(os.getpid(), 9)
Path.replace = die
DirectoryBlobs(Path(sys.argv[1])).put(b"x" * 5000)
"""
    writer = start(script, blobs.folder)
    assert writer.wait() == -9
    assert blobs.names() == set()
    assert blobs.sweep(before=0.0) == 0
    assert blobs.sweep() == 5000
    assert not [path for path in blobs.folder.rglob("*") if path.is_file()]


def test_bytes_and_names_are_synced_before_put_returns(blobs, monkeypatch):
    """Promise 2: file and folders, with "power" only; a blob that was put without is synced later."""
    synced = []
    monkeypatch.setattr(
        files, "sync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    name = blobs.put(b"abc", durability="process")
    synced.clear()
    blobs.put(b"abc", durability="process")
    assert synced == []
    blobs.put(b"abc")
    assert synced == [str(path_of(blobs, name)), str(path_of(blobs, name).parent)]
    synced.clear()
    blobs.put(b"other")
    assert [".tmp-" in path for path in synced] == [False, True, False]  # new folder's parent, bytes, name


def test_blobs_are_private_to_the_user(blobs):
    """Promise 9: nobody else on the machine reads them."""
    name = blobs.put(b"abc")
    assert path_of(blobs, name).stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (blobs.folder, blobs.folder / name[:2])} == {0o700}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_or_a_device_in_the_place_of_a_blob_is_neither_waited_for_nor_read(blobs):
    """Promise 8: whoever made the store may have put one there."""
    name = blobs.put(BIG)
    path = path_of(blobs, name)
    for put in (os.mkfifo, lambda place: place.symlink_to("/dev/zero")):
        path.unlink()
        put(path)
        with pytest.raises(Damaged, match="a pipe or a device"):
            blobs.get(name)
