"""Calls that are carried out elsewhere: by worker processes, and by any executor of the standard library's kind."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from functions import errands
from perdure import Secret, current, step, workflow
from perdure.engine import keeping
from perdure.engine.current import in_worker
from perdure.engine.executors.choice import checked, default_concurrency, named
from perdure.engine.scope import current_scope, entered
from perdure.errors import (
    ErrorNotSent,
    ExecutorEnded,
    NotInRun,
    NotInWorker,
    NotKeepable,
    WorkerDied,
)

SPAWN, FORK = multiprocessing.get_context("spawn"), multiprocessing.get_context("fork")
KINDS = ("process", "spawned", "forked", "threads", "inline")


class Inline(Executor):
    """Calls at once, where it is asked to."""

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_result(function(*args, **kwargs))
        return future


@pytest.fixture(scope="module")
def pools():
    """An executor of each kind."""
    made = {
        "spawned": ProcessPoolExecutor(1, mp_context=SPAWN),
        "forked": ProcessPoolExecutor(1, mp_context=FORK),
        "threads": ThreadPoolExecutor(1),
        "inline": Inline(),
    }
    yield made | {"process": "process"}
    for pool in made.values():
        pool.shutdown()


@pytest.fixture(params=KINDS)
def executor(request, pools, workers):
    return pools[request.param]


@pytest.fixture
def outcome(elsewhere):
    """What came of a call, as it was kept there."""
    return lambda executor, function, *args, **kwargs: elsewhere(
        executor, function, *args, **kwargs
    ).future.result()


@pytest.fixture
def value(outcome):
    """What a call gave."""

    def of(executor, function, *args, **kwargs):
        made = outcome(executor, function, *args, **kwargs)
        assert made.error is None, made.traceback
        return keeping.decode(made.value)

    return of


@pytest.fixture
def error(outcome):
    """What a call raised."""
    return lambda executor, function, *args: keeping.decode(outcome(executor, function, *args).error)


def is_elsewhere(executor):
    return executor == "process" or isinstance(executor, ProcessPoolExecutor)


def test_a_value_comes_back_from_every_executor(executor, value):
    assert value(executor, errands.double, 21) == 42
    assert value(executor, errands.double, [1, (2, "x")]) == [1, (2, "x"), 1, (2, "x")]
    assert (value(executor, errands.pid) != os.getpid()) == is_elsewhere(executor)


def test_arguments_arrive_as_the_signature_has_them(executor, value):
    assert value(executor, errands.place, 1, 2, 3, 4, c=5, d=6) == [1, 2, (3, 4), 5, {"d": 6}]
    assert value(executor, errands.place, 1, b=2) == [1, 2, (), 3, {}]


def test_an_async_function_is_awaited(executor, value):
    assert value(executor, errands.after, "x", 3) == "x"


def test_a_step_in_a_workflow_runs_where_it_says(executor, calls):
    """Promise 1 and 11: what is recorded of it is the same, and names the executor."""
    elsewhere = step(executor=executor)(errands.pid)

    @workflow
    def body():
        return elsewhere(), elsewhere.submit().result()

    found = body()
    assert all((pid != os.getpid()) == is_elsewhere(executor) for pid in found)
    assert [call.state for call in calls(body)] == ["done", "done"]


def test_the_attempt_names_its_executor(workers, store):
    @workflow
    def body():
        return step(executor="process")(errands.pid)()

    body()
    run = store.journal.runs(workflow="body")[0]
    (attempt,) = store.journal.attempts(run.id)
    assert attempt.executor == "process"
    assert attempt.memory > 1_000_000


def test_current_tells_where_the_call_was_made(executor, outcome, value, store):
    """Also in helpers; in a thread of this process the code is in the caller's own scope."""
    if is_elsewhere(executor):
        told = value(executor, errands.where, step="known")
        assert (told.run, told.step, told.call, told.attempt) == ("r_1", "known", "c_1", 2)
        assert told.started == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        assert told.idempotency_key == "r_1-c_1"
        return

    @workflow
    def body():
        return step(executor=executor)(errands.where)()

    told = body()
    assert (told.step, told.attempt) == ("where", 1)


def test_current_is_nowhere_once_the_call_is_over(pools, workers, value):
    value("process", errands.where)
    with pytest.raises(NotInRun):
        current()
    assert not in_worker()
    nothing = pools["threads"].submit(lambda: (in_worker(), current_scope())).result()
    assert nothing == (False, None)


def test_an_exception_comes_back_with_all_that_hangs_on_it(executor, error, outcome):
    """Promise 3: type, arguments, attributes, cause, context and notes."""
    found = error(executor, errands.fail)
    assert type(found) is errands.Kept
    assert found.args == ("outer", {"a": [1]})
    assert found.__notes__ == ["while testing"]
    assert str(found.more) == "x"
    assert type(found.__cause__) is KeyError
    assert found.__cause__ is found.__context__
    assert found.__cause__.args == ("inner", (1, 2))
    made = outcome(executor, errands.fail)
    assert made.said == "Kept: ('outer', {'a': [1]})"
    assert "in fail" in made.traceback
    assert "perdure/engine" not in made.traceback


def test_the_body_gets_the_exception_as_it_was_raised(executor):
    """How it came back shows nowhere."""

    @workflow
    def body():
        try:
            step(executor=executor)(errands.fail)()
        except errands.Kept as error:
            return error
        return None

    found = body()
    assert found.__context__ is found.__cause__
    assert found.__cause__.args == ("inner", (1, 2))
    assert found.__cause__.__context__ is None


def test_an_exception_that_cannot_be_kept_is_told_by_another(executor, error):
    found = error(executor, errands.fail_unkeepably)
    assert type(found) is ErrorNotSent
    assert isinstance(found, RuntimeError)
    assert found.type == "a functions.errands.Unkeepable"
    assert found.said == "Unkeepable: it broke"
    assert ".file" in found.cause
    assert found.__notes__ == ["a note"]


@pytest.mark.parametrize("ending", [SystemExit(3), KeyboardInterrupt("stop"), GeneratorExit()])
def test_what_would_end_a_process_fails_the_attempt(executor, error, ending):
    found = error(executor, errands.ask_to_end, ending)
    assert type(found) is WorkerDied
    assert type(ending).__name__ in found.cause
    assert type(found.__cause__) is type(ending)


def test_a_result_that_cannot_be_kept_is_named_as_in_the_kernel(executor, error):
    """Promise 4."""
    found = error(executor, errands.give_a_generator)
    assert type(found) is NotKeepable
    assert found.path == 'give_a_generator(...)["rows"][1]'
    assert found.__context__ is None


def test_an_argument_that_cannot_be_kept_is_told_before_anything_is_sent(executor, elsewhere):
    with pytest.raises(NotKeepable, match="passed to step `double` as `x`"):
        elsewhere(executor, errands.double, (x for x in range(3)))


def test_arguments_and_results_travel_by_value(executor, value):
    """Promise 3: large arrays too, with what they share."""
    table = {"a": np.zeros(500_000), "b": np.arange(400_000)}
    found = value(executor, errands.arrays, table)
    assert table["a"][0] == 0
    assert found["a"].sum() == 500_000
    assert found["same"] is found["a"]
    found["a"][0] = 5
    assert found["b"].flags.writeable
    assert np.array_equal(found["b"], np.arange(0, 400_000, 2))


def test_a_secret_goes_there_and_back(executor, value):
    """It is shown nowhere on the way, and sealed by the kernel where it is kept."""
    pytest.importorskip("cryptography")
    text, more = value(executor, errands.reveal, Secret("hush"))
    assert text == "hush"
    assert more == Secret("hush!")


def test_steps_inside_a_step_are_plain_calls_there(executor, value, recwarn):
    pair, several, pid = value(executor, errands.outer.__wrapped__, 7)
    assert pair == [7, pid]
    assert several == [1, 2]
    if is_elsewhere(executor):
        assert pid != os.getpid()


@pytest.mark.parametrize("start", [errands.start_a_child, errands.start_a_child_beside])
@pytest.mark.parametrize("kind", ["process", "forked"])
def test_a_worker_has_no_store(pools, workers, error, kind, start):
    """The kernel alone writes the journal: a workflow that a worker's code starts ends in one sentence."""
    found = error(pools[kind], start)
    assert type(found) is NotInWorker
    assert f"step `{start.__name__}`" in str(found)
    assert "run in a thread" in str(found)


def test_the_forked_worker_is_not_in_the_scope_that_it_was_forked_in(value, calls):
    """Where a pool forks in the middle of a body, its process knows that body's run, and must not write to it."""
    inner = step(executor=None)(errands.double)

    def calls_a_step(x):
        return inner(x), current_scope() is None

    with ProcessPoolExecutor(1, mp_context=FORK) as pool:

        @workflow
        def body():
            pool.submit(errands.pid).result()
            return step(executor=pool)(calls_a_step)(4)

        assert body() == (8, True)
    assert [call.step for call in calls(body)] == ["calls_a_step"]


def test_what_is_printed_is_told_in_order(workers, outcome, pools, capsys):
    for executor in ("process", pools["spawned"], pools["forked"]):
        made = outcome(executor, errands.talk)
        assert made.printed == (
            ("stdout", "one\n"),
            ("stderr", "two\n"),
            ("stdout", "three\nfour\n"),
            ("stderr", "five\n"),
        )
        made.show()
        assert capsys.readouterr() == ("one\nthree\nfour\n", "two\nfive\n")


def test_what_is_printed_beyond_measure_is_cut_and_that_is_told(workers, outcome):
    (stream, text), (told_on, told) = outcome("process", errands.talk_much, 1_200_000).printed
    assert (stream, len(text)) == ("stdout", 1_000_000)
    assert told_on == "stderr"
    assert "200001 bytes more were printed" in told


def test_a_logger_that_a_call_set_up_goes_on_in_the_next_one(workers, outcome, elsewhere):
    """It keeps the stream on which it writes."""
    pool = ProcessPoolExecutor(1, mp_context=SPAWN)
    for text in ("first", "second"):
        assert outcome(pool, errands.log, text).printed == (("stderr", text + "\n"),)
    pool.shutdown()


def test_a_stream_that_a_call_closed_is_open_for_the_next_one(outcome, elsewhere):
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        for _ in range(2):
            made = outcome(pool, errands.close_what_it_prints_on)
            assert (made.printed, made.error) == ((("stdout", "before\n"),), None)


def test_what_is_no_text_is_spelled_out(workers, outcome):
    made = outcome("process", errands.surrogate)
    assert made.printed == (("stdout", "half \\udc80 of one\n"),)
    assert made.said == "ValueError: half \\udc80 of one"
    assert keeping.decode(made.error).args == ("half \udc80 of one",)


def test_the_codec_of_the_kernel_holds_in_a_worker(workers, error, value, monkeypatch):
    """`safe` keeps no pickle, wherever the step ran."""
    monkeypatch.setattr(keeping, "_chosen", "safe")
    assert value("process", errands.double, 2) == 4
    found = error("process", errands.frame)
    assert type(found) is NotKeepable
    assert 'codec="safe"' in str(found)


def test_what_a_thread_prints_goes_where_it_always_does(pools, outcome, capfd):
    assert outcome(pools["threads"], errands.talk_much, 3).printed == ()
    assert capfd.readouterr().out == "xxx\n"


def test_a_worker_knows_its_peak_of_memory(workers, outcome):
    """Of this call alone, not of those before it."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system tells the peak of the whole process only")
    before = outcome("process", errands.allocate, 1).memory
    most = outcome("process", errands.allocate, 256 << 20).memory
    after = outcome("process", errands.allocate, 1).memory
    assert most > (256 << 20)
    assert before < most
    assert after < most


def test_an_executor_that_was_shut_down_is_told(elsewhere):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(ExecutorEnded, match="its executor, ThreadPoolExecutor, takes no more work"):
        elsewhere(pool, errands.double, 1)


def test_an_executor_whose_worker_dies_fails_the_attempt_and_is_of_no_use_then(elsewhere):
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        with pytest.raises(WorkerDied, match="carried out step `die` died"):
            elsewhere(pool, errands.die, 9).future.result()
        with pytest.raises(ExecutorEnded, match="ProcessPoolExecutor"):
            elsewhere(pool, errands.double, 1)


def test_a_call_that_its_executor_dropped_is_told(elsewhere, tmp_path):
    with ThreadPoolExecutor(1) as pool:
        first = elsewhere(pool, errands.meet, str(tmp_path), "first", "go")
        second = elsewhere(pool, errands.double, 1)
        pool.shutdown(wait=False, cancel_futures=True)
        with pytest.raises(ExecutorEnded, match="it was shut down before the call began"):
            second.future.result()
        (tmp_path / "go").touch()
        assert first.future.result().error is None


def test_a_call_that_waits_for_a_thread_never_begins_when_it_is_stopped(elsewhere, tmp_path):
    with ThreadPoolExecutor(1) as pool:
        first = elsewhere(pool, errands.meet, str(tmp_path), "first", "go")
        second = elsewhere(pool, errands.meet, str(tmp_path), "second", "first")
        second.stop()
        second.stop()
        assert second.future.cancelled()
        (tmp_path / "go").touch()
        assert first.future.result().error is None
    assert not (tmp_path / "second").exists()


def test_a_call_that_runs_in_a_thread_is_cut_off_when_it_is_stopped(elsewhere, tmp_path):
    with ThreadPoolExecutor(1) as pool:
        work = elsewhere(pool, errands.meet, str(tmp_path), "here", "go")
        while not (tmp_path / "here").exists():
            pass
        work.stop()
        assert work.future.cancelled()
        (tmp_path / "go").touch()


def test_an_executor_is_none_of_these_or_refused():
    pool = ThreadPoolExecutor(3)
    assert [checked(each) for each in (None, "thread", "process", pool)] == [None, "thread", "process", pool]
    for wrong in ("processes", 3, ThreadPoolExecutor):
        with pytest.raises(ValueError, match="neither"):
            checked(wrong)
    assert [named(each) for each in (None, "thread", "process", pool)] == [
        "",
        "",
        "process",
        "ThreadPoolExecutor",
    ]


def test_as_many_calls_at_once_as_there_are_workers(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert default_concurrency("process") == 1
    assert default_concurrency(ThreadPoolExecutor(3)) == 3
    assert default_concurrency(ProcessPoolExecutor(5)) == 5
    assert default_concurrency(Inline()) == default_concurrency("thread") == default_concurrency(None) == 8


def test_a_step_with_an_executor_is_a_value(workers):
    """An executor of the user's belongs to this process: the step that comes back runs in threads."""
    own = step(executor=ThreadPoolExecutor(1))(errands.double)
    assert keeping.decode(keeping.encode(own)).options.executor is None
    by_name = step(executor="process", retries=2)(errands.double)
    again = keeping.decode(keeping.encode(by_name)).options
    assert (again.executor, again.retrying) == ("process", by_name.options.retrying)


def test_in_a_thread_of_this_process_the_scope_is_the_callers(elsewhere, pools):
    scopes = []
    marker = object()
    with entered(marker):
        work = elsewhere(pools["threads"], lambda: scopes.append(current_scope()))
    work.future.result()
    assert scopes == [marker]
