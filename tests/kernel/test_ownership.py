"""One run, one owner (promise 6), over real kernels: refused, stolen, told; forks; a folder that goes away."""

import contextlib
import os
import signal
import subprocess
import sys
import time

HEAD = "%load_ext perdure\n%workflow flights"
STEP = "%%step load\ntable = [1, 2, 3]\nopen('ran', 'a').write('load ')"
NEXT = "%%step total\ntotal = sum(table)\nopen('ran', 'a').write('total ')"


def ran(notebook):
    path = notebook.cwd / "ran"
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().split()
    return []


def test_a_run_is_stolen_from_a_live_kernel_which_is_told(open_notebook):
    """Promise 6: the second kernel is told who has the run and how to take it; the first keeps nothing more."""
    first, second = open_notebook(), open_notebook()
    assert [reply.errors for reply in first.run_all([HEAD, STEP])] == [[], []]
    refused = second.run(HEAD)
    assert refused.ename == "RunOwned"
    assert f"process {first.pid} on " in refused.evalue
    assert "`%workflow flights --steal`" in refused.evalue
    taken = second.run(f"{HEAD} --steal")
    assert taken.errors == []
    assert f"taken from process {first.pid} on " in taken.text
    assert "killed" not in taken.text
    assert "keeps nothing more of this run" in taken.text
    assert second.run(STEP).errors == []
    assert second.run(NEXT).errors == []
    assert ran(first) == ["load", "total"]

    told = first.run("len(table)")
    assert told.errors == []
    assert told.result["text/plain"] == "3", "cells that are no steps go on"
    assert f"was taken over from here: process {second.pid} on " in told.text
    assert "taken over" not in first.run("len(table)").text, "it is said once"
    for cell in (NEXT, STEP):
        assert first.run(cell).ename == "RunTaken", "a step is refused before it runs"
    assert first.run(HEAD).ename == "RunOwned"
    assert ran(first) == ["load", "total"]
    back = first.run(f"{HEAD} --steal")
    assert f"taken from process {second.pid}" in back.text
    assert first.run(NEXT).errors == []
    assert ran(first) == ["load", "total"]
    assert second.run(NEXT).ename == "RunTaken"


def test_a_step_that_runs_while_its_run_is_stolen_keeps_nothing(open_notebook):
    """Promise 6: what it made stays in the notebook, and the error says why no more is kept."""
    first, second = open_notebook(), open_notebook()
    first.run(HEAD)
    sent = first.submit(
        "%%step slow\nimport os, time\nopen('begun', 'w').close()\n"
        "while not os.path.exists('go'): time.sleep(0.01)\nmade = 7"
    )
    first.wait_for_file("begun")
    resumed = second.run("%load_ext perdure\n%resume flights --steal")
    assert f"taken from process {first.pid}" in resumed.text
    assert "slow" in resumed.text
    (first.cwd / "go").write_text("")
    ended = first.wait(sent)
    assert ended.ename == "RunTaken"
    assert f"process {second.pid} on " in ended.evalue
    assert first.run("made").result["text/plain"] == "7"
    assert second.run("%resume").errors == []
    assert "made" not in second.run("dir()").result["text/plain"]


def test_the_run_of_a_workflow_cell_is_stolen_too(open_notebook):
    """Promise 6: the cell that had it ends with the error, the other one goes on with what was kept."""
    first, second = open_notebook(), open_notebook()
    setup = (
        "import os, time\nfrom perdure import step\n"
        "@step\ndef one():\n    open('ran', 'a').write('one ')\n    return 1\n"
        "@step\ndef two(x):\n    open('ran', 'a').write('two ')\n    return x + 1"
    )
    for notebook in (first, second):
        assert notebook.run(f"%load_ext perdure\n{setup}").errors == []
    body = "got = one()\nwhile not os.path.exists('go'): time.sleep(0.01)\ntotal = two(got)"
    sent = first.submit(f"%%workflow sum\n{body}")
    first.wait_for_file("ran")
    refused = second.run(f"%%workflow sum\n{body}")
    assert refused.ename == "RunOwned"
    assert "`%%workflow sum --steal`" in refused.evalue
    stealing = second.submit(f"%%workflow sum --steal\n{body}")
    _until_owned(second)
    (first.cwd / "go").write_text("")
    assert first.wait(sent).ename == "RunTaken"
    assert second.wait(stealing).errors == []
    assert second.run("total").result["text/plain"] == "2"
    assert ran(first) == ["one", "two"]


def _until_owned(notebook):
    """Wait until the run is the notebook's: the name beside the lock says so."""
    while not any(
        f'"pid": {notebook.pid},' in path.read_text()
        for path in (notebook.cwd / ".perdure" / "locks").glob("*.json")
    ):
        time.sleep(0.01)


def test_the_command_line_frees_a_run_for_the_next_kernel(open_notebook):
    """Promise 6: headless, only an explicit `--yes` takes it."""
    first, second = open_notebook(), open_notebook()
    first.run_all([HEAD, STEP])

    def steal(*options):
        command = [sys.executable, "-m", "perdure", "steal", "flights", *options]
        return subprocess.run(
            command,
            cwd=first.cwd,
            env=first.env,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    asked = steal()
    assert asked.returncode == 1
    assert f"at work elsewhere: process {first.pid}" in asked.stdout
    assert "--yes" in asked.stderr
    assert first.run(NEXT).errors == []
    assert steal("--yes").returncode == 0
    assert "nobody has it" in steal("--yes").stdout
    assert "nobody is named as having it now" in first.run("1 + 1").text
    assert "killed" not in first.run("%timeline flights").text, "it lives"
    assert [reply.errors for reply in second.run_all([HEAD, STEP, NEXT])] == [[]] * 3
    assert first.run(NEXT).ename == "RunTaken"
    assert ran(first) == ["load", "total"]


def test_a_kernel_that_is_stopped_keeps_its_run(open_notebook):
    """Promise 6: nothing is taken from a kernel that shows no life, only from one whose lock is free."""
    first, second = open_notebook(), open_notebook()
    first.run_all([HEAD, STEP])
    os.kill(first.pid, signal.SIGSTOP)
    try:
        refused = second.run(HEAD)
        assert refused.ename == "RunOwned"
        assert f"process {first.pid}" in refused.evalue
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert first.run(NEXT).errors == []


def test_a_kernel_that_holds_the_interpreter_keeps_its_run(open_notebook):
    """Promise 6: code that lets no other thread run for longer than any sign of life is due."""
    first, second = open_notebook(), open_notebook()
    first.run(HEAD)
    sent = first.submit(
        "%%step hold\nimport ctypes\nopen('begun', 'w').close()\nctypes.PyDLL(None).sleep(6)\nheld = 1"
    )
    first.wait_for_file("begun")
    assert second.run(HEAD).ename == "RunOwned"
    assert first.wait(sent).errors == []
    assert first.run(NEXT.replace("table", "[held]")).errors == []


FORK = """
import os
child = os.fork()
if child == 0:
    try:
        {inside}
    finally:
        os._exit(0)
os.waitpid(child, 0)[1]
"""


def test_a_forked_child_of_a_kernel_neither_writes_nor_lets_go(open_notebook):
    """Promise 6: the parent's run goes on."""
    first, second = open_notebook(), open_notebook()
    first.run_all([HEAD, STEP])
    inside = (
        "import perdure.notebook as n; s = n.current(); o = s.owner\n"
        "        try: o.note('a', 'b', {})\n"
        "        except Exception as error: open('child', 'w').write(type(error).__name__)\n"
        "        s.release()"
    )
    forked = first.run(FORK.format(inside=inside))
    assert forked.errors == []
    assert (first.cwd / "child").read_text() == "StoreForked"
    assert second.run(HEAD).ename == "RunOwned"
    assert first.run(NEXT).errors == []
    pool = first.run(
        "%%step pooled\nimport multiprocessing as m\n"
        "with m.get_context('fork').Pool(2) as pool: squares = pool.map(abs, [-1, -2])"
    )
    assert pool.errors == []
    assert second.run(HEAD).ename == "RunOwned"
    assert first.run("squares").result["text/plain"] == "[1, 2]"


def test_a_child_that_outlives_its_kernel_does_not_keep_the_run(open_notebook):
    """Promise 6: the kernel is killed, what it forked lives on, and the next kernel takes over at once."""
    first, second = open_notebook(), open_notebook()
    first.run_all([HEAD, STEP])
    script = "import signal; signal.pause()"
    children = first.run(
        "import os, subprocess, sys, signal\n"
        "child = os.fork()\n"
        "if child == 0:\n    signal.pause()\n"
        f"kept = subprocess.Popen([sys.executable, '-c', {script!r}], close_fds=False)\n"
        "(child, kept.pid)"
    )
    pids = eval(children.result["text/plain"])
    try:
        first.kill_only()
        assert [reply.errors for reply in second.run_all([HEAD, STEP])] == [[], []]
        assert ran(second) == ["load"]
        for pid in pids:
            os.kill(pid, 0)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


def test_a_store_that_is_deleted_under_a_kernel_is_told_and_left(notebook):
    """Bad input: one sentence; with the folder back it goes on, and without it `%workflow` begins anew."""
    notebook.run_all([HEAD, STEP])
    folder = notebook.cwd / ".perdure"
    away = folder.rename(notebook.cwd / "away")
    gone = notebook.run(NEXT)
    assert gone.ename == "StoreError"
    assert "was moved or deleted" in gone.evalue
    assert "Traceback" not in gone.traceback
    for magic in ("%perdure", "%perdure du", "%perdure gc"):
        assert "was moved or deleted" in notebook.run(magic).evalue
    assert ran(notebook) == ["load"]
    away.rename(folder)
    assert notebook.run(NEXT).errors == []
    folder.rename(away)
    assert notebook.run("1 + 1").errors == []
    again = notebook.run("%workflow flights")
    assert again.errors == []
    assert "new run" in again.text
    assert [reply.errors for reply in notebook.run_all([STEP, NEXT])] == [[], []]
    assert ran(notebook) == ["load", "total", "load", "total"]
    assert (folder / "journal.db").exists()


def test_a_kernel_goes_on_in_another_store_after_its_own_was_deleted(notebook):
    """Bad input: PERDURE_STORE is looked at again."""
    notebook.run_all([HEAD, STEP])
    (notebook.cwd / ".perdure").rename(notebook.cwd / "away")
    notebook.run("%env PERDURE_STORE=other")
    assert "new run" in notebook.run("%workflow flights").text
    assert notebook.run(STEP).errors == []
    assert (notebook.cwd / "other" / "journal.db").exists()
    assert not (notebook.cwd / ".perdure").exists()


def test_a_setting_that_is_none_is_told(open_notebook):
    """Bad input: one sentence, in the form of the other settings."""
    refused = open_notebook(env={"PERDURE_DURABILITY": "fast"}).run(HEAD)
    assert refused.ename == "StoreError"
    assert "PERDURE_DURABILITY is 'fast'" in refused.evalue
