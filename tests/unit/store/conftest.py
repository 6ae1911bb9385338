"""Stores of their own for each test: nothing of this user's is read or written."""

import os
import subprocess
import sys

import pytest

from perdure.store import open_store

PRELUDE = """
import os, sys, time
from pathlib import Path
from perdure.errors import *
from perdure.store import open_store
from perdure.testing import sample_call, sample_run, sample_session
"""

HOLD = """
store = open_store(sys.argv[1])
lock = store.lock(sample_run(notebook="flights.ipynb"))
print(os.getpid(), flush=True)
sys.stdin.readline()
lock.release()
print("free", flush=True)
"""
"""Holds a run until it is told to let go."""


@pytest.fixture(autouse=True)
def own_user(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    for name in ("PERDURE_STORE", "PERDURE_KEY_FILE", "PERDURE_BUSY_TIMEOUT", "PERDURE_NETWORK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / ".perdure"


@pytest.fixture
def store(folder):
    with open_store(folder) as store:
        yield store


@pytest.fixture
def start():
    """Start a script in another process; its pipes are text."""
    started = []

    def start(script, *arguments):
        command = [sys.executable, "-c", PRELUDE + script, *map(str, arguments)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=os.environ.copy()
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run(start):
    """Run a script in another process to its end; give what it printed."""

    def run(script, *arguments):
        process = start(script, *arguments)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out.split("\n")[:-1]

    return run
