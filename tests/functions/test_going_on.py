"""Going on with runs by their handles: `Run.of`, resume, redo, fork, wake; and what becomes of them elsewhere."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import Run, sleep, step, workflow
from perdure.errors import (
    Damaged,
    InputsDiffer,
    NoResult,
    NoSuchRun,
    NoSuchStep,
    NoSuchWorkflow,
    RunCancelled,
    RunFailed,
)


@step
def load(x):
    ran("load", x)
    return [x]


@step
def fit(data):
    ran("fit", *data)
    return sum(data)


@step
def report(score):
    ran("report", score)
    return f"score {score}"


@workflow
def train(n, *more, scale=1, **options):
    data = load(n)
    score = fit([*data, *more]) * scale
    stumble()
    return [report(score), options]


@pytest.fixture
def interrupted():
    """A run that failed after `fit`."""
    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        train(1, 2, scale=10, who="me")
    assert taken() == [("load", 1), ("fit", 1, 2)]
    return Run.of("train")


DONE = ["score 30", {"who": "me"}]


# -- resume ----------------------------------------------------------------------------------------------


def test_a_failed_run_is_resumed_by_its_handle_with_its_stored_inputs(interrupted):
    """Promise 1: what is recorded does not run again."""
    assert (interrupted.status, interrupted.workflow) == ("failed", "train")
    run = interrupted.resume()
    assert run is interrupted
    assert run.result() == DONE
    assert run.status == "done"
    assert taken() == [("report", 30)]
    assert Run.of(run.id).result() == DONE
    assert train(1, 2, scale=10, who="me") == DONE
    assert taken() == []


def test_a_finished_run_that_is_resumed_has_its_result(interrupted):
    interrupted.resume().result()
    taken()
    assert Run.of("train").resume().result() == DONE
    assert taken() == []


def test_a_cancelled_run_goes_on_by_resume_alone(store, interrupted):
    assert interrupted.cancel("no time")
    with pytest.raises(RunCancelled, match="no time"):
        Run.of(interrupted.id).result()
    assert interrupted.resume().result() == DONE
    [record] = store.journal.runs(workflow="train")
    assert (record.state, record.error) == ("done", None)


def test_an_async_run_is_resumed_on_the_running_loop():
    @workflow
    async def body(n):
        await asyncio.sleep(0)
        stumble()
        return [load(n), threading.current_thread() is threading.main_thread()]

    async def main():
        bad_luck(ValueError("once"))
        run = body.start(1)
        with pytest.raises(ValueError, match="once"):
            await run
        return await run.resume()

    assert asyncio.run(main()) == [[1], True]


def test_a_result_that_is_damaged_is_told_by_the_handle(store, interrupted):
    """Promise 8: and nobody waits for it without end."""
    interrupted.resume().result()
    record = store.journal.run(interrupted.id)
    store.journal._tables["stored_values"].pop((record.result,))
    for run in (Run.of(interrupted.id).resume(), train.start(1, 2, scale=10, who="me")):
        with pytest.raises(Damaged, match="The result of run"):
            run.result()


# -- redo and fork ---------------------------------------------------------------------------------------


def test_redo_runs_a_step_again_in_the_same_run(store, interrupted):
    interrupted.resume().result()
    taken()
    assert interrupted.redo("fit").result() == DONE
    assert taken() == [("fit", 1, 2)], "what depends on it came to the same inputs, and is restored"
    assert len(store.journal.runs(workflow="train")) == 1
    assert interrupted.redo(["load", "report"]).result() == DONE
    assert taken() == [("load", 1), ("report", 30)]
    with pytest.raises(NoSuchStep, match="did you mean `report`"):
        interrupted.redo("raport")


def test_a_fork_keeps_what_was_made_before_a_step_and_runs_the_rest_anew(store, interrupted):
    """And the run that it was forked from stays as it is."""
    interrupted.resume().result()
    taken()
    fork = interrupted.fork(at="fit")
    assert fork.result() == DONE
    assert fork.id != interrupted.id
    assert taken() == [("fit", 1, 2), ("report", 30)]
    assert store.journal.run(fork.id).forked_from == interrupted.id
    assert interrupted.result() == DONE
    assert interrupted.fork().result() == DONE
    assert taken() == []
    with pytest.raises(NoSuchStep):
        interrupted.fork(at="fitt")


def test_a_fork_that_goes_on_after_an_error_keeps_what_it_did_itself(interrupted):
    """Promise 1: only what the other run did is not used."""
    interrupted.resume().result()
    taken()
    bad_luck(ValueError("in the fork"))
    fork = interrupted.fork(at="fit")
    with pytest.raises(ValueError, match="in the fork"):
        fork.result()
    assert taken() == [("fit", 1, 2)]
    assert Run.of(fork.id).resume().result() == DONE
    assert taken() == [("report", 30)], "nothing of the other run's, though it had made a report"


def test_children_behind_the_point_of_a_fork_begin_anew(store):
    @workflow
    def child(n):
        return load(n)

    @workflow
    def parent(n):
        return [child(n), fit([n]), child(n + 1)]

    assert parent(1) == [[1], 1, [2]]
    taken()
    fork = Run.of("parent").fork(at="fit")
    assert fork.result() == [[1], 1, [2]]
    assert taken() == [("fit", 1), ("load", 2)]
    assert [each.forked_from for each in store.journal.children(fork.id)] == [None]


# -- what it takes ---------------------------------------------------------------------------------------


def test_a_workflow_that_is_not_defined_here_is_told_with_where_it_was(store):
    def define():
        @workflow
        def passing(n):
            stumble()
            return n

        return passing

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        define()(1)
    gc.collect()
    with pytest.raises(NoSuchWorkflow) as told:
        Run.of("passing").resume()
    assert "is not defined here; it was defined in" in str(told.value)
    assert f"`import {__name__}`" in str(told.value)
    again = define()
    assert Run.of("passing").resume().result() == 1
    assert again.name == "passing"


def test_a_run_that_there_is_not_is_told():
    with pytest.raises(NoSuchRun):
        Run.of("nobody")


def test_a_workflow_that_takes_other_inputs_now_is_told():
    def version(parameters):
        space = {"workflow": workflow, "stumble": stumble, "__name__": "flows"}
        exec(f"@workflow\ndef changing({parameters}):\n    stumble()\n    return locals()", space)
        return space["changing"]

    bad_luck(ValueError("once"))
    first = version("day")
    with pytest.raises(ValueError, match="once"):
        first("mon")
    version("night")
    with pytest.raises(InputsDiffer, match="'night'"):
        Run.of("changing").resume()
    kept = version("day, extra=5")
    assert Run.of("changing").resume().result() == {"day": "mon", "extra": 5}
    assert kept.name == "changing"


def test_a_run_of_a_cell_says_that_the_cell_is_run_again(store):
    from perdure.store.records import RunRecord, SessionRecord

    record = RunRecord("r_cell", "paper", "k", "cell", "failed", 1.0, 1.0)
    store.journal.claim(record, SessionRecord("r_cell", 0, 1, "here", 1.0, 1.0))
    with pytest.raises(NoSuchWorkflow, match="Run its %%workflow cell again"):
        defined_of("r_cell")


def defined_of(run):
    from perdure.engine.defined import defined
    from perdure.engine.process import the_store

    return defined(the_store(), the_store().journal.run(run))


def test_wake_ends_the_sleeps_of_a_run():
    @workflow
    async def sleeps(n):
        globals()["BEGUN"].set()
        await sleep("10h")
        return n

    globals()["BEGUN"] = threading.Event()
    run = sleeps.start(3)
    assert globals()["BEGUN"].wait(60)
    woken = 0
    while not woken:
        woken = run.wake()
    assert woken == 1
    assert run.result() == 3


# -- tags ------------------------------------------------------------------------------------------------


def test_runs_have_tags_and_are_found_by_them(store, interrupted):
    assert train.using(tags={"day": "mon", "try": 2})(5) == ["score 5", {}]
    [tagged] = store.journal.runs(tags={"day": "mon"})
    assert [(tag.name, tag.value) for tag in tagged.tags] == [("day", "mon"), ("try", "2")]
    train.using(tags={"day": "tue"}, redo="fit")(5)
    [again] = store.journal.runs(tags={"try": "2"})
    assert again.id == tagged.id
    assert {tag.name: tag.value for tag in again.tags} == {"day": "tue", "try": "2"}
    for wrong in ("", "a=b"):
        with pytest.raises(ValueError, match="a tag needs a word"):
            train.using(tags={wrong: 1})


# -- other processes -------------------------------------------------------------------------------------

OTHER = """
import os, sys, time
from perdure import step, workflow
from perdure.engine import inbox

if os.path.exists("deaf"):
    inbox.LOOK = 3600  # it looks for no message as long as it lives

@step
def waits(n):
    try:
        open("begun", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.001)
    finally:
        open("cleaned", "w").close()
    if n < 0:
        raise LookupError("nothing at", n)
    return n

@workflow
def body(n):
    return waits(n)

if __name__ == "__main__":
    print(body(int(sys.argv[1])))
"""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Begin the workflow in another process; its Popen, once its step is at work, and the store."""
    monkeypatch.setenv("PERDURE_STORE", str(tmp_path / "store"))
    (tmp_path / "other.py").write_text(OTHER)
    begun = []

    def begin(n, *, wait=True):
        process = subprocess.Popen(
            [sys.executable, "other.py", str(n)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        while wait and not (tmp_path / "begun").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture
def shared(tmp_path):
    """This process's store is that of the others."""
    from perdure.engine.process import use_store
    from perdure.store import open_store

    with open_store(tmp_path / "store") as opened:
        before = use_store(opened)
        yield opened
        use_store(before)


def test_the_result_of_a_run_elsewhere_is_waited_for(tmp_path, elsewhere, shared):
    """`await run` too; and its error, in one line."""
    elsewhere(7)
    run = Run.of("body")
    assert run.status == "running"

    async def main():
        waiting = asyncio.ensure_future(awaited(run))
        await asyncio.sleep(0)
        (tmp_path / "go").touch()
        return await waiting

    assert asyncio.run(main()) == 7
    assert run.result() == 7
    elsewhere(-1, wait=False).wait(60)
    with pytest.raises(RunFailed, match="LookupError"):
        Run.of("body").result()


async def awaited(found):
    return await found


def test_a_run_whose_process_died_has_no_result(elsewhere, shared):
    process = elsewhere(7)
    run = Run.of("body")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(NoResult, match="it is interrupted"):
        run.result()


def test_a_run_elsewhere_is_cancelled_from_here(tmp_path, elsewhere, shared):
    """Its steps clean up, and the other process is told."""
    process = elsewhere(7)
    run = Run.of("body")
    assert run.cancel("from here")
    with pytest.raises(RunCancelled, match="from here"):
        run.result()
    _, told = process.communicate(timeout=60)
    assert "RunCancelled: Run " in told
    assert (tmp_path / "cleaned").exists()
    assert [call.state for call in shared.journal.calls(run.id)] == ["cancelled"]
    assert shared.journal.messages() == []


def test_a_cancel_that_met_a_killed_process_is_acted_on_by_the_next_owner(tmp_path, elsewhere, shared):
    """The message is there still: SIGKILL between the two loses nothing."""
    (tmp_path / "deaf").touch()
    process = elsewhere(7)
    run = Run.of("body")
    assert run.cancel("too long")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (run.status, len(shared.journal.messages())) == ("interrupted", 1)
    (tmp_path / "go").touch()
    _, told = elsewhere(7, wait=False).communicate(timeout=60)
    assert "was cancelled: too long" in told
    assert (run.status, shared.journal.messages()) == ("cancelled", [])


def test_a_run_whose_process_died_is_cancelled_here(elsewhere, shared):
    process = elsewhere(7)
    run = Run.of("body")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run.cancel()
    assert run.status == "cancelled"


def test_two_processes_that_start_the_same_workflow_at_once_make_one_run(tmp_path, elsewhere, shared):
    """Promise 6: the other one gets the result, or is told who is at work."""
    (tmp_path / "go").touch()
    processes = [elsewhere(7, wait=False) for _ in range(4)]
    told = [process.communicate(timeout=60) for process in processes]
    assert len(shared.journal.runs(workflow="body")) == 1
    assert any(out == "7\n" for out, _ in told)
    assert all(out == "7\n" or "RunOwned" in error for out, error in told)
    assert os.getpid() not in {session.pid for session in shared.journal.sessions(Run.of("body").id)}
