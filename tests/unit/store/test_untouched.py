"""Which mapped blobs count as untouched: those that the system shows to be so, and no others."""

import ctypes
import gc
import mmap
import os
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from perdure import codec
from perdure.codec import known
from perdure.store.blobs import untouched
from perdure.store.blobs.untouched import place_of
from perdure.store.directory import DirectoryBlobs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which pages were written")

PAGE = mmap.PAGESIZE
SIZE = 512 * PAGE
DATA = np.arange(SIZE // 8)


@pytest.fixture
def blobs(tmp_path):
    return DirectoryBlobs(tmp_path / "blobs")


@pytest.fixture
def name(blobs):
    known._kept.clear()
    return blobs.put(memoryview(DATA).cast("B"), durability="process")


@pytest.fixture
def view(blobs, name):
    return blobs.get(name)


def address(view):
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def lies(view, offset=0, length=SIZE):
    found = place_of(address(view) + offset, length)
    return None if found is None else (found.name, found.offset, found.length)


def test_what_nobody_wrote_is_known_by_the_blob_that_it_is_part_of(view, name):
    """Promise 10: also after it was read, wherever the part begins."""
    assert lies(view) == (name, 0, SIZE)
    assert bytes(view) == DATA.tobytes()
    assert lies(view) == (name, 0, SIZE)
    assert lies(view, 100, PAGE) == (name, 100, PAGE)


def test_a_page_that_was_written_is_not_known_and_the_others_are(view, name):
    """Promise 1: it is the write that counts, not what was written."""
    view[3 * PAGE + 5] = view[3 * PAGE + 5]
    assert lies(view) is None
    assert lies(view, 3 * PAGE, 1) is None
    assert lies(view, 2 * PAGE + 100, PAGE) is None
    assert lies(view, 0, 3 * PAGE) == (name, 0, 3 * PAGE)
    assert lies(view, 4 * PAGE, PAGE) == (name, 4 * PAGE, PAGE)


def test_what_reaches_beyond_the_blob_is_not_known(view):
    """Promise 1: what lies behind is somebody else's."""
    assert lies(view, PAGE, SIZE) is None
    assert place_of(address(view) - 8, 16) is None


def test_other_memory_is_never_known(blobs, view):
    """Promise 1: also where no page of it was ever written, and where a blob was read into it."""
    empty = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    assert lies(memoryview(empty)) is None
    reading = DirectoryBlobs(blobs.folder, restore="read")
    assert lies(reading.get(next(iter(blobs.names())))) is None


def test_memory_that_took_the_place_of_a_mapping_is_not_known(blobs, name):
    """Promise 1: an address is told anew."""
    view = blobs.get(name)
    start, gone = address(view), weakref.ref(view.obj)
    del view
    gc.collect()
    assert gone() is None, "nothing keeps a mapping alive"
    assert place_of(start, SIZE) is None


def test_a_child_has_pages_of_its_own(view, name):
    """Promise 1: what a forked child writes is seen there and not here, and what was written before it, there too."""
    view[0] = 1
    child = os.fork()
    if child == 0:
        ok = lies(view, 0, 1) is None and lies(view, PAGE, PAGE) == (name, PAGE, PAGE)
        view[PAGE] = 1
        os._exit(0 if ok and lies(view, PAGE, PAGE) is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert lies(view, PAGE, PAGE) == (name, PAGE, PAGE)


def test_a_file_that_changed_under_the_mapping_is_not_known(blobs, name, view):
    """Promise 8: what shows through is not what was stored."""
    assert lies(view)
    with (blobs.folder / name[:2] / name).open("r+b") as file:
        file.write(b"x")
    assert view[0] == ord("x")
    assert lies(view) is None


def test_a_file_that_took_the_place_of_the_mapped_one_is_not_believed(blobs, name, view):
    """Promise 8: the other one may be right, and the one that is mapped no more."""
    blobs.remove([name])
    assert lies(view) is None
    blobs.put(memoryview(DATA).cast("B"), durability="process")
    assert lies(view) is None
    assert lies(blobs.get(name)) == (name, 0, SIZE)


def test_storing_it_again_leaves_it_known(blobs, name, view):
    """Promise 10: a blob that is put again is made young, which changes its file's times."""
    blobs.put(view, durability="process")
    assert lies(view) == (name, 0, SIZE)


def test_nothing_is_known_where_each_load_is_verified(blobs, name):
    """Promise 8: who asks for that does not want to believe."""
    assert lies(DirectoryBlobs(blobs.folder, verify="full").get(name)) is None


@pytest.mark.parametrize("tells", ["nothing", "that no page is there", "too little"])
def test_a_system_that_does_not_tell_the_truth_is_not_asked(tmp_path, monkeypatch, view, tells):
    """Promise 1: systems that only look like Linux have such a file, and may say anything in it."""
    file = tmp_path / "pagemap"
    if tells != "nothing":
        file.touch()
    if tells == "that no page is there":
        os.truncate(file, 1 << 43)
    monkeypatch.setattr(untouched, "_PAGEMAP", str(file))
    untouched._is_told_truly.cache_clear()
    try:
        assert lies(view) is None
    finally:
        untouched._is_told_truly.cache_clear()


def test_a_write_while_the_bytes_are_read_is_not_kept_as_theirs(view):
    """Promise 1: what another thread writes between two looks spoils no later digest."""

    def told():
        return lies(view)

    def find():
        writer = threading.Thread(target=view.__setitem__, args=(0, 9))
        writer.start()
        writer.join()
        return "of changed bytes"

    assert known.remembered(told, find) == "of changed bytes"
    assert not known._kept


def test_a_write_while_the_bytes_are_hashed_is_not_noted(blobs, view):
    """Promise 1: nor for other processes."""
    start = address(view)

    def find():
        view[0] = 9
        return b"of changed bytes"

    assert known.hash_of(start, start + SIZE, find) == b"of changed bytes"
    assert not (blobs.folder / "hashes").exists()


@pytest.mark.parametrize("shape", [(-1,), (2, -1)])
def test_digests_are_kept_and_values_are_not(blobs, name, shape):
    """Promise 10: a digest outlives the array that it was found of, and does not keep it."""

    def array():
        return np.frombuffer(blobs.get(name), "i8").reshape(shape).T

    first, made = codec.digest(array()), array()
    gone = weakref.ref(made)
    assert codec.digest(made) == first == codec.digest(DATA.reshape(shape).T)
    del made
    gc.collect()
    assert gone() is None


def pages_there(view):
    """How many pages of the mapping were brought into this process."""
    with Path("/proc/self/pagemap").open("rb") as file:
        file.seek(address(view) // PAGE * 8)
        return sum(last & 0x80 > 0 for last in file.read(SIZE // PAGE * 8)[7::8])


def test_what_was_hashed_before_need_not_even_be_read(blobs, name):
    """Promise 10: in another process, too, a restored notebook pays for the pages that it uses."""
    first = codec.digest(np.frombuffer(blobs.get(name), "i8"))
    view = DirectoryBlobs(blobs.folder).get(name)
    assert codec.digest(np.frombuffer(view, "i8")) == first == codec.digest(DATA)
    assert pages_there(view) == 0


def test_what_was_restored_and_nobody_changed_is_stored_again_without_a_look(blobs, name):
    """Promise 10: it is there, whole and as young as new."""
    file = blobs.folder / name[:2] / name
    os.utime(file, (1, 1))
    view = blobs.get(name, verify=True)
    view = blobs.get(name)
    assert blobs.put(view, durability="power") == name
    assert pages_there(view) == 0
    assert file.stat().st_mtime > 1


def test_a_part_or_a_changed_copy_of_what_was_restored_is_stored_by_its_content(blobs, name, view):
    """Promise 4: what is put comes back as it was."""
    half = blobs.put(view[: SIZE // 2], durability="process")
    view[7] = 1
    changed = blobs.put(view, durability="process")
    assert len({name, half, changed}) == 3
    assert blobs.get(half) == DATA.tobytes()[: SIZE // 2]
    assert blobs.get(changed) == bytes(view)
    assert blobs.get(name) == DATA.tobytes()


def test_restored_memory_whose_blob_is_gone_is_stored_anew(blobs, name, view):
    """Promise 2: what was collected below a live value is not taken to be there."""
    blobs.remove([name])
    assert blobs.put(view, durability="process") == name
    assert blobs.get(name) == DATA.tobytes()


@pytest.mark.parametrize("spoil", [lambda line: line[:-1], lambda line: line[1:], lambda line: line[::-1]])
def test_a_note_that_was_cut_or_spoilt_is_not_believed(blobs, name, spoil):
    """Promise 1: the bytes are hashed then."""
    first = codec.digest(np.frombuffer(blobs.get(name), "i8"))
    file = blobs.folder / "hashes"
    file.write_text(spoil(file.read_text().strip()) + "\n")
    view = DirectoryBlobs(blobs.folder).get(name)
    assert codec.digest(np.frombuffer(view, "i8")) == first
    assert pages_there(view) > 0


def test_each_digit_of_a_note_counts(blobs, name):
    """Promise 1: one bit that flips on a disk makes no other digest."""
    first = codec.digest(np.frombuffer(blobs.get(name), "i8"))
    file = blobs.folder / "hashes"
    line = file.read_text().strip()
    for at in range(len(line)):
        file.write_text(f"{line[:at]}{'1' if line[at] == '0' else '0'}{line[at + 1 :]}\n")
        assert codec.digest(np.frombuffer(DirectoryBlobs(blobs.folder).get(name), "i8")) == first


def test_what_is_known_of_a_blob_goes_with_it(blobs, name):
    """Promise 10: the notes do not grow with what was collected."""
    other = blobs.put(memoryview(DATA + 1).cast("B"), durability="process")
    for each in (name, other):
        codec.digest(np.frombuffer(blobs.get(each), "i8"))
    blobs.remove([other])
    blobs.sweep()
    assert [line[:64] for line in (blobs.folder / "hashes").read_text().split()] == [name]


def test_the_number_of_digests_and_of_mappings_in_mind_is_bounded(blobs, name, monkeypatch):
    """Promise 10: neither grows with what was restored."""
    monkeypatch.setattr(known, "_MOST", 3)
    view = blobs.get(name)
    for at in range(10):
        known.remembered(lambda at=at: (lies(view), at), lambda: b"digest")
        assert len(known._kept) <= 3
    for _ in range(2500):
        blobs.get(name)
    assert len(untouched._mappings) <= 1500
    assert lies(view)


def test_threads_find_the_same(blobs, name):
    """Promise 1: while others map, write and let go."""
    first, found = codec.digest(DATA), []

    def work():
        for at in range(30):
            array = np.frombuffer(blobs.get(name), "i8")
            found.append(codec.digest(array) == first)
            array[at] += 1
            found.append(codec.digest(array) != first)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [True] * 240
