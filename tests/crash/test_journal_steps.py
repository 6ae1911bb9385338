"""Promise 2: a process that is killed at any step of the journal's work leaves what it acknowledged, whole."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from perdure.store import open_store
from perdure.testing import sample_run, sample_session

PRELUDE = """
import os, sys, threading
from perdure.store import failpoints, log, open_store
from perdure.testing import sample_call, sample_run, sample_session, sample_value
"""

COUNT = """
reached = []
failpoints.hook = reached.append
"""

WORK = """
log.FEW = 1
store = open_store(sys.argv[1])
run = sample_run()
epoch = store.journal.claim(run, sample_session())
print("claimed", flush=True)

def write(first):
    for seq in range(first, first + 6):
        store.journal.write(run.id, epoch, [sample_call(run.id, seq, state="running")], durability="later")
        store.journal.write(run.id, epoch, [sample_call(run.id, seq), sample_value(run.id, seq)])
        os.write(1, b"%d\\n" % seq)

threads = [threading.Thread(target=write, args=[first]) for first in (100, 200)]
for thread in threads: thread.start()
write(300)
for thread in threads: thread.join()
while not (store.journal._writer._transactions.roomy and store.journal._writer._unmoved == 0):
    threading.Event().wait(0.01)
store.close()
"""

TOLD = """
for step in reached: print(step, flush=True)
"""

STEPS = [
    "journal.made",
    "journal.named",
    "journal.begun",
    "journal.written",
    "journal.committed",
    "log.lengthened",
    "log.moved",
]


def work(script, folder, failpoint=""):
    """What a process acknowledged, and how it ended."""
    environment = {**os.environ, "PERDURE_FAILPOINT": failpoint}
    command = [sys.executable, "-c", PRELUDE + script, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode in (0, -9), done.stderr
    return done.stdout.split("\n")[:-1], done.returncode


@pytest.fixture(autouse=True)
def own_user(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.delenv("PERDURE_STORE", raising=False)


def check(folder, acknowledged):
    with open_store(folder) as store:
        assert store.journal.check() == "ok"
        calls = {call.seq: call for call in store.journal.calls("r_00000001")}
        values = store.journal.values(store.journal.value_ids())
        for seq in acknowledged:
            assert calls[seq].state == "done"
        # A checkpoint is there with its value or not at all.
        done = {seq for seq, call in calls.items() if call.state == "done"}
        assert {int(value.removeprefix("v_"), 16) for value in values} == done
        if acknowledged or calls:
            assert store.journal.run("r_00000001").epoch == 1
        store.journal.claim(sample_run(), sample_session())
        store.journal.write("r_00000001", store.journal.run("r_00000001").epoch, [])


def test_the_steps_are_those_that_are_killed_at(tmp_path):
    """The list is whole: no step goes untested because nobody listed it."""
    told, _ = work(COUNT + WORK + TOLD, tmp_path / "store")
    counts = Counter(line for line in told if line.startswith(("journal.", "log.")))
    assert set(counts) == set(STEPS)
    check(tmp_path / "store", [int(line) for line in told if line.isdigit()])


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_each_step_loses_nothing_acknowledged(tmp_path, step):
    """Promise 2: at the first time that it is reached, and at later ones."""
    killed = 0
    for count in (1, 2, 3, 5, 9, 14):
        folder = tmp_path / f"{count}"
        lines, ended = work(WORK, folder, f"{step}:{count}")
        check(folder, [int(line) for line in lines if line.isdigit()])
        if ended == 0:
            break
        killed += 1
    assert killed
