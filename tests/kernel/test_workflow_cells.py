"""%%workflow cells in a real kernel: their inputs and outputs, and how they go on after kills, edits and errors."""

from __future__ import annotations

import re

import pytest

HEAD = "%load_ext perdure\n%workflow paper"
STEPS = """
import asyncio, os
from perdure import step

def note(name):
    with open('log', 'a') as log:
        log.write(name + '\\n')

@step
async def fetch(url):
    note(f'fetch-{url}')
    if url == 3 and os.path.exists('slow'):
        open('in', 'w').close()
        await asyncio.sleep(600)
    return url * 10

@step
def tidy(pages):
    note('tidy')
    return sorted(pages)

@step(kind='effect')
def publish(table):
    note('publish')
    if os.path.exists('slow'):
        open('in', 'w').close()
        import time; time.sleep(600)
    return len(table)
"""
FETCH = """%%workflow report
pages = await fetch.map(urls, concurrency=4)
local = 1
table = tidy(pages)
print('fetched', len(table))
table"""


@pytest.fixture
def ready(notebook):
    """A notebook with steps to call, in which nothing is slow."""
    assert notebook.run(HEAD).status == "ok"
    assert notebook.run(STEPS, "steps").status == "ok"
    return notebook


def ran(notebook) -> list[str]:
    """The calls that ran since this was last asked, sorted: parallel ones begin in any order."""
    log = notebook.cwd / "log"
    found = log.read_text().split() if log.exists() else []
    log.write_text("")
    return sorted(found)


def begin_again(notebook, *cells: str) -> None:
    """Kill the kernel and run what stands above the %%workflow cell."""
    notebook.kill()
    for cell in (HEAD, STEPS, *cells):
        assert notebook.run(cell).status == "ok"
    ran(notebook)


def shown(notebook, code: str) -> str:
    reply = notebook.run(code)
    assert reply.errors == [], reply.errors
    return reply.result["text/plain"]


def test_all_data_that_the_body_reads_is_handed_in_and_what_it_binds_comes_out(ready):
    ready.run("urls = [1, 2]\nunread = 5\nfactor = 2\ndef double(x):\n    return factor * x")
    reply = ready.run("%%workflow w\nurls.append(3)\ntotal = double(len(urls))\n[x for x in urls]")
    assert reply.errors == []
    assert reply.result["text/plain"] == "[1, 2, 3]"
    assert shown(ready, "urls, total") == "([1, 2], 6)", "the body works on a copy of its inputs"
    only = ready.run("%%workflow w2 --input urls --output b\na = len(urls)\nb = a + 1\ndel urls")
    assert only.errors == []
    assert shown(ready, "b, 'a' in globals(), len(urls)") == "(3, False, 2)"


def test_with_input_and_output_another_name_is_an_error_before_anything_runs(ready):
    ready.run("urls = [1]\nother = 2")
    reply = ready.run("%%workflow w --input urls\nx = urls, other")
    assert reply.stderr.startswith("UsageError: ")
    assert "reads other, which --input does not name" in reply.stderr
    reply = ready.run("%%workflow w --output nope\nimport pathlib\npathlib.Path('ran').touch()")
    assert "--output names nope, which the cell does not bind" in reply.stderr
    assert not (ready.cwd / "ran").exists()
    assert "w" not in ready.run("%runs").text.split()
    reply = ready.run("%%workflow w\nx = urls\ny = nobody")
    assert reply.ename == "UndefinedName"
    assert "`nobody`" in reply.evalue


def test_the_same_inputs_are_the_same_run_and_other_inputs_are_another(ready):
    """Promise 1: finished and unchanged, its results are there at once, and a line names --fresh."""
    ready.run("urls = [1, 2]")
    first = ready.run(FETCH)
    assert first.errors == []
    assert ran(ready) == ["fetch-1", "fetch-2", "tidy"]
    again = ready.run(FETCH)
    assert ran(ready) == []
    assert (again.stdout, again.result) == (first.stdout, first.result)
    assert "restored" in again.text
    assert "--fresh" in again.text
    ready.run("del pages, table, local\nurls = [2, 5]")
    assert ready.run(FETCH).result["text/plain"] == "[20, 50]"
    assert ran(ready) == ["fetch-2", "fetch-5", "tidy"], "another run computes everything itself"
    ready.run("urls = [5, 6]")
    assert ready.run(FETCH.replace("report", "report --reuse")).errors == []
    assert ran(ready) == ["fetch-5", "fetch-6", "tidy"], "calls match by branch as well"
    ready.run("urls = [5, 6, 7]")
    assert ready.run(FETCH.replace("report", "report --reuse")).errors == []
    assert ran(ready) == ["fetch-7", "tidy"]
    assert ready.run(FETCH.replace("report", "report --fresh")).errors == []
    assert ran(ready) == ["fetch-5", "fetch-6", "fetch-7", "tidy"]
    ready.run("urls = [9]")
    assert ready.run(FETCH.replace("report", "report --key k")).errors == []
    assert ran(ready) == ["fetch-9", "tidy"]
    ready.run("urls = [8]")
    assert "restored" in ready.run(FETCH.replace("report", "report --key k")).text
    assert ran(ready) == []


def test_a_name_that_the_body_binds_in_a_loop_is_no_input(ready):
    """What the cell put into the notebook does not make it another run."""
    cell = "%%workflow w\nfor n in [1, 2]:\n    last = tidy([n])\nprint(last, n)"
    assert ready.run(cell).stdout == "[2] 2\n"
    again = ready.run(cell)
    assert "restored" in again.text
    assert again.stdout == "[2] 2\n"


def test_after_a_kill_in_the_middle_only_the_missing_calls_run(ready):
    """Promise 2, and parallel calls match their records whatever order they ended in."""
    ready.run("urls = [1, 2, 3, 4]")
    (ready.cwd / "slow").touch()
    ready.submit(FETCH)
    ready.wait_for_file("in")
    begin_again(ready, "urls = [1, 2, 3, 4]")
    (ready.cwd / "slow").unlink()
    reply = ready.run(FETCH)
    assert reply.errors == []
    assert reply.result["text/plain"] == "[10, 20, 30, 40]"
    assert "goes on" in reply.text
    again = ran(ready)
    assert "fetch-3" in again
    assert "tidy" in again
    assert "fetch-1" not in again
    runs = ready.run(
        "from perdure.notebook import current\ns = current()\n[(r.workflow, r.parent == s.run_id) for r in s.store.journal.runs() if r.kind == 'cell']"
    )
    assert runs.result["text/plain"] == "[('report', True)]", "one child run of the notebook's run"


def test_an_edit_forks_a_finished_run_and_keeps_the_calls_that_are_valid(ready):
    """Promise 11."""
    ready.run("urls = [1, 2]")
    ready.run(FETCH)
    ran(ready)
    edited = FETCH.replace("local = 1", "local = 2")
    reply = ready.run(edited)
    assert "forked, because it was edited" in reply.text
    assert ran(ready) == []
    assert shown(ready, "local") == "2"
    assert ready.run(FETCH.replace("local = 1", "# a comment\nlocal = 2")).errors == []
    assert "restored" in ready.run(edited).text
    ready.run(STEPS.replace("sorted(pages)", "sorted(pages)[::-1]"), "steps")
    assert ready.run(edited).result["text/plain"] == "[20, 10]"
    assert ran(ready) == ["tidy"]


def test_redo_and_from_run_again_what_depends_on_a_step(ready):
    ready.run("urls = [1, 2]")
    ready.run(FETCH)
    ran(ready)
    assert ready.run(FETCH.replace("report", "report --redo tidy")).errors == []
    assert ran(ready) == ["tidy"]
    assert ready.run(FETCH.replace("report", "report --from fetch")).errors == []
    assert ran(ready) == ["fetch-1", "fetch-2", "tidy"]
    wrong = ready.run(FETCH.replace("report", "report --redo tdy"))
    assert "tdy" in wrong.text + wrong.evalue, "a step that the run does not have is told"
    ready.run("import asyncio")
    strict = FETCH.replace("report", "report --strict")
    assert ready.run(strict).errors == []
    ready.run(STEPS.replace("sorted(pages)", "sorted(pages)[::-1]"), "steps")
    reply = ready.run(strict)
    assert reply.ename == "StrictDrift"


def test_gather_and_tasks_are_branches(ready):
    cell = """%%workflow w
a, b = await asyncio.gather(fetch(1), fetch(2))
async def one(n):
    return await fetch(n) + await fetch(n)
async with asyncio.TaskGroup() as group:
    tasks = [group.create_task(one(n)) for n in (5, 6)]
c = [task.result() for task in tasks]
del tasks, group, one
future = fetch.submit(7)
d = await future
del future
a, b, c, d"""
    first = ready.run(cell)
    assert first.errors == []
    assert first.result["text/plain"] == "(10, 20, [100, 120], 70)"
    assert ran(ready) == ["fetch-1", "fetch-2", "fetch-5", "fetch-5", "fetch-6", "fetch-6", "fetch-7"]
    assert ready.run(cell.replace("a, b, c, d", "[a, b, c, d]")).errors == []
    assert ran(ready) == []


def test_an_exception_shows_the_users_frames_and_the_run_goes_on_when_mended(ready):
    ready.run("urls = [1, 2]")
    reply = ready.run(FETCH.replace("local = 1", "local = 1 / 0"))
    assert reply.ename == "ZeroDivisionError"
    (pointed,) = [line for line in reply.traceback.splitlines() if "-> " in line]
    assert pointed.endswith("local = 1 / 0")
    assert "perdure" not in reply.traceback
    assert "asyncio" not in reply.traceback.replace("import asyncio", "")
    assert "pages" not in shown(ready, "[n for n in dir() if n == 'pages']")
    ran(ready)
    assert ready.run(FETCH).errors == []
    assert ran(ready) == ["tidy"]
    ready.run("@step\ndef bad(x):\n    raise ValueError('inside the step')")
    reply = ready.run("%%workflow broken\none = 1\nbad(one)\ntwo = 2")
    assert reply.ename == "ValueError"
    assert "----> 3 bad(one)" in reply.traceback
    assert "raise ValueError('inside the step')" in reply.traceback
    assert "perdure" not in reply.traceback


@pytest.mark.parametrize("kernel", ["perdure", "python3"])
def test_an_interrupt_while_awaiting_is_recorded_and_the_run_goes_on(open_notebook, kernel):
    notebook = open_notebook(kernel=kernel)
    notebook.run(HEAD)
    notebook.run(STEPS)
    notebook.run("urls = [3]")
    (notebook.cwd / "slow").touch()
    sent = notebook.submit(FETCH)
    notebook.wait_for_file("in")
    notebook.interrupt()
    reply = notebook.wait(sent)
    assert reply.ename == "KeyboardInterrupt"
    assert "kernel/perdure" not in reply.traceback
    states = "from perdure.notebook import current\n[(r.state, [c.state for c in current().store.journal.calls(r.id)]) for r in current().store.journal.runs(workflow='report')]"
    assert shown(notebook, states) == "[('interrupted', ['interrupted'])]"
    (notebook.cwd / "slow").unlink()
    assert notebook.run(FETCH).result["text/plain"] == "[30]"


@pytest.mark.parametrize("verdict", ["again", "done 7", "fail"])
def test_an_effect_of_a_killed_workflow_cell_is_in_doubt_until_it_is_resolved(ready, verdict):
    """Promise 5: `%perdure resolve` finds effects of %%workflow cells as well."""
    cell = "%%workflow send\ncount = publish(tidy([1]))\ncount"
    (ready.cwd / "slow").touch()
    ready.submit(cell)
    ready.wait_for_file("in")
    begin_again(ready)
    (ready.cwd / "slow").unlink()
    if verdict == "again":
        asked = ready.run(cell)
        assert asked.ename == "InDoubt"
        assert "%perdure resolve publish" in asked.evalue
        assert ran(ready) == []
    resolved = ready.run(f"%perdure resolve publish {verdict}")
    assert resolved.errors == []
    assert "publish" in resolved.text
    reply = ready.run(cell)
    if verdict == "again":
        assert reply.result["text/plain"] == "1"
        assert ran(ready) == ["publish"]
    elif verdict == "done 7":
        assert reply.result["text/plain"] == "7"
        assert ran(ready) == []
    else:
        assert reply.ename == "EffectFailed"
        assert ran(ready) == []
        assert ready.run(cell.replace("send", "send --redo publish")).errors == []
        assert ran(ready) == ["publish"]
    assert ready.run("%perdure resolve publish again").ename == "NoSuchStep"


def test_what_cannot_be_kept_reaches_the_notebook_once_and_is_a_placeholder_after_a_restore(ready):
    """Promise 4."""
    cell = "%%workflow odd\ngen = (i for i in [1, 2])\nfine = 3\ngen"
    first = ready.run(cell)
    assert first.errors == []
    assert "`gen` could not be kept: it is a generator" in first.text
    assert "generator object" in first.result["text/plain"]
    assert shown(ready, "list(gen), fine") == "([1, 2], 3)"
    again = ready.run(cell)
    assert again.errors == []
    assert "restored" in again.text
    assert ready.run("list(gen)").ename == "NotKept"
    assert ready.run("%%workflow takes\nlist(gen)").ename in ("NotKept", "NotKeepable")


def test_one_picture_appears_and_is_updated_in_place_and_stays(ready):
    ready.run("urls = [1, 2, 3]")
    reply = ready.run(FETCH)
    pictures = [data for data in reply.displays if "svg" in data.get("text/html", "")]
    assert len(pictures) == 1
    assert "fetch" in pictures[0]["text/html"]
    assert "done" in pictures[0]["text/html"]
    kinds = [message["msg_type"] for message in reply.messages]
    assert kinds.count("update_display_data") >= 1
    assert "comm_open" not in kinds
    again = ready.run(FETCH)
    assert again.stdout == "fetched 3\n", "the picture is no part of what is shown again"


@pytest.mark.parametrize("await_it", ["", "await asyncio.sleep(0)"])
def test_a_traceback_points_at_the_line_that_failed(ready, await_it):
    reply = ready.run(f"%%workflow fails\nimport asyncio\n{await_it}\nparts = [1]\nparts + 1")
    assert "----> 5 parts + 1" in reply.traceback


def test_a_restored_workflow_cell_is_told_as_restored_in_the_notebooks_timeline(notebook):
    """Promise 11: what ran and what was restored are told apart, for child runs too."""
    notebook.run("%workflow whole")
    assert notebook.run("%%workflow part\ny = 1").errors == []
    assert re.search(r"part +ran .*run r_", notebook.run("%timeline").text)
    notebook.kill()
    notebook.run("%workflow whole")
    assert "restored from" in notebook.run("%%workflow part\ny = 1").text
    drawn = notebook.run("%timeline")
    assert re.search(r"part +restored .*run r_", drawn.text)
    assert "1 restored in" in drawn.text
    assert notebook.run("%%workflow part --fresh\ny = 1").errors == []
    assert re.search(r"part +ran .*run r_", notebook.run("%timeline").text)


def test_tags_find_runs_again(notebook):
    notebook.run("%workflow all --tag project=flights")
    for day in ("mon", "tue"):
        reply = notebook.run(f"day = '{day}'\n")
        reply = notebook.run(f"%%workflow report --tag day={day} --tag kind=nightly\nfound = day")
        assert reply.errors == []
    assert notebook.run("%runs --tag day=mon").text.count("report ") == 1
    assert notebook.run("%runs --tag day").text.count("report ") == 2
    assert "all " in notebook.run("%runs --tag project").text
    assert "No runs with the tag week" in notebook.run("%runs --tag week").text
    assert "has no value" in notebook.run("%workflow all --tag day").text


def test_a_cell_names_the_executor_of_its_steps(notebook):
    notebook.run("%workflow all")
    notebook.run("import os\nfrom perdure import step\n@step\ndef where(x):\n    return os.getpid()")
    here = notebook.run("os.getpid()").text
    reply = notebook.run("%%workflow away --executor process\nfound = where(1)\nfound")
    assert reply.errors == []
    assert reply.result["text/plain"] != here
    assert "invalid choice" in notebook.run("%%workflow b --executor gpu\nx = 1").text
