"""What a run waits for ends with the run, and turns with it where its body is always replayed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import warnings

import pytest

from functions.witness import ran, taken
from perdure import Run, first_success, now, race, random, sleep, state, step, uuid4, workflow
from perdure.engine.ending import at_work
from perdure.engine.events import listeners
from perdure.engine.inbox import inbox
from perdure.errors import RunCancelled
from perdure.testing import HandClock, always_replay


@pytest.fixture(autouse=True)
def nothing_left():
    """No coroutine is left that was never awaited."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(each.message) for each in told if "never awaited" in str(each.message)] == []


@pytest.fixture
def hand():
    with HandClock() as clock:
        yield clock


@step
async def tidy(x):
    try:
        await sleep("1h")
    finally:
        for turn in range(3):
            await asyncio.sleep(0)
            ran("tidied", x, turn)


@step
async def timed(x, seconds):
    ran("begun", x)
    await sleep(seconds)
    return x


def test_a_run_that_is_cancelled_while_it_sleeps_ends_at_once(hand, calls):
    """In a thread, which cleans up; the sleep is cancelled with it."""

    @workflow
    def body(n):
        try:
            sleep("1h").result()
        finally:
            ran("cleaned up")

    run = body.start(1)
    hand.until_waiting()
    assert at_work(run.id).cancel("enough")
    with pytest.raises(RunCancelled, match="enough"):
        run.result()
    assert (run.status, [call.state for call in calls(body)]) == ("cancelled", ["cancelled"])
    assert taken() == ["cleaned up"]


def test_a_sync_step_that_sleeps_is_cancelled_at_once(hand, calls):
    @step
    def sleeps(x):
        try:
            sleep("1h").result()
            ran("went on")
        finally:
            ran("cleaned up")

    @workflow
    def body(n):
        sleeps(n)

    run = body.start(1)
    hand.until_waiting()
    at_work(run.id).cancel()
    with pytest.raises(RunCancelled):
        run.result()
    assert [call.state for call in calls(body)] == ["cancelled"]
    assert taken() == ["cleaned up"]


@pytest.mark.parametrize("form", ["async", "sync"])
def test_the_clean_up_of_contestants_runs_to_its_end_when_their_run_is_cancelled(hand, calls, form):
    """Whoever stops them does so once."""

    @workflow
    async def awaits(n):
        await race(tidy(1), tidy(2), sleep("2h"))

    @workflow
    def blocks(n):
        race(tidy(1), tidy(2), sleep("2h")).result()

    body = awaits if form == "async" else blocks
    run = body.start(1)
    hand.until_waiting(3)
    at_work(run.id).cancel()
    with pytest.raises(RunCancelled):
        run.result()
    assert sorted(taken()) == [("tidied", x, turn) for x in (1, 2) for turn in range(3)]
    assert {call.state for call in calls(body)} == {"cancelled"}


def test_what_is_cancelled_from_outside_by_a_timeout_is_raced_again(calls):
    @workflow
    async def body(n):
        try:
            async with asyncio.timeout(0):
                await race(timed("slow", 100), sleep(300))
        except TimeoutError:
            ran("timeout")
        return await race(timed("fast", 10), sleep(300))

    async def main():
        return await body(1)

    with HandClock(auto=True):
        assert asyncio.run(main()) == "fast"
    assert [call.step for call in calls(body)].count("perdure.race") == 1


# -- always replaying ------------------------------------------------------------------------------------


def outcome(body, mode, store):
    """What a body gives and what its steps did, in one pass or in always-replay mode."""

    async def main():
        return await body(1)

    with HandClock(auto=True):
        if mode == "once":
            result = asyncio.run(main()) if body.is_async else body(1)
        else:
            with always_replay():
                result = asyncio.run(main()) if body.is_async else body(1)
    run = store.journal.runs(workflow=body.name)[0]
    calls = [(call.step, call.branch, call.occurrence, call.state) for call in store.journal.calls(run.id)]
    return result, sorted(taken(), key=str), sorted(calls)


async def chain(x, seconds):
    return [await timed(x, seconds), await sleep(seconds), await timed(x, seconds)]


@workflow
async def races(n):
    found = [await race(timed("slow", 50), timed("fast", 10), sleep(20))]
    found.append(await race(page=chain("page", 5), late=sleep(100)))
    found.append(await first_success(failing(), chain("c", 30)))
    found.append(await asyncio.gather(chain("a", 3), chain("b", 2)))
    return found


async def failing():
    await sleep(1)
    raise LookupError


@workflow
def notes(n):
    found = [now(), uuid4(), random()]
    state("s")["found"] = found
    sleep(10).result()
    return state("s")["found"] == found, (now() - found[0]).seconds, len(state("s"))


@pytest.mark.parametrize("body", [races, notes], ids=["races", "notes"])
def test_a_body_that_is_always_replayed_comes_to_the_same_end(body, store):
    """Promises 1 and 3: the same result, each step runs as often, and the same calls are recorded."""
    once = outcome(body, "once", store)
    always = outcome(body.using(fresh=True), "always", store)
    assert always == once


@pytest.mark.parametrize("end", ["comes", "loses", "is cancelled"])
def test_listeners_hear_of_the_end_of_a_wait_while_others_go_on(end):
    """A listener may wait for another thread that has to do with the run."""
    free = []

    def listen(event):
        if event.kind == "call_ended" and event.call.kind == "wait":
            other = threading.Thread(target=inbox.owner(event.run.id).wake, args=("c_other",), daemon=True)
            other.start()
            other.join(5)
            free.append((event.call.state, other.is_alive()))

    @workflow
    async def body(n):
        if n == "comes":
            return await sleep(5)
        if n == "loses":
            return await race(sleep(10), now_at_once())
        sleep(10)
        return Run.of("body").cancel("enough")

    @step
    async def now_at_once():
        return 1

    async def main():
        return await body(end)

    remove = listeners.add(listen)
    try:
        with HandClock(auto=True), contextlib.suppress(RunCancelled):
            asyncio.run(main())
    finally:
        remove()
    assert free == [("done" if end == "comes" else "cancelled", False)]
