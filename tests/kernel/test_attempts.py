"""Attempts and questions in a real kernel: what a kill leaves of them, and where they are asked."""

import re
import time

import pytest

from kernel.harness import TIMEOUT
from perdure.store import open_store

WORKFLOW = "%workflow work"
PAUSING = """%%step flaky --retries 2 --backoff 1h
open('tries', 'a').write('x')
raise OSError('busy')
"""
DEADLY = """%%step greedy
import pathlib, time
tries = pathlib.Path('tries')
tries.write_text(tries.read_text() + 'x' if tries.exists() else 'x')
if len(tries.read_text()) < 3:
    from perdure.engine.process import the_store
    while not any(each.memory for run in the_store().journal.runs()
                  for each in the_store().journal.attempts(run.id) if each.state == 'running'):
        time.sleep(0.01)
    open(f'in-{len(tries.read_text())}', 'w').close()
    time.sleep(600)
found = len(tries.read_text())
"""
EFFECT = """
from perdure import step
@step(kind='effect')
def publish(text):
    import time
    open('published', 'a').write(text)
    time.sleep(600)
"""


def stored(notebook, state):
    """Wait until a call in the journal has this state."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        with open_store(notebook.cwd / ".perdure", readonly=True) as store:
            runs = store.journal.runs()
            if any(call.state == state for run in runs for call in store.journal.calls(run.id)):
                return
    raise AssertionError(f"no call came to be {state}")


def shown(notebook, pattern):
    """Wait until something like that is shown."""
    end = time.monotonic() + TIMEOUT
    while message := notebook._next(end):
        if re.search(pattern, str(message["content"].get("data", {}).get("text/plain"))):
            return
    raise AssertionError("the kernel died")


def test_a_pause_in_which_the_kernel_died_goes_on_where_it_was(notebook):
    """Promise 2: the pause of an hour began once, and is not begun again."""
    notebook.run(WORKFLOW)
    notebook.submit(PAUSING)
    notebook.wait_for_file("tries")
    stored(notebook, "waiting")
    notebook.kill()
    notebook.run(WORKFLOW)
    sent = notebook.submit(PAUSING)
    shown(notebook, r"waits until .*attempt 2 of 3: OSError: busy")
    notebook.interrupt()
    assert notebook.wait(sent).ename == "KeyboardInterrupt"
    assert (notebook.cwd / "tries").read_text() == "x"


def test_a_step_in_which_the_kernel_died_twice_is_asked_about(notebook):
    for count in (1, 2):
        notebook.run(WORKFLOW)
        notebook.submit(DEADLY)
        notebook.wait_for_file(f"in-{count}")
        notebook.kill()
    notebook.run(WORKFLOW)
    reply = notebook.run(DEADLY)
    assert reply.ename == "DiedTwice"
    assert re.search(
        r"the process died twice while it ran; it held .* of .* when last looked at", reply.evalue
    )
    assert "`%perdure resolve greedy again`" in notebook.run("%resume --plan").text
    notebook.run("%perdure resolve greedy again")
    assert notebook.run(DEADLY).errors == []
    assert notebook.run("found").text == "3"


@pytest.mark.parametrize(("verdict", "published"), [("again", "aab"), ("done 7", "a")])
def test_an_effect_in_doubt_is_asked_about_in_resume_and_in_the_timeline(notebook, verdict, published):
    """Promise 5."""
    cell = "%%workflow report\nfound = publish('a')"
    notebook.run(WORKFLOW)
    notebook.run(EFFECT)
    notebook.submit(cell)
    notebook.wait_for_file("published")
    notebook.kill()
    notebook.run(WORKFLOW)
    notebook.run(EFFECT.replace("time.sleep(600)", "open('published', 'a').write('b')"))
    question = "did it take place? `%perdure resolve publish again`"
    assert question in notebook.run("%resume --plan").text
    assert notebook.run(cell).ename == "InDoubt"
    assert question in notebook.run("%timeline report").text
    notebook.run(f"%perdure resolve publish {verdict}")
    assert notebook.run(cell).errors == []
    assert (notebook.cwd / "published").read_text() == published
    assert notebook.run("found").text == ("" if verdict == "again" else "7")


def test_an_effect_cell_that_overruns_is_in_doubt(notebook):
    """Promise 5: it may have taken place."""
    cell = "%%step send --kind effect --timeout 0.2s --retries 3\nopen('sent', 'a').write('x')\nimport time; time.sleep(60)"
    notebook.run(WORKFLOW)
    reply = notebook.run(cell)
    assert (reply.ename, "ran longer than 0.2 s" in reply.evalue) == ("InDoubt", True)
    assert notebook.run(cell).ename == "InDoubt"
    assert (notebook.cwd / "sent").read_text() == "x"


def test_what_the_cells_of_a_killed_notebook_gave_is_told(notebook):
    """Nothing is said to be lost that its cell brings back."""
    notebook.run(WORKFLOW)
    notebook.run("%%workflow report\nfound = 5")
    notebook.kill()
    line = notebook.run(WORKFLOW).text
    assert "`report` is kept: its cell goes on with it" in line
    assert "nothing is kept" not in line
    assert re.search(
        r"by its cell +report .*its cell restores what it gave", notebook.run("%resume --plan").text
    )
    assert "restored" in notebook.run("%%workflow report\nfound = 5").text


def test_what_an_effect_cell_gave_is_told_by_name(notebook):
    cell = "%%step mail --kind effect --timeout 0.2s\nreceipt = 5\nimport time; time.sleep(60)"
    notebook.run(WORKFLOW)
    assert notebook.run(cell).ename == "InDoubt"
    assert "binds receipt" in notebook.run("%perdure resolve mail done 7").text
    assert notebook.run("%perdure resolve mail done {'receipt': 5}").errors == []
    notebook.run(cell)
    assert notebook.run("receipt").text == "5"
