"""The clock of tests: time stands until it is turned, by hand or because nothing is at work."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from perdure import sleep, step, workflow
from perdure.engine import clock as engine_clock
from perdure.engine.working import count, resting, working
from perdure.testing import HandClock

START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.fixture
def clock():
    with HandClock() as clock:
        yield clock


@pytest.fixture
def quick():
    with HandClock(auto=True) as clock:
        yield clock


def beside(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_time_stands_until_it_is_turned(clock):
    assert engine_clock.now() == clock.now() == START
    clock.advance("90s")
    assert engine_clock.now() == START + 90
    clock.advance(timedelta(minutes=1))
    clock.advance(0.5)
    clock.advance_to(datetime(2026, 1, 2, tzinfo=UTC))
    assert clock.now() == START + 86400
    clock.advance_to(START + 86401)
    assert clock.now() == START + 86401


def test_time_begins_where_it_is_told_to():
    moment = datetime(2024, 2, 29, 12, tzinfo=UTC)
    with HandClock(moment) as clock:
        assert clock.now() == moment.timestamp()
    with HandClock(5.0) as clock:
        assert engine_clock.now() == 5.0


def test_the_clock_before_is_back_after_the_block():
    with HandClock() as outer:
        with HandClock(7.0):
            assert engine_clock.now() == 7.0
        assert engine_clock.now() == outer.now()
    assert engine_clock.now() > START


def test_alarms_ring_in_order_and_each_at_its_moment(clock):
    rung = []
    for after in (30, 10, 20, 10, 50):
        clock.at(START + after, lambda after=after: rung.append((after, clock.now() - START)))
    clock.advance(40)
    assert rung == [(10, 10), (10, 10), (20, 20), (30, 30)]
    assert clock.now() == START + 40


def test_what_an_alarm_asks_for_on_the_way_rings_on_the_way(clock):
    rung = []

    def again():
        rung.append(clock.now() - START)
        clock.at(clock.now() + 10, again)

    clock.at(START + 10, again)
    clock.advance(35)
    assert rung == [10, 20, 30]


def test_a_moment_that_is_there_already_rings_at_once(clock):
    rung = threading.Event()
    clock.at(START, rung.set)
    assert rung.wait(30)


def test_an_alarm_that_was_taken_back_is_waited_for_no_more(clock):
    alarm = clock.at(START + 10, lambda: pytest.fail("it rang"))
    assert len(clock.pending) == 1
    alarm.cancel()
    assert clock.pending == ()
    clock.advance(20)


def test_what_is_pending_are_the_waits_in_order_without_the_limits(clock):
    clock.at(START + 20.25, lambda: None)
    clock.at(START + 10, lambda: None)
    clock.at(START + 5, lambda: None, limit=True)
    assert clock.pending == (
        datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, 20, 250000, tzinfo=UTC),
    )


def test_the_moment_that_is_pending_can_be_turned_to_whatever_its_digits(clock):
    for digits in (0.1234567, 0.9999996, 1 / 3):
        rung = []
        clock.at(clock.now() + digits, lambda rung=rung: rung.append(1))
        clock.advance_to(clock.pending[0])
        assert rung == [1]


def test_time_is_never_turned_back(clock):
    with pytest.raises(ValueError, match="never turned back"):
        clock.advance_to(datetime(2025, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="not a duration"):
        clock.advance(-1)
    assert clock.now() == START


def test_a_wait_in_a_thread_lasts_until_time_is_turned(clock):
    woken = []
    thread = beside(lambda: woken.append(engine_clock.pause(START + 90)))
    clock.until_waiting()
    clock.advance(89)
    assert thread.is_alive()
    clock.advance(1)
    thread.join()
    assert woken == [False]


def test_until_waiting_tells_how_many_wait_when_they_are_too_few(clock):
    clock.at(START + 10, lambda: None)
    clock.at(START + 10, lambda: None, limit=True)
    with pytest.raises(TimeoutError, match="1 waits are pending, and not 2"):
        clock.until_waiting(2, within=0.01)


def test_a_coroutine_may_turn_the_clock_of_its_own_loop(clock):
    async def main():
        waiting = asyncio.ensure_future(engine_clock.until(START + 90))
        await asyncio.to_thread(clock.until_waiting)
        clock.advance("90s")
        await waiting
        return clock.now()

    assert asyncio.run(main()) == START + 90


# -- turning by itself -----------------------------------------------------------------------------------


def test_where_all_wait_time_turns_to_the_next_moment_by_itself(quick):
    moments = []

    async def nap(after):
        await engine_clock.until(START + after)
        moments.append(quick.now() - START)

    async def main():
        await asyncio.gather(nap(86400), nap(3600), nap(5))
        engine_clock.pause(quick.now() + 1)

    asyncio.run(main())
    assert moments == [5, 3600, 86400]
    assert quick.now() == START + 86401


def test_time_stands_while_an_attempt_is_at_work(quick):
    begun, go_on, naps = threading.Event(), threading.Event(), []

    def attempt():
        with working():
            begun.set()
            go_on.wait()
            naps.append(quick.now() - START)

    at_work = beside(attempt)
    begun.wait()
    sleeper = beside(lambda: naps.append(engine_clock.pause(START + 1)))
    quick.until_waiting()
    go_on.set()
    at_work.join()
    sleeper.join()
    assert naps == [0, False]


def test_an_attempt_that_waits_for_the_clock_holds_nobody_up(quick):
    async def attempt():
        with working():
            await asyncio.gather(engine_clock.until(START + 5), engine_clock.until(START + 60))
            assert count() == 1
            engine_clock.pause(START + 70)
        assert count() == 0

    asyncio.run(attempt())
    assert quick.now() == START + 70


def test_time_does_not_turn_while_a_body_goes_from_one_attempt_to_the_next(quick):
    """A coroutine that computes between two attempts, however long, is not taken for one that waits."""
    seen = []

    async def body():
        sleeping = asyncio.ensure_future(engine_clock.until(START + 1))
        for _ in range(5):
            with working():
                await asyncio.sleep(0)
            sum(range(1_000_000))
            seen.append(quick.now() - START)
        await sleeping

    asyncio.run(body())
    assert seen == [0] * 5
    assert quick.now() == START + 1


def test_time_never_turns_to_a_limit_by_itself(quick):
    rung = []
    quick.at(START + 5, lambda: rung.append("limit"), limit=True)
    quick.at(START + 50, lambda: rung.append("late limit"), limit=True)
    engine_clock.pause(START + 10)
    assert rung == ["limit"]
    assert quick.now() == START + 10


def test_an_attempt_is_at_work_again_from_the_moment_that_woke_it(clock):
    """Not only once its thread got its turn: else time might turn once more in between."""
    with working():
        with resting() as wait:
            assert count() == 0
            wait.wake()
            wait.wake()
            assert count() == 1
        assert count() == 1
    assert count() == 0


def test_an_attempt_rests_while_one_in_a_run_that_it_started_is_at_work(clock):
    with working():
        with working():
            assert count() == 1
            with resting():
                assert count() == 0
            assert count() == 1
        assert count() == 1
    assert count() == 0


def test_what_an_attempt_left_behind_counts_for_nothing(clock):
    async def main():
        with working():
            left = asyncio.ensure_future(engine_clock.until(START + 10))
            await asyncio.sleep(0)
            assert count() == 0
        assert count() == 0
        clock.advance(10)
        await left
        assert count() == 0

    asyncio.run(main())


def test_whoever_waits_for_work_within_a_limit_is_at_work(clock):
    """Time stands for as long as the work takes: the limit is nothing to wait for."""
    begun, ended, waiting = threading.Event(), threading.Event(), []

    def attempt():
        with working():
            begun.set()
            waiting.append(engine_clock.within(START + 60, ended))

    at_work = beside(attempt)
    begun.wait()
    sleeper = beside(lambda: engine_clock.pause(START + 10))
    clock.until_waiting()
    assert clock.pending == (datetime.fromtimestamp(START + 10, UTC),)
    assert count() == 1
    ended.set()
    at_work.join()
    assert waiting == [True]
    clock.advance(10)
    sleeper.join()


def test_a_step_is_at_work_until_its_end_is_recorded(clock, perdure_store):
    """Time that turns by itself stands until a failed attempt waits, or the body has the value."""
    seen = []

    @step(retries=1, backoff="10s")
    def flaky():
        seen.append(count())
        if len(seen) == 1:
            raise ConnectionError

    @workflow
    def body():
        flaky()
        seen.append(count())

    run = body.start()
    clock.until_waiting()
    assert (seen, count()) == ([1], 0)
    clock.advance("10s")
    run.result()
    assert seen == [1, 1, 0]


@pytest.mark.parametrize("begin", [lambda child: child(), lambda child: child.start().result()])
def test_a_step_that_waits_for_a_run_of_its_own_holds_no_time_up(quick, perdure_store, begin):
    @step
    def quickly():
        return "slept"

    @workflow
    def child():
        sleep("1d").result()
        return quickly()

    @step
    def parent_step():
        return begin(child)

    @workflow
    def body():
        return parent_step()

    assert body() == "slept"
    assert quick.now() == START + 86400
