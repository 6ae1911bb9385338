"""Promise 2: one workflow, killed two hundred times at random instants, reaches what it would have reached.

A workflow of 120 steps (small values, streams and buffers that go to files, parallel branches, caught failures)
is run by processes that are killed; each next one goes on. After every kill the store is opened and searched for
what had been acknowledged. When a run is through, the next one begins in the same store.
"""

import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from crash import killed_workflow as killed
from perdure import codec
from perdure.engine.stored import place_of
from perdure.store import open_store
from perdure.store.records import Place

KILLS = 200
CONTROL = 100
LONGEST = 0.25
"""Seconds from the beginning of a body to the latest kill: a third of an uninterrupted run."""


@pytest.fixture(autouse=True)
def own_user(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")


class Lives:
    """Processes that run the workflow over one store, each killed after a while."""

    def __init__(self, folder, mode, seed):
        self.store, self.log = folder / "store", folder / "log"
        self.log.touch()
        self.kills = 0
        self.run = 0
        self._chance = random.Random(seed)
        self._checked = 0
        self._server = subprocess.Popen(
            [sys.executable, killed.__file__, str(self.store), str(self.log), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stdin.close()
        self._server.kill()
        self._server.wait()
        self._server.stdout.close()

    def live(self):
        """One life; its result, or None where it was killed."""
        self._server.stdin.write(f"{self.run} {self._chance.uniform(0, LONGEST):.4f}\n")
        self._server.stdin.flush()
        words = self._server.stdout.readline().split()
        assert words, "the server died"
        if words[0] == "ended":
            return int(words[1])
        assert words == ["killed"]
        self.kills += 1
        return None

    def events(self):
        return [tuple(line.split()) for line in self.log.read_text().splitlines()]

    def lost(self, run):
        """The acknowledged calls of a run that the store does not hold whole; the store itself must be sound."""
        acknowledged = {
            (name, int(i)) for what, number, name, i in self.events() if what == "ack" and number == str(run)
        }
        with open_store(self.store) as store:
            assert store.journal.check() == "ok"
            return acknowledged - held(store, run)


def held(store, run):
    """The calls of a run that are recorded with the value that they must have."""
    record = next((each for each in store.journal.runs() if _preview(each, store) == run), None)
    if record is None:
        return set()
    found = set()
    for call in store.journal.calls(record.id):
        if call.state not in ("done", "failed") or (call.state == "failed" and call.value is None):
            continue  # without a value, it is to be tried again: the process had died in it twice
        i = int(call.input_parts[0].preview)
        value = store.journal.value(call.value)
        assert value is not None
        kept = codec.decode(store.vault.unseal(value, place_of(call, "value"), subject=call.step))
        check_value(call.step, i, kept)
        found.add((call.step, i))
    return found


def _preview(run, store):
    return codec.decode(
        store.vault.unseal(store.journal.value(run.inputs), Place(run.id, role="inputs"), subject="inputs")
    )["number"]


def check_value(name, i, kept):
    if name == "fails":
        assert type(kept) is LookupError
        assert kept.args == ("no such thing", i)
    elif name == "recover":
        assert kept == f"{i} after ('no such thing', {i})"
    elif name == "array":
        assert isinstance(kept, np.ndarray)
        assert np.array_equal(kept, np.arange(160_000) * i)
    elif name == "small":
        assert kept == {"i": i, "square": i * i, "when": (i, None)}
    elif name == "part":
        assert kept == {i, -i}
    else:
        assert name == "stream"
        assert kept == [f"{i}:{n:08d}" for n in range(40_000)]


def uninterrupted(number):
    """What the workflow gives in one go, worked out without it."""
    rounds = killed.ROUNDS
    smalls = sum(i * i for i in range(rounds * 6))
    streams = sum(len(f"{i}:00039999") for i in range(rounds))
    arrays = sum(int((np.arange(160_000) * i).sum()) for i in range(rounds))
    parts = sum(len({i, -i}) for i in range(rounds * 5))
    recovered = sum(len(f"{i} after ('no such thing', {i})") for i in range(rounds))
    return number + smalls + streams + arrays + parts + recovered


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_kills_lose_nothing_that_was_acknowledged(tmp_path):
    """Promises 1 and 2: nothing acknowledged is lost or runs again, and the result is that of one go."""
    with Lives(tmp_path, "late", "kills") as lives:
        while lives.kills < KILLS:
            result = lives.live()
            assert lives.lost(lives.run) == set()
            if result is not None:
                assert result == uninterrupted(lives.run)
                lives.run += 1
        for run in range(lives.run):
            assert lives.lost(run) == set()
        events = lives.events()
    acknowledged = set()
    for what, *call in events:
        if what == "ack":
            acknowledged.add(tuple(call))
        else:
            assert tuple(call) not in acknowledged, f"{call} ran again"
    begun = Counter(tuple(call) for what, *call in events if what == "ran")
    assert max(begun.values()) > 1, "no kill hit a step in its middle"


@pytest.mark.slow
def test_the_control_that_acknowledges_before_the_commit_is_seen_to_lose(tmp_path):
    """The loop above can see a loss: with a journal that lies, it does so within a bounded number of kills."""
    with Lives(tmp_path, "early", "control") as lives:
        while lives.kills < CONTROL:
            if lives.live() is not None:
                lives.run += 1
            elif lives.lost(lives.run):
                return
    pytest.fail("no loss was seen")
