"""%%workflow cells in the background, plans and cancelling, in a real kernel."""

from __future__ import annotations

import time

import pytest

HEAD = "%load_ext perdure\n%workflow paper"
STEPS = """
import asyncio, os, sys, time
from perdure import Run, step

@step
def load(x):
    with open('log', 'a') as log:
        log.write(f'load-{x}\\n')
    print('loading', x)
    return [x]

@step
async def wait_for(name):
    open(name + '-wanted', 'w').close()
    try:
        while not os.path.exists(name):
            await asyncio.sleep(0.001)
    finally:
        open(name + '-left', 'w').close()
    return name

@step
def block_for(name):
    open(name + '-wanted', 'w').close()
    try:
        while not os.path.exists(name):
            time.sleep(0.001)
    finally:
        open(name + '-left', 'w').close()
    return name
"""
CELL = """%%workflow report --background
print('begins')
first = load(1)
found = await wait_for('go')
print('ends', file=sys.stderr)
first, found"""
SYNC = CELL.replace("await wait_for", "block_for")


@pytest.fixture
def ready(notebook):
    for cell in (HEAD, STEPS):
        assert notebook.run(cell).status == "ok"
    return notebook


def started(notebook, cell=CELL, name="run"):
    """Run the cell, and keep its handle under a name."""
    reply = notebook.run(cell)
    assert reply.errors == [], reply.errors
    assert reply.result["text/plain"].startswith("<run r_")
    assert notebook.run(f"{name} = _").errors == []
    return reply


def until_shown(notebook, text):
    """Wait until the running cell has shown this."""
    deadline = time.monotonic() + 60
    while text not in str(notebook._next(deadline)["content"]):
        assert time.monotonic() < deadline


def shown(notebook, code):
    reply = notebook.run(code)
    assert reply.errors == [], reply.errors
    return reply.result["text/plain"]


@pytest.mark.parametrize("cell", [CELL, SYNC], ids=["async", "sync"])
def test_the_cell_ends_at_once_and_its_run_goes_on_beside_other_cells(ready, cell):
    """Its names and its output come where its result is asked for, and into no other cell."""
    reply = started(ready, cell)
    assert (reply.stdout, reply.stderr) == ("", "")
    ready.wait_for_file("go-wanted")
    assert shown(ready, "run.status, run.workflow") == "('running', 'report')"
    between = ready.run("print('between')\n'first' in globals()")
    assert (between.stdout, between.result["text/plain"]) == ("between\n", "False")
    assert "running" in ready.run("%runs report").text
    (ready.cwd / "go").touch()
    awaited = ready.run("await run")
    assert awaited.errors == []
    assert awaited.result["text/plain"] == "([1], 'go')"
    assert (awaited.stdout, awaited.stderr) == ("begins\nloading 1\n", "ends\n")
    assert shown(ready, "first, found, run.status") == "([1], 'go', 'done')"
    again = ready.run("run.result()")
    assert (again.stdout, again.result["text/plain"]) == ("", "([1], 'go')")


def test_what_other_cells_show_meanwhile_is_theirs_alone(ready):
    """Promise 7: also where they record: neither gets what the other shows."""
    started(ready)
    ready.wait_for_file("go-wanted")
    step = "%%step beside\nopen('go', 'w').close()\nwhile not os.path.exists('go-left'):\n    time.sleep(0.001)\nprint('a step')"
    assert ready.run(step, "beside").stdout == "a step\n"
    awaited = ready.run("await run")
    assert (awaited.stdout, awaited.stderr) == ("begins\nloading 1\n", "ends\n")
    ready.kill()
    for cell in (HEAD, STEPS):
        ready.run(cell)
    assert ready.run(step, "beside").stdout == "a step\n"


def test_the_same_cell_again_is_the_same_run(ready):
    """In the background its handle; in the foreground its result is waited for."""
    started(ready)
    ready.wait_for_file("go-wanted")
    again = started(ready, name="second")
    assert "at work in the background already" in again.text
    assert shown(ready, "run.id == second.id") == "True"
    waiting = ready.submit(CELL.replace(" --background", ""))
    until_shown(ready, "its result is waited for")
    (ready.cwd / "go").touch()
    found = ready.wait(waiting)
    assert found.errors == []
    assert found.result["text/plain"] == "([1], 'go')"
    assert (ready.cwd / "log").read_text() == "load-1\n"
    restored = started(ready, name="third")
    assert restored.stdout == ""
    assert "restored" in ready.run("third.result()").text


def test_an_interrupt_of_another_cell_does_not_stop_it_and_cancel_does(ready):
    started(ready)
    ready.wait_for_file("go-wanted")
    busy = ready.submit("open('busy', 'w').close()\nwhile True: time.sleep(0.01)")
    ready.wait_for_file("busy")
    ready.interrupt()
    assert ready.wait(busy).ename == "KeyboardInterrupt"
    assert shown(ready, "run.status") == "'running'"
    asks = ready.submit("open('asks', 'w').close()\nrun.result()")
    ready.wait_for_file("asks")
    ready.interrupt()
    assert ready.wait(asks).ename == "KeyboardInterrupt"
    assert shown(ready, "run.status") == "'running'"
    assert shown(ready, "run.cancel('not needed')") == "True"
    told = ready.run("await run")
    assert told.ename == "RunCancelled"
    assert "was cancelled: not needed" in told.evalue
    assert (ready.cwd / "go-left").exists(), "its cleanup code ran"
    assert shown(ready, "run.status") == "'cancelled'"
    (ready.cwd / "go").touch()
    forked = ready.run(CELL.replace(" --background", ""))
    assert "forked, because it was cancelled" in forked.text
    assert forked.result["text/plain"] == "([1], 'go')"
    assert (ready.cwd / "log").read_text() == "load-1\n", "what is recorded is kept"


def test_an_error_that_nobody_asked_for_is_told_under_the_next_cell_once(ready):
    started(ready, CELL.replace("first, found", "raise LookupError('nothing there')"))
    ready.wait_for_file("go-wanted")
    (ready.cwd / "go").touch()
    ready.run("while run.status == 'running': time.sleep(0.001)")
    deadline = time.monotonic() + 60
    told = ""
    while "in the background" not in told and time.monotonic() < deadline:
        told = ready.run("1").text
    assert "failed" in told
    assert "LookupError: nothing there" in told
    assert "in the background" not in ready.run("2").text
    asked = ready.run("await run")
    assert asked.ename == "LookupError"
    assert "raise LookupError" in asked.traceback


def test_a_killed_kernel_goes_on_when_the_cell_is_run_again(ready):
    """Promise 2."""
    started(ready)
    ready.wait_for_file("go-wanted")
    ready.kill()
    for cell in (HEAD, STEPS):
        ready.run(cell)
    assert "goes on" in started(ready).text
    (ready.cwd / "go").touch()
    awaited = ready.run("await run")
    assert awaited.result["text/plain"] == "([1], 'go')"
    assert (ready.cwd / "log").read_text() == "load-1\n"


def test_a_foreground_cell_is_cancelled_from_the_command_line(ready):
    """Its step hears of it, and the cell ends with two lines."""
    import subprocess
    import sys

    running = ready.submit(CELL.replace(" --background", ""))
    ready.wait_for_file("go-wanted")
    done = subprocess.run(
        [sys.executable, "-m", "perdure", "cancel", "report", "--reason", "from outside"],
        cwd=ready.cwd,
        env=ready.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "is cancelled." in done.stdout, done.stderr
    told = ready.wait(running)
    assert told.ename == "RunCancelled"
    assert "from outside" in told.evalue
    assert told.traceback.count("\n") <= 2
    assert (ready.cwd / "go-left").exists()
    assert shown(ready, "1 + 1") == "2"


def test_a_blocking_cell_is_cancelled_at_once(ready):
    """A sync step that sleeps in the main thread."""
    import subprocess
    import sys

    ready.run("@step\ndef sleeps():\n    open('asleep', 'w').close()\n    time.sleep(600)")
    running = ready.submit("%%workflow slow\nsleeps()")
    ready.wait_for_file("asleep")
    command = [sys.executable, "-m", "perdure", "cancel", "slow"]
    subprocess.run(command, cwd=ready.cwd, env=ready.env, capture_output=True, timeout=60, check=True)
    assert ready.wait(running).ename == "RunCancelled"
    assert shown(ready, "1 + 1") == "2"


# -- plans -----------------------------------------------------------------------------------------------

PLANNED = """%%workflow later
data = load(1)
more = load(2)
print('the body')
data + more"""


def test_a_plan_tells_what_a_cell_would_do_and_runs_no_step(ready):
    plan = PLANNED.replace("later", "later --plan")
    assert "a new run, in which every step runs" in ready.run(plan).text
    assert not (ready.cwd / "log").exists()
    ready.run(PLANNED)
    log = (ready.cwd / "log").read_text()
    assert "finished and nothing changed: its result is restored" in ready.run(plan).text
    edited = ready.run(plan.replace("load(2)", "load(3)"))
    assert edited.stdout == "", "what the body prints is not shown"
    lines = edited.result["text/plain"].splitlines()
    assert "what comes after the first call that runs is not known" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["restore", "run"]
    assert "`x` changed: 2 → 3" in lines[2]
    gone = ready.run(plan.replace("more = load(2)\n", "more = []\n"))
    assert [line.split()[0] for line in gone.result["text/plain"].splitlines()[1:]] == ["restore", "missing"]
    assert (ready.cwd / "log").read_text() == log
    assert "data" in ready.run("%who").text


def test_a_plan_of_a_cell_that_awaits(ready):
    cell = CELL.replace("--background", "")
    (ready.cwd / "go").touch()
    assert ready.run(cell).errors == []
    edited = ready.run(cell.replace("report", "report --plan").replace("first, found", "first"))
    lines = edited.result["text/plain"].splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["restore", "load"], ["restore", "wait_for"]]


def test_options_of_cells_are_refused_on_a_line(ready):
    for option in ("--plan", "--background"):
        assert f"{option} belongs to a %%workflow cell" in ready.run(f"%workflow paper {option}").stderr
