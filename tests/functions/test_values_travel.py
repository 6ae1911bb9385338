"""Arguments and results of steps travel by value (promises 3 and 4)."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import step, workflow
from perdure.errors import NotKeepable


@dataclass
class Point:
    x: int
    tags: list


def hold(value):
    ran(value)
    return value


@step
def changes_its_argument(values):
    values.append("changed")
    return len(values)


@step
def gives_what_it_holds(n):
    return hold([n, Point(n, ["a"])])


@step
def zeros(n):
    return hold(np.zeros(n))


@step
def overwrites(array):
    array[:] = 7.0
    return float(array.sum())


def test_a_step_that_changes_its_argument_does_not_reach_the_caller():
    """Promise 3: neither a list nor the memory of a large array."""
    seen = []

    @workflow
    def body(n):
        values, array = [n], np.zeros(300_000)
        seen.append((changes_its_argument(values), values))
        seen.append((overwrites(array), float(array.sum())))

    body(1)
    assert seen == [(2, [1]), (2_100_000.0, 0.0)]


def test_a_caller_that_changes_a_result_reaches_neither_step_nor_checkpoint():
    """Promise 3: the second pass gets what the first one got."""
    seen = []
    bad_luck(ValueError("once"))

    @workflow
    def body(n):
        first, array = gives_what_it_holds(n), zeros(300_000)
        seen.append((repr(first), float(array.sum()), array.flags.writeable, type(first[1])))
        first[1].tags.append("changed")
        array[:] = 1.0
        stumble()
        return first

    with pytest.raises(ValueError, match="once"):
        body(1)
    result = body(1)
    assert seen[0] == seen[1] == (f"[1, {Point(1, ['a'])!r}]", 0.0, True, Point)
    values, array = taken()
    assert (values[1].tags, float(array.sum())) == (["a"], 0.0)
    assert result[1].tags == ["a", "changed"]


def test_sharing_inside_a_result_is_the_same_first_and_later():
    """Promise 3: an alias stays an alias."""
    seen = []

    @step
    def shared(n):
        inner = [n]
        return {"a": inner, "b": inner, "t": (1, inner)}

    @workflow
    def body(n):
        found = shared(n)
        seen.append(found["a"] is found["b"] is found["t"][1])
        assert len(seen) > 1

    with pytest.raises(AssertionError):
        body(1)
    body(1)
    assert seen == [True, True]


def test_an_argument_is_taken_when_the_call_is_made():
    """Promise 3: what the caller does before the step's turn comes does not reach it."""

    @step
    async def total(values):
        return int(sum(values))

    @step
    def total_beside(values):
        return int(sum(values))

    @workflow
    async def body(n):
        values, array = [n], np.ones(300_000)
        calls = [total(values), total.submit(values), total_beside.submit(values), total(array)]
        values.append(100)
        array[:] = 0
        return [await call for call in calls]

    assert asyncio.run(body(1)) == [1, 1, 1, 300_000]


def test_the_inputs_of_a_run_are_taken_when_it_is_called():
    @workflow
    async def body(values, n):
        return values

    async def main():
        values = [1]
        called, started = body(values, 1), body.start(values, 2)
        values.append(2)
        return await called, await started

    assert asyncio.run(main()) == ([1], [1])


def test_a_result_that_cannot_be_kept_is_refused_by_name_and_can_be_caught(calls):
    """Promise 4: at its first end, with the path; and a failure that was caught is replayed."""
    seen = []
    bad_luck(ValueError("once"))

    @step
    def broken(n):
        ran(n)
        return {"model": [1, threading.Lock()]}

    @step
    def after(n):
        return n

    @workflow
    def body(n):
        try:
            broken(n)
        except NotKeepable as error:
            seen.append((error.path, error.type))
        after(n)
        stumble()

    with pytest.raises(ValueError, match="once"):
        body(5)
    body(5)
    assert seen[0] == seen[1]
    assert seen[0][0] == 'broken(...)["model"][1]'
    assert "lock" in seen[0][1]
    assert taken() == [5]
    assert [call.state for call in calls(body)] == ["failed", "done"]


def test_an_argument_that_cannot_be_kept_is_refused_before_the_step_runs(calls):
    """Promise 4: the path begins with the argument's name."""

    @step
    def reads(source):
        return source

    @workflow
    def body(n):
        with pytest.raises(NotKeepable) as refused:
            reads([n, (each for each in [])])
        return refused.value.path

    assert body(1) == "source[1]"
    assert calls(body) == []


def test_a_workflow_result_is_kept_by_value():
    """Promise 3: what is restored later is what was given at first."""
    taken()

    @workflow
    def body(n):
        return hold([n])

    first = body(1)
    first.append("changed")
    assert (taken(), body(1)) == ([[1]], [1])
