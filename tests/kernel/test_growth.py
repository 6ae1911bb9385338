"""What a store takes, and that room runs out, as a notebook tells it."""

import pytest

from perdure.cli import main

HEAD = "%workflow w"
NARROW = "\N{NO-BREAK SPACE}"
MUCH = "import os; os.environ['PERDURE_WARN_FREE'] = '1000TB'"


@pytest.fixture
def ready(notebook):
    """A notebook that is named."""
    notebook.run(HEAD)
    return notebook


def test_room_that_runs_out_is_said_once_under_the_cell(ready):
    """Promise 10: after the checkpoint that finds it so, with the ways out."""
    run = ready.run
    run(MUCH)
    run("from perdure.engine import room; room.SECONDS = 0; room._rooms.clear()")
    first = run("%%step one\na = 1")
    assert "room runs out" in first.text
    assert "perdure gc --keep" in first.text
    assert "room runs out" not in run("%%step two\nb = a + 1").text


def test_sizes_are_told_by_workflow_run_and_step(ready):
    """Promise 10: in a line with the store, and in full on request."""
    run = ready.run
    run("%%step large\nimport os\nx = os.urandom(3_000_000)")
    told = run("%perdure").text.replace(NARROW, " ")
    assert "largest" in told
    assert "in blobs" in told
    assert "map (PERDURE_RESTORE), verify changed (PERDURE_VERIFY)" in told
    listed = run("%perdure du").text.replace(NARROW, " ")
    assert "workflow / run" in listed
    (name,) = {line.split()[0] for line in listed.splitlines() if line.startswith("  r_")}
    steps = run(f"%perdure du {name}").text.replace(NARROW, " ")
    assert any(line.split()[:1] == ["large"] and "3.0 MB" in line for line in steps.splitlines())
    assert "NoSuchRun" in str(run("%perdure du nowhere").errors)


def test_collecting_tells_what_it_would_forget(ready):
    """Promise 1: nothing of the run that this kernel is at work on goes."""
    run = ready.run
    run("%%step one\nx = 1")
    run("%%step one\nx = 2")
    told = run("%perdure gc --keep 0 --old-versions --older-than 0s --dry-run").text.replace(NARROW, " ")
    assert told.startswith("Would remove 0 blobs: 0 B.")
    assert "is no size" in str(run("%perdure gc --max-size much"))
    assert "with its unit" in str(run("%perdure gc --older-than 30"))
    assert "the whole store, not w alone" in str(run("%perdure gc w"))
    assert "restored" in run("%%step one\nx = 1").text


def test_a_notebook_runs_on_after_what_it_no_longer_uses_was_forgotten(ready, monkeypatch, capsys):
    """Promise 1: older runs of a %%workflow cell and versions of a step go; what the notebook holds is restored."""
    run = ready.run

    def cells(day):
        return [
            HEAD,
            f"day = {day}",
            "%%workflow report\ntotal = day * 100",
            f"%%step load\nimport os\nx = os.urandom({300_000 + day})",
            "%%step fit\ny = len(x)",
        ]

    for day in range(1, 6):
        ready.restart()
        assert all(reply.status == "ok" for reply in ready.run_all(cells(day)))
    ready.restart()
    monkeypatch.setenv("JUPYTER_DATA_DIR", ready.env["JUPYTER_DATA_DIR"])
    store = str(ready.cwd / ".perdure")
    assert main(["--store", store, "gc", "--keep", "1", "--old-versions"]) == 0
    said = capsys.readouterr().out
    assert "Forgot 3 runs: report 3." in said
    assert "older versions of calls" in said
    assert main(["--store", store, "show", "w"]) == 0
    assert "fit" in capsys.readouterr().out
    replies = ready.run_all(cells(5))
    assert ["restored" in reply.text for reply in replies[2:]] == [True, True, True]
    assert run("(total, y)").text == "(500, 300005)"
    assert run("%timeline").errors == []
