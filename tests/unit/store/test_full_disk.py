"""On a disk without any room, collecting makes some, and what could not be written can be written then."""

import contextlib
import os
import subprocess
from dataclasses import replace

import pytest

from perdure.cli import main
from perdure.errors import StoreFull
from perdure.store import open_store, reserve
from perdure.store.forgetting import Limits
from perdure.store.gc import collect
from perdure.testing import sample_call, sample_message, sample_run, sample_session, sample_value


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this account may not mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(path):
    """Leave no byte free on a disk."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as rest:
        while rest.write(bytes(4096)):
            pass


def make(folder, *, garbage):
    """A store with four finished runs, each of half a million bytes, and garbage if that is wished."""
    with open_store(folder) as store:
        for number in range(1, 5):
            run = sample_run(number, kind="function", state="done", finished=float(number))
            store.journal.claim(run, sample_session())
            blob = store.blobs.put(os.urandom(500_000))
            value = sample_value(run.id, number, role="result", stream=b"", buffers=(blob,))
            calls = [sample_call(run.id, seq, id=f"c_{number}{seq:05x}") for seq in range(50)]
            store.journal.write(run.id, 1, [replace(run, result=value.id), value, *calls])
        if garbage:
            store.blobs.put(b"garbage" * 100_000)


def test_what_nothing_needs_goes_first_and_makes_room_to_forget(disk, capsys):
    """Promise 2: not a byte is free; what stays is whole."""
    make(disk / "store", garbage=True)
    fill(disk / "rest")
    with pytest.raises(OSError, match="No space"):
        (disk / "more").write_bytes(b"x" * 10_000)
    assert main(["--store", str(disk / "store"), "gc", "--keep", "1"]) == 0
    assert "Forgot 3 runs" in capsys.readouterr().out
    with open_store(disk / "store") as store:
        assert [run.id for run in store.journal.runs()] == ["r_00000004"]
        assert store.journal.check() == "ok"
        assert len(store.blobs.names()) == 1


def test_the_reserve_makes_room_where_there_is_nothing_else_to_go(disk, capsys):
    """Promise 2: without it, nothing could be noted as forgotten; it is put aside again afterwards."""
    make(disk / "store", garbage=False)
    reserve.put_aside(disk / "store")
    assert (disk / "store" / reserve.NAME).stat().st_size == reserve.SIZE
    fill(disk / "rest")
    assert main(["--store", str(disk / "store"), "gc", "--keep", "1"]) == 0
    assert "Forgot 3 runs: flights 3." in capsys.readouterr().out
    assert not (disk / "store" / reserve.NAME).exists(), "the disk has not plenty of room yet"
    (disk / "rest").unlink()
    with open_store(disk / "store") as store:
        collect(store)
    assert (disk / "store" / reserve.NAME).exists()


def test_a_store_that_was_opened_on_a_full_disk_is_written_once_there_is_room(disk):
    """Promise 2: a kernel that began there goes on without a restart."""
    make(disk / "store", garbage=False)
    fill(disk / "rest")
    with open_store(disk / "store") as store:
        assert len(store.journal.runs()) == 4
        run = sample_run(9)
        message, seen = sample_message("r_00000004"), [store.journal.changes()]
        for work in (
            lambda: store.journal.claim(run, sample_session()),
            lambda: store.journal.post(message),
            lambda: store.journal.drop_messages([message.id]),
            store.journal.uncache,
        ):
            with pytest.raises(StoreFull):
                work()
        assert len(store.journal.runs()) == 4
        assert store.journal.messages() == []
        (disk / "rest").unlink()
        for _ in range(5):
            store.journal.post(message)
            seen.append(store.journal.changes())
        assert len(set(seen)) == 6
        assert store.journal.messages() == [message]
        epoch = store.journal.claim(run, sample_session())
        store.journal.write(run.id, epoch, [sample_call(run.id)])
        assert len(store.journal.calls(run.id)) == 1
        assert len(store.journal.runs()) == 5


def test_what_is_too_much_for_the_disk_at_once_is_forgotten_bit_by_bit(folder, monkeypatch):
    """Promise 2: each bit makes room for the next; the figures are those of all."""
    make(folder, garbage=False)
    with open_store(folder) as store:
        told = collect(store, Limits(keep=1), dry_run=True)
        forget = store.journal.forget

        def narrow(runs):
            if len(runs) > 1:
                raise StoreFull(path=str(folder))
            forget(runs)

        monkeypatch.setattr(store.journal, "forget", narrow)
        assert collect(store, Limits(keep=1)) == told
        assert told.bytes == 1_500_000


def test_a_disk_with_room_keeps_its_reserve(folder):
    make(folder, garbage=False)
    reserve.put_aside(folder)
    kept = (folder / reserve.NAME).read_bytes()
    reserve.put_aside(folder)
    reserve.release(folder)
    assert (folder / reserve.NAME).read_bytes() == kept
