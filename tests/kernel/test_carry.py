"""A run that is carried elsewhere, and a store that was damaged, in real kernels."""

from __future__ import annotations

import subprocess
import sys

import pytest

CELLS = [
    "%workflow w",
    "%%setup tools\nimport math",
    (
        "%%step make\nimport numpy as np\n"
        "class Point:\n    def __init__(self, x): self.x = x\n"
        "array, point = np.arange(400_000.0), Point(3)\nprint('made it')"
    ),
    (
        "from perdure import step\n@step\ndef double(x):\n    open('ran', 'a').write('x')\n    return 2 * x\n"
        "text = 'abc'"
    ),
    "%%workflow inner --input text --output out\nout = double(text)",
    "%%step use\ntotal = float(array.sum()) + point.x\ntotal",
]
LOOK = "print(total, point.x, type(point) is Point, array[5], out, math.floor(1.5))"
SEEN = "79999800003.0 3 True 5.0 abcabc 1\n"


def perdure(notebook, *words, status=0):
    """What a command said, in the notebook's folder."""
    command = [sys.executable, "-m", "perdure", *words]
    done = subprocess.run(
        command, cwd=notebook.cwd, env=notebook.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def run_all(notebook):
    replies = notebook.run_all(CELLS)
    assert [reply.status for reply in replies] == ["ok"] * len(CELLS), replies[-1].traceback
    return replies


@pytest.fixture
def exported(open_notebook, tmp_path):
    """A run that was exported in one folder."""
    notebook = open_notebook(folder="a", env={"PERDURE_KEY_FILE": str(tmp_path / "key")})
    run_all(notebook)
    assert notebook.run(LOOK).stdout == SEEN
    assert "and 1 run that it needs" in perdure(notebook, "export", "w", str(tmp_path / "file"))
    return tmp_path / "file"


def test_with_the_same_key_run_all_restores_everything_elsewhere(exported, open_notebook, tmp_path):
    """Promises 1 and 7: in another folder and kernel; nothing runs again, and what was shown comes back."""
    notebook = open_notebook(folder="b", env={"PERDURE_KEY_FILE": str(tmp_path / "key")})
    assert "`%workflow w` goes on with it" in perdure(notebook, "import", str(exported))
    assert "make" in perdure(notebook, "show", "w")
    replies = run_all(notebook)
    assert "2 steps are kept" in replies[0].text
    assert ["restored" in reply.text for reply in replies] == [False, False, True, False, True, True]
    assert "made it" in replies[2].stdout
    assert not (notebook.cwd / "ran").exists()
    assert notebook.run(LOOK).stdout == SEEN
    assert "whole" in perdure(notebook, "check")


def test_with_the_same_key_a_resume_restores_everything_elsewhere(exported, open_notebook, tmp_path):
    """Promise 1: also when nothing but its name is said, and the exporting store is gone."""
    notebook = open_notebook(folder="b", env={"PERDURE_KEY_FILE": str(tmp_path / "key")})
    perdure(notebook, "import", str(exported))
    reply = notebook.run("%resume")
    assert "2 steps restored" in reply.text
    assert notebook.run(LOOK.replace("out,", "1,")).stdout == SEEN.replace("abcabc", "1")


def test_with_another_key_it_is_told_refused_and_restored_after_trust(exported, open_notebook):
    """Promise 8: listing and previewing need no key."""
    notebook = open_notebook(folder="b")
    assert "signed by a key that is not yours" in perdure(notebook, "import", str(exported))
    assert "make" in perdure(notebook, "show", "w")
    assert "values here were signed by key" in notebook.run("%workflow w").text
    assert "not restored" in notebook.run("%resume").text
    assert "NameError" in notebook.run(LOOK).ename
    reply = notebook.run(CELLS[2])
    assert reply.ename == "Untrusted"
    assert "perdure trust" in reply.traceback
    assert "Signed" in perdure(notebook, "trust", "w", "--yes")
    notebook.restart()
    run_all(notebook)
    assert notebook.run(LOOK).stdout == SEEN
    assert not (notebook.cwd / "ran").exists()


def test_a_run_at_work_is_exported_and_goes_on_elsewhere(open_notebook, tmp_path):
    """Promise 2: what was running runs again there; here it goes on undisturbed."""
    env = {"PERDURE_KEY_FILE": str(tmp_path / "key")}
    here = open_notebook(folder="a", env=env)
    for cell in ("%workflow w", "%%step first\nimport pathlib\nimport time\none = 1"):
        assert here.run(cell).status == "ok"
    slow = "%%step slow\nopen('began', 'w').close()\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)\ntwo = one + 1"
    sent = here.submit(slow)
    here.wait_for_file("began")
    assert "At work just now" in perdure(here, "export", "w", str(tmp_path / "file"))
    (here.cwd / "go").touch()
    assert "ran" in here.wait(sent).text
    there = open_notebook(folder="b", env=env)
    perdure(there, "import", str(tmp_path / "file"))
    (there.cwd / "go").touch()
    assert "killed" not in there.run("%workflow w").text
    assert "restored" in there.run("%%step first\nimport pathlib\nimport time\none = 1").text
    assert "ran" in there.run(slow).text


def test_a_notebook_exports_its_own_run(notebook):
    """Promise 8: by the magic, told as on the command line."""
    assert "which run?" in notebook.run("%perdure export --to f").stderr
    notebook.run("%workflow w")
    notebook.run("%%step one\none = 1")
    assert "the file is needed" in notebook.run("%perdure export").stderr
    reply = notebook.run("%perdure export --to f")
    assert "Wrote f: w r_" in reply.text
    assert "--force" in notebook.run("%perdure export w --to f").traceback
    assert "Wrote f: w r_" in notebook.run("%perdure export w --to f --force").text
    assert "nothing was changed" in perdure(notebook, "import", "f")


def harmed(notebook, harm):
    """Damage the blob of the array."""
    path = max((notebook.cwd / ".perdure" / "blobs").glob("??/*"), key=lambda each: each.stat().st_size)
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(data if harm == "flipped" else data[:-8])


@pytest.mark.parametrize("harm", ["flipped", "truncated", "missing"])
def test_a_damaged_value_is_refused_and_nothing_else_suffers(notebook, harm):
    """Promise 4: in a cell, in a resume, and by the check; with `--redo` all is well again."""
    run_all(notebook)
    notebook.restart()
    harmed(notebook, harm)
    said = perdure(notebook, "check", "--store", status=1)
    assert "step `make`, value: blob" in said
    assert "Run `make` again with `--redo`." in said

    notebook.run("%workflow w")
    planned = next(line for line in notebook.run("%resume --plan").text.splitlines() if "make" in line)
    assert ("not restored" in planned) == (harm == "missing")
    text = notebook.run("%resume").text
    assert "1 step restored" in text
    assert "The checkpoint of step `make` is damaged" in text
    assert "--redo" in text
    assert notebook.run("print(total)").stdout == "79999800003.0\n"

    notebook.restart()
    replies = notebook.run_all(CELLS)
    assert [reply.status for reply in replies] == ["ok", "ok", "error"]
    assert replies[-1].ename == "Damaged"
    assert replies[-1].traceback.strip().splitlines()[-1].startswith("Run its step again with `--redo`")
    assert ".py" not in replies[-1].traceback
    assert "ran again" in notebook.run(CELLS[2].replace("make\n", "make --redo\n", 1)).text
    rest = [notebook.run(cell) for cell in CELLS[3:]]
    assert [("restored" in reply.text) for reply in rest] == [False, True, True]
    assert notebook.run(LOOK).stdout == SEEN
    assert "All that is needed is whole." in perdure(notebook, "check")
