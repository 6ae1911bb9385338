"""Sleeps: the moment is fixed by the call, recorded, and kept over restarts (promises 1 and 2)."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import now, sleep, sleep_until, step, workflow
from perdure.engine.waits.waking import wake
from perdure.errors import WrongThread
from perdure.testing import HandClock

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    """It turns by itself to the next moment that is waited for."""
    with HandClock(START, auto=True) as clock:
        yield clock


@pytest.fixture
def hand(clock):
    """It is turned by hand."""
    with HandClock(START) as by_hand:
        yield by_hand


def run(found):
    async def main():
        return await found

    return asyncio.run(main())


@workflow
async def nap(length):
    await sleep(length)
    stumble()
    return now()


@workflow
def sync_nap(length):
    sleep(length).result()
    stumble()
    return now()


# -- how long --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [90, 90.0, "90s", "1m 30s", timedelta(seconds=90)])
def test_a_sleep_takes_as_long_as_it_says(length):
    assert run(nap(length)) == START + timedelta(seconds=90)


def test_a_sync_body_sleeps_too():
    assert sync_nap("90s") == START + timedelta(seconds=90)


def test_ten_sleeps_at_once_take_as_long_as_the_longest():
    @workflow
    async def body(n):
        await asyncio.gather(*[sleep(10 + each) for each in range(n)])
        first = now()
        made = [sleep(10) for _ in range(n)]
        for each in made:
            await each
        return first, now()

    assert run(body(10)) == (START + timedelta(seconds=19), START + timedelta(seconds=29))


def test_the_deadline_counts_from_the_call_and_not_from_the_await():
    @workflow
    async def body(n):
        early = sleep("1h")
        await sleep("50m")
        await early
        return now()

    assert run(body(1)) == START + timedelta(hours=1)


def test_a_sleep_can_be_awaited_again_and_by_several():
    @workflow
    async def body(n):
        one = sleep(30)

        async def other():
            await one

        await asyncio.gather(one, other(), other())
        await one
        return now(), one.done(), one.result()

    assert run(body(1)) == (START + timedelta(seconds=30), True, None)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (START + timedelta(days=2), START + timedelta(days=2)),
        ((START + timedelta(days=2)).astimezone(None), START + timedelta(days=2)),
        ((START + timedelta(days=2)).astimezone(None).replace(tzinfo=None), START + timedelta(days=2)),
        (START - timedelta(days=2), START),
    ],
)
def test_sleeping_until_a_moment_aware_or_in_local_time_or_past(moment, end):
    @workflow
    async def body(until):
        await sleep_until(until)
        return now()

    assert run(body(moment)) == end


def test_a_sleep_of_no_length_lets_others_go_on(calls):
    @workflow
    async def body(n):
        order = []

        async def other():
            order.append("other")

        task = asyncio.create_task(other())
        await sleep(0)
        order.append("body")
        await task
        return order

    assert run(body(1)) == ["other", "body"]
    assert [call.state for call in calls(body)] == ["done"]


@pytest.mark.parametrize(
    ("length", "kind", "words"),
    [
        (-1, ValueError, "-1 is not a duration"),
        (timedelta(seconds=-1), ValueError, "is not a duration"),
        (float("nan"), ValueError, "nan is not a duration"),
        (float("inf"), ValueError, "inf is too long to sleep"),
        ("9000000d", ValueError, "'9000000d' is too long to sleep"),
        (timedelta.max, ValueError, "too long to sleep"),
        ("soon", ValueError, "'soon' is not a duration"),
        (None, TypeError, "not None"),
        (START, TypeError, "takes seconds"),
    ],
)
def test_what_is_no_length_is_told(length, kind, words):
    with pytest.raises(kind, match=words):
        sleep(length)
    with pytest.raises(kind, match=words):
        run(nap(length))


def test_what_is_no_moment_is_told():
    with pytest.raises(TypeError, match="takes a datetime, not '12:00'"):
        sleep_until("12:00")


def test_a_sleep_of_years_is_right(calls, hand):
    @workflow
    async def body(n):
        sleep("3650d")
        return n

    run(body(1))
    assert calls(body)[0].due == (START + timedelta(days=3650)).timestamp()


# -- what is recorded ------------------------------------------------------------------------------------


def test_a_sleep_is_recorded_when_it_is_called_and_over_when_it_is_due(store, calls, hand):
    seen = []

    @workflow
    async def body(n):
        one = sleep("90s")
        seen.append([(call.step, call.kind, call.state, call.due) for call in calls(body)])
        await one
        seen.append([(call.state, call.ended, call.reason) for call in calls(body)])

    def turn():
        hand.until_waiting()
        hand.advance("90s")

    beside = threading.Thread(target=turn)
    beside.start()
    run(body(1))
    beside.join()
    due = START.timestamp() + 90
    assert seen == [[("perdure.sleep", "wait", "waiting", due)], [("done", due, "new call")]]


def test_a_finished_sleep_is_not_slept_again(calls, clock):
    """Promise 1: on a replay it is over, and takes no time."""
    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        run(nap("1h"))
    assert run(nap("1h")) == START + timedelta(hours=1)
    assert len(clock.pending) == 0
    assert [call.state for call in calls(nap)] == ["done", "done"]


class GoneError(BaseException):
    """The process ends here, as far as the body is concerned."""


def interrupted_in(body, *args, after=0):
    """A pass over an async body that is cut off while it waits, as by a restart of the kernel."""

    async def main():
        task = asyncio.ensure_future(body(*args))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    with HandClock(START + timedelta(seconds=after)):
        asyncio.run(main())


@pytest.mark.parametrize("later", [20, 90, 3600])
def test_the_deadline_is_kept_over_a_restart(later, calls):
    """Promise 2: it neither starts over nor wakes early; one that passed meanwhile is over."""
    interrupted_in(nap, "90s")
    assert [call.state for call in calls(nap)] == ["waiting"]
    with HandClock(START + timedelta(seconds=later), auto=True):
        assert run(nap("90s")) == START + timedelta(seconds=max(90, later))
    first = calls(nap)[0]
    assert (first.state, first.due) == ("done", START.timestamp() + 90)


def test_another_length_is_another_sleep(calls):
    """Inputs that changed are a new call; the older sleep waits for nobody when the run ends."""
    length = ["90s"]

    @workflow
    async def body(n):
        await sleep(stretched())
        return now()

    def stretched():
        return length[0]

    globals()["stretched"] = stretched
    interrupted_in(body.using(key="k"), 1)
    length[0] = "2h"
    with HandClock(START + timedelta(seconds=30), auto=True):
        assert run(body.using(key="k")(1)) == START + timedelta(seconds=30, hours=2)
    assert [(call.state, call.error) for call in calls(body)[:2]] == [
        ("cancelled", "nobody waits for it any more"),
        ("done", None),
    ]


def test_equal_sleeps_are_told_apart_by_their_order(calls):
    @workflow
    async def body(n):
        await asyncio.gather(*[sleep(5) for _ in range(n)])
        await sleep(5)

    run(body(3))
    assert [(call.branch, call.occurrence) for call in calls(body)] == [("", each) for each in range(4)]


# -- who waits -------------------------------------------------------------------------------------------


def test_a_sleep_that_nobody_awaits_holds_nothing_back(calls, hand):
    """It leaves no wait behind when the run ends."""

    @workflow
    async def body(n):
        sleep("1h")
        return n

    assert run(body(1)) == 1
    [call] = calls(body)
    assert (call.state, call.error) == ("cancelled", "nobody waits for it any more")


def test_a_run_that_failed_keeps_its_waits(calls, hand):
    """Its deadline is kept for the resume."""
    bad_luck(ValueError("once"))

    @workflow
    async def body(n):
        one = sleep("1h")
        stumble()
        hand.advance("30m")
        threading.Timer(0, lambda: (hand.until_waiting(), hand.advance("30m"))).start()
        await one
        return now()

    with pytest.raises(ValueError, match="once"):
        run(body(1))
    assert [call.state for call in calls(body)] == ["waiting"]
    assert run(body(1)) == START + timedelta(hours=1)


def test_a_timeout_around_a_sleep_leaves_the_moment(calls, hand):
    """A later await goes on with the same wait."""

    @workflow
    async def body(n):
        one = sleep("1h")
        try:
            async with asyncio.timeout(0):
                await one
        except TimeoutError:
            ran("timeout")
        states = [call.state for call in calls(body)]
        threading.Timer(0, lambda: (hand.until_waiting(), hand.advance("1h"))).start()
        await one
        return states, now()

    assert run(body(1)) == (["waiting"], START + timedelta(hours=1))
    assert taken() == ["timeout"]


def test_waiting_on_the_loops_own_thread_says_what_to_write():
    @workflow
    async def body(n):
        with pytest.raises(WrongThread, match=r"await sleep\(\.\.\.\)"):
            sleep(5).result()
        one = sleep(5)
        await asyncio.to_thread(one.result)
        return one.result()

    assert run(body(1)) is None


def test_in_a_step_and_outside_a_run_it_is_plain(calls):
    @step
    async def slow(x):
        await sleep("10m")
        return now()

    @step
    def slow_too(x):
        sleep("10m").result()
        return now()

    @workflow
    async def body(n):
        return await slow(n), await slow_too.submit(n)

    async def outside():
        await sleep("10m")
        return now()

    assert run(outside()) == START + timedelta(minutes=10)
    assert run(body(1)) == (START + timedelta(minutes=20), START + timedelta(minutes=30))
    assert [call.step for call in calls(body)] == ["slow", "slow_too"]


def test_a_sleep_is_shown_with_its_moment():
    assert repr(sleep("1h")) == "<sleep until 2026-01-01 01:00:00+00:00>"


# -- a clock that is set ---------------------------------------------------------------------------------


def test_a_clock_that_is_set_back_makes_a_sleep_longer_and_one_set_on_shorter(calls):
    """It goes by the wall: the moment is what was promised."""
    interrupted_in(nap, "90s", after=3600)
    with HandClock(START, auto=True):
        assert run(nap("90s")) == START + timedelta(seconds=3690)


# -- waking ----------------------------------------------------------------------------------------------


def test_a_sleep_is_woken_at_once_in_the_same_process(store, calls, hand):
    @workflow
    async def body(n):
        await asyncio.gather(sleep("1h"), sleep("2h"), woken())
        return now()

    async def woken():
        run = store.journal.runs()[0].id
        one = calls(body)[1].id
        ran(wake(store, run, one), wake(store, run), wake(store, run), wake(store, "r_none"))

    globals()["woken"] = woken
    assert run(body(1)) == START
    assert taken() == [(1, 1, 0, 0)]
    assert [(call.state, call.reason, call.due) for call in calls(body)[:2]] == [
        ("done", "woken by hand", START.timestamp() + 3600),
        ("done", "woken by hand", START.timestamp() + 7200),
    ]


def test_a_blocked_thread_is_woken(store, hand):
    @workflow
    def body(n):
        sleep("1h").result()
        return now()

    started = body.start(1)
    hand.until_waiting()
    assert wake(store, started.id) == 1
    assert started.result() == START


def test_what_is_woken_while_nobody_has_the_run_is_awake_when_it_goes_on(store, calls):
    """The message waits for the next owner."""
    interrupted_in(nap, "1h")
    assert wake(store, store.journal.runs()[0].id) == 1
    assert [call.state for call in calls(nap)] == ["waiting"]
    with HandClock(START):
        assert run(nap("1h")) == START
    assert calls(nap)[0].reason == "woken by hand"
    assert store.journal.messages() == []
