"""The laws of workflows, where lives end by a real SIGKILL, over a store in a folder."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from laws import mortal
from laws.lives import ASKED, KILLED, LATER, LIVES, MORE, SETTINGS, oracle
from laws.stage import Witness
from laws.trees import TREES, Race, parts
from perdure.store import open_store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="lives are forked")


@pytest.fixture(scope="module")
def place():
    """Where the lives are: in memory, if there is such a place, as a kill loses nothing that was written."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def server(place):
    """Asks for a life, and gives what it came to."""
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    process = subprocess.Popen(
        [sys.executable, mortal.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    )

    def ask(**told):
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        found, points = json.loads(process.stdout.readline())
        assert found != "trouble", points
        return found, points

    yield ask
    process.stdin.close()
    process.wait()
    process.stdout.close()


def outcomes(folder):
    """How often each call was tried that has an outcome; the store must be sound."""
    with open_store(folder / "store") as store:
        assert store.journal.check() == "ok"
        found = {}
        for run in store.journal.runs():
            tried = Counter(attempt.call for attempt in store.journal.attempts(run.id))
            done = [call.id for call in store.journal.calls(run.id) if call.state == "done"]
            found |= {call: tried[call] for call in done}
        return found


def lives(ask, folder, tree, seed, deaths):
    """What the run comes to when its process is killed at these points, and goes on each time."""
    told = {"tree": pickle.dumps(tree).hex(), "seed": seed, "death": None, "fails": False}
    (folder / "clean").mkdir()
    found, points = ask(folder=str(folder / "clean"), **told)
    assert found == oracle(Witness(folder / "clean" / "witness"), seed).result(tree)
    known, deaths, through = {}, list(deaths), False
    for _ in range(LIVES):
        told["death"] = 1 + deaths.pop(0) % points if deaths else None
        told["fails"] = not through
        found, _ = ask(folder=str(folder), **told)
        now = outcomes(folder)
        assert known.items() <= now.items(), "what is done stays as it is"
        known = now
        if found == ASKED:
            assert ask(folder=str(folder))[0]
        elif found == LATER:
            through, begun = True, Witness(folder / "witness").begun()
        elif found != KILLED:
            leaves = any(race.losers == "leave" for race in parts(tree, Race))
            assert leaves or not through or Witness(folder / "witness").begun() == begun, (
                "a replay runs nothing"
            )
            return found
    pytest.fail("the run does not come to its end")


@settings(max_examples=12 * MORE, phases=set(Phase) - {Phase.shrink}, **SETTINGS)
@given(tree=TREES, seed=st.integers(0, 1000), deaths=st.lists(st.integers(0, 1000), min_size=1, max_size=4))
def test_a_run_that_is_killed_by_the_system_reaches_what_the_oracle_says(server, place, tree, seed, deaths):
    """Promises 1, 2 and 5."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        found = lives(server, folder, tree, seed, deaths)
        witness = Witness(folder / "witness")
        witness.check()
        assert found == oracle(witness, seed).result(tree)
