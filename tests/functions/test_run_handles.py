"""Run handles as values: what comes back is a handle of the same run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

import perdure
from perdure import Run, codec, step, workflow
from perdure.errors import NoResult, WrongThread

GO = threading.Event()


@workflow
def waits(x):
    GO.wait(60)
    return [x]


@workflow
async def awaits(x):
    await asyncio.to_thread(GO.wait, 60)
    return [x]


def test_a_handle_that_comes_back_while_its_run_is_at_work_waits_for_it():
    """Promise 3: the same id, status and result."""
    GO.clear()
    run = waits.start(1)
    first, second = codec.copy_value([run, run])
    assert first is second
    assert type(first) is Run
    assert (first.id, first.workflow, first.status) == (run.id, "waits", "running")
    assert codec.digest(first) == codec.digest(run)
    GO.set()
    assert first.result() is run.result()
    assert first.status == run.status == "done"


def test_a_handle_of_an_async_run_is_awaited_by_who_gets_it_back():
    """Promise 3: and `.result()` on the loop's own thread raises, as it does for the first handle."""

    async def main():
        GO.clear()
        run = awaits.start(2)
        made = codec.copy_value(run)
        with pytest.raises(WrongThread):
            made.result()
        GO.set()
        return await made, await run

    assert asyncio.run(main()) == ([2], [2])


ON_ITS_LOOP = """
import asyncio
from perdure import Run, workflow
from perdure.errors import WrongThread

@workflow
async def waits(x):
    await asyncio.get_running_loop().run_in_executor(None, go.wait, 60)
    return x

async def main():
    global go
    import threading
    go = threading.Event()
    begun = START
    for _ in range(TURNS):
        await asyncio.sleep(0)
    for name in ("waits", Run.of("waits").id):
        try:
            Run.of(name).result()
        except WrongThread as error:
            print(type(error).__name__)
    go.set()
    print(await begun, Run.of("waits").result())

asyncio.run(main())
"""


@pytest.mark.parametrize("start", ["waits.start(1)", "asyncio.create_task(call())"])
def test_no_handle_blocks_the_loop_on_which_its_run_goes_on(script, start):
    """Also one that was looked up, before the body began and after: in a process, since a loop would stand."""
    turns = 0 if start.startswith("waits") else 1
    call = "async def call():\n    return await waits(1)\n"
    source = ON_ITS_LOOP.replace("START", start).replace("TURNS", str(turns))
    assert script(call + source) == ["WrongThread", "WrongThread", "1 1"]


def test_a_step_may_return_a_handle():
    """Promise 1: it is kept, and found again."""
    GO.set()

    @step
    def begin(x):
        return waits.start(x)

    @workflow
    def outer(x):
        return begin(x).result()

    assert outer(3) == outer(3) == [3]


OTHER = """
import sys, time
import perdure
from perdure import workflow

@workflow
def ends(x):
    return {"x": x}

@workflow
def fails(x):
    raise ValueError(x)

if sys.argv[1] == "keep":
    runs = [ends.start(7), fails.start(8)]
    for run in runs:
        try:
            run.result()
        except ValueError:
            pass
    open("runs", "wb").write(perdure.dumps(runs))
else:
    done, failed = perdure.loads(open("runs", "rb").read())
    assert done.status == "done" and done.result() == {"x": 7} and done.workflow == "ends"
    assert failed.status == "failed"
    try:
        failed.result()
    except perdure.errors.RunFailed as error:
        assert f"Run {failed.id} of `fails` failed: ValueError: 8" in str(error), error
    else:
        raise AssertionError
"""


def test_another_process_reads_the_result_from_the_journal(tmp_path):
    """Promise 3: a handle outlives the process that began its run."""
    (tmp_path / "other.py").write_text(OTHER)
    for what in ("keep", "read"):
        done = subprocess.run(
            [sys.executable, "other.py", what], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


DIES = """
import os, sys
from perdure import Run, step, workflow

@step
def dies(x):
    os._exit(9)

@workflow
def body(x):
    assert Run.of("body").status == "running"
    return dies(x)

if sys.argv[1] == "die":
    body(1)
else:
    print(Run.of("body").status)
"""


def test_a_run_whose_process_died_is_interrupted(script):
    """Nobody is at work on it, although it could not record that."""
    script(DIES, "die", fails=True)
    assert script(DIES, "look") == ["interrupted"]


def test_a_run_that_the_store_does_not_know_has_no_result(store):
    """Promise 4: a sentence."""
    made = Run.__perdure_load__({"id": "r-unknown", "workflow": "gone"})
    assert made.status == "forgotten"
    with pytest.raises(NoResult, match="Run r-unknown of `gone` has no result: it is forgotten"):
        made.result()
    assert perdure.digest(made)
