"""`perdure cancel`, `perdure check RUN` with its replay, and runs by their tags (promises 1, 5 and 8)."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pytest

from perdure.store import open_store

FLOWS = """
from perdure import step, workflow

@step
def load(x):
    print("load ran")
    return [x, x + 1]

@step
def fit(data):
    print("fit ran")
    return sum(data)

@workflow
def train(n):
    print("the body ran")
    return fit(load(n))
"""
MAIN = """
from flows import train
print(train.using(tags={"day": "mon"})(3))
"""
SCRIPT = (
    FLOWS
    + """
if __name__ == "__main__":
    print(train(3))
"""
)
WAITS = """
import os, sys, time
from perdure import step, workflow

@step
def waits(n):
    open("begun", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.001)
    return n

@workflow
def body(n):
    return waits(n)

print(body(1))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of a user without history; what commands read is its store."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    for name in ("PERDURE_STORE", "PERDURE_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "flows.py").write_text(FLOWS)
    (here / "main.py").write_text(MAIN)
    return here


def python(file):
    """Run a file in a process of its own; what it printed."""
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def said(*words):
    """Run a command as a user does; its status, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "perdure", *words], capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


# -- check -----------------------------------------------------------------------------------------------


def test_check_replays_the_body_of_a_run_and_no_step_runs(folder):
    """Promise 8: what is imported was signed with the run."""
    python("main.py")
    status, text = said("check", "train")
    assert status == 0, text
    assert "All that is needed is whole." in text
    assert "2 calls would be restored" in text
    assert "The body makes the calls that are recorded, and no other." in text
    assert "the body ran" in text
    assert "load ran" not in text


def test_check_tells_what_an_edit_changed(folder):
    """Promise 11: with the reason; the status says so too."""
    python("main.py")
    (folder / "flows.py").write_text(
        FLOWS.replace("return fit(load(n))", "return fit(load(n)[:1]) + len(load(9))")
    )
    status, text = said("check", "train")
    assert status == 1
    assert "1 call would be restored" in text
    assert re.search(r"^  changed +.*fit\(", text, re.MULTILINE)
    assert "`data` changed: list of 2 → list of 1" in text


def test_check_of_a_script_wants_it_named(folder):
    """It would be imported, which runs it: that is asked for."""
    (folder / "script.py").write_text(SCRIPT)
    python("script.py")
    status, text = said("check", "train")
    assert (status, "`--from script.py` does" in text, "the body ran" in text) == (0, True, False)
    status, text = said("check", "train", "--from", "script.py")
    assert status == 0, text
    assert "The body makes the calls that are recorded, and no other." in text


def test_check_tells_what_cannot_be_imported_or_is_not_there(folder):
    python("main.py")
    (folder / "flows.py").write_text("import nothing_of_that_name")
    status, text = said("check", "train")
    assert (status, "`flows` could not be imported: ModuleNotFoundError" in text) == (1, True)
    (folder / "flows.py").write_text("")
    status, text = said("check", "train")
    assert (status, "Workflow `train` of run" in text) == (1, True)


def test_what_another_key_signed_is_not_imported(folder, monkeypatch, tmp_path):
    """Promise 8."""
    python("main.py")
    monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "another.key"))
    status, text = said("check", "train")
    assert status == 0, text
    assert "your key signed nothing that tells where it is" in text
    assert "the body ran" not in text


def test_check_of_the_whole_store_replays_nothing(folder):
    python("main.py")
    status, text = said("check")
    assert (status, "the body ran" in text) == (0, False)


# -- tags ------------------------------------------------------------------------------------------------


def test_runs_are_listed_by_tag(folder):
    python("main.py")
    for tag in ("day=mon", "day"):
        status, text = said("runs", "--tag", tag)
        assert (status, "train" in text, "day=mon" in text) == (0, True, True)
    status, text = said("runs", "--tag", "day=tue")
    assert (status, "No runs with the tag day=tue here." in text) == (0, True)


# -- cancel ----------------------------------------------------------------------------------------------


@pytest.fixture
def at_work(folder):
    """A process that is at work on a run."""
    (folder / "waits.py").write_text(WAITS)
    with subprocess.Popen(
        [sys.executable, "waits.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not (folder / "begun").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        yield process
        process.kill()


def test_cancel_ends_a_run_that_another_process_is_at_work_on(folder, at_work):
    status, text = said("cancel", "body", "--reason", "wrong day")
    assert (status, "of `body` is cancelled." in text) == (0, True)
    _, told = at_work.communicate(timeout=60)
    assert "was cancelled: wrong day" in told
    status, text = said("cancel", "body")
    assert (status, "is cancelled already. Nothing was changed." in text) == (0, True)


def test_cancel_of_a_run_whose_process_died_is_recorded(folder, at_work):
    at_work.send_signal(signal.SIGKILL)
    at_work.wait()
    assert said("cancel", "body")[1].endswith("is cancelled.\n")
    with open_store(".perdure", readonly=True) as store:
        assert [run.state for run in store.journal.runs()] == ["cancelled"]


def test_cancel_changes_nothing_of_what_has_ended(folder):
    python("main.py")
    status, text = said("cancel", "train")
    assert (status, "ended before: it is done. Nothing was changed." in text) == (0, True)
    assert said("cancel", "nobody")[0] == 1
