"""Steps of a notebook in worker processes and in executors of the user's: in a real kernel, with its cells."""

from __future__ import annotations

import os
import time

import psutil
import pytest

HEAD = """%load_ext perdure
%workflow paper
import os, pathlib, sys, time
from perdure import current, step
KERNEL = os.getpid()"""

EXECUTORS = {
    "process": 'executor = "process"',
    "spawned": """import multiprocessing
from concurrent.futures import ProcessPoolExecutor
executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))""",
    "threads": """from concurrent.futures import ThreadPoolExecutor
executor = ThreadPoolExecutor(2)""",
}

DEFINITIONS = """
from dataclasses import dataclass

@dataclass
class Shape:
    size: float
    def area(self):
        return scale(self.size)

@step(executor=executor)
async def measure(shape):
    print("measured", shape.size)
    print("a remark", file=sys.stderr)
    return Shape(shape.area()), os.getpid() != KERNEL, current().step, open("note").read()
"""
LATER = """
FACTOR = 3
def scale(x):
    return x * FACTOR
pathlib.Path("note").write_text("from the folder")
"""
BODY = """%%workflow report
found = await measure.map([Shape(1.0), Shape(2.0)])
sorted_out = [shape.size for shape, *_ in found], {type(shape) is Shape for shape, *_ in found}
"""


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("name", EXECUTORS)
def test_functions_of_cells_work_in_every_executor(notebook, name):
    """By value, with what is defined later; classes are the notebook's on both sides; what is printed is shown."""
    for cell in (HEAD, EXECUTORS[name], DEFINITIONS, LATER):
        assert notebook.run(cell).status == "ok"
    reply = notebook.run(BODY)
    assert reply.status == "ok", reply.traceback
    assert sorted(reply.stdout.splitlines()[:2]) == ["measured 1.0", "measured 2.0"]
    assert reply.stderr.count("a remark") == 2
    shown = notebook.run("sorted_out, found[0][1:]").result["text/plain"]
    assert shown == f"(([3.0, 6.0], {{True}}), ({name != 'threads'}, 'measure', 'from the folder'))"

    assert notebook.run("FACTOR = 100").status == "ok"
    assert notebook.run(BODY).status == "ok"
    assert notebook.run("sorted_out[0]").result["text/plain"] == "[100.0, 200.0]"


def test_what_workers_did_is_restored_after_a_kill(notebook):
    """Promises 1 and 2: a recorded call does not run again, wherever it ran. No worker outlives the kernel."""
    square = """
@step(executor="process")
def square(x):
    with open("log", "a") as log:
        log.write(f"{x}\\n")
    if x == 3 and not os.path.exists("go"):
        pathlib.Path("in").write_text(str(os.getpid()))
        time.sleep(1000)
    return x * x
"""
    body = "%%workflow squares\nfound = [await square.submit(x) for x in (1, 2, 3)]"
    for cell in (HEAD, square):
        notebook.run(cell)
    notebook.submit(body)
    pid = int(_written(notebook, "in"))
    notebook.kill()
    while not gone(pid):
        time.sleep(0.01)
    (notebook.cwd / "go").touch()
    for cell in (HEAD, square, body):
        assert notebook.run(cell).status == "ok"
    assert notebook.run("found").result["text/plain"] == "[1, 4, 9]"
    assert (notebook.cwd / "log").read_text().split() == ["1", "2", "3", "3"]


BUSY = """
@step(executor="process")
def busy(name):
    pathlib.Path(name).write_text(str(os.getpid()))
    while not os.path.exists("go"):
        time.sleep(0.01)
    return os.getpid()
"""


def test_an_interrupt_stops_the_workers_of_its_cell_and_the_run_goes_on_later(notebook):
    """Also one that is sent to the whole group of processes, which the workers are in."""
    for cell in (HEAD, BUSY):
        notebook.run(cell)
    body = "%%workflow wait\npid = await busy.submit('in')"
    sent = notebook.submit(body)
    pid = int(_written(notebook, "in"))
    notebook.interrupt()
    reply = notebook.wait(sent)
    assert reply.status == "error"
    assert "KeyboardInterrupt" in reply.ename + reply.traceback + reply.text
    while not gone(pid):
        time.sleep(0.01)
    (notebook.cwd / "go").touch()
    assert notebook.run(body).status == "ok"
    assert notebook.run("pid").result["text/plain"] != str(pid)


def test_a_restart_leaves_no_worker(notebook):
    """What the restart button does, in the middle of a call."""
    for cell in (HEAD, BUSY):
        notebook.run(cell)
    notebook.submit("%%workflow wait\npid = await busy.submit('in')")
    pid = int(_written(notebook, "in"))
    notebook.restart()
    while not gone(pid):
        time.sleep(0.01)


def test_a_dead_worker_is_told_in_two_lines(notebook):
    """Not as a traceback of Perdure's, or of loky's."""
    for cell in (HEAD, '@step(executor="process")\ndef die():\n    os.kill(os.getpid(), 9)'):
        notebook.run(cell)
    reply = notebook.run("%%workflow wait\ndie()")
    assert reply.ename == "WorkerDied"
    assert "carried out step `die` died: it was killed (SIGKILL)" in reply.evalue
    assert "site-packages" not in reply.traceback


def test_the_shell_is_not_in_a_worker_and_that_is_told(notebook):
    cells = (
        HEAD,
        '@step(executor="process")\ndef shell():\n    return get_ipython().user_ns',
        '@step(executor="process")\ndef shows(x):\n    display(x)\n    return open("a", "w").write("text")',
    )
    for cell in cells:
        assert notebook.run(cell).status == "ok"
    reply = notebook.run("%%workflow one\nshell()")
    assert reply.ename == "NotKeepable"
    assert "the notebook's shell" in reply.evalue
    reply = notebook.run("%%workflow two\nlength = shows([1, 2])")
    assert reply.status == "ok", reply.traceback
    assert reply.stdout.startswith("[1, 2]\n")
    assert (notebook.cwd / "a").read_text() == "text"


def test_workers_do_not_wait_for_each_other_over_two_cores(notebook):
    """A map uses all cores: each call waits for the other."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one core")
    meet = """
@step(executor="process")
def meet(names):
    own, other = names
    pathlib.Path(own).touch()
    while not os.path.exists(other):
        time.sleep(0.001)
    return os.getpid()
"""
    for cell in (HEAD, meet):
        notebook.run(cell)
    assert notebook.run("%%workflow both\npids = await meet.map([('a', 'b'), ('b', 'a')])").status == "ok"
    assert notebook.run("len(set(pids)), KERNEL in pids").result["text/plain"] == "(2, False)"


def _written(notebook, name: str) -> str:
    path = notebook.wait_for_file(name)
    while not path.read_text():
        time.sleep(0.01)
    return path.read_text()
