"""A strict pass makes the calls that the last one made, in their order, or says what it found instead."""

import asyncio

import pytest

from functions.witness import bad_luck, planned, ran, stumble, taken, to_do
from perdure import step, workflow
from perdure.errors import StrictDrift


@step
def load(x):
    ran("load", x)
    return x


@step
def clean(x):
    ran("clean", x)
    return x


@step
def last():
    stumble()


@workflow
def body(n):
    for function, argument in planned():
        function(argument)
    last()
    return n


@pytest.fixture
def passes():
    """Make one pass of a workflow over the calls that are given; without `end` it stays unfinished."""

    def make(*calls, strict=False, end=False):
        to_do(*calls)
        bad_luck(*([] if end else [ValueError("unfinished")]))
        try:
            return body.using(strict=strict)(1)
        except ValueError:
            return "unfinished"
        finally:
            make.ran = taken()

    return make


def test_the_same_calls_in_the_same_order_pass(passes):
    passes((load, 1), (clean, 2))
    assert passes((load, 1), (clean, 2), strict=True, end=True) == 1
    assert passes.ran == []


def test_another_order_is_refused_with_what_was_expected_and_found(passes):
    passes((load, 1), (clean, 2))
    with pytest.raises(
        StrictDrift, match=r"its order is another one: `load\(x=1\)` was expected, and `clean\(x=2\)` found"
    ):
        passes((clean, 2), (load, 1), strict=True)
    assert passes((clean, 2), (load, 1), end=True) == 1


def test_a_further_call_in_the_middle_is_refused_and_one_at_the_end_of_an_unfinished_run_is_not(passes):
    passes((load, 1), (clean, 2))
    with pytest.raises(StrictDrift, match=r"`clean\(x=2\)` was expected, and `load\(x=9\)` found"):
        passes((load, 1), (load, 9), (clean, 2), strict=True)
    assert passes.ran == []
    assert passes((load, 1), (clean, 2), (load, 9), strict=True, end=True) == 1


def test_a_call_that_is_no_longer_made_is_told_at_the_end(passes):
    passes((load, 1), (lambda x: clean.submit(x).result(), 2))
    with pytest.raises(StrictDrift, match=r"`body` is run with --strict, and it did not call `clean\(x=2\)`"):
        passes((load, 1), strict=True, end=True)


def test_what_an_earlier_edit_left_behind_is_not_expected(passes):
    passes((load, 1), (clean, 2))
    passes((load, 1), (load, 5), (clean, 2))
    passes((load, 5), (load, 1))
    assert passes((load, 5), (load, 1), (clean, 2), strict=True, end=True) == 1


def test_parallel_calls_have_an_order_in_each_branch_only():
    @step
    async def fetch(x):
        return x

    @workflow
    async def body(n):
        found = await asyncio.gather(*(fetch(x) for x in range(n)))
        found += await fetch.map(range(n))
        last()
        return found

    bad_luck(ValueError("unfinished"))
    with pytest.raises(ValueError, match="unfinished"):
        asyncio.run(body(5))
    assert asyncio.run(body.using(strict=True)(5)) == [0, 1, 2, 3, 4] * 2


def test_calls_may_be_awaited_in_another_order_than_they_are_made():
    @step
    async def fetch(x):
        return x

    @workflow
    async def body(n):
        first, second = fetch(1), fetch(2)
        found = [await second, await first]
        last()
        return found

    for strict in (False, True):
        bad_luck(ValueError("unfinished"))
        with pytest.raises(ValueError, match="unfinished"):
            asyncio.run(body.using(strict=strict)(5))
    assert asyncio.run(body.using(strict=True)(5)) == [2, 1]
