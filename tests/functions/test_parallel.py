"""Calls beside each other: results match their calls, whatever finishes first, at first and on replay."""

from __future__ import annotations

import asyncio
import threading

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import step, workflow
from perdure.errors import WrongThread


@pytest.fixture(autouse=True)
def one_error(unwitnessed):
    """The first pass ends with an error."""
    bad_luck(ValueError("once"))


@step
async def late(x, turns):
    """Done after so many turns of the loop: the later items finish first."""
    for _ in range(turns):
        await asyncio.sleep(0)
    ran("late", x)
    return [x, turns]


@step
def plain(x):
    ran("plain", x)
    return [x]


@step
async def item(x):
    for _ in range(20 - x):
        await asyncio.sleep(0)
    ran("item", x)
    return x * x


def twice(body, *args):
    """The results of a pass that fails at its end, and of the one that resumes it."""
    with pytest.raises(ValueError, match="once"):
        run(body, *args)
    first = sorted(map(str, taken()))
    result = run(body, *args)
    assert taken() == []
    return result, first


def run(body, *args):
    found = body(*args)
    return asyncio.run(awaited(found)) if body.is_async else found


async def awaited(found):
    return await found


def test_map_matches_results_with_items_whatever_finishes_first():
    """Promises 1 and 2: also on replay, where nothing runs."""

    @workflow
    async def body(n):
        found = await item.map(range(n), concurrency=3)
        stumble()
        return found

    result, first = twice(body, 9)
    assert result == [x * x for x in range(9)]
    assert len(first) == 9


def test_map_runs_at_most_so_many_at_once():
    @step
    async def busy(x):
        globals()["WIDTH"].append(1)
        most = len(globals()["WIDTH"])
        await asyncio.sleep(0)
        globals()["WIDTH"].pop()
        return most

    globals()["WIDTH"] = []

    @workflow
    async def body(n):
        return max(await busy.map(range(n), concurrency=3))

    assert run(body, 12) == 3


def test_gather_with_identical_arguments_matches_by_the_order_of_the_calls():
    """Occurrence is counted when a call is made."""

    @step
    async def ticket(x):
        ran("ticket")
        number = len(globals()["TICKETS"])
        globals()["TICKETS"].append(number)
        for _ in range(10 - number):
            await asyncio.sleep(0)
        return number

    globals()["TICKETS"] = []

    @workflow
    async def body(n):
        found = await asyncio.gather(*[ticket("same") for _ in range(n)])
        stumble()
        return found

    result, first = twice(body, 5)
    assert result == list(range(5))
    assert len(first) == 5


def test_chains_in_a_task_group_keep_their_branches():
    """Steps below tasks match by branch, although the branches overtake each other."""

    async def chain(x, turns):
        first = await late("same", turns)
        return [x, first, await late("same again", turns)]

    @workflow
    async def body(n):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(chain(x, n - x)) for x in range(n)]
        stumble()
        return [task.result() for task in tasks]

    result, first = twice(body, 4)
    assert result == [[x, ["same", 4 - x], ["same again", 4 - x]] for x in range(4)]
    assert len(first) == 8


def test_submit_in_threads_and_map_iterate_in_order():
    @workflow
    def body(n):
        beside = plain.submit("beside")
        found = list(plain.map(range(n), concurrency=4))
        asynchronous = item.map(range(3)).result()
        stumble()
        return beside.result(), found, asynchronous

    result, first = twice(body, 6)
    assert result == (["beside"], [[x] for x in range(6)], [0, 1, 4])
    assert len(first) == 10


def test_a_longer_map_keeps_what_is_recorded_of_it_and_after_it():
    """Promise 1: an item more is a call more, and moves nobody else's branch."""
    globals()["ITEMS"] = [0, 1]

    @workflow
    async def body(n):
        first = await item.map(globals()["ITEMS"])
        second = await item.map([10, 11])
        stumble()
        return first, second

    with pytest.raises(ValueError, match="once"):
        run(body, 1)
    taken()
    globals()["ITEMS"] = [0, 1, 2]
    assert run(body, 1) == ([0, 1, 4], [100, 121])
    assert taken() == [("item", 2)]


def test_the_first_error_of_a_map_is_raised_when_all_have_ended(calls):
    @step
    async def odd_fails(x):
        ran(x)
        if x % 2:
            raise LookupError(x)
        return x

    @workflow
    async def body(n):
        try:
            await odd_fails.map(range(n))
        except LookupError as error:
            caught = error.args
        await item(1)
        stumble()
        return caught

    result, _ = twice(body, 4)
    assert result == (1,)
    assert [call.state for call in calls(body)].count("done") == 3


def test_a_caught_failure_is_an_outcome_once_the_body_made_a_parallel_call():
    """Promise 1: to begin a branch is a move too."""
    bad_luck(ValueError("once"))

    @step
    def fails(x):
        ran("fails")
        raise LookupError(x)

    @step
    def part(x):
        ran("part")
        return x

    @workflow
    def body(n):
        try:
            fails(n)
        except LookupError:
            found = part.map([n]).result()
        stumble()
        return found

    with pytest.raises(ValueError, match="once"):
        body(1)
    assert body(1) == [1]
    assert taken() == ["fails", "part"]


def test_gathered_failures_are_outcomes_once_the_body_goes_on():
    @step
    async def fails(x):
        ran("fails")
        raise LookupError(x)

    @workflow
    async def body(n):
        found = await asyncio.gather(fails(1), item(2), fails(3), return_exceptions=True)
        await item(4)
        stumble()
        return [each if isinstance(each, int) else each.args for each in found]

    result, first = twice(body, 1)
    assert result == [(1,), 4, (3,)]
    assert first.count("fails") == 2


def test_a_group_that_ended_the_run_has_its_failures_tried_again():
    """What a run failed with is behind the group that a TaskGroup raises."""

    @step
    async def flaky(x):
        stumble()
        return x

    async def both():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(awaited(flaky(x))) for x in range(2)]
        return [task.result() for task in tasks]

    @workflow
    async def body(n):
        return await both()

    with pytest.raises(ExceptionGroup):
        run(body, 1)
    assert run(body, 1) == [0, 1]


def test_waiting_on_the_loops_own_thread_says_what_to_write():
    @workflow
    async def body(n):
        future, mapped = item.submit(1), item.map([1, 2])
        words = []
        for wait in (future.result, mapped.result):
            with pytest.raises(WrongThread) as refused:
                wait()
            words.append(refused.value.call)
        return words, await future, await mapped, future.result(), mapped.result()

    words, *found = run(body, 1)
    assert words == ["the future", "item.map(...)"]
    assert found == [1, [1, 4], 1, [1, 4]]


def test_a_future_can_be_waited_for_from_another_thread():
    @workflow
    async def body(n):
        future, mapped = item.submit(1), item.map([1, 2])
        return await asyncio.to_thread(lambda: (future.result(), mapped.result()))

    assert run(body, 1) == (1, [1, 4])


@pytest.mark.filterwarnings("ignore::perdure.engine.steps.OutsideRun")
@pytest.mark.parametrize("concurrency", [0, -1])
def test_a_concurrency_that_makes_no_sense_is_told(concurrency):
    with pytest.raises(ValueError, match="concurrency must be 1 or more"):
        item.map([1], concurrency=concurrency)


def test_a_cancelled_body_leaves_an_interrupted_run_that_goes_on(store, calls):
    """Promise 2: what was finished is kept, what was cancelled runs again."""

    @step
    async def stuck(x):
        ran("stuck")
        globals()["REACHED"].set()
        await globals()["GO"].wait()
        return x

    @workflow
    async def body(n):
        return [await item(n), await stuck(n)]

    async def cancelled():
        globals()["REACHED"], globals()["GO"] = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(awaited(body(2)))
        await globals()["REACHED"].wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert store.journal.runs()[0].state == "interrupted"
        assert [call.state for call in calls(body)] == ["done", "interrupted"]
        globals()["GO"].set()
        return await body(2)

    assert asyncio.run(cancelled()) == [4, 2]
    assert taken() == [("item", 2), "stuck", "stuck"]


def test_map_outside_a_run_is_plain():
    with pytest.warns(UserWarning, match="outside a workflow"):
        assert plain.map([1, 2]).result() == [[1], [2]]


def test_results_of_map_come_while_the_rest_is_at_work():
    """A map is iterated in order as results come: the second item waits until the first was taken."""
    globals()["FIRST_TAKEN"] = threading.Event()

    @step
    def waits(x):
        if x:
            assert globals()["FIRST_TAKEN"].wait(60)
        return x

    @workflow
    def body(n):
        found = []
        for each in waits.map(range(n), concurrency=2):
            globals()["FIRST_TAKEN"].set()
            found.append(each)
        return found

    assert run(body, 3) == [0, 1, 2]
