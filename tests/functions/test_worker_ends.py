"""How workers end: with their kernel, however that ends, and without holding it up."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pytest

START = """
import os
os.environ["PERDURE_STORE"] = ":memory:"
from perdure import step, workflow
"""

AT_WORK = f"""{START}
import pathlib, sys, threading, time
@step(executor="process")
def nap(name):
    pathlib.Path(name).write_text(str(os.getpid()))
    time.sleep(1000)
@step(executor="process")
def hog(name):
    pathlib.Path(name).write_text(str(os.getpid()))
    return sum(range(10**15))
@workflow
def body(how):
    globals()[how]("busy")
if __name__ == "__main__":
    threading.Thread(target=body, args=(sys.argv[1],), daemon=True).start()
    while not (os.path.exists("busy") and pathlib.Path("busy").read_text()):
        time.sleep(0.01)
    print("at work", flush=True)
    if sys.argv[2] == "wait":
        time.sleep(1000)
"""


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("how", ["nap", "hog"])
def test_an_exit_waits_for_no_worker_and_leaves_none(script, tmp_path, how):
    """Also in the middle of a long call, in Python or in compiled code."""
    assert script(AT_WORK, how, "exit")[0] == "at work"
    pid = int((tmp_path / "busy").read_text())
    while not gone(pid):
        time.sleep(0.01)


@pytest.mark.parametrize("how", ["nap", "hog"])
def test_workers_end_with_a_kernel_that_is_killed(tmp_path, how):
    """Promise 2's other half: no process of a killed kernel goes on."""
    (tmp_path / "main.py").write_text(AT_WORK)
    kernel = subprocess.Popen(
        [sys.executable, "main.py", how, "wait"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with kernel:
        assert kernel.stdout.readline() == "at work\n"
        children = psutil.Process(kernel.pid).children(recursive=True)
        assert int((tmp_path / "busy").read_text()) in {child.pid for child in children}
        kernel.send_signal(signal.SIGKILL)
        kernel.wait()
    while not all(gone(child.pid) for child in children):
        time.sleep(0.01)


def test_a_worker_that_the_system_does_not_end_looks_for_its_kernel(script, tmp_path, monkeypatch):
    """Where the system cannot be asked to see to that: a thread of the worker's does."""
    kernel, worker = script("""
import os, subprocess, sys, time
code = '''
import os, sys, time
from perdure.engine.executors import processes
processes._killed_by_the_system = lambda: False
processes._LOOK = 0.01
processes.end_with(int(sys.argv[1]))
print(os.getpid(), flush=True)
time.sleep(1000)
'''
child = subprocess.Popen([sys.executable, "-c", code, str(os.getpid())], stdout=subprocess.PIPE, text=True)
print(os.getpid())
print(child.stdout.readline())
""")[:2]
    while not gone(int(worker)):
        time.sleep(0.01)
    assert gone(int(kernel))


def test_the_end_of_the_kernel_is_noticed_also_by_a_worker_that_starts_too_late(script):
    """Its parent is another process by then."""
    (code,) = script("""
import subprocess, sys
code = "from perdure.engine.executors.processes import end_with; end_with(1 << 30); print('on')"
print(subprocess.run([sys.executable, "-c", code]).returncode)
""")
    assert code == "1"
