"""Runs as wholes: child runs, `start`, owners, events, other processes (promises 2, 5 and 6)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import Run, codec, step, workflow
from perdure.engine.events import listeners
from perdure.engine.owner import Owner
from perdure.errors import Damaged, EffectFailed, NotOwner, RunOwned, WrongThread
from perdure.store import open_store


@step
def double(x):
    ran("double", x)
    return 2 * x


# -- child runs ------------------------------------------------------------------------------------------


@workflow
def child(x):
    first = double(x)
    stumble()
    return first + double(x + 1)


@workflow
def parent(n):
    before = double(n * 100)
    return [before, child(n), child(n)]


def test_a_workflow_called_in_a_body_is_a_child_run(store):
    """Design, section 4: a run of its own, below its parent."""
    assert parent(1) == [200, 6, 6]
    [top] = [run for run in store.journal.runs() if run.parent is None]
    below = store.journal.children(top.id)
    assert [(run.workflow, run.parent, run.state) for run in below] == [("child", top.id, "done")] * 2
    assert taken() == [("double", 100), *[("double", 1), ("double", 2)] * 2]


def test_a_child_that_failed_goes_on_when_its_parent_is_resumed(store):
    """Promise 1: neither the parent's nor the child's finished calls run again."""
    bad_luck(ValueError("in the child"))
    with pytest.raises(ValueError, match="in the child"):
        parent(1)
    assert [run.state for run in store.journal.runs()] == ["failed", "failed"]
    assert parent(1) == [200, 6, 6]
    assert [run.state for run in store.journal.runs()] == ["done", "done", "done"]
    assert taken() == [("double", 100), *[("double", 1), ("double", 2)] * 2]


def test_a_fork_of_the_parent_finds_the_children_of_the_original():
    """Promises 1 and 5: an edit of the parent does not repeat what its children did."""

    def version(last):
        space = {"child": child, "workflow": workflow}
        exec(f"@workflow\ndef top(n):\n    return [child(n), {last}]", space)
        return space["top"]

    assert version("1")(1) == [6, 1]
    assert version("2")(1) == [6, 2]
    assert taken() == [("double", 1), ("double", 2)]


def test_a_failure_before_a_child_is_an_outcome_once_the_child_began():
    @step
    def fails(x):
        ran("fails")
        raise LookupError(x)

    @workflow
    def top(n):
        with contextlib.suppress(LookupError):
            fails(n)
        return child(n)

    bad_luck(ValueError("in the child"))
    with pytest.raises(ValueError, match="in the child"):
        top(1)
    assert top(1) == 6
    assert taken() == ["fails", ("double", 1), ("double", 2)]


def test_async_children_beside_each_other_keep_apart(store):
    @workflow
    async def leaf(x):
        return double(x)

    @workflow
    async def top(n):
        return await asyncio.gather(*[leaf(x) for x in range(n)])

    assert asyncio.run(awaited(top(3))) == [0, 2, 4]
    assert sorted(run.workflow for run in store.journal.runs()) == ["leaf", "leaf", "leaf", "top"]


async def awaited(found):
    return await found


# -- handles ---------------------------------------------------------------------------------------------


def test_a_started_run_goes_on_beside_its_caller(store):
    """Design, section 4: id, status, result."""

    @workflow
    def waits(n):
        assert globals()["GO"].wait(60)
        return n

    globals()["GO"] = threading.Event()
    run = waits.start(5)
    assert isinstance(run, Run)
    assert (run.status, run.workflow, store.journal.run(run.id).state) == ("running", "waits", "running")
    with pytest.raises(RunOwned, match=str(os.getpid())):
        waits(5)
    globals()["GO"].set()
    assert (run.result(), run.status) == (5, "done")
    assert waits.start(5).result() == 5


def test_a_started_async_run_is_awaited_on_its_loop():
    @workflow
    async def body(n):
        await asyncio.sleep(0)
        return n

    async def main():
        run = body.start(5)
        with pytest.raises(WrongThread, match="await"):
            run.result()
        return await run, run.result(), await asyncio.to_thread(run.result)

    assert asyncio.run(main()) == (5, 5, 5)
    assert body.start(6).result() == 6


def test_a_run_that_fails_gives_its_error():
    @workflow
    def body(n):
        raise LookupError(n)

    run = body.start(5)
    with pytest.raises(LookupError):
        run.result()
    assert run.status == "failed"


def test_a_coroutine_that_nobody_awaits_holds_no_run(store):
    @workflow
    async def body(n):
        return n

    body(1).close()
    assert store.journal.runs() == []
    assert asyncio.run(awaited(body(1))) == 1


# -- owners ----------------------------------------------------------------------------------------------


def test_events_tell_what_happened_after_it_was_recorded(store):
    heard = []

    def listen(event):
        recorded = [call.state for call in store.journal.calls(event.run.id)]
        heard.append((event.kind, None if event.call is None else event.call.state, recorded))

    remove = listeners.add(listen)
    try:

        @workflow
        def body(n):
            found = double(n)
            stumble()
            return found

        bad_luck(ValueError("once"))
        with pytest.raises(ValueError, match="once"):
            body(1)
        body(1)
        body(1)
    finally:
        remove()
    assert heard == [
        ("run_started", None, []),
        ("call_started", "running", []),  # of a pure call, the start alone is not recorded
        ("call_ended", "done", ["done"]),
        ("run_ended", None, ["done"]),
        ("run_started", None, ["done"]),
        ("call_restored", "done", ["done"]),
        ("run_ended", None, ["done"]),
        ("run_restored", None, ["done"]),
    ]


def test_a_run_is_let_go_however_its_end_fails(store, monkeypatch):
    """Promise 6: a store that is full at the end leaves no lock behind."""
    from perdure.errors import StoreFull

    @workflow
    def body(n):
        found = double(n)
        stumble()
        return found

    write = store.journal.write
    full = StoreFull(path="here")

    def fails_at_the_end(run, epoch, records, **options):
        if any(
            getattr(record, "state", "") in ("done", "failed") and hasattr(record, "workflow")
            for record in records
        ):
            raise full
        return write(run, epoch, records, **options)

    monkeypatch.setattr(store.journal, "write", fails_at_the_end)
    with pytest.raises(StoreFull):
        body(1)
    bad_luck(ValueError("of the body"))
    with pytest.raises(ValueError, match="of the body") as raised:
        body(1)
    assert "no room left" in raised.value.__notes__[0]
    monkeypatch.undo()
    assert body(1) == 2
    assert taken() == [("double", 1)]


def test_a_former_owner_cannot_write(store):
    """Promise 6: the epoch fences off whoever was overtaken."""

    @workflow
    def body(n):
        return n

    body(1)
    record = store.journal.runs()[0]
    first = Owner.take(store, record)
    first._lock.release()
    second = Owner.take(store, record)
    with pytest.raises(NotOwner):
        first.note("kind", "name", {})
    first.close()
    second.note("kind", "name", {})
    second.close()
    assert [session.ended is not None for session in store.journal.sessions(record.id)] == [True, False, True]


def test_a_checkpoint_whose_record_is_gone_is_refused_and_not_none(store, calls):
    """Promise 4: what cannot be restored is never restored as something else."""

    @workflow
    def body(n):
        found = double(n)
        stumble()
        return found

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        body(1)
    store.journal._tables["stored_values"].pop((calls(body)[0].value,))
    with pytest.raises(Damaged, match="step `double`"):
        body(1)


# -- other processes -------------------------------------------------------------------------------------

EFFECT = """
import os, signal, sys
from perdure import step, workflow

@step(kind="effect")
def charge(order):
    with open("charged", "a") as log:
        log.write(f"{order}\\n")
    if os.path.exists("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return "receipt"

@step
def count(n):
    return list(range(n))

@workflow
def shop(n):
    return [charge(order) for order in count(n)]

print(shop(2))
"""


@pytest.fixture
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("PERDURE_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        ("done", ("['by hand', 'receipt']", ["0", "1"])),
        ("again", ("['receipt', 'receipt']", ["0", "0", "1"])),
        ("fail", (None, ["0"])),
    ],
)
def test_an_effect_that_was_killed_is_in_doubt_until_it_is_resolved(
    tmp_path, own_store, script, verdict, outcome
):
    """Promise 5: it is not repeated; done with a value, run again or failed, as a person decides."""
    printed, charged = outcome
    (tmp_path / "deadly").touch()
    script(EFFECT, fails=True)
    (tmp_path / "deadly").unlink()
    for _ in range(2):
        assert "InDoubt: Effect `charge` is in doubt" in "\n".join(script(EFFECT, fails=True))
    with open_store(own_store) as store:
        record = store.journal.runs()[0]
        assert record.state == "in doubt"
        owner = Owner.take(store, record)
        [call] = [each for each in owner.history.of_step("charge") if each.state == "in doubt"]
        if verdict == "done":
            owner.resolve(call, "done", codec.encode("by hand"))
        else:
            error = None if verdict == "again" else codec.encode(EffectFailed(step="charge"))
            owner.resolve(call, "failed", error)
        owner.close()
    if printed is None:
        for _ in range(2):
            assert "EffectFailed" in "\n".join(script(EFFECT, fails=True))
    else:
        assert script(EFFECT) == [printed]
    assert (tmp_path / "charged").read_text().split() == charged


HOLDER = """
import sys
from perdure import workflow

@workflow
def held(n):
    print("begun", flush=True)
    sys.stdin.readline()
    return n

print(held(1), flush=True)
"""


def test_a_run_at_work_in_another_process_is_refused_until_that_dies(tmp_path, own_store, script):
    """Promise 6: one run, one owner; the second is told who, and takes over when the lock is free."""
    (tmp_path / "main.py").write_text(HOLDER)
    with subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "begun\n"
        refused = "\n".join(script(HOLDER, fails=True))
        assert "RunOwned: Run r_" in refused
        assert f"process {first.pid} on" in refused
        first.send_signal(signal.SIGKILL)
    assert script(HOLDER) == ["begun", "1"]


MAIN = """
from helper import f
from perdure import workflow

@workflow
def body(n):
    return f(n), 1 / 0 if n else 0

try:
    print(body(1))
except ZeroDivisionError:
    print("not yet")
"""
HELPER = """
from perdure import step

def inner(x):
    return x {sign} 1

@step
def f(x):
    print("f ran")
    return inner(x)
"""


def test_steps_in_modules_of_the_users_own_follow_their_code(tmp_path, own_store, script):
    """Promise 1: an edit of a function in the module runs again what uses it; a comment does not."""
    ran_lines = []
    for source in (
        HELPER.format(sign="+"),
        HELPER.format(sign="+") + "# a comment\n",
        HELPER.format(sign="-"),
    ):
        (tmp_path / "helper.py").write_text(source)
        ran_lines.append(script(MAIN))
    assert ran_lines == [["f ran", "not yet"], ["not yet"], ["f ran", "not yet"]]


LIGHT = """
import sys
import perdure
heavy = {"IPython", "pandas", "numpy", "anywidget", "cloudpickle", "sqlite3", "asyncio"}
print(sorted(heavy & set(sys.modules)))
from perdure import step, workflow, Run, dumps, loads, digest, register
heavy -= {"asyncio"}
print(sorted(heavy & set(sys.modules)))
"""


def test_importing_perdure_imports_nothing_heavy(script):
    """Promise 10: neither by itself nor by its names (a `Run` needs asyncio)."""
    assert script(LIGHT) == ["[]", "[]"]
