"""One run, one owner (promise 6), over real processes."""

import os

import pytest

from perdure.errors import RunOwned
from perdure.store import open_store
from perdure.testing import sample_run

HOLD = """
store = open_store(sys.argv[1])
lock = store.lock(sample_run(notebook="flights.ipynb"))
print(os.getpid(), flush=True)
sys.stdin.readline()
lock.release()
print("free", flush=True)
"""


def test_a_second_process_is_told_who_holds_the_run(store, folder, start):
    """Promise 6: process, host, time and notebook; other runs are free; after a release so is this one."""
    holder = start(HOLD, folder)
    pid = int(holder.stdout.readline())
    with pytest.raises(
        RunOwned, match=rf"(?s)process {pid} on .*, in flights\.ipynb\.\nStop that kernel"
    ) as refused:
        store.lock(sample_run())
    assert (refused.value.pid, refused.value.host) == (pid, os.uname().nodename)
    owner = store.owner("r_00000001")
    assert (owner.pid, owner.workflow) == (pid, "flights")
    store.lock(sample_run(2)).release()
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "free\n"
    assert store.owner("r_00000001") is None
    store.lock(sample_run()).release()


def test_the_lock_of_a_killed_process_is_free(store, folder, start):
    """Promise 6: nobody has to clean up after a SIGKILL."""
    holder = start(HOLD, folder)
    holder.stdout.readline()
    holder.kill()
    holder.wait()
    assert store.owner("r_00000001") is None
    with store.lock(sample_run()) as lock:
        assert lock.held
        assert store.owner("r_00000001").pid == os.getpid()
    assert not lock.held


def test_a_forked_child_does_not_keep_the_lock(store, folder, start):
    """Promise 6: the parent is killed, its child lives on, and the run is free."""
    script = """
store = open_store(sys.argv[1])
lock = store.lock(sample_run())
child = os.fork()
if child == 0:
    held = lock.held
    lock.release()  # does nothing: it is the parent's
    print("child", held, flush=True)
    sys.stdin.readline()
    os._exit(0)
sys.stdin.readline()
"""
    parent = start(script, folder)
    assert parent.stdout.readline() == "child False\n"
    assert store.owner("r_00000001").pid == parent.pid
    parent.kill()
    os.waitid(os.P_PID, parent.pid, os.WEXITED)
    store.lock(sample_run()).release()
    parent.stdin.write("\n")
    parent.stdin.flush()


def test_one_process_holds_a_run_once(store):
    """Promise 6: two owners in one process would be two owners."""
    with store.lock(sample_run()), pytest.raises(RunOwned):
        store.lock(sample_run())
    store.lock(sample_run()).release()


def test_the_memory_twin_holds_a_run_once_too():
    with open_store(":memory:") as store:
        lock = store.lock(sample_run())
        with pytest.raises(RunOwned, match=f"process {os.getpid()}"):
            store.lock(sample_run())
        assert store.owner("r_00000001").pid == os.getpid()
        lock.release()
        lock.release()
        assert store.owner("r_00000001") is None


def test_a_name_that_was_deleted_does_not_free_the_run(store, folder):
    """Promise 6: the lock counts, not what is written beside it."""
    with store.lock(sample_run()):
        (folder / "locks" / "r_00000001.json").write_text("{")
        with pytest.raises(RunOwned, match="at work elsewhere"):
            store.lock(sample_run())
