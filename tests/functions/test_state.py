"""`state`: a small durable dict per workflow, in one commit with what changed it (promises 1 to 4)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import MutableMapping

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import state, step, workflow
from perdure.engine import current
from perdure.engine.attempt import Current
from perdure.errors import NotInRun, NotInWorker, NotKeepable, StepTimeout


@step
def count(item, by=1):
    counts = state("counts")
    counts[item] = counts.get(item, 0) + by
    stumble()
    return counts[item]


@workflow
def counting(n, item="x"):
    return count(item)


@workflow(name="counting")
def looking(n):
    return dict(state("counts"))


# -- in a step -------------------------------------------------------------------------------------------


def test_what_a_step_changed_outlives_its_run(store):
    assert [counting(n) for n in range(3)] == [1, 2, 3]
    assert looking(1) == {"x": 3}
    [entry] = store.journal.all_states()
    value = store.journal.value(entry.value)
    assert (entry.workflow, entry.name, entry.item) == ("counting", "counts", "x")
    assert (value.run, value.step, value.inputs, value.role) == ("", "counting/counts", "x", "state")


def test_a_step_that_is_restored_changes_nothing():
    """Promise 1."""
    again = [ValueError("once")]
    globals()["AGAIN"] = again

    @workflow(name="counting")
    def body(n):
        found = count("x")
        if globals()["AGAIN"]:
            raise globals()["AGAIN"].pop()
        return found

    with pytest.raises(ValueError, match="once"):
        body.using(key="k")(1)
    assert body.using(key="k")(1) == 1
    assert looking(2) == {"x": 1}


def test_an_attempt_that_failed_changes_nothing():
    """Promise 2: neither does it where the step fails for good, nor for the attempt after it."""
    bad_luck(ValueError("first"), ValueError("second"))
    with pytest.raises(ValueError, match="first"):
        counting(1)
    assert looking(9) == {}
    retried = step(retries=1)(count.__wrapped__)

    @workflow(name="counting")
    def body(n):
        return retried("x")

    assert body(1) == 1
    assert looking(8) == {"x": 1}


def test_an_attempt_that_was_given_up_changes_nothing():
    """Promise 2: however long its code goes on in its thread."""
    go, over = threading.Event(), threading.Event()
    globals().update(GO=go, OVER=over)

    @step(timeout=0.01)
    def slow(x):
        counts = state("counts")
        counts["before"] = x
        with contextlib.suppress(StepTimeout):  # code that will not be stopped
            globals()["GO"].wait(60)
        try:
            counts["after"] = x
        except StepTimeout:
            ran("refused")
        finally:
            globals()["OVER"].set()

    @workflow(name="counting")
    def body(n):
        with pytest.raises(StepTimeout):
            slow(n)

    body(1)
    go.set()
    assert over.wait(60)
    assert taken() == ["refused"]
    assert looking(9) == {}


def test_a_step_whose_result_cannot_be_kept_changes_nothing():
    @step
    def bad(x):
        state("counts")["x"] = x
        return threading.Lock()

    @workflow(name="counting")
    def body(n):
        with pytest.raises(NotKeepable):
            bad(n)

    body(1)
    assert looking(9) == {}


def test_a_step_sees_what_it_changed_itself(store):
    @step
    def edits(x):
        counts = state("counts")
        counts.update(a=1, b=2, c=3)
        counts["a"] = [x]
        del counts["b"]
        seen = [dict(counts), "a" in counts, "b" in counts, len(counts), counts.pop("c"), list(counts)]
        with pytest.raises(KeyError, match="b"):
            counts["b"]
        with pytest.raises(KeyError, match="b"):
            del counts["b"]
        counts.setdefault("d", 4)
        return seen

    @workflow(name="counting")
    def body(n):
        return edits(n)

    assert body(1) == [{"a": [1], "c": 3}, True, False, 2, 3, ["a"]]
    assert looking(1) == {"a": [1], "d": 4}
    assert len([each for each in store.journal.value_ids("") if each]) == 2, "only the last values are kept"


def test_of_two_that_change_one_entry_the_last_commit_wins():
    first, second = threading.Event(), threading.Event()
    globals().update(FIRST=first, SECOND=second)

    @step
    def late(x):
        state("counts")["x"] = "late"
        globals()["FIRST"].set()
        globals()["SECOND"].wait(60)

    @step
    def early(x):
        globals()["FIRST"].wait(60)
        counts = state("counts")
        seen = counts.get("x")
        counts["x"] = "early"
        return seen

    @workflow(name="counting")
    def body(n):
        one = late.submit(n)
        seen = early(n)
        middle = dict(state("counts"))
        globals()["SECOND"].set()
        one.result()
        return seen, middle

    assert body(1) == (None, {"x": "early"})
    assert looking(9) == {"x": "late"}


# -- in a body -------------------------------------------------------------------------------------------


def test_what_a_body_read_it_reads_again_and_what_it_wrote_is_not_written_twice(calls):
    """Promise 1."""

    @workflow(name="counting")
    def body(n):
        counts = state("counts")
        counts["x"] = counts.get("x", 0) + 1
        ran(dict(counts), "y" in counts, len(counts))
        stumble()
        return n

    counting(1)
    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        body(5)
    counting(2)
    body(5)
    assert taken() == [({"x": 2}, False, 1)] * 2
    assert looking(1) == {"x": 3}
    assert {call.kind for call in calls(body)} == {"noted"}


def test_an_edited_body_reads_and_writes_what_it_says_now():
    """Entries are told apart by dict, item and value, not by their order."""
    space = {"state": state}

    def made(code):
        exec(compile(f"def body(n):\n    s = state('s')\n    {code}", "<edited>", "exec"), space)
        return workflow(name="edited")(space["body"])

    made("s['a'] = 1; return dict(s)")(1)
    assert made("s['b'] = 2; s['a'] = 1; return dict(s, n=len(s))")(1) == {"a": 1, "b": 2, "n": 2}
    assert made("s['a'] = 5; return s['a'], s['b']")(1) == (5, 2)


def test_a_child_run_has_the_state_of_its_own_workflow():
    @workflow
    def child(n):
        state("counts")["x"] = "child"

    globals()["child"] = child

    @workflow(name="counting")
    def body(n):
        state("counts")["x"] = "parent"
        globals()["child"](n)
        return state("counts")["x"]

    assert body(1) == "parent"


# -- what it is ------------------------------------------------------------------------------------------


def test_entries_travel_by_value():
    """Promise 3: what is read is a copy, and is assigned to be kept."""

    @step
    def appends(x):
        seen = state("lists")
        seen["all"] = [1]
        seen["all"].append(2)
        own = seen["all"]
        own.append(3)
        first = seen["all"]
        seen["all"] = own
        return first

    @workflow
    def body(n):
        return appends(n), state("lists")["all"]

    assert body(1) == ([1], [1, 3])


def test_what_cannot_be_kept_is_told_with_its_path():
    """Promise 4: and changes nothing."""

    @step
    def bad(x):
        with pytest.raises(NotKeepable) as told:
            state("s")["k"] = {"lock": threading.Lock()}
        return told.value.path, len(state("s"))

    @workflow
    def body(n):
        with pytest.raises(NotKeepable) as told:
            state("s")["k"] = [threading.Lock()]
        return bad(n), told.value.path

    assert body(1) == (('state("s")["k"]["lock"]', 0), 'state("s")["k"][0]')


def test_it_is_a_mapping_that_can_be_passed_to_a_step():
    @step
    def puts(into):
        into["a"] = 1
        return into

    @workflow
    def body(n):
        back = puts(state("s"))
        return repr(back), back == {"a": 1}, isinstance(back, MutableMapping)

    assert body(1) == ('state("s")', True, True)


@pytest.mark.parametrize("item", [1, None, ("a",), b"a"])
def test_keys_are_text(item):
    @workflow
    def body(n):
        for use in (lambda s: s[n], lambda s: s.update({n: 1})):
            with pytest.raises(TypeError, match="a key of a state is text, not"):
                use(state("s"))
        return n in state("s")

    assert body(item) is False
    with pytest.raises(TypeError, match="the name of a state is text"):
        state(item)


def test_outside_a_run_there_is_none():
    outside = state("s")
    for use in (
        lambda: outside["a"],
        lambda: len(outside),
        lambda: "a" in outside,
        lambda: outside.update(a=1),
    ):
        with pytest.raises(NotInRun, match=r'state\("s"\) is a workflow\'s, and this code runs in none'):
            use()


def test_in_a_worker_of_an_executor_it_is_refused():
    with (
        current.sent_from(Current("r_1", "w", "f")),
        pytest.raises(NotInWorker, match=r'state\("s"\) is not for a worker process.*carries out step `f`'),
    ):
        state("s")["a"] = 1


def test_an_entry_that_was_replaced_while_it_was_read_is_read_again(store, monkeypatch):
    """Its older value may be gone at once."""
    counting(1)
    journal, newest = store.journal, []
    states = journal.states

    def stale(workflow, name):
        found = states(workflow, name)
        if not newest:
            newest.append(True)
            gone = found[0].value
            counting(2)
            journal._tables["stored_values"].pop((gone,), None)
        return found

    monkeypatch.setattr(journal, "states", stale)
    assert looking(1) == {"x": 2}
