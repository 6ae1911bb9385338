"""A store in memory for each test, and a log of what really ran."""

import inspect
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from functions import witness
from functions.looping import Face
from perdure.engine import steps
from perdure.engine.loops import pace, progress
from perdure.engine.loops.saver import Saver, Work
from perdure.engine.process import use_store
from perdure.store import open_store


@pytest.fixture(autouse=True)
def store():
    """This process's store, which ends with the test."""
    with open_store(":memory:") as opened:
        before = use_store(opened)
        yield opened
        use_store(before)


@pytest.fixture(autouse=True)
def own_user(tmp_path, monkeypatch):
    """A user without history: key, index of stores, hints that were given."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.setattr(steps, "_hinted", set())


@pytest.fixture(autouse=True)
def unwitnessed():
    """Nothing ran yet, and no error is to come."""
    witness.taken()
    witness.bad_luck()


@pytest.fixture
def calls(store):
    """The calls of the newest run of a workflow, in order."""

    def of(workflow):
        run = store.journal.runs(workflow=workflow.name)[0]
        return store.journal.calls(run.id)

    return of


@pytest.fixture
def script(tmp_path):
    """Run a Python file of a user's own in a process of its own; give what it printed."""

    def run(source, *args, file="main.py", fails=False):
        (tmp_path / file).write_text(source)
        done = subprocess.run(
            [sys.executable, file, *map(str, args)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert fails == bool(done.returncode), done.stderr
        return (done.stderr if fails else done.stdout).splitlines()

    return run


@pytest.fixture(scope="session")
def two_workers():
    """A pool of two workers, whatever the machine has."""
    from perdure.engine.executors.pool import Pool

    made = Pool(2)
    yield made
    made.close()


@pytest.fixture
def workers(two_workers, monkeypatch):
    """What `executor="process"` uses in the test: two workers."""
    from perdure.engine.executors import pool

    monkeypatch.setattr(pool, "_pool", two_workers)
    return two_workers


@pytest.fixture
def elsewhere():
    """Begin calls by an executor, as a step's call does; those that are left over are stopped."""
    from perdure.engine.attempt import Current
    from perdure.engine.executors.choice import begin

    begun = []

    def start(executor, function, *args, step=None, **kwargs):
        signature = inspect.signature(function)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        name = step or function.__name__
        where = Current("r_1", "flow", name, "c_1", 2, datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC))
        begun.append(begin(executor, function, bound.arguments, signature, where, name))
        return begun[-1]

    yield start
    for work in begun:
        work.stop()


@pytest.fixture
def face():
    """What loops showed and said in this test."""
    own = Face()
    before = progress.use_face(own)
    yield own
    progress.use_face(before)


@pytest.fixture
def at_once(monkeypatch, face):
    """A turn is kept in the loop's own thread, however dear that is."""
    monkeypatch.setattr(pace, "SHARE", float("inf"))

    def begin(self, do, spend):
        self._work = Work(do, spend)
        self._work.run()

    monkeypatch.setattr(Saver, "begin", begin)
    return face
