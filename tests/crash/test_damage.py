"""Promises 4 and 8: what a disk did to a blob is found, its value is refused, and nothing else suffers."""

import json
import os
import random

import numpy as np
import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import step, workflow
from perdure.cli import main
from perdure.engine.process import use_store
from perdure.errors import Damaged
from perdure.store import open_store
from perdure.store.blobs import putting, seen, shelf
from perdure.store.checking import check

ROW = 1 << 17
"""Numbers of eight bytes: a row is stored once in whichever table it stands."""
STEPS = ["small", "text", "array", "table", "larger"]


def numbers(rows):
    return np.stack([np.random.default_rng(row).permutation(ROW) for row in range(rows)])


@step
def small():
    ran("small")
    return {"a": (1, None)}


@step
def text():
    ran("text")
    chance = random.Random(1)
    return [chance.randbytes(300).hex() for _ in range(1000)]


@step
def array():
    ran("array")
    return np.arange(300_000)


@step
def table():
    ran("table")
    return numbers(2)


@step
def larger():
    """Stored as what is new in it, and what it has of the table."""
    ran("larger")
    return numbers(3)


@workflow
def story():
    values = [small(), text(), array(), table(), larger()]
    stumble()
    return [int(np.sum(value)) if isinstance(value, np.ndarray) else len(value) for value in values]


@pytest.fixture(scope="module")
def expected():
    return [1, 1000, sum(range(300_000)), ROW * (ROW - 1), 3 * ROW * (ROW - 1) // 2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A store with a run that has all its steps, and is not finished."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.setattr(putting, "PIECED", 2 << 20)
    with open_store(tmp_path / "store", durability="process") as store:
        before = use_store(store)
        bad_luck(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            story()
        assert taken() == STEPS
    yield tmp_path / "store"
    use_store(before)


@pytest.fixture
def again(folder):
    """Go on with the run, as another process does; give the result and what ran."""

    def again(*redo):
        taken()
        with open_store(folder) as store:
            use_store(store)
            return story.using(redo=redo)(), taken()

    return again


def blob_of(folder, name, part):
    """A file of a step's value: its stream, its memory as a whole or as pieces, or what these come from."""
    with open_store(folder, readonly=True) as store:
        [call] = [call for call in store.journal.calls(store.journal.runs()[0].id) if call.step == name]
        value = store.journal.value(call.value)
        blob = value.stream_blob if part == "stream" else value.buffers[0]
        sources = store.blobs.sources(blob)
        if part == "added":
            [blob] = sources - set(blobs_of(store, "table"))
        assert (len(sources) == 2) == (name == "larger")
        return folder / "blobs" / blob[:2] / (f"{blob}.pieces" if part == "pieces" else blob)


def blobs_of(store, name):
    [call] = [call for call in store.journal.calls(store.journal.runs()[0].id) if call.step == name]
    return store.journal.value(call.value).buffers


def flip(path):
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 4]))


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def remove(path):
    path.unlink()


def swap(path):
    """The pieces in another order: the same length, other bytes."""
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"pieces": told["pieces"][::-1]}))


PLACES = [
    ("text", "stream", {"text"}),
    ("array", "whole", {"array"}),
    ("larger", "pieces", {"larger"}),
    ("larger", "added", {"larger"}),
    ("table", "whole", {"table", "larger"}),
]


@pytest.mark.parametrize("harm", [flip, cut, remove])
@pytest.mark.parametrize(("name", "part", "hit"), PLACES)
def test_the_value_is_refused_and_its_step_runs_again(
    *, folder, again, expected, harm, name, part, hit, capsys
):
    """Promise 8: what is told is the step and what to do; when that was done, all is whole."""
    harm(blob_of(folder, name, part))
    with open_store(folder, readonly=True) as store:
        assert {each.step for each in check(store).broken} == hit
    assert main(["--store", str(folder), "check", "--store"]) == 1
    told = capsys.readouterr().out
    assert all("--redo" in told and each in told for each in hit)
    with pytest.raises(Damaged, match=f"`{name}`(?s:.*)--redo"):
        again()
    assert again(name) == (expected, [name])  # what came from its pieces is mended with it
    with open_store(folder, readonly=True) as store:
        assert check(store).whole


@pytest.fixture
def traceless(monkeypatch):
    """A disk that changes bytes and no times: what was seen of a file holds whatever became of it."""
    monkeypatch.setattr(shelf, "fact", lambda name, *_: seen.fact(name))


@pytest.mark.parametrize(("name", "part"), [("array", "whole"), ("larger", "added"), ("larger", "pieces")])
@pytest.mark.parametrize("seen_by", ["start", "full", "check", "nobody"])
def test_what_a_disk_changes_without_a_trace_is_found(
    *, traceless, folder, again, expected, monkeypatch, seen_by, name, part
):
    """Promise 8: after a start of the machine, with `verify="full"`, and by the check; the last is the control."""
    if part == "pieces":
        swap(blob_of(folder, name, part))
    else:
        flip(blob_of(folder, name, part))
    if seen_by == "nobody":
        found, again_ran = again()
        assert (found != expected or part == "pieces", again_ran) == (True, [])
        return
    if seen_by == "check":
        with open_store(folder, readonly=True) as store:
            assert {each.step for each in check(store).broken} == {name}
        return
    if seen_by == "start":
        monkeypatch.setattr(seen, "boot", lambda: "another")
    else:
        monkeypatch.setenv("PERDURE_VERIFY", "full")
    with pytest.raises(Damaged, match=f"`{name}`(?s:.*)--redo"):
        again()
    assert again(name) == (expected, [name])


@pytest.mark.parametrize("spoil", [remove, cut, lambda path: path.write_bytes(b"\xff\x00+:\n" * 999)])
def test_what_only_saves_time_may_be_lost_or_spoiled(folder, again, expected, spoil):
    """Promise 2: what was found out about blobs is found out again."""
    spoiled = [path for path in (folder / "blobs").iterdir() if path.is_file()]
    assert {path.name.split("-")[0] for path in spoiled} >= {"chunks", "seen"}
    for path in spoiled:
        spoil(path)
    assert again() == (expected, [])
