"""Worker processes: each call has one to itself, and dies, is stopped, and ends alone."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import CancelledError

import numpy as np
import psutil
import pytest

from functions import errands
from perdure import step, workflow
from perdure.engine.executors import pool as pool_module
from perdure.engine.executors import slots
from perdure.engine.executors.pool import Pool, the_pool
from perdure.engine.keeping import decode
from perdure.errors import InDoubt, WorkerDied

pytestmark = pytest.mark.usefixtures("workers")


def wait_for(found):
    """Wait until this holds; the test's own time limit ends a wait in vain."""
    while not found():
        time.sleep(0.005)


@pytest.fixture
def marked(tmp_path):
    """Wait for a file of this name, and give what stands in it."""

    def wait(name):
        wait_for(lambda: (tmp_path / name).exists() and (tmp_path / name).read_text())
        return int((tmp_path / name).read_text())

    return wait


def value(work):
    return decode(work.future.result().value)


def gone(pid):
    """Whether a process is over."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_two_calls_are_at_work_at_once(elsewhere, tmp_path):
    """Each waits for the other: they come back only if both run."""
    first = elsewhere("process", errands.meet, str(tmp_path), "a", "b")
    second = elsewhere("process", errands.meet, str(tmp_path), "b", "a")
    assert value(first) != value(second)


def test_two_steps_of_a_workflow_are_at_work_at_once(tmp_path):

    @workflow
    def both(folder):
        meet = step(executor="process")(errands.meet)
        pair = [meet.submit(folder, "c", "d"), meet.submit(folder, "d", "c")]
        return [each.result() for each in pair]

    assert len(set(both(str(tmp_path)))) == 2


def test_many_calls_over_two_workers(elsewhere, two_workers):
    works = [elsewhere("process", errands.double, n) for n in range(50)]
    assert [value(work) for work in works] == [2 * n for n in range(50)]
    assert two_workers.workers() <= 2
    pids = Counter(value(elsewhere("process", errands.pid)) for _ in range(4))
    assert len(pids) <= 2


def test_a_warm_worker_is_taken_again(elsewhere):
    assert value(elsewhere("process", errands.pid)) == value(elsewhere("process", errands.pid))


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ((errands.die, signal.SIGKILL), "it was killed (SIGKILL), probably because memory ran out"),
        ((errands.die, signal.SIGSEGV), "it crashed in compiled code (SIGSEGV)"),
        ((errands.die, signal.SIGTERM), "it was ended by SIGTERM"),
        ((errands.leave, 3), "it ended itself with exit code 3"),
    ],
)
def test_a_worker_that_dies_fails_its_call_and_no_other(elsewhere, tmp_path, how, cause):
    beside = elsewhere("process", errands.meet, str(tmp_path), "beside", "go")
    died = elsewhere("process", *how)
    waiting = [elsewhere("process", errands.double, n) for n in range(3)]
    with pytest.raises(WorkerDied) as caught:
        died.future.result()
    assert caught.value.cause.startswith(cause)
    assert caught.value.step == how[0].__name__
    assert [value(work) for work in waiting] == [0, 2, 4]
    (tmp_path / "go").touch()
    assert beside.future.result().error is None


def test_a_dead_worker_is_a_failed_attempt_that_is_tried_again(tmp_path, store):
    """The attempts count as any other's."""
    (tmp_path / "left").write_text("xx")

    def dies_twice(folder):
        from pathlib import Path

        left = Path(folder) / "left"
        if text := left.read_text():
            left.write_text(text[1:])
            os.kill(os.getpid(), 9)
        return "alive"

    @workflow
    def body(folder):
        return step(executor="process", retries=2)(dies_twice)(folder)

    assert body(str(tmp_path)) == "alive"
    attempts = store.journal.attempts(store.journal.runs(workflow="body")[0].id)
    assert [attempt.state for attempt in attempts] == ["failed", "failed", "done"]


def test_a_dead_worker_is_an_error_that_the_body_can_catch():
    @workflow
    def body():
        try:
            step(executor="process")(errands.die)(9)
        except WorkerDied as error:
            return error.step, error.cause
        return None

    assert body() == ("die", "it was killed (SIGKILL), probably because memory ran out")


def dies_once(folder):
    from pathlib import Path

    if not (Path(folder) / "sent").exists():
        (Path(folder) / "sent").write_text("1")
        os.kill(os.getpid(), 9)
    return "sent"


def test_an_effect_whose_worker_died_is_in_doubt(tmp_path, store, calls):
    """Promise 5: it is not repeated, be there retries or not."""

    @workflow
    def body(folder):
        return step(executor="process", kind="effect", retries=3)(dies_once)(folder)

    for _ in range(2):
        with pytest.raises(InDoubt, match="dies_once"):
            body(str(tmp_path))
    (call,) = calls(body)
    assert call.state == "in doubt"
    assert "its worker died: it was killed (SIGKILL)" in call.error
    assert store.journal.runs(workflow="body")[0].state == "in doubt"


def test_an_effect_that_may_be_repeated_is(tmp_path, store):
    @workflow
    def body(folder):
        return step(executor="process", kind="effect", idempotent=True, retries=1)(dies_once)(folder)

    assert body(str(tmp_path)) == "sent"


def test_a_worker_whose_death_its_child_hides_is_noticed(elsewhere, tmp_path):
    """A forked child holds open what loky looks at to see whether a worker lives."""
    work = elsewhere("process", errands.die_and_leave_a_child, str(tmp_path))
    with pytest.raises(WorkerDied, match="SIGKILL"):
        work.future.result()
    assert value(elsewhere("process", errands.double, 1)) == 2
    (tmp_path / "go").touch()


def test_a_worker_that_died_while_idle_fails_no_call(elsewhere):
    pid = value(elsewhere("process", errands.pid))
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: gone(pid))
    assert value(elsewhere("process", errands.pid)) != pid


def test_stopping_a_call_kills_its_worker_and_no_other(elsewhere, tmp_path, marked):
    stopped = elsewhere("process", errands.idle, str(tmp_path), "stopped")
    beside = elsewhere("process", errands.meet, str(tmp_path), "beside", "go")
    pid, other = marked("stopped"), marked("beside")
    stopped.stop()
    stopped.stop()
    assert stopped.future.cancelled()
    wait_for(lambda: gone(pid))
    assert not gone(other)
    (tmp_path / "go").touch()
    assert value(beside) == other
    assert value(elsewhere("process", errands.double, 1)) == 2


def test_stopping_a_call_kills_what_it_started(elsewhere, tmp_path, marked):
    def starts(folder):
        import subprocess
        import sys

        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        errands.idle(folder, f"child-{child.pid}")

    work = elsewhere("process", starts, str(tmp_path))
    wait_for(lambda: list(tmp_path.glob("child-*")))
    (found,) = tmp_path.glob("child-*")
    pid, child = marked(found.name), int(found.name.partition("-")[2])
    work.stop()
    wait_for(lambda: gone(pid) and gone(child))


def test_what_waits_for_a_worker_never_begins_when_it_is_stopped(elsewhere, tmp_path, marked):
    busy = [elsewhere("process", errands.meet, str(tmp_path), f"busy{n}", "go") for n in range(2)]
    waiting = elsewhere("process", errands.meet, str(tmp_path), "waiting", "go")
    last = elsewhere("process", errands.double, 1)
    for n in range(2):
        marked(f"busy{n}")
    waiting.stop()
    assert waiting.future.cancelled()
    (tmp_path / "go").touch()
    assert value(last) == 2
    assert all(work.future.result().error is None for work in busy)
    assert not (tmp_path / "waiting").exists()


def test_a_call_that_is_over_is_not_stopped_with_the_next_one_on_its_worker(elsewhere, tmp_path, marked):
    over = elsewhere("process", errands.double, 1)
    assert value(over) == 2
    others = [elsewhere("process", errands.meet, str(tmp_path), f"m{n}", "go") for n in range(2)]
    marked("m0")
    marked("m1")
    over.stop()
    (tmp_path / "go").touch()
    assert all(work.future.result().error is None for work in others)


def test_no_order_of_deaths_stops_and_ends_loses_a_worker(elsewhere, two_workers):
    """Whatever happens, every call ends, and both workers take calls again."""
    chance = random.Random(20260)
    table = {"a": np.zeros(400_000), "b": np.zeros(400_000)}
    works, timers = [], []
    for _ in range(60):
        function, args = chance.choice(
            [
                (errands.double, [1]),
                (errands.double, ["x" * 3_000_000]),
                (errands.allocate, [3_000_000]),
                (errands.arrays, [table]),
                (errands.die, [9]),
                (errands.leave, [1]),
                (errands.fail, []),
            ]
        )
        works.append(elsewhere("process", function, *args))
        if chance.random() < 0.4:
            timers.append(threading.Timer(chance.random() / 5, chance.choice(works).stop))
            timers[-1].start()
    kinds = Counter(ended(work) for work in works)
    for timer in timers:
        timer.join()
    assert sum(kinds.values()) == 60
    assert set(kinds) <= {"outcome", "stopped", "died"}
    assert two_workers.workers() <= 2
    assert [value(elsewhere("process", errands.double, n)) for n in range(6)] == [0, 2, 4, 6, 8, 10]


def ended(work):
    try:
        work.future.result()
    except CancelledError:
        return "stopped"
    except WorkerDied:
        return "died"
    return "outcome"


def test_workers_without_work_end(elsewhere, monkeypatch):
    brief = Pool(1, idle=0.0)
    monkeypatch.setattr(pool_module, "_pool", brief)
    pid = value(elsewhere("process", errands.pid))
    wait_for(lambda: gone(pid))
    wait_for(lambda: brief.workers() == 0)
    assert value(elsewhere("process", errands.pid)) != pid
    brief.close()


def test_a_closed_pool_stops_what_runs_and_begins_nothing(elsewhere, monkeypatch, tmp_path, marked):
    own = Pool(1)
    monkeypatch.setattr(pool_module, "_pool", own)
    running = elsewhere("process", errands.hog, str(tmp_path), "running")
    waiting = elsewhere("process", errands.double, 1)
    pid = marked("running")
    own.close()
    own.close()
    assert running.future.cancelled()
    assert waiting.future.cancelled()
    wait_for(lambda: gone(pid))
    late = elsewhere("process", errands.double, 1)
    with pytest.raises(CancelledError):
        late.future.result()


def test_a_forked_process_does_not_use_the_workers_of_its_parent(two_workers):
    assert the_pool() is two_workers
    two_workers.process, before = -1, two_workers.process
    try:
        other = the_pool()
        assert other is not two_workers
        other.close()
    finally:
        two_workers.process = before


def test_a_worker_follows_the_kernels_environment(elsewhere, monkeypatch):
    assert value(elsewhere("process", errands.environment, "PERDURE_TEST_A")) == [None]
    monkeypatch.setenv("PERDURE_TEST_A", "1")
    assert value(elsewhere("process", errands.environment, "PERDURE_TEST_A")) == ["1"]
    monkeypatch.setenv("PERDURE_TEST_A", "2")
    assert value(elsewhere("process", errands.environment, "PERDURE_TEST_A")) == ["2"]
    monkeypatch.delenv("PERDURE_TEST_A")
    assert value(elsewhere("process", errands.environment, "PERDURE_TEST_A")) == [None]


def test_a_worker_works_where_the_kernel_does(elsewhere, monkeypatch, tmp_path):
    pid = value(elsewhere("process", errands.pid))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "only_here.py").write_text("said = 'found'")
    assert value(elsewhere("process", errands.here)) == (pid, str(tmp_path), "found")


def test_libraries_in_a_worker_use_one_core_unless_told_otherwise(elsewhere, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    own = Pool(1)
    monkeypatch.setattr(pool_module, "_pool", own)
    assert value(elsewhere("process", errands.environment, "OMP_NUM_THREADS", "MKL_NUM_THREADS")) == [
        "1",
        "3",
    ]
    own.close()


def test_a_worker_takes_no_notice_of_an_interrupt(elsewhere, tmp_path, marked):
    """Which the kernel's whole process group gets."""
    work = elsewhere("process", errands.meet, str(tmp_path), "here", "go")
    pid = marked("here")
    os.kill(pid, signal.SIGINT)
    (tmp_path / "go").touch()
    assert value(work) == pid


def test_a_dead_worker_tells_what_it_held_when_last_looked_at(elsewhere, monkeypatch, tmp_path):
    """A call in which workers die for want of memory is to be recognised."""
    monkeypatch.setattr(pool_module, "LOOK", 0.01)
    seen = threading.Event()
    look = slots.Slot.look

    def looked(slot):
        look(slot)
        if slot._memory and slot._memory > 200 << 20:
            seen.set()

    monkeypatch.setattr(slots.Slot, "look", looked)

    def grows(folder):
        import numpy as np

        held = np.ones(256 << 20, dtype="uint8")
        errands.meet(folder, "grown", "go")
        os.kill(os.getpid(), 9)
        return held

    work = elsewhere("process", grows, str(tmp_path))
    seen.wait()
    (tmp_path / "go").touch()
    with pytest.raises(WorkerDied) as caught:
        work.future.result()
    assert caught.value.memory > 200 << 20
    assert "when last looked at" in caught.value.cause


def test_a_worker_that_cannot_be_started_fails_the_call_and_the_next_one_is_tried(elsewhere, monkeypatch):
    own = Pool(1)
    monkeypatch.setattr(pool_module, "_pool", own)
    make, wrong = pool_module.Slot, [OSError("no more processes")]

    def unlucky(*args):
        if wrong:
            raise wrong.pop()
        return make(*args)

    monkeypatch.setattr(pool_module, "Slot", unlucky)
    with pytest.raises(OSError, match="no more processes"):
        elsewhere("process", errands.double, 1).future.result()
    assert value(elsewhere("process", errands.double, 1)) == 2
    own.close()


def test_a_message_for_which_there_is_no_room_fails_the_call(elsewhere, monkeypatch):
    """And gives the worker back."""
    own = Pool(1)
    monkeypatch.setattr(pool_module, "_pool", own)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(slots.Parcel, "put", full)
        with pytest.raises(OSError, match="No space left"):
            elsewhere("process", errands.double, "x" * 100_000).future.result()
    assert value(elsewhere("process", errands.double, "x" * 100_000)) == "x" * 200_000
    own.close()


def test_where_no_memory_can_be_shared_large_bytes_go_over_files_that_are_removed(
    elsewhere, monkeypatch, tmp_path
):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = Pool(1)
    monkeypatch.setattr(pool_module, "_pool", own)
    table = {"a": np.zeros(500_000), "b": np.arange(400_000)}
    found = value(elsewhere("process", errands.arrays, table))
    assert found["a"].sum() == 500_000
    assert found["same"] is found["a"]
    wait_for(lambda: len(list(tmp_path.iterdir())) == 1)  # the one for the next answer
    own.close()
    wait_for(lambda: not list(tmp_path.iterdir()))


def test_what_several_calls_are_sent_lies_in_memory_once(elsewhere, monkeypatch, tmp_path):
    """And goes away when nothing is at work."""
    own = Pool(2)
    monkeypatch.setattr(pool_module, "_pool", own)
    table = np.arange(1_000_000)

    def waits(folder, name, other):
        errands.meet(folder, name, other)
        table[0] += 1
        return int(table[0]), int(table.sum())

    works = [elsewhere("process", waits, str(tmp_path), name, "go") for name in ("a", "b")]
    wait_for(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())
    assert len(own._shelf) == 1
    (tmp_path / "go").touch()
    assert [value(work) for work in works] == [(1, 499999500001)] * 2
    again = elsewhere("process", waits, str(tmp_path), "c", "go")
    assert value(again) == (1, 499999500001), "what one call changed is not there for the next one"
    wait_for(lambda: len(own._shelf) == 0)
    own.close()
