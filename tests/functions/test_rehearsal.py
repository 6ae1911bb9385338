"""A run's body against its journal, without a step that runs: what is missing, extra or changed."""

import asyncio
import subprocess
import sys

import pytest

from functions.witness import bad_luck, planned, ran, stumble, taken, to_do
from perdure import now, race, sleep, step, workflow
from perdure.engine.rehearsal import rehearse
from perdure.errors import NoSuchWorkflow


@step
def load(x):
    ran("load", x)
    return x


@step
def clean(x):
    ran("clean", x)
    return x * 2


@workflow
def body(n):
    for function, argument in planned():
        function(argument)
    stumble()
    return n


@workflow
async def child(n):
    return load(n)


@workflow
async def wide(n):
    values = await asyncio.gather(*(child(x) for x in range(n)))
    await load.map(range(n))
    name, _ = await race(quick=child(7), late=sleep("1h"))
    now()
    try:
        broken(n)
    except ValueError:
        return values, name


@step
def broken(n):
    raise ValueError(n)


@pytest.fixture
def look(store):
    """Rehearse the newest run of a workflow; nothing runs, and nothing is written."""

    def look(of):
        run = store.journal.runs(workflow=of.name)[0]
        before = [store.journal.calls(run.id), store.journal.restores(run.id), len(store.journal.runs())]
        taken()
        found = rehearse(store, run)
        assert taken() == []
        assert before == [
            store.journal.calls(run.id),
            store.journal.restores(run.id),
            len(store.journal.runs()),
        ]
        return found

    return look


def told(found):
    return [(each.kind, each.call) for each in found.findings]


def test_a_body_that_did_not_change_restores_all(look):
    to_do((load, 1), (clean, 2))
    body(1)
    found = look(body)
    assert (found.restored, told(found), found.whole, found.alike) == (2, [], True, True)


def test_children_races_notes_and_caught_failures_are_restored(look):
    asyncio.run(wide(3))
    found = look(wide)
    assert told(found) == []
    assert found.whole


def test_what_is_not_called_any_more_is_missing(look):
    to_do((load, 1), (clean, 2))
    body(1)
    to_do((load, 1))
    found = look(body)
    assert told(found) == [("missing", "`clean(x=2)`")]
    assert not found.alike


def test_what_is_called_and_not_recorded_is_extra_and_ends_the_branch(look):
    to_do((load, 1))
    body(1)
    to_do((load, 1), (load, 5), (clean, 2))
    found = look(body)
    assert told(found) == [("extra", "`load(x=5)`")]
    assert not found.whole


def test_another_input_is_a_change_and_says_which(look):
    to_do((load, 1))
    body(1)
    to_do((load, 3))
    [finding] = look(body).findings
    assert (finding.kind, finding.call, finding.why) == ("changed", "`load(x=3)`", "`x` changed: 1 → 3")


def test_of_an_edited_step_the_recorded_value_stands_in(look, monkeypatch):
    to_do((clean, 2), (load, 9))
    body(1)

    @step(name="clean")
    def edited(x):
        ran("edited", x)
        return x * 3

    to_do((edited, 2), (load, 9))
    found = look(body)
    assert told(found) == [("changed", "`clean(x=2)`")]
    assert "code of" in found.findings[0].why
    assert found.restored == 1
    assert found.whole


def test_an_unfinished_run_tells_with_what_it_would_go_on(look):
    to_do((load, 1))
    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        body(1)
    to_do((load, 1), (clean, 2))
    found = look(body)
    assert told(found) == [("next", "`clean(x=2)`")]
    assert found.alike


def test_a_workflow_that_is_not_here_is_told(store):
    to_do()

    @workflow
    def gone(n):
        return n

    gone(1)
    run = store.journal.runs(workflow="gone")[0]
    del gone
    import gc

    gc.collect()
    with pytest.raises(NoSuchWorkflow):
        rehearse(store, run)


SCRIPT = """
from perdure import step, workflow

@step
def load(x):
    print("ran")
    return x

@workflow
def report(n):
    return [load(x) for x in range(n)]

if __name__ == "__main__":
    report(2)
"""


def check(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "perdure", "check", "report", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_tells_what_changed(script, tmp_path):
    assert script(SCRIPT, file="reports.py") == ["ran", "ran"]
    same = check(tmp_path, "--from", "reports")
    assert (same.returncode, "ran\n" in same.stdout) == (0, False), same.stderr
    assert "2 calls would be restored" in same.stdout
    assert "makes the calls that are recorded, and no other" in same.stdout
    (tmp_path / "reports.py").write_text(SCRIPT.replace("range(n)", "range(n - 1)"))
    less = check(tmp_path, "--from", "reports.py")
    assert less.returncode == 1
    assert "missing `load(x=1)`" in less.stdout
    wrong = check(tmp_path, "--from", "nowhere")
    assert (wrong.returncode, "could not be imported" in wrong.stderr) == (1, True)
