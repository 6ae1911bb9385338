"""`perdure demo` kills a real kernel and tells what came back."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CELLS = [
    "%load_ext perdure",
    "%workflow small",
    "%%setup\nimport time",
    "%%step first\nprint('counting')\nnumbers = list(range(5))",
    "%%step slow\ntotal = 0\nfor number in numbers:\n    time.sleep(0.3)\n    total += number\n    print('seen', number, flush=True)",
    "%%step last\nprint('The total is', total)",
    "%timeline",
]


@pytest.fixture
def small(tmp_path):
    """A notebook with a slow step in the middle, in a folder of its own."""
    cells = [new_markdown_cell("# Small"), *map(new_code_cell, CELLS)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "small.ipynb")
    return tmp_path


def demo(folder, *words):
    environment = {**os.environ, "JUPYTER_DATA_DIR": str(folder / "data")}
    environment.pop("PERDURE_STORE", None)
    command = [sys.executable, "-m", "perdure", "demo", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_killed_notebook_is_finished_from_its_checkpoints(small):
    """Promise 2: a kill loses only what was running."""
    done = demo(small, "small.ipynb", "--kill", "slow", "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    words = {
        line.split()[0]: line.split()[1]
        for line in done.stdout.splitlines()
        if line.startswith("  ") and line.split()[1:]
    }
    assert words["first"] == "restored"
    assert words["slow"] == "ran"
    assert words["last"] == "ran"
    assert "SIGKILL" in done.stdout

    page = (small / "out" / "small.html").read_text()
    assert "The total is 10" in page
    assert "counting" in page
    assert "restored" in page
    assert "cdn" not in page
    assert not (small / ".perdure").exists(), "the demo keeps to a folder of its own"
    nbformat.validate(nbformat.read(small / "out" / "small.ipynb", as_version=4))


def test_a_step_that_ends_before_the_kill_is_said(small):
    done = demo(small, "small.ipynb", "--kill", "first")
    assert done.returncode == 1
    assert "`first` ended before its third line" in done.stderr
    assert "--kill STEP" in done.stderr


def test_a_cell_that_fails_is_said(small):
    notebook = nbformat.read(small / "small.ipynb", as_version=4)
    notebook.cells.insert(3, new_code_cell("1 / 0"))
    nbformat.write(notebook, small / "small.ipynb")
    done = demo(small, "small.ipynb", "--kill", "slow")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_kernel_that_dies_by_itself_is_said(small):
    notebook = nbformat.read(small / "small.ipynb", as_version=4)
    notebook.cells.insert(3, new_code_cell("import os; os._exit(9)"))
    nbformat.write(notebook, small / "small.ipynb")
    done = demo(small, "small.ipynb", "--kill", "slow")
    assert done.returncode == 1
    assert "the kernel died by itself" in done.stderr
    assert "Traceback" not in done.stderr
