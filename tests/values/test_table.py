"""Promises 3 and 4 for every type of the reference page, at every place where a value of it may stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

import perdure
from perdure import codec
from values.alike import ATOMS, alike
from values.sample import AREAS, placed, samples

EVERY = [(area, sample.name) for area in AREAS for sample in samples(area)]


def _sample(area, name):
    return next(sample for sample in samples(area) if sample.name == name)


@pytest.fixture(scope="session")
def a_key(tmp_path_factory):
    os.environ["PERDURE_KEY_FILE"] = str(tmp_path_factory.mktemp("key") / "key")
    return os.environ["PERDURE_KEY_FILE"]


@cache
def told(area, key):
    """What another process says of all samples of an area that this one stored; its hash seed is another."""
    folder = Path(mkdtemp(prefix="perdure-values-"))
    for sample in samples(area):
        for place, whole, _ in placed(sample):
            (folder / f"{sample.name} - {place}".replace("/", "|")).write_bytes(perdure.dumps(whole))
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    env = os.environ | {
        "PYTHONHASHSEED": seed,
        "PERDURE_KEY_FILE": key,
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-m", "values.other", area, str(folder)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize(("area", "name"), EVERY)
def test_a_value_comes_back_as_it_was(area, name):
    """Promises 3 and 4: the copy that a caller gets is as the value was, wherever in a larger one it stands."""
    sample = _sample(area, name)
    for place, whole, find in placed(sample):
        copy = codec.copy_value(whole)
        before, after = find(whole), find(copy)
        for one, two in zip(before, after, strict=True):
            sample.same(one, two)
        if place == "list item, twice" and type(before[0]) not in ATOMS:
            assert after[0] is after[1], "what was shared came back apart"


@pytest.mark.parametrize(("area", "name"), EVERY)
def test_a_value_comes_back_in_another_process(area, name, a_key):
    """Promise 4: what one process stored another loads as it was, with another hash seed."""
    mine = [line for line in told(area, a_key) if line["name"] == name]
    assert mine
    assert [line for line in mine if line["error"]] == []


@pytest.mark.parametrize(("area", "name"), EVERY)
def test_a_digest_is_alike_everywhere(area, name, a_key):
    """Promise 1: alike values have one digest in any process, and so has the value that came back."""
    sample = _sample(area, name)
    for place, whole, _ in placed(sample):
        found = codec.digest(whole)
        assert found.weak is not sample.digests, found.cause
        if sample.digests:
            assert codec.digest(codec.copy_value(whole)).hex == found.hex, (
                f"{place}: its own round trip changes it"
            )
            for line in told(area, a_key):
                if (line["name"], line["place"]) == (name, place):
                    assert {line["digest"], line["loaded"]} == {found.hex}, f"{place}: in another process"


def test_the_comparison_sees_differences():
    """The other tests are worth what this comparison is worth."""
    shared = []
    pairs = [(1, True), (1.0, 1), ([1], (1,)), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (0.0, -0.0)]
    pairs += [([shared, shared], [[], []]), ([[], []], [shared, shared]), ({1}, frozenset({1}))]
    for before, after in pairs:
        with pytest.raises(AssertionError):
            alike(before, after)
        with pytest.raises(AssertionError):
            alike([{"k": before}], [{"k": after}])
