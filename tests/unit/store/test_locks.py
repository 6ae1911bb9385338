"""One run, one owner (promise 6), over real processes."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.errors import RunOwned, StoreBusy, StoreError
from perdure.store import locks, open_store
from perdure.store.places import Place
from perdure.store.whereabouts import host
from perdure.testing import sample_run
from unit.store.conftest import HOLD, PRELUDE


def test_a_second_process_is_told_who_holds_the_run(store, folder, start):
    """Promise 6: process, host, time and notebook; other runs are free; after a release so is this one."""
    holder = start(HOLD, folder)
    pid = int(holder.stdout.readline())
    with pytest.raises(
        RunOwned,
        match=rf"(?s)process {pid} on .*, in flights\.ipynb\.\nStop that kernel .*`%workflow flights --steal`",
    ) as refused:
        store.lock(sample_run())
    assert (refused.value.pid, refused.value.host) == (pid, host())
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


# -- children, containers, machines ----------------------------------------------------------------------

CHILDREN = {
    "multiprocessing": "import multiprocessing as m, signal\nm.get_context('fork').Process(target=signal.pause).start()",
    "subprocess": "import subprocess\nsubprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], close_fds=False)",
    "loky": "from joblib.externals.loky import get_reusable_executor\nget_reusable_executor(1, timeout=60).submit(abs, 1).result()",
}


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="POSIX")
@pytest.mark.parametrize("kind", CHILDREN)
def test_no_kind_of_child_keeps_the_lock(store, folder, start, kind):
    """Promise 6: the parent is killed, its children live on, and the run is free at once."""
    pytest.importorskip("joblib")
    parent = start(
        "os.setpgid(0, 0)\nstore = open_store(sys.argv[1])\nlock = store.lock(sample_run())\n"
        f"{CHILDREN[kind]}\nprint('on', flush=True)\nsys.stdin.read()",
        folder,
    )
    try:
        assert parent.stdout.readline() == "on\n"
        assert store.owner("r_00000001").pid == parent.pid
        parent.kill()
        os.waitid(os.P_PID, parent.pid, os.WEXITED)
        os.killpg(parent.pid, 0)  # somebody of its group lives
        store.lock(sample_run()).release()
    finally:
        os.killpg(parent.pid, signal.SIGKILL)


def _contained(*arguments):
    """A command that runs in namespaces of its own: other process ids, the same or another host's name."""
    return ["unshare", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc", *arguments]


@pytest.fixture
def container():
    """Start a script as in another container that shares the folder; its pipes are text."""
    if (
        shutil.which("unshare") is None
        or subprocess.run(_contained("true"), capture_output=True, check=False).returncode
    ):
        pytest.skip("this account may not make namespaces")
    started = []

    def start(name, script, *arguments):
        inner = ["sh", "-c", 'hostname "$0" && exec "$@"', name, sys.executable, "-c", PRELUDE + script]
        pipe = subprocess.PIPE
        command = _contained(*inner, *map(str, arguments))
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["elsewhere", os.uname().nodename])
def test_containers_that_share_a_folder_see_each_others_locks(store, folder, container, name):
    """Promise 6: the lock decides, whatever the containers are called and whatever process ids they have."""
    holder = container(name, HOLD, folder)
    assert int(holder.stdout.readline()) < 10
    with pytest.raises(RunOwned) as refused:
        store.lock(sample_run())
    assert refused.value.host.startswith(f"{name} pid:["), "its process ids do not count here"
    assert store.owner("r_00000001").pid < 10
    first = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text()
    os.kill(int(first), signal.SIGKILL)  # the first process of the container; `unshare` ends after it
    holder.wait()
    assert store.owner("r_00000001") is None
    with store.lock(sample_run()):
        other = container(
            name,
            "store = open_store(sys.argv[1])\ntry: store.lock(sample_run())\nexcept RunOwned as e: print(e.pid)",
            folder,
        )
        assert other.communicate()[0] == f"{os.getpid()}\n"


def test_in_a_folder_that_cannot_be_written_the_lock_decides_too(store, folder, start):
    """Promise 6: no process id is asked, which may be another's by now."""
    holder = start(HOLD, folder)
    holder.stdout.readline()
    with open_store(folder, readonly=True) as reader:
        assert reader.owner("r_00000001").pid == holder.pid
        holder.kill()
        holder.wait()
        assert reader.owner("r_00000001") is None


def test_a_lock_of_another_machine_on_a_network_is_taken_by_stealing_only(store, folder, start, monkeypatch):
    """Promise 6: a lock that is free here may be held there; after a release in good order it is free."""
    killed = start(
        "from perdure.store import locks\nlocks.machine = lambda: 'another'; locks.host = lambda: 'far'\n"
        + HOLD,
        folder,
    )
    killed.stdout.readline()
    killed.kill()
    killed.wait()
    monkeypatch.setattr(locks, "place_of", lambda _: Place("network", "NFS", "/home"))
    with pytest.raises(RunOwned, match="on far"):
        store.lock(sample_run())
    with store.locks.still() as owners:
        assert [owner.host for owner in owners] == ["far"], "nothing of it is collected"
    with store.lock(sample_run(), steal=True) as lock:
        assert lock.stolen_from.host == "far"
    store.lock(sample_run()).release()


def test_a_lock_of_another_machine_on_a_disk_is_free(store, folder, run):
    """A disk that was moved, or a folder that was copied, from one machine to another."""
    run("from perdure.store import locks\nlocks.machine = lambda: 'another'; locks.host = lambda: 'far'\n"
        "store = open_store(sys.argv[1]); store.lock(sample_run()); os._exit(0)", folder)  # fmt: skip
    store.lock(sample_run()).release()


# -- waiting ---------------------------------------------------------------------------------------------


def test_a_lock_on_the_locks_that_stays_is_told(folder, start, monkeypatch):
    """Faults: a lock held for too long ends in one sentence, and afterwards the run is taken as ever."""
    monkeypatch.setenv("PERDURE_BUSY_TIMEOUT", "0.2")
    with open_store(folder) as store:
        holder = start(
            "store = open_store(sys.argv[1])\nwith store.locks.still():\n"
            "    print('on', flush=True); sys.stdin.readline()\nprint('off', flush=True)",
            folder,
        )
        assert holder.stdout.readline() == "on\n"
        with pytest.raises(StoreBusy, match=r"for 0\.2 s; nothing was written\.\nClose the program") as busy:
            store.lock(sample_run())
        assert "perdure gc" in str(busy.value)
        assert store.owner("r_00000001") is None, "asking waits for nobody"
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "off\n"
        store.lock(sample_run()).release()


def test_letting_go_does_not_wait_for_a_collection(store, folder, start):
    """A name that is left beside a free lock is nobody's."""
    lock = store.lock(sample_run())
    holder = start(
        "store = open_store(sys.argv[1])\nwith store.locks.still():\n    print('on', flush=True); sys.stdin.read()",
        folder,
    )
    assert holder.stdout.readline() == "on\n"
    lock.release()
    assert store.owner("r_00000001") is None
    assert (folder / "locks" / "r_00000001.json").exists()


def test_a_folder_in_which_files_cannot_be_locked_is_told_with_the_way_out(store, monkeypatch):
    """Promise 6: without a lock there is no owner."""
    fcntl = pytest.importorskip("fcntl")

    def refused(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(StoreError, match=r"(?s)locks of files.*PERDURE_STORE"):
        store.lock(sample_run())
