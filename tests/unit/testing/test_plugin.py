"""What pytest finds where Perdure is installed: fixtures, at no cost to tests that ask for none."""

import subprocess
import sys

FIXTURES = """
import threading

import pytest

from perdure import step, workflow
from perdure.engine import clock
from perdure.engine.process import the_store


@step
def double(x):
    return 2 * x


@workflow
def doubled(x):
    return double(x)


@pytest.mark.parametrize("again", [1, 2])
def test_each_test_has_a_store_of_its_own(perdure_store, again):
    assert the_store() is perdure_store
    assert perdure_store.journal.runs() == []
    assert doubled(2) == 4
    assert [run.workflow for run in perdure_store.journal.runs()] == ["doubled"]


@pytest.mark.parametrize("again", [1, 2])
def test_each_test_is_told_anew_that_a_step_is_called_outside_a_run(perdure_store, again):
    with pytest.warns(UserWarning, match="outside a workflow"):
        double(1)


def test_time_stands(perdure_clock):
    began = clock.now()
    threading.Thread(target=clock.pause, args=(began + 90,), daemon=True).start()
    perdure_clock.until_waiting()
    assert clock.now() == began
    perdure_clock.advance("90s")
    assert clock.now() == began + 90


def test_time_turns_by_itself(perdure_auto_clock):
    began = clock.now()
    clock.pause(began + 86400)
    assert clock.now() == began + 86400
"""

COST = """
import sys

import pytest

before = set(sys.modules)
import perdure.testing.plugin

print(*sorted(set(sys.modules) - before))
"""


def run(folder, *words):
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_fixtures_do_what_they_say(tmp_path):
    (tmp_path / "test_mine.py").write_text(FIXTURES)
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


def test_a_session_that_asks_for_nothing_pays_for_nothing(tmp_path):
    """No module of the engine, the store or the codec is imported, and none that is not loaded already."""
    done = run(tmp_path, "-c", COST)
    assert done.returncode == 0, done.stderr
    faces = {"perdure", "perdure._places", "perdure.testing", "perdure.testing.plugin"}
    assert set(done.stdout.split()) == faces
