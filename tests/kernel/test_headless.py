"""The same notebook through the tools that run notebooks without a person: nbclient, papermill, `jupyter execute`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from kernel.harness import environment, write_specs

STEP = "%%step {name}\nopen('log', 'a').write('{name}\\n')\n{body}"
SLOW = "import os, time\nif os.path.exists('slow'):\n    open('in', 'w').write(str(os.getpid()))\n    time.sleep(600)\n"
CELLS = [
    "%load_ext perdure\n%workflow nightly",
    "rate = 2",
    STEP.format(name="load", body="numbers = [1, 2, 3]\nprint('loaded', len(numbers))"),
    STEP.format(name="scale", body=SLOW + "scaled = [rate * n for n in numbers]\nscaled"),
    "print('total', sum(scaled))",
]

_NBCLIENT = (
    "import sys, nbformat\nfrom nbclient import NotebookClient\n"
    "notebook = nbformat.read(sys.argv[1], 4)\n"
    "NotebookClient(notebook, timeout=60, kernel_name=sys.argv[2]).execute()\nnbformat.write(notebook, sys.argv[1])\n"
)


def command(tool: str, kernel: str) -> list[str]:
    execute = str(Path(sys.executable).parent / "jupyter-execute")
    return {
        "nbclient": [sys.executable, "-c", _NBCLIENT, "night.ipynb", kernel],
        "papermill": [sys.executable, "-m", "papermill", "night.ipynb", "night.ipynb", "-k", kernel],
        "execute": [
            execute,
            f"--kernel_name={kernel}",
            "--inplace",
            "night.ipynb",
        ],
    }[tool]


@pytest.fixture
def night(tmp_path):
    """A folder with the notebook, and an environment in which its kernels are found."""
    home = tmp_path / ".jupyter-test"
    write_specs(home / "share")
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "night.ipynb")
    return tmp_path, environment(home) | {"JUPYTER_PATH": str(home / "share")}


def execute(tool: str, night, kernel: str = "python3") -> subprocess.CompletedProcess[str]:
    folder, env = night
    return subprocess.run(
        command(tool, kernel), cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def ran(night) -> list[str]:
    log = night[0] / "log"
    found = log.read_text().split() if log.exists() else []
    log.write_text("")
    return found


def texts(night) -> str:
    """All text that the executed notebook shows."""
    notebook = nbformat.read(night[0] / "night.ipynb", 4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    found = [each.get("text", "") or str(each.get("data", {}).get("text/plain", "")) for each in outputs]
    return "\n".join(found)


@pytest.mark.parametrize(
    ("tool", "kernel"), [("nbclient", "perdure"), ("papermill", "python3"), ("execute", "python3")]
)
def test_a_tool_runs_it_cold_restores_it_and_goes_on_after_a_kill(night, tool, kernel):
    """Promises 1, 2 and 7: nothing asks, nothing runs twice, and the recorded outputs are in the notebook."""
    folder = night[0]
    (folder / "slow").touch()
    killed = subprocess.Popen(
        command(tool, kernel), cwd=folder, env=night[1], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not ((folder / "in").exists() and (folder / "in").read_text()):
        assert time.monotonic() < deadline
        assert killed.poll() is None
        time.sleep(0.05)
    os.kill(int((folder / "in").read_text()), signal.SIGKILL)
    killed.wait(60)
    assert killed.returncode != 0
    (folder / "slow").unlink()
    assert ran(night) == ["load", "scale"]

    done = execute(tool, night, kernel)
    assert done.returncode == 0, done.stderr
    assert ran(night) == ["scale"]
    shown = texts(night)
    assert "killed today" in shown
    assert "loaded 3" in shown
    assert "[2, 4, 6]" in shown
    assert "total 12" in shown

    again = execute(tool, night, kernel)
    assert again.returncode == 0, again.stderr
    assert ran(night) == []
    shown = texts(night)
    assert shown.count("restored from today") == 2
    assert "loaded 3" in shown
    assert "[2, 4, 6]" in shown
    assert "total 12" in shown
