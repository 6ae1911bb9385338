"""`now`, `uuid4`, `random` and `previous`: recorded, and the same on a replay (promise 1)."""

from __future__ import annotations

import asyncio
import random as python_random
import uuid
from datetime import UTC, datetime, timedelta

import pytest

import perdure
from functions.witness import bad_luck, ran, stumble, taken
from perdure import now, previous, sleep, step, uuid4, workflow
from perdure.errors import NotInRun
from perdure.store import open_store
from perdure.testing import HandClock

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with HandClock(START) as clock:
        yield clock


def run(found):
    async def main():
        return await found

    return asyncio.run(main())


def twice(body, *args):
    """The results of a pass that fails at its end, and of the one that resumes it."""
    bad_luck(ValueError("once"))
    results = []
    for _ in range(2):
        try:
            found = body(*args)
            run(found) if body.is_async else found
        except ValueError:
            pass
        results.append(taken())
    return results


# -- now, uuid4, random ----------------------------------------------------------------------------------


def test_what_was_noted_is_so_again(clock, calls):
    """Also where several are equal, and time went on since."""

    @workflow
    def body(n):
        seen = [(now(), uuid4(), perdure.random()) for _ in range(n)]
        ran(seen)
        stumble()

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        body(3)
    [first] = taken()
    clock.advance("1h")
    body(3)
    assert taken() == [first]
    assert len({each[1] for each in first}) == 3
    assert all(type(each) is datetime and each == START and each.tzinfo is UTC for each, _, _ in first)
    assert all(type(each) is uuid.UUID and each.version == 4 for _, each, _ in first)
    assert all(type(each) is float and 0 <= each < 1 for _, _, each in first)
    assert {(call.step, call.kind, call.state) for call in calls(body)} == {
        ("perdure.now", "noted", "done"),
        ("perdure.uuid4", "noted", "done"),
        ("perdure.random", "noted", "done"),
    }


def test_a_moment_keeps_its_microseconds(clock):
    clock.advance(0.123457)

    @workflow
    def body(n):
        ran(now())
        stumble()

    first, second = twice(body, 1)
    assert first == second == [START + timedelta(microseconds=123457)]


def test_in_a_branch_it_belongs_to_the_branch(clock):
    """Whatever finishes first on the replay."""
    turns = {"a": 3, "b": 0}
    globals()["TURNS"] = turns

    async def noting(x):
        for _ in range(globals()["TURNS"][x]):
            await asyncio.sleep(0)
        return x, perdure.random()

    globals()["noting"] = noting

    @workflow
    async def body(n):
        ran(await asyncio.gather(noting("a"), noting("b")))
        stumble()

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        run(body.using(key="k")(1))
    turns |= {"a": 0, "b": 3}
    run(body.using(key="k")(1))
    first, second = taken()
    assert first == second


def test_a_failure_before_it_was_caught(calls):
    """It is a move of the body: what failed before is an outcome."""

    @step
    def fails(x):
        ran("fails")
        raise LookupError(x)

    @workflow
    def body(n):
        try:
            fails(n)
        except LookupError:
            ran(now())
        stumble()

    first, second = twice(body, 1)
    assert first == ["fails", START]
    assert second == [START]


def test_in_a_step_and_outside_a_run_it_is_plain(calls, clock):
    @step
    def steps(x):
        return now(), uuid4(), perdure.random()

    @workflow
    def body(n):
        return steps(n)

    body(1)
    assert [call.step for call in calls(body)] == ["steps"]
    assert now() == START
    assert uuid4() != uuid4()
    clock.advance(1)
    assert now() == START + timedelta(seconds=1)


def test_pythons_own_random_numbers_are_left_alone():
    python_random.seed(1)
    expected = python_random.Random(1).random()
    perdure.random()
    assert python_random.random() == expected


def test_a_fork_keeps_what_was_noted_and_another_run_has_its_own(clock):
    """Promise 1: an edited body goes on with what is recorded; `--reuse` lends steps, and no times."""
    space = {"now": now, "ran": ran}

    def made(code):
        exec(compile(f"def body(n):\n    ran(now())\n    {code}", "<edited>", "exec"), space)
        return workflow(space["body"])

    made("return 1")(1)
    clock.advance("1h")
    made("return 2")(1)
    made("return 2").using(fresh=True, reuse=True)(1)
    assert taken() == [START, START, START + timedelta(hours=1)]


def test_asked_for_anew_it_is_noted_anew(clock):
    @step
    def first(x):
        return x

    @workflow
    def body(n):
        ran(now())
        first(n)
        ran(now())

    body(1)
    clock.advance("1h")
    body.using(redo_from="first")(1)
    assert taken() == [START, START, START, START + timedelta(hours=1)]


def test_in_an_encrypted_store_it_is_in_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("PERDURE_ENCRYPT", "1")

    @workflow
    def body(n):
        perdure.state("secrets")["of the house"] = ["hidden"]
        sleep(0)
        ran(str(uuid4()))

    with open_store(tmp_path / "store") as store:
        before = perdure.engine.process.use_store(store)
        body(1)
        perdure.engine.process.use_store(before)
        [told] = taken()
        parts = [
            part.preview
            for call in store.journal.calls(store.journal.runs()[0].id)
            for part in call.input_parts
        ]
    written = (tmp_path / "store" / "journal.db").read_bytes()
    assert told.encode() not in written
    assert b"hidden" not in written
    assert set(parts) == {""}


# -- previous --------------------------------------------------------------------------------------------


@workflow
def nightly(day, fails=""):
    if fails == "early":
        stumble()
    before = previous("nothing yet")
    ran(day, before)
    if fails:
        stumble()
    return [day]


def test_the_last_finished_run_of_the_workflow_is_given(clock):
    for day in range(3):
        nightly(day)
        clock.advance("1d")
    assert taken() == [(0, "nothing yet"), (1, [0]), (2, [1])]


def test_runs_that_did_not_finish_and_other_workflows_do_not_count(clock):
    @workflow
    def another(day):
        return "another"

    nightly(1)
    clock.advance("1d")
    bad_luck(ValueError("bad day"), ValueError("again"))
    for day in (2, 3):
        with pytest.raises(ValueError):  # noqa: PT011  one or the other
            nightly(day, fails="late")
        clock.advance("1d")
    another(4)
    nightly(5)
    assert taken()[-1] == (5, [1])


def test_a_run_that_finished_after_this_one_began_does_not_count(clock):
    """Also where this one asks late, since it was resumed."""
    bad_luck(ValueError("bad day"))
    with pytest.raises(ValueError, match="bad day"):
        nightly(1, fails="early")
    clock.advance("1d")
    nightly(2)
    clock.advance("1d")
    nightly(1, fails="early")
    clock.advance("1d")
    nightly(3)
    assert taken() == [(2, "nothing yet"), (1, "nothing yet"), (3, [2])]


def test_what_was_previous_is_so_again_and_is_a_copy(clock):
    """Promises 1 and 3: whatever finished meanwhile."""
    nightly(1)
    clock.advance("1d")

    @workflow(name="nightly")
    def changed(n):
        before = previous()
        before.append(n)
        ran(before, previous())
        stumble()
        return n

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        changed(9)
    clock.advance("1d")
    nightly(2)
    changed(9)
    assert taken() == [(1, "nothing yet"), ([1, 9], [1]), (2, [1]), ([1, 9], [1])]


def test_it_is_found_behind_many_that_failed(clock):
    nightly(0)
    for day in range(1, 80):
        clock.advance("1h")
        bad_luck(ValueError("bad"))
        with pytest.raises(ValueError, match="bad"):
            nightly(day, fails="late")
    clock.advance("1h")
    nightly(99)
    assert taken()[-1] == (99, [0])


def test_in_a_step_it_is_plain_and_outside_a_run_there_is_none(clock, calls):
    @step
    def looks(x):
        return previous(0)

    @workflow
    def body(n):
        return looks(n) + 1

    assert [body(n) for n in range(2)] == [1, 2]
    assert {call.step for call in calls(body)} == {"looks"}
    with pytest.raises(NotInRun, match=r"previous\(\) is for"):
        previous()
