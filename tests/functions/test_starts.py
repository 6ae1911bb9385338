"""When the start of a call is recorded, and what a kill leaves of it."""

import time

import pytest

from perdure import step, workflow
from perdure.engine import heartbeat


@pytest.fixture
def recorded(store):
    """What the journal holds of the newest run, a moment after something happened."""

    def wait_for(*expected):
        run = store.journal.runs()[0].id
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = tuple(call.state for call in store.journal.calls(run))
            if found == expected:
                break
            time.sleep(0.001)
        return found

    return wait_for


def states_inside(store, **options):
    """The states of the calls in the journal, as they are when a step's body begins."""
    found = []

    @step(**options)
    def look():
        run = store.journal.runs()[0].id
        found.extend((call.state, call.kind) for call in store.journal.calls(run))

    @workflow
    def body():
        look()

    body()
    return found


def test_the_start_of_an_effect_is_recorded_before_it_runs(store):
    """Promise 5: whatever happens then, it is known that it may have taken place."""
    assert states_inside(store, kind="effect") == [("running", "effect")]


def test_the_start_of_a_step_that_is_tried_again_is_recorded_before_it_runs(store):
    """Promise 11: each of its tries is seen."""
    assert states_inside(store, retries=1) == [("running", "pure")]


@pytest.mark.parametrize("kind", ["pure", "volatile"])
def test_the_start_of_a_short_call_is_no_commit_of_its_own(store, kind):
    """Promise 10: a call is one commit."""
    assert states_inside(store, kind=kind) == []


def test_a_call_that_runs_for_a_moment_is_recorded_as_running(recorded):
    """Promise 2: what a kill loses is known to have been lost; other processes see what runs."""
    seen = []

    @step
    def slow(n):
        seen.append(recorded("running"))
        return n

    @workflow
    def body():
        return slow(1)

    assert body() == 1
    assert seen == [("running",)]
    assert recorded("done") == ("done",)


def test_a_start_never_follows_an_end_into_the_journal(store, monkeypatch):
    """Promise 2: calls that end just when their starts are recorded stay ended."""
    monkeypatch.setattr(heartbeat, "TICK", 0.0)

    @step
    def quick(n):
        return [n]

    @workflow
    def body():
        return quick.map(range(300), concurrency=4).result()

    assert body() == [[n] for n in range(300)]
    run = store.journal.runs()[0].id
    assert {call.state for call in store.journal.calls(run)} == {"done"}
    assert {attempt.state for attempt in store.journal.attempts(run)} == {"done"}


KILLED = """
import os, signal, sys, time
from perdure import step, workflow
from perdure.engine.process import the_store

def recorded():
    return [call.state for call in the_store().journal.calls(the_store().journal.runs()[0].id)]

@step
def fatal(seen):
    if not os.path.exists("killed"):
        open("killed", "w").close()
        while seen and recorded() != ["running"]:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGKILL)
    return "through"

@workflow
def body(seen):
    return fatal(seen)

print(body(bool(int(sys.argv[1]))))
journal = the_store().journal
run = journal.runs()[0].id
print([call.state for call in journal.calls(run)], [each.state for each in journal.attempts(run)])
"""


@pytest.mark.parametrize(
    ("seen", "attempts"), [(1, "['interrupted', 'done']"), (0, "['done']")], ids=["long", "short"]
)
def test_a_killed_call_leaves_an_attempt_if_it_had_run_for_a_moment(script, seen, attempts):
    """Promise 2: the call runs again; what is known of the lost attempt is shown."""
    assert script(KILLED, seen, fails=True) == []
    assert script(KILLED, seen) == ["through", f"['done'] {attempts}"]
