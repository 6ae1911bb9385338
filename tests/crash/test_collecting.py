"""Promise 2: a collection takes nothing that is needed, wherever it is killed and whoever writes beside it."""

import os
import subprocess
import sys
import threading

import pytest

from perdure import codec
from perdure.store import open_store
from perdure.store.directory import DirectoryBlobs
from perdure.store.files import folder_held
from perdure.store.forgetting import Limits
from perdure.store.gc import collect
from perdure.store.records import Place
from perdure.testing import sample_call, sample_run, sample_session

KILLED = """
import os, shutil, sys
from pathlib import Path
from perdure.store import failpoints, open_store
from perdure.store.forgetting import Limits
from perdure.store.gc import collect

template, places = Path(sys.argv[1]), Path(sys.argv[2])
number, status = 0, 9
while status == 9:
    number += 1
    folder = places / str(number)
    shutil.copytree(template, folder)
    child = os.fork()
    if not child:
        with open_store(folder) as store:
            failpoints.hook = failpoints.killing(f"*:{number}")
            collect(store, Limits(keep=1, old_versions=True))
        os._exit(0)
    status = os.waitpid(child, 0)[1] & 0x7F
print(number)
"""

WRITER = """
import os, sys
from perdure import codec
from perdure.store import open_store
from perdure.store.records import Place
from perdure.testing import sample_call, sample_run, sample_session

def blobs_of(value):
    return {*value.buffers, value.stream_blob} - {None}

with open_store(sys.argv[1], durability="process") as store:
    run = sample_run(int(sys.argv[2]))
    with store.lock(run):
        epoch = store.journal.claim(run, sample_session())
        print("ready", flush=True)
        for seq in map(int, sys.stdin):
            encoded, place = codec.encode(os.urandom(600_000)), Place(run.id, f"step {seq}", "1f")
            for name in blobs_of(store.vault.seal(encoded, place)):
                os.utime(store.blobs.folder / name[:2] / name, (1, 1))
            value = store.vault.seal(encoded, place)
            call = sample_call(run.id, seq, step=place.step, value=value.id)
            store.journal.write(run.id, epoch, [value, call])
            print(seq, flush=True)
"""


@pytest.fixture(autouse=True)
def own_user(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.delenv("PERDURE_KEY_FILE", raising=False)


def keep(store, run, epoch, seq, value, **fields):
    """A checkpoint with this value."""
    step = fields.setdefault("step", f"step {seq}")
    record = store.vault.seal(codec.encode(value), Place(run.id, step, "1f"))
    call = sample_call(run.id, seq, value=record.id, key=None, **fields)
    store.journal.write(run.id, epoch, [record, call])


def lost(store):
    """The values of calls that do not come back."""
    found = []
    for run in store.journal.runs():
        for call in store.journal.calls(run.id):
            try:
                record = store.journal.value(call.value)
                codec.decode(store.vault.unseal(record, Place(run.id, call.step, "1f"), subject=call.step))
            except Exception as error:  # noqa: BLE001  whatever it is, the value is lost
                found.append((call.id, error))
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="the script forks")
def test_a_collection_that_is_killed_at_any_step_leaves_a_store_that_is_whole(tmp_path):
    """Promise 2: what stays opens, and a second collection finishes the work."""
    template, places = tmp_path / "template", tmp_path / "places"
    places.mkdir()
    with open_store(template) as store:
        for number in (1, 2, 3):
            run = sample_run(number, kind="function", state="done", finished=float(number))
            epoch = store.journal.claim(run, sample_session())
            store.journal.write(run.id, epoch, [run])
            keep(store, run, epoch, 1, b"shared" * 300_000)
            keep(store, run, epoch, 2, b"own %d" % number * 300_000)
        notebook = sample_run(4, state="open")
        epoch = store.journal.claim(notebook, sample_session())
        for seq in (1, 2):
            keep(store, notebook, epoch, seq, b"version %d" % seq * 300_000, step="load", code=str(seq))
        store.blobs.put(b"garbage" * 300_000)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, template, places], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    steps = int(done.stdout)
    assert steps > 10
    for number in range(1, steps + 1):
        with open_store(places / str(number)) as store:
            assert store.journal.check() == "ok"
            assert lost(store) == [], f"killed at step {number}"
            collect(store, Limits(keep=1, old_versions=True))
            assert lost(store) == []
            assert {run.id for run in store.journal.runs()} == {"r_00000003", "r_00000004"}
            assert [call.seq for call in store.journal.calls(notebook.id)] == [2]
            assert len(store.blobs.names()) == 3


def test_a_blob_that_is_put_again_after_it_was_listed_as_old_stays(tmp_path):
    """Promise 2: between the listing and the removal, and at the very moment of the removal."""
    with open_store(tmp_path / "store") as store:
        data = b"the same again" * 200_000
        name = store.blobs.put(data)
        path = store.blobs.folder / name[:2] / name
        os.utime(path, (1, 1))
        listed = store.blobs.names(before=2.0)
        assert listed == {name}
        assert store.blobs.put(data) == name
        assert store.blobs.remove(listed, before=2.0) == 0
        assert bytes(store.blobs.get(name)) == data
        # Who puts it holds the folder while it becomes young: a removal waits, and then sees that it is.
        os.utime(path, (1, 1))
        removal = threading.Thread(target=store.blobs.remove, args=([name],), kwargs={"before": 2.0})
        with folder_held(path.parent, shared=True):
            removal.start()
            os.utime(path)
        removal.join()
        assert bytes(store.blobs.get(name)) == data


def test_a_blob_that_is_removed_while_it_is_put_is_written_again(tmp_path, monkeypatch):
    """Promise 8: the put that found it there meets the removal, and does not count on it."""
    blobs = DirectoryBlobs(tmp_path / "blobs")
    data = b"once more" * 200_000
    name = blobs.put(data)
    path = blobs.folder / name[:2] / name
    os.utime(path, (1, 1))
    met, touch = [], os.utime

    def removed_first(target, *times):
        if not met and str(target) == str(path):
            met.append(path.unlink())  # what a removal does that came just before
        return touch(target, *times)

    monkeypatch.setattr(os, "utime", removed_first)
    assert blobs.put(data) == name
    assert met
    assert bytes(DirectoryBlobs(blobs.folder).get(name)) == data


def test_every_acknowledged_value_loads_though_collections_run_beside_the_writers(tmp_path):
    """Promise 2: the writers make their blobs old before they put them again, so that each put is a race."""
    folder, turns = tmp_path / "store", 60
    open_store(folder).close()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, folder, str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in (1, 2)
    ]  # fmt: skip
    try:
        assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 2
        with open_store(folder) as store:
            for writer in writers:
                writer.stdin.write("".join(f"{turn}\n" for turn in range(1, turns + 1)))
                writer.stdin.close()
            while any(writer.poll() is None for writer in writers):
                collect(store, Limits(keep=0))
            assert [writer.stdout.read().split()[-1] for writer in writers] == [str(turns)] * 2
            assert lost(store) == []
            assert len(store.journal.calls("r_00000001")) == len(store.journal.calls("r_00000002")) == turns
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
