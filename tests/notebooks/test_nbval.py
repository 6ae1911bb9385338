"""The examples in notebooks/ give the outputs that are stored in them, on the first run and from checkpoints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from perdure.store import open_store

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SMALLER = {"LARGE_FRAME_MB": "16"}
"""What the notebooks print, figures of cost apart, does not depend on how large their frames are."""


@pytest.fixture
def folder(tmp_path):
    """A copy of the notebooks, whose store nobody has used."""
    return Path(shutil.copytree(NOTEBOOKS, tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*")))


def nbval(folder: Path) -> None:
    """Run all notebooks of the folder and compare each output with the stored one."""
    # nbval is not listed as a plugin here: its options belong to this run alone.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-sanitize-with",
        "sanitize.cfg",
        "-p",
        "no:cacheprovider",
        ".",
    ]
    environment = {**os.environ, **SMALLER, "PERDURE_PLAIN": "1", "IPYTHONDIR": str(folder / ".ipython")}
    environment.pop("PERDURE_STORE", None)
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def restored(folder: Path) -> dict[str, set[str]]:
    """The steps of each notebook that its newest kernel restored, and those that it ran."""
    with open_store(folder / ".perdure", readonly=True) as store:
        steps = {"restored": set(), "ran": set()}
        for run in store.journal.runs():
            if run.kind != "notebook":
                continue  # a finished workflow is restored as a whole, with no mark at its calls
            marks = {mark.call for mark in store.journal.restores(run.id) if mark.epoch == run.epoch}
            for call in store.journal.calls(run.id):
                if call.id in marks:
                    steps["restored"].add(f"{run.workflow}.{call.step}")
                elif call.epoch == run.epoch:
                    steps["ran"].add(f"{run.workflow}.{call.step}")
        return steps


def calls(folder: Path, workflow: str) -> list[tuple[str, str]]:
    """The calls of all runs of a workflow, with their states, by id."""
    with open_store(folder / ".perdure", readonly=True) as store:
        runs = store.journal.runs(workflow=workflow)
        return [(call.id, call.state) for run in runs for call in store.journal.calls(run.id)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_examples_show_the_same_cold_and_resumed(folder):
    """Promise 3: the first run equals the replay. Promise 7: what was shown comes back."""
    nbval(folder)
    cold = restored(folder)
    assert cold["ran"] >= {"flights.load", "flights.train", "flights.report"}
    assert cold["ran"] >= {"values.fit", "values.collect", "values.fill"}
    assert cold["ran"] >= {"large.load", "large.column", "large.bootstrap"}
    assert cold["ran"] >= {"training.load", "training.train"}
    assert cold["restored"] == set()

    crawled = calls(folder, "catalogue")

    nbval(folder)
    resumed = restored(folder)
    assert resumed["ran"] == set()
    # A mark is committed with the next record, or at an orderly end: nbval kills each kernel, and nothing is
    # recorded after the last step of `training`. That it did not run is seen above.
    assert resumed["restored"] | {"training.train"} == cold["ran"]
    assert calls(folder, "catalogue") == crawled, "a finished workflow is restored whole"


def printed(notebook: Path) -> dict[str, str]:
    """What each cell of a notebook printed, by the cell's id; without cells whose output may differ."""
    return {
        cell.id: "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in nbformat.read(notebook, as_version=4).cells
        if cell.cell_type == "code" and "nbval-ignore-output" not in cell.metadata.get("tags", [])
    }


@pytest.mark.parametrize(
    ("name", "killed", "kept"),
    [("values", "fit", "measure"), ("large-frames", "bootstrap", "append"), ("training", "train", "load")],
)
def test_a_notebook_comes_back_after_a_kill_in_its_longest_step(folder, tmp_path, name, killed, kept):
    """Promise 2: a kill loses only what was running. Promise 3: what cells print of restored values is alike."""
    command = [sys.executable, "-m", "perdure", "demo", f"{name}.ipynb", "--kill", killed, "--output", "out"]
    environment = {**os.environ, **SMALLER, "JUPYTER_DATA_DIR": str(tmp_path / "data")}
    environment.pop("PERDURE_STORE", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^  {kept} +restored", done.stdout, re.MULTILINE), done.stdout
    assert re.search(rf"^  {killed} +ran", done.stdout, re.MULTILINE), done.stdout
    assert printed(folder / "out" / f"{name}.ipynb") == printed(folder / f"{name}.ipynb")
