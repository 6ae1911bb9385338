"""A body that is executed again from its top after every record comes to the same end, or is told."""

import asyncio
import itertools

import pytest

from functions.witness import ran, taken
from perdure import now, race, random, sleep, step, uuid4, workflow
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
        pytest.raises(NotRepeatable, match=r"`load\(x=\d+\)` was expected, and `load\(x=\d+\)`"),
    ):
        counts(1)
