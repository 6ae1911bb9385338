"""Sleeps, races and noted values in %%workflow cells, and the state of a notebook's steps, in a real kernel."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from perdure.store import open_store

HEAD = "%load_ext perdure\n%workflow paper"
NAMES = "from perdure import first_success, now, previous, race, random, sleep, state, step, uuid4"
STEP = """
@step
async def fetch(x):
    with open('log', 'a') as log:
        log.write(x)
    return x
"""
WAITS = """%%workflow waits
at = now()
await sleep('1h')
page = await fetch('page')
page"""


@pytest.fixture
def ready(notebook):
    for cell in (HEAD, NAMES, STEP):
        assert notebook.run(cell).status == "ok"
    return notebook


def wake(notebook) -> str:
    """End the sleeps of the cell's run from the command line, once there is one."""
    while True:
        done = subprocess.run(
            [sys.executable, "-m", "perdure", "wake", "waits"],
            cwd=notebook.cwd,
            env=os.environ | notebook.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout
        assert "Nothing sleeps" in done.stdout, done.stderr


def until_asleep(notebook):
    """Return once the cell's run sleeps."""
    with open_store(notebook.cwd / ".perdure", readonly=True) as store:
        while True:
            assert notebook.km.is_alive()
            runs = store.journal.runs(workflow="waits")
            if any(call.state == "waiting" for run in runs for call in store.journal.calls(run.id)):
                return


def shown(notebook, code: str) -> str:
    reply = notebook.run(code)
    assert reply.errors == [], reply.errors
    return reply.result["text/plain"]


def test_a_sleeping_cell_is_woken_from_the_command_line(ready):
    sent = ready.submit(WAITS, "waits")
    assert "1 sleep of run r_" in wake(ready)
    reply = ready.wait(sent)
    assert reply.errors == []
    assert reply.result["text/plain"] == "'page'"


def test_a_cell_that_was_killed_while_it_slept_goes_on_with_its_wait(ready):
    """Promise 2: the deadline is kept, and so is what was noted; woken meanwhile, it goes on at once."""
    ready.submit(WAITS, "waits")
    until_asleep(ready)
    ready.kill()
    for cell in (HEAD, NAMES, STEP):
        assert ready.run(cell).status == "ok"
    assert "when it goes on: nobody is at work on it" in wake(ready)
    reply = ready.run(WAITS, "waits")
    assert reply.errors == []
    assert "goes on" in reply.text
    assert (ready.cwd / "log").read_text() == "page"


def test_a_race_in_a_cell_is_decided_once(ready):
    """Promise 1: an edited cell keeps the decision."""
    cell = "%%workflow races\nname, page = await race(page=fetch('page'), late=sleep('1h'))\nname, page, str(now())"
    first = shown(ready, cell)
    assert first.startswith("('page', 'page', '20")
    assert shown(ready, cell + "  # a comment") == first
    edited = shown(ready, f"{cell.replace('name, page, str(now())', 'at = str(now())')}\n[name, page, at]")
    assert edited.strip("[]") == first.strip("()")
    assert (ready.cwd / "log").read_text() == "page"


def test_previous_of_a_cell_gives_its_names(ready):
    cell = "%%workflow nightly --key {key}\nbefore = previous()\ntotal = {total}\nbefore"
    assert ready.run(cell.format(key="a", total=1)).errors == []
    assert shown(ready, cell.format(key="b", total=2)) == "{'before': None, 'total': 1}"


def test_what_a_step_cell_changes_is_written_with_its_checkpoint(ready):
    """Promise 2: a cell that fails changes nothing."""
    count = "%%step count\nseen = state('seen')\nseen['n'] = seen.get('n', 0) + 1\nseen['n']"
    assert shown(ready, count) == "1"
    assert "restored" in ready.run(count).text
    assert shown(ready, count.replace("count", "count --replace", 1) + " + 10") == "12"
    assert ready.run("%%step bad\nstate('seen')['n'] = 99\n1 / 0").status == "error"
    assert shown(ready, "%%step look\ndict(state('seen'))") == "{'n': 2}"
    outside = ready.run("state('seen')['n']")
    assert "NotInRun" in outside.ename
    ready.kill()
    for cell in (HEAD, NAMES):
        ready.run(cell)
    assert "restored" in ready.run(count.replace("count", "count --replace", 1) + " + 10").text
    assert shown(ready, "%%step look_again\ndict(state('seen'))") == "{'n': 2}"
