"""Promise 2: whatever a workflow waits for, it goes on after a kill, and what was decided stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from crash import waiting

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="lives are forked")


@pytest.fixture(scope="module")
def rounds():
    """What the lives told, killed at each durable step in turn; in memory, as a kill loses nothing written."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        done = subprocess.run(
            [sys.executable, waiting.__file__, folder],
            capture_output=True, text=True, check=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_kill_at_each_durable_step_loses_no_decision(rounds):
    """Promises 1 and 2: what was told in the first life is so in the second one."""
    assert len(rounds) > 20
    assert rounds[-1]["died"] is None
    for each in rounds:
        first, second = dict(each["first"]), dict(each["second"])
        assert "trouble" not in first | second, (each["died"], (first | second).get("trouble"))
        told = {key: value for key, value in first.items() if key != "died"}
        assert second.items() >= told.items() or set(second) == {"result", "entries", "check"}, each["died"]
        assert (second["result"], second["check"]) == (["body", "steps"], "ok")
        assert second["entries"] == ["body", "steps"]


@pytest.mark.slow
def test_what_a_body_and_a_step_count_is_counted_once(rounds):
    """Promise 1: an entry of a state is written with what changed it, and not again on the replay."""
    states = [
        dict(life)["state"]
        for each in rounds
        for life in (each["first"], each["second"])
        if "state" in dict(life)
    ]
    assert states
    assert all(state == {"body": 1, "steps": 1} for state in states)


SLEEPER = """\
import sys

from perdure import sleep, step, workflow
from perdure.engine.process import the_store
from perdure.testing import HandClock


@step
def after(x):
    return x


@workflow
def sleeps(n):
    print("sleeping", flush=True)
    sleep("1h").result()
    return after(n)


def waiting():
    return [call for run in the_store().journal.runs() for call in the_store().journal.calls(run.id)]


if sys.argv[1] == "first":
    sleeps(1)
[call] = waiting()
with HandClock(call.due - 1) as clock:
    run = sleeps.start(1)
    clock.until_waiting()
    print(run.status, [each.state for each in waiting()], flush=True)
    clock.advance(1)
    print(run.result(), [each.state for each in waiting()], waiting()[0].due == call.due)
"""


def test_a_process_that_is_killed_while_it_sleeps_keeps_its_deadline(tmp_path, monkeypatch):
    """It neither starts over nor wakes early."""
    monkeypatch.setenv("PERDURE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    (tmp_path / "main.py").write_text(SLEEPER)
    process = subprocess.Popen(
        [sys.executable, "main.py", "first"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "sleeping\n"
    from perdure.store import open_store

    with open_store(tmp_path / "store") as store:
        while not any(store.journal.calls(run.id) for run in store.journal.runs()):
            assert process.poll() is None
    process.kill()
    process.communicate()
    told = subprocess.check_output(
        [sys.executable, "main.py", "second"], cwd=tmp_path, text=True, timeout=120
    )
    assert told.splitlines() == ["sleeping", "running ['waiting']", "1 ['done', 'done'] True"]
