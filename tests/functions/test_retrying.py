"""Attempts: how often, after which pause, and what of them outlives the process."""

import asyncio
import contextlib
import threading

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import current, exponential, step, workflow
from perdure.engine.retrying import Retrying
from perdure.errors import Fatal, InDoubt, NotInRun, Retry, StepTimeout
from perdure.testing import HandClock


@pytest.fixture
def clock():
    with HandClock() as clock:
        yield clock


def beside(work):
    """Carry out `work` in a thread of its own; what it gave, or raised, is asked for with `.result()`."""
    import concurrent.futures

    pool = concurrent.futures.ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


# -- which failures are tried again ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backoff", "pauses"),
    [
        (2, [2, 2, 2]),
        ("1m", [60, 60, 60]),
        (exponential("1s"), [1, 2, 4]),
        (exponential(2, factor=10, limit="1m"), [2, 20, 60]),
        (lambda attempt: f"{attempt}m", [60, 120, 180]),
    ],
)
def test_a_pause_is_constant_grows_or_is_a_function_of_the_attempt(backoff, pauses):
    retrying = Retrying(3, backoff)
    assert [retrying.pause(OSError(), number) for number in (1, 2, 3)] == pauses
    assert retrying.pause(OSError(), 4) is None


def test_jitter_draws_each_pause_from_around_it_and_leaves_the_users_random_alone():
    import random

    random.seed(1)
    before = random.getstate()
    pause = exponential(10, factor=1, jitter=0.5)
    drawn = {pause(1) for _ in range(200)}
    assert len(drawn) > 100
    assert min(drawn) >= 5
    assert max(drawn) <= 15
    assert random.getstate() == before


def test_a_pause_that_grew_beyond_all_numbers_is_its_limit():
    assert exponential(1, limit="1h")(5000) == 3600


@pytest.mark.parametrize("options", [{"factor": 0.5}, {"jitter": 2}, {"first": "soon"}])
def test_a_pause_that_cannot_be_is_told_at_once(options):
    with pytest.raises(ValueError, match=r"factor|jitter|soon"):
        exponential(**options)


@pytest.mark.parametrize(
    ("retry_on", "error", "tried"),
    [
        (None, KeyError("k"), 2),
        (OSError, TimeoutError("late"), 2),
        (OSError, KeyError("k"), 1),
        ((OSError, KeyError), KeyError("k"), 2),
        (lambda error: "again" in str(error), ValueError("again"), 2),
        (lambda error: "again" in str(error), ValueError("never"), 1),
        (OSError, Retry("busy"), 2),
        (None, Fatal("hopeless"), 1),
    ],
)
def test_retry_on_says_which_errors_are_worth_another_attempt(store, calls, retry_on, error, tried):
    bad_luck(error)

    @step(retries=3, retry_on=retry_on)
    def flaky(x):
        stumble()
        return x

    @workflow
    def body(n):
        return flaky(n)

    if tried == 1:
        with pytest.raises(type(error)):
            body(1)
    else:
        assert body(1) == 1
    [call] = calls(body)
    assert len(store.journal.attempts(call.run)) == tried


def test_a_retry_on_that_fails_itself_is_told_with_the_error_and_nothing_is_tried(store, calls):
    bad_luck(ValueError("first"))

    @step(retries=3, retry_on=lambda error: error.code == 5)
    def flaky(x):
        stumble()

    @workflow
    def body(n):
        flaky(n)

    with pytest.raises(ValueError, match="first") as told:
        body(1)
    assert "retry_on of step `flaky` gave AttributeError" in told.value.__notes__[0]
    assert len(store.journal.attempts(calls(body)[0].run)) == 1


def test_retry_says_after_how_long_and_counts_as_an_attempt(clock, store):
    bad_luck(Retry("rate limit", after="90s"), Retry("rate limit", after=30))

    @step(retries=2, backoff="1d")
    def polite(x):
        stumble()
        return x

    @workflow
    def body(n):
        return polite(n)

    found = beside(lambda: body(1))
    for pause in (90, 30):
        clock.until_waiting()
        [call] = store.journal.calls(store.journal.runs()[0].id)
        assert (call.state, call.due) == ("waiting", clock.now() + pause)
        clock.advance(pause - 1)
        assert len(clock.pending) == 1
        clock.advance(1)
    assert found.result(30) == 1


def test_an_async_step_pauses_without_holding_up_others(clock):
    bad_luck(OSError("1"))

    @step(retries=1, backoff="1h")
    async def flaky(x):
        stumble()
        return x

    @step
    async def other(x):
        ran("other")
        return x

    @workflow
    async def body(n):
        return await asyncio.gather(flaky(n), other(n))

    found = beside(lambda: asyncio.run(body(1)))
    clock.until_waiting()
    assert taken() == ["other"]
    clock.advance("1h")
    assert found.result(30) == [1, 1]


def test_an_error_with_a_pause_survives_pickling():
    import pickle

    again = pickle.loads(pickle.dumps(Retry("busy", after="5s")))
    assert (again.args, again.after) == (("busy",), "5s")


# -- time limits -----------------------------------------------------------------------------------------


def test_a_sync_step_that_overruns_is_abandoned_in_its_thread_and_commits_nothing_more(clock, store, calls):
    """Promise 2: the journal does not hear of what an abandoned attempt does later."""
    inside, leave, left = threading.Event(), threading.Event(), threading.Event()

    @step(timeout="10s")
    def slow(x):
        inside.set()
        with contextlib.suppress(StepTimeout):  # code that will not be stopped
            leave.wait()
        left.set()
        return x

    @workflow
    def body(n):
        return slow(n)

    found = beside(lambda: body(1))
    assert inside.wait(30)
    clock.advance("10s")
    with pytest.raises(StepTimeout, match="ran longer than 10 s"):
        found.result(30)
    leave.set()
    assert left.wait(30)
    [call] = calls(body)
    assert call.state == "failed"
    assert [each.state for each in store.journal.attempts(call.run)] == ["failed"]


def test_an_effect_that_overruns_is_in_doubt_and_not_tried_again(clock, store, calls):
    """Promise 5: it may have taken place, or do so yet in its thread."""
    inside, leave = threading.Event(), threading.Event()

    @step(kind="effect", timeout="10s", retries=3)
    def sends(x):
        inside.set()
        leave.wait()

    @workflow
    def body(n):
        sends(n)

    found = beside(lambda: body(1))
    assert inside.wait(30)
    clock.advance("10s")
    with pytest.raises(InDoubt, match="`sends` is in doubt: it ran longer than 10 s, and was cut off"):
        found.result(30)
    leave.set()
    [call] = calls(body)
    assert call.state == "in doubt"
    assert len(store.journal.attempts(call.run)) == 1
    with pytest.raises(InDoubt):
        body(1)


def test_an_idempotent_effect_that_overruns_is_tried_again(clock):
    begun = threading.Semaphore(0)

    @step(kind="effect", timeout="10s", retries=1, idempotent=True)
    def sends(x):
        begun.release()
        if current().attempt == 1:
            threading.Event().wait()
        return x

    @workflow
    def body(n):
        return sends(n)

    found = beside(lambda: body(1))
    assert begun.acquire(timeout=30)
    clock.advance("10s")
    assert found.result(30) == 1


def test_code_that_python_can_stop_is_stopped_when_its_time_is_over(clock):
    inside, stopped = threading.Event(), threading.Event()

    @step(timeout="10s")
    def spinning(x):
        inside.set()
        try:
            while True:
                pass
        finally:
            stopped.set()

    @workflow
    def body(n):
        return spinning(n)

    found = beside(lambda: body(1))
    assert inside.wait(30)
    clock.advance("11s")
    with pytest.raises(StepTimeout):
        found.result(30)
    assert stopped.wait(30)


def test_each_attempt_has_the_whole_time(clock):
    started = threading.Semaphore(0)

    @step(timeout="10s", retries=1)
    def slow(x):
        started.release()
        if current().attempt == 1:
            threading.Event().wait()
        return str(current().deadline - current().started)

    @workflow
    def body(n):
        return slow(n)

    found = beside(lambda: body(1))
    assert started.acquire(timeout=30)
    clock.advance("10s")
    assert found.result(30) == "0:00:10"


def test_a_timeout_that_the_step_raises_itself_is_no_limit_of_ours(clock):
    @step(timeout="10s")
    async def own(x):
        raise TimeoutError("of its own")

    @workflow
    async def body(n):
        await own(n)

    with pytest.raises(TimeoutError, match="of its own"):
        asyncio.run(body(1))


# -- where a step is -------------------------------------------------------------------------------------


def helper():
    return current()


def test_current_tells_run_step_and_attempt_also_in_helpers(calls):
    bad_luck(OSError("once"))
    seen = []

    @step(retries=1)
    def fit(x):
        seen.append(helper())
        stumble()

    @workflow
    def body(n):
        seen.append(current())
        fit(n)

    body(1)
    [call] = calls(body)
    above, first, second = seen
    assert (above.run, above.workflow, above.step, above.attempt) == (call.run, "body", None, 0)
    assert (first.step, first.attempt, second.attempt) == ("fit", 1, 2)
    assert first.call == second.call == call.id
    assert first.idempotency_key == second.idempotency_key
    assert first.started <= second.started
    assert first.started.tzinfo is not None


def test_current_outside_a_run_is_told():
    with pytest.raises(NotInRun, match="runs in none"):
        current()


KEYS = """
import os, signal, sys
from perdure import current, step, workflow

@step
def charge(x):
    with open("keys", "a") as log:
        print(current().idempotency_key, current().attempt, file=log)
    if len(open("keys").readlines()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return x

@workflow
def body(n):
    return charge(n)

print(body(1))
"""


def test_the_idempotency_key_outlives_the_process_even_where_a_start_is_not_recorded(script, tmp_path):
    """A pure step that died at once leaves no start, unless somebody asked for its key."""
    script(KEYS, fails=True)
    assert script(KEYS) == ["1"]
    first, second = (tmp_path / "keys").read_text().splitlines()
    assert first.split()[0] == second.split()[0]
    assert [first.split()[1], second.split()[1]] == ["1", "2"]


# -- after a kill ----------------------------------------------------------------------------------------

TRIES = """
import os, signal, sys
from perdure import current, step, workflow

@step(retries=3, backoff=sys.argv[1])
def flaky(x):
    with open("tries", "a") as log:
        print("try", file=log)
    count = len(open("tries").readlines())
    if count == 2 and sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    raise OSError(count)

@workflow
def body(n):
    return flaky(n)

body(1)
"""


def test_after_a_kill_the_remaining_attempts_count(script, tmp_path):
    """Two attempts of four were made, and the second, which the kill ended, is no failure."""
    script(TRIES, "0", "die", fails=True)
    script(TRIES, "0", "live", fails=True)
    assert len((tmp_path / "tries").read_text().splitlines()) == 1 + 1 + 3


PAUSES = """
import os, signal, sys, threading
from perdure import step, workflow
from perdure.engine.process import the_store

def kill_when_waiting():
    journal = the_store().journal
    while not any(call.state == "waiting" for run in journal.runs() for call in journal.calls(run.id)):
        pass
    print([call.due for run in journal.runs() for call in journal.calls(run.id)][0], flush=True)
    open("due", "w").write(str([call.due for run in journal.runs() for call in journal.calls(run.id)][0]))
    os.kill(os.getpid(), signal.SIGKILL)

@step(retries=1, backoff="1h")
def flaky(x):
    if not os.path.exists("due"):
        threading.Thread(target=kill_when_waiting).start()
        raise OSError("first")
    return x

@workflow
def body(n):
    return flaky(n)

if __name__ == "__main__":
    body(1)
"""


def test_after_a_kill_what_is_left_of_the_pause_counts(script, tmp_path, monkeypatch):
    import importlib
    import sys

    from perdure.engine.process import use_store
    from perdure.store import open_store

    script(PAUSES, file="paused.py", fails=True)
    due = float((tmp_path / "due").read_text())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    with HandClock(due - 600) as clock, open_store(tmp_path / ".perdure") as store:
        before = use_store(store)
        try:
            paused = importlib.import_module("paused")
            found = beside(lambda: paused.body(1))
            clock.until_waiting()
            assert [each.timestamp() for each in clock.pending] == [pytest.approx(due)]
            clock.advance(599)
            assert not found.done()
            clock.advance(1)
            assert found.result(30) == 1
        finally:
            use_store(before)
            sys.modules.pop("paused", None)


DEADLY = """
import os, signal, sys
from perdure import step, workflow
from perdure.engine.process import the_store

@step(kind=sys.argv[1], idempotent=sys.argv[2] == "idempotent")
def greedy(x):
    with open("tries", "a") as log:
        print("try", file=log)
    if len(open("tries").readlines()) < 3:
        journal = the_store().journal
        while not any(each.memory for run in journal.runs() for each in journal.attempts(run.id) if not each.ended
                      and each.state == "running"):
            pass  # until the journal knows that it runs, and what it holds
        os.kill(os.getpid(), signal.SIGKILL)
    return x

@workflow
def body(n):
    return greedy(n)

try:
    print(body(1))
except Exception as error:
    print(type(error).__name__, error)
    sys.exit(1)
"""


def test_a_call_in_which_the_process_died_twice_is_asked_about_before_the_third_try(script, tmp_path):
    import subprocess
    import sys

    for _ in range(2):
        script(DEADLY, "pure", "", fails=True)
    done = subprocess.run(
        [sys.executable, "main.py", "pure", ""], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout.startswith(
        "DiedTwice Step `greedy` is not run once more unasked: the process died twice"
    )
    assert "B of " in done.stdout.replace("\xa0", " ")
    assert len((tmp_path / "tries").read_text().splitlines()) == 2

    told = subprocess.run(
        [sys.executable, "-m", "perdure", "resolve", "body", "greedy", "again"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert script(DEADLY, "pure", "") == ["1"]
    assert len((tmp_path / "tries").read_text().splitlines()) == 3


def test_an_idempotent_effect_in_doubt_runs_again_by_itself_and_any_other_asks(script, tmp_path):
    """Promise 5, and the way to say that it need not hold."""
    script(DEADLY, "effect", "", fails=True)
    [told, *_] = subprocess_lines(tmp_path, "effect", "")
    assert told.startswith("InDoubt Effect `greedy` is in doubt")
    assert len((tmp_path / "tries").read_text().splitlines()) == 1
    (tmp_path / "tries").write_text("try\ntry\n")
    assert script(DEADLY, "effect", "idempotent") == ["1"]


AT_ONCE = """
import os, signal
from perdure import step, workflow

@step
def greedy(x):
    with open("tries", "a") as log:
        print("try", file=log)
    if len(open("tries").readlines()) < 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return x

@workflow
def body(n):
    return greedy(n)

try:
    print(body(1))
except Exception as error:
    print(type(error).__name__)
    raise SystemExit(1)
"""


def test_after_a_death_of_which_nothing_is_known_starts_are_recorded_at_once(script, tmp_path):
    """What dies before its start was recorded is asked about one try later."""
    for _ in range(3):
        script(AT_ONCE, fails=True)
    assert len((tmp_path / "tries").read_text().splitlines()) == 3
    assert subprocess_lines(tmp_path) == ["DiedTwice"]
    assert len((tmp_path / "tries").read_text().splitlines()) == 3


def subprocess_lines(folder, *args):
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "main.py", *args], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    return done.stdout.splitlines()


def test_an_interrupt_is_no_death(store, calls):
    """Who stops a step by hand twice is not asked about it."""

    @step
    def slow(x):
        stumble()
        return x

    @workflow
    def body(n):
        return slow(n)

    for _ in range(3):
        bad_luck(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            body(1)
    assert body(1) == 1
    assert [call.state for call in calls(body)] == ["done"]
