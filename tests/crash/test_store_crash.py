"""Promise 2: a store that is killed at any instant opens again, with everything that it acknowledged."""

import contextlib
import random
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest

from perdure.store import open_store
from perdure.testing import sample_call, sample_run, sample_session

KILLS = 25

WRITER = """
import os, sys
from perdure.store import open_store
from perdure.testing import sample_call, sample_run, sample_session
import perdure.store.sqlite, ormsgpack, blake3

early = sys.argv[3] == "early"
store = open_store(sys.argv[1], durability=sys.argv[2])
run = sample_run()
epoch = store.journal.claim(run, sample_session())
seq = len(store.journal.calls(run.id))
print("ready", flush=True)
while True:
    seq += 1
    call = sample_call(run.id, seq, value=store.blobs.put(b"%d" % seq * 500, durability=sys.argv[2]))
    if early:
        os.write(1, b"%d\\n" % seq)
    store.journal.write(run.id, epoch, [call])
    if not early:
        os.write(1, b"%d\\n" % seq)
"""


def killed_after(moment, folder, durability, acknowledge):
    """Let a process write for so long, kill it, and give the numbers that it acknowledged."""
    command = [sys.executable, "-c", WRITER, str(folder), durability, acknowledge]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "ready\n"
        threading.Timer(moment, writer.kill).start()
        return [int(line) for line in writer.stdout if line.endswith("\n")]


def lost(folder, acknowledged):
    """The acknowledged calls that a store does not hold; the rest of it must be sound."""
    with open_store(folder) as store:
        assert store.journal.check() == "ok"
        calls = {call.seq: call for call in store.journal.calls("r_00000001")}
        for call in calls.values():
            assert bytes(store.blobs.get(call.value)) == b"%d" % call.seq * 500
        return set(acknowledged) - set(calls)


@pytest.fixture(autouse=True)
def own_user(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))


@pytest.mark.parametrize("durability", ["power", "process"])
def test_no_acknowledged_write_is_lost(tmp_path, durability):
    """Promise 2: kills at random instants, one after the other into the same store."""
    chance = random.Random(durability)
    acknowledged = set()
    for _ in range(KILLS // 2 + 1):
        acknowledged.update(killed_after(chance.uniform(0.0, 0.12), tmp_path / "store", durability, "late"))
        assert lost(tmp_path / "store", acknowledged) == set()
    assert len(acknowledged) > KILLS


def test_a_file_that_was_torn_while_the_log_was_moved_into_it_is_whole_with_the_log(tmp_path):
    """Promise 2: killed in that instant, the file's head tells of pages that lie in the log alone."""
    store, whole, torn = tmp_path / "store", tmp_path / "whole", tmp_path / "torn"
    with open_store(store) as opened:
        run = sample_run()
        epoch = opened.journal.claim(run, sample_session())
        calls = [sample_call(run.id, seq, source="x" * 3000) for seq in range(1, 60)]
        opened.journal.write(run.id, epoch, calls)
        for folder in (whole, torn):
            shutil.copytree(store, folder)
    with contextlib.closing(sqlite3.connect(whole / "journal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    head = (whole / "journal.db").read_bytes()[:4096]
    old = (torn / "journal.db").read_bytes()
    assert len(old) < (whole / "journal.db").stat().st_size
    (torn / "journal.db").write_bytes(head + old[4096:])
    (torn / "journal.db-shm").unlink()
    with open_store(torn) as opened:
        assert opened.journal.calls(run.id) == calls
        assert opened.journal.check() == "ok"


def test_the_control_that_acknowledges_before_the_commit_is_seen_to_lose(tmp_path):
    """The loop above can see a loss: here it does, within a bounded number of kills."""
    chance = random.Random(1)
    for number in range(4 * KILLS):
        folder = tmp_path / str(number)
        if lost(folder, killed_after(chance.uniform(0.0, 0.05), folder, "power", "early")):
            return
    pytest.fail("no loss was seen")
