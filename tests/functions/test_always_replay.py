"""A body that is executed again from its top after every record comes to the same end, or is told."""

import asyncio
import contextlib
import itertools

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import first_success, now, race, random, sleep, step, uuid4, workflow
from perdure.errors import NotRepeatable
from perdure.testing import HandClock, always_replay

COUNT = itertools.count()


@step
def load(x):
    ran("load", x)
    return x


@step
async def fetch(x):
    ran("fetch", x)
    return x


@step
def broken(x):
    ran("broken", x)
    raise ValueError(x)


@workflow
async def everything(n):
    ran("pass")
    found = [load(n), await fetch(n)]
    found += await asyncio.gather(*(fetch(x) for x in range(3)))
    found += await load.map(range(3))
    try:
        broken(n)
    except ValueError as error:
        found.append(str(error))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(x)) for x in (7, 8)]
    found += [task.result() for task in tasks]
    name, _ = await race(quick=fetch(9), late=sleep("1h"))
    await sleep("1d")
    return found, name, now(), random(), uuid4()


@workflow
def plain(n):
    ran("pass")
    return load(n), load.map(range(3)).result(), load.submit(8).result(), random()


def test_a_body_that_awaits_comes_to_the_same_end_and_no_step_runs_twice():
    """Promise 1."""
    with HandClock(auto=True), always_replay():
        asyncio.run(everything(5))
    log = taken()
    passes = log.count("pass")
    calls = [each for each in log if each != "pass"]
    assert len(calls) == len(set(calls)) + log.count(("fetch", 7)) - 1
    assert passes > 8


def test_so_does_one_that_does_not_await():
    with always_replay():
        first = plain(5)
    assert taken().count("pass") > 4
    assert plain(5) == first


def test_a_body_that_comes_another_way_each_time_is_told_and_ends():
    @workflow
    def counts(n):
        return [load(next(COUNT)), load(1000)]

    with (
        always_replay(),
        pytest.raises(NotRepeatable, match=r"it did not call `load\(x=\d+\)`, which was expected"),
    ):
        counts(1)


@step
async def slow(x):
    for _ in range(20):
        await asyncio.sleep(0)
    return x


@step
async def bad(x):
    raise LookupError(x)


async def twice(x):
    return [await fetch(x), await slow(x)]


@workflow
async def awaited_in_another_order(n):
    first, second = slow(n), fetch(n)
    return [await second, await first]


@workflow
async def decided_late(n):
    decided = race(slow(1), slow(2))
    moment = now()
    return moment, await fetch(3), await decided


@workflow
async def nobody_wins(n):
    with contextlib.suppress(ExceptionGroup):
        await first_success(bad(1), bad(2))
    return now()


@workflow
async def loses_in_its_middle(n):
    return await race(twice(1), fetch(2), losers=n), now()


@pytest.mark.parametrize(
    ("body", "n"),
    [
        (awaited_in_another_order, 1),
        (decided_late, 1),
        (nobody_wins, 1),
        (loses_in_its_middle, "cancel"),
        (loses_in_its_middle, "leave"),
    ],
)
def test_a_body_that_comes_the_same_way_is_not_told(body, n):
    """Calls that are made before others end later, and those that lost a race are not made again."""

    async def main():
        return await body(n)

    with always_replay():
        first = asyncio.run(main())
    assert asyncio.run(main()) == first


def test_a_race_that_nobody_wins_stands_in_no_order():
    """A strict pass finds no record of it, and none is missing."""

    @workflow
    async def body(n):
        with contextlib.suppress(ExceptionGroup):
            await first_success(bad(1), bad(2))
        found = now()
        stumble()
        return found

    async def main(body):
        return await body(1)

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        asyncio.run(main(body))
    asyncio.run(main(body.using(strict=True)))
