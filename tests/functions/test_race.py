"""Races: the first counts, which one that was is recorded, and losers are let go (promises 1, 2 and 5)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
import warnings
from pathlib import Path

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import first_success, now, race, sleep, step, workflow
from perdure.engine import questions
from perdure.engine.owner import taken as owned
from perdure.engine.rehearsal import rehearse
from perdure.engine.waits.contestants import PATIENCE
from perdure.errors import InDoubt, StrictDrift, WrongThread
from perdure.testing import HandClock


@pytest.fixture(autouse=True)
def clock():
    """It turns by itself to the next moment that is waited for."""
    with HandClock(auto=True) as clock:
        yield clock


@pytest.fixture(autouse=True)
def nothing_left():
    """No coroutine is left that was never awaited."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(each.message) for each in told if "never awaited" in str(each.message)] == []


def run(found):
    async def main():
        return await found

    return asyncio.run(main())


def again(body, *args):
    """The results of a pass that fails at its end and of the one that resumes it, and what the latter ran."""
    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        run(body(*args))
    first = taken()
    result = run(body(*args))
    return result, first, taken()


@step
async def timed(x, seconds):
    ran("begun", x)
    await sleep(seconds)
    ran("ended", x)
    return x


@step
async def failing(x, seconds):
    ran("begun", x)
    await sleep(seconds)
    raise LookupError(x)


@step
async def last(x):
    ran("last")
    return x


async def chain(x, seconds):
    """Two steps and a sleep between, in the contestant's own branch."""
    found = await timed(x, seconds)
    await sleep(seconds)
    return [found, await timed(f"{x} again", seconds)]


# -- who wins --------------------------------------------------------------------------------------------


def test_the_first_to_complete_wins_and_does_so_again(calls):
    """Promise 1: on the replay the losers are not even begun."""

    @workflow
    async def body(n):
        found = await race(timed("slow", 20), timed("fast", 10), sleep(15))
        stumble()
        return found

    result, first, second = again(body, 1)
    assert result == "fast"
    assert first == [("begun", "slow"), ("begun", "fast"), ("ended", "fast")]
    assert second == []
    assert sorted((call.step, call.state) for call in calls(body)) == [
        ("perdure.race", "done"),
        ("perdure.sleep", "cancelled"),
        ("timed", "cancelled"),
        ("timed", "done"),
    ]


def test_a_named_race_gives_name_and_value(calls):
    @workflow
    async def body(n):
        found = await race(page=timed("page", 20), late=sleep(10))
        stumble()
        return found, await race(page=timed("quick", 5), late=sleep(10))

    result, _, _ = again(body, 1)
    assert result == (("late", None), ("page", "quick"))
    assert [call.input_parts[0].preview for call in calls(body) if call.step == "perdure.race"] == [
        "page, late"
    ] * 2


def test_the_recorded_winner_wins_whatever_is_faster_on_the_replay(clock):
    speed = {"a": 10, "b": 20}

    async def paced(x):
        await sleep(globals()["SPEED"][x])
        return x

    globals()["SPEED"] = speed

    @workflow
    async def body(n):
        found = await race(paced("a"), paced("b"))
        stumble()
        return found

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        run(body(1))
    speed |= {"a": 200, "b": 1}
    assert run(body.using(key=None)(1)) == "a"


def test_a_race_of_sleeps_with_one_deadline_is_decided_once(calls):
    @workflow
    async def body(n):
        found = await race(**{f"s{each}": sleep(10) for each in range(n)})
        stumble()
        return found

    result, _, _ = again(body, 5)
    assert result[0] in {f"s{each}" for each in range(5)}
    assert [call.step for call in calls(body)].count("perdure.race") == 1


def test_an_error_counts_as_completing_and_is_an_outcome_once_it_was_caught(calls):
    """Promise 1: also where the losers' moments passed meanwhile."""

    @workflow
    async def body(n):
        try:
            await race(fails=failing("no", 10), late=sleep(20))
        except LookupError as error:
            caught = error.args
        await last(1)
        await sleep(60)
        stumble()
        return caught

    result, first, second = again(body, 1)
    assert result == ("no",)
    assert first == [("begun", "no"), "last"]
    assert second == []
    [decided] = [call for call in calls(body) if call.step == "perdure.race"]
    assert (decided.state, decided.caught, decided.error) == ("failed", True, "LookupError: no")


def test_an_error_that_ended_the_run_is_raced_again(calls):
    """A step that is tried again must not run without the limit that it was raced against."""
    lengths = [10, 100]

    @step
    async def unlucky(x):
        ran("unlucky")
        await sleep(globals()["LENGTHS"].pop(0))
        stumble()
        return x

    globals()["LENGTHS"] = lengths
    bad_luck(LookupError("once"))

    @workflow
    async def body(n):
        return await race(step=unlucky(n), late=sleep(50))

    with pytest.raises(LookupError, match="once"):
        run(body(1))
    assert run(body(1)) == ("late", None)
    [decided] = [call for call in calls(body) if call.step == "perdure.race"]
    assert (decided.state, decided.reason) == ("done", "its last attempt failed: LookupError: once")


@pytest.mark.parametrize("kind", ["positional", "named"])
def test_the_first_that_succeeds_wins(kind):
    @workflow
    async def body(n):
        contestants = [failing("a", 5), timed("b", 20), timed("c", 10)]
        if kind == "named":
            found = await first_success(**dict(zip("abc", contestants, strict=True)))
        else:
            found = await first_success(*contestants)
        stumble()
        return found

    result, first, second = again(body, 1)
    assert result == ("c" if kind == "positional" else ("c", "c"))
    assert ("ended", "b") not in first
    assert second == []


def test_where_none_succeeds_all_errors_are_given_in_order():
    @workflow
    async def body(n):
        try:
            await first_success(failing("a", 20), failing("b", 10))
        except ExceptionGroup as group:
            found = [error.args for error in group.exceptions]
        await last(1)
        stumble()
        return found

    result, first, second = again(body, 1)
    assert result == [("a",), ("b",)]
    assert first.count("last") == 1
    assert second == []


def test_a_group_that_ended_the_run_is_raced_again():
    bad_luck(LookupError("a"), LookupError("b"))

    @step
    async def flaky(x):
        stumble()
        return x

    @workflow
    async def body(n):
        return await first_success(flaky(1), flaky(2))

    with pytest.raises(ExceptionGroup, match="none of 2 succeeded"):
        run(body(1))
    assert run(body(1)) == 1


# -- who loses -------------------------------------------------------------------------------------------


def test_losers_are_cancelled_with_their_attempts_and_their_clean_up_is_waited_for(store, calls):
    @step
    async def tidy(x):
        try:
            await sleep("1h")
        finally:
            await asyncio.sleep(0)
            ran("tidied")

    @workflow
    async def body(n):
        await race(tidy(1), sleep(5))
        ran("over")
        return n

    run(body(1))
    assert taken() == ["tidied", "over"]
    [lost] = [call for call in calls(body) if call.step == "tidy"]
    assert lost.state == "cancelled"
    assert [each.state for each in store.journal.attempts(lost.run)] == ["cancelled"]


def test_calls_below_a_loser_are_cancelled_too(calls):
    """Also those of tasks that it made, and of a run that it started."""

    @workflow
    async def child(n):
        return await timed("in the child", 100)

    async def group():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(chain("task", 100))
            tasks.create_task(timed_in_task())

    async def timed_in_task():
        await timed("other task", 100)

    @workflow
    async def body(n):
        made = asyncio.create_task(timed_in_task())
        future = timed.submit("submitted", 100)
        mapped = timed.map(["mapped"] if n < 0 else [])
        nested = race(timed("nested", 100), timed("nested too", 100))
        return await race(group(), made, future, nested, child(n), quick(mapped))

    async def quick(mapped):
        await sleep(5)
        return await mapped

    globals().update(child=child, group=group, timed_in_task=timed_in_task, quick=quick)
    assert run(body(1)) == []
    states = {call.state for call in calls(body) if call.step == "timed"}
    assert states == {"cancelled"}
    assert [call.state for call in calls(child)] == ["cancelled"]


def test_losers_that_are_left_go_on_beside_the_body(calls):
    @workflow
    async def body(n):
        found = await race(timed("slow", 20), timed("fast", 10), losers="leave")
        await sleep(60)
        stumble()
        return found

    result, first, second = again(body, 1)
    assert result == "fast"
    assert ("ended", "slow") in first
    assert second == []
    assert [call.state for call in calls(body) if call.step == "timed"] == ["done", "done"]


def test_a_loser_that_swallows_the_cancellation_does_not_hold_the_race(calls):
    """Its clean-up is waited for, and not without end: then it goes on beside the body."""

    @step
    async def stubborn(x):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ran("swallowed")
            globals()["HAND"].advance(PATIENCE)
        await globals()["GO"].wait()
        ran("went on")
        return x

    async def ready():
        await asyncio.sleep(0)
        return "ready"

    globals()["ready"] = ready

    @workflow
    async def body(n):
        globals()["GO"] = asyncio.Event()
        found = await race(stubborn.submit(n), ready())
        ran("over")
        globals()["GO"].set()
        return found

    with HandClock() as hand:
        globals()["HAND"] = hand
        assert run(body(1)) == "ready"
    assert taken()[:2] == ["swallowed", "over"]


@pytest.mark.parametrize("losers", ["cancel", "leave"])
def test_an_effect_that_lost_in_its_middle_is_in_doubt(losers, calls):
    """Promise 5: nobody knows whether it took place; nobody is asked as long as its result is not needed."""

    @step(kind="effect")
    async def charge(x):
        ran("charge")
        await sleep(20)
        return x

    @workflow
    async def body(n):
        found = await race(charge(n), sleep(10), losers=losers)
        await sleep(60)
        stumble()
        return found

    result, first, second = again(body, 1)
    assert result is None
    assert (first, second) == (["charge"], [])
    [effect] = [call for call in calls(body) if call.step == "charge"]
    assert effect.state == ("in doubt" if losers == "cancel" else "done")


@pytest.mark.parametrize("kind", [race, first_success])
def test_a_question_to_a_person_decides_no_race(kind, store, calls):
    """Promise 5: the run asks; nobody wins because the process died in the other one's effect."""

    @step(kind="effect")
    async def charge(x):
        ran("charge")
        await sleep(20)
        stumble()
        return x

    @workflow
    async def body(n):
        return await globals()["KIND"](timed("other", 30), charge(n))

    globals()["KIND"] = kind
    bad_luck(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(body(1))
    with pytest.raises(InDoubt):
        run(body(1))
    [run_] = store.journal.runs(workflow="body")
    assert run_.state == "in doubt"
    assert {call.step: call.state for call in calls(body)} == {"timed": "interrupted", "charge": "in doubt"}
    with owned(store, run_) as owner:
        [effect] = owner.history.of_step("charge")
        questions.resolve(owner, effect, "done", "receipt")
    assert run(body(1)) == "receipt"


def test_a_run_that_lost_is_cancelled_and_one_whose_race_is_cut_off_goes_on(store):
    @workflow
    async def beside(n):
        return await timed("beside", 300)

    globals()["beside"] = beside

    @workflow
    async def body(n):
        run = beside.start(n)
        try:
            async with asyncio.timeout(0):
                await race(run, sleep(10))
        except TimeoutError:
            ran(run.status)
        return await race(run, sleep(10))

    assert run(body(1)) is None
    assert "running" in taken()
    assert store.journal.runs(workflow="beside")[0].state == "cancelled"


def test_a_sleep_that_lost_can_still_be_awaited(calls):
    @workflow
    async def body(n):
        one = sleep(60)
        await race(one, timed("fast", 5))
        state = calls(body)[0].state
        await one
        stumble()
        return state, now()

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        run(body(1))
    state, end = run(body(1))
    assert (state, end.minute, end.second) == ("done", 1, 0)


def test_who_is_cancelled_from_outside_cancels_its_contestants(calls):
    """Nothing is decided: it is raced again when the run goes on, and the deadline is kept."""

    @workflow
    async def body(n):
        return await race(page=timed("slow", 300), late=sleep(100))

    async def cut():
        task = asyncio.ensure_future(body(1))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    with HandClock():
        assert asyncio.run(cut())
    assert {call.step: call.state for call in calls(body)} == {
        "timed": "interrupted",
        "perdure.sleep": "waiting",
    }
    assert run(body(1)) == ("late", None)


# -- places ----------------------------------------------------------------------------------------------


def test_later_calls_keep_their_places_whether_losers_are_begun_or_not(calls):
    """Promise 1: branches are reserved for all, and nothing runs again."""

    @workflow
    async def body(n):
        found = []
        for each in range(3):
            found.append(await race(chain(f"a{each}", 10), chain(f"b{each}", 5 + each * 4), sleep(1000)))
            found.append(await asyncio.gather(part(each), part(each)))
        stumble()
        return found

    async def part(x):
        return await timed(x, 1)

    globals()["part"] = part
    result, first, second = again(body, 1)
    assert second == []
    assert [each[0] for each in result[::2]] == ["b0", "b1", "a2"]
    assert len(first) > 12
    places = [(call.branch, call.step, call.inputs, call.occurrence) for call in calls(body)]
    assert len(places) == len(set(places))
    # The first race has branch 0, the two tasks of the gathering after it 1 and 2, the next race 3.
    assert {call.branch.split(".")[0] for call in calls(body) if call.step == "timed"} == set("012345678")


def test_a_contestant_more_moves_nobody_elses_branch(calls):
    """Promise 1: the edit is a fork, and what is recorded is kept."""
    contestants = [10, 20]

    async def paced(x):
        return await timed(x, x)

    async def gathered():
        return await asyncio.gather(paced(1), paced(2))

    globals().update(PACES=contestants, paced=paced, gathered=gathered)

    @workflow
    async def body(n):
        found = await race(*[paced(each) for each in globals()["PACES"]])
        found = [found, await gathered()]
        stumble()
        return found

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        run(body.using(key="k")(1))
    taken()
    contestants.append(30)
    assert run(body.using(key="k")(1)) == [10, [1, 2]]
    assert taken() == []


def test_a_recorded_winner_that_takes_part_no_more_is_raced_anew(calls):
    """Promise 11: it says why."""
    names = ["a", "b"]
    globals()["NAMES"] = names

    @workflow
    async def body(n):
        found = await race(**{name: timed(name, 10 if name == "b" else 20) for name in globals()["NAMES"]})
        stumble()
        return found

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        run(body.using(key="k")(1))
    names[:] = ["a", "c"]
    with pytest.raises(StrictDrift, match="had won, and takes part no more"):
        run(body.using(key="k", strict=True)(1))
    assert run(body.using(key="k")(1))[0] in ("a", "c")
    assert calls(body)[-1].reason == "'b' of 2 had won, and takes part no more"


@pytest.mark.parametrize("losers", ["cancel", "leave"])
def test_a_strict_pass_and_a_rehearsal_find_a_race_as_it_was(losers, store):
    @workflow
    async def body(n):
        found = await race(timed("slow", 20), sleep(50), timed("fast", 10), chain("long", 4), losers=losers)
        both = await asyncio.gather(timed("f", 1), sleep(2))
        await sleep(100)
        stumble()
        return found, both, now().minute

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        run(body(1))
    result = run(body.using(strict=True)(1))
    assert result[:2] == ("fast", ["f", None])
    checked = rehearse(store, store.journal.runs()[0])
    assert (checked.findings, checked.whole) == ([], True)


def test_a_loser_whose_result_is_needed_after_all_is_what_a_rehearsal_finds(store):
    """`perdure check` tells what would run again."""
    needed = []
    globals()["NEEDED"] = needed

    @workflow
    async def body(n):
        slow = timed("slow", 20)
        found = await race(timed("fast", 10), chained(slow))
        return [found, *[await timed("slow", 20) for _ in globals()["NEEDED"]]]

    async def chained(call):
        return await call

    globals()["chained"] = chained
    run(body.using(key="k")(1))
    record = store.journal.runs()[0]
    assert rehearse(store, record).findings == []
    needed.append(1)
    [found] = rehearse(store, record).findings
    assert (found.kind, found.call) == ("extra", "`timed(x='slow', seconds=20)`")


def test_nested_races():
    @workflow
    async def body(n):
        inner = race(a=timed("a", 30), b=chain("b", 5))
        found = await race(one=inner, two=race(chain("c", 10), timed("d", 40)), three=sleep(35))
        stumble()
        return found

    result, _, second = again(body, 1)
    assert result == ("one", ("b", ["b", "b again"]))
    assert second == []


def test_one_that_takes_part_twice_is_one():
    @workflow
    async def body(n):
        one = sleep(5)
        call = timed("a", 10)
        return await race(one, one), await race(call, call)

    assert run(body(1)) == (None, "a")


def test_a_race_can_be_awaited_again_and_by_several():
    @workflow
    async def body(n):
        one = race(timed("a", 10), sleep(20))
        found = await asyncio.gather(awaited(one), awaited(one))
        return [*found, await one, one.result()]

    async def awaited(one):
        return await one

    globals()["awaited"] = awaited
    assert run(body(1)) == ["a"] * 4


# -- threads, and plain code -----------------------------------------------------------------------------


def test_a_sync_body_races_in_threads(calls):
    @step
    def plain(x):
        ran("plain")
        return x

    @workflow
    def body(n):
        first = race(plain.submit("a"), sleep("1h")).result()
        second = race(page=timed("b", 30), late=sleep(10), losers="leave").result()
        third = first_success(failing("c", 5), chain("d", 10)).result()
        stumble()
        return first, second, third

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        body(1)
    taken()
    assert body(1) == ("a", ("late", None), ["d", "d again"])
    assert ("begun", "c") not in taken()


BEGUN = threading.Event()


@step
def endless(x):
    """A sync step that runs for long unless it is stopped."""
    try:
        globals()["BEGUN"].set()
        for _ in range(20_000):
            time.sleep(0.001)
    finally:
        ran("cleaned up", x)


@step
def rests(x):
    """A sync step that waits, in its own thread."""
    globals()["BEGUN"].set()
    sleep("1h").result()
    ran("rested")


@step
async def begins(x):
    await asyncio.to_thread(globals()["BEGUN"].wait, 60)
    return x


@pytest.mark.parametrize("kind", ["race", "cancel", "map", "wait"])
def test_a_sync_loser_is_stopped_in_its_thread(store, calls, kind):
    """Not at the end of its run, but when it lost: then its run is still at work."""
    BEGUN.clear()

    @workflow
    async def body(n):
        loser = {"map": lambda: endless.map([n]), "wait": lambda: rests.submit(n)}.get(
            kind, lambda: endless.submit(n)
        )()
        if kind == "cancel":
            await begins(n)
            loser.cancel()
        else:
            assert await race(begins(n), loser) == n
        with contextlib.suppress(asyncio.CancelledError):
            await loser
        ran("went on")

    with HandClock() if kind == "wait" else contextlib.nullcontext():
        run(body(1))
    assert taken() == [*([("cleaned up", 1)] if kind != "wait" else []), "went on"]
    assert {call.step: call.state for call in calls(body) if not call.step.startswith("perdure")} == {
        "begins": "done",
        "rests" if kind == "wait" else "endless": "cancelled",
    }


def appears(path):
    while not path.exists():
        time.sleep(0.001)


@step
async def seen(path):
    await asyncio.to_thread(appears, Path(path))
    return "seen"


def test_a_loser_in_a_worker_is_stopped_and_its_worker_killed(calls, workers, tmp_path):
    """It never ends by itself."""
    from functions import errands

    @workflow
    async def body(n):
        loser = step(executor="process")(errands.idle).submit(str(tmp_path), "loser")
        found = await race(seen(str(tmp_path / "loser")), loser)
        with contextlib.suppress(asyncio.CancelledError):
            await loser
        return found

    assert run(body(1)) == "seen"
    assert [call.state for call in calls(body) if call.step == "idle"] == ["cancelled"]


def test_waiting_on_the_loops_own_thread_says_what_to_write():
    @workflow
    async def body(n):
        one = race(sleep(5), sleep(6))
        with pytest.raises(WrongThread, match=r"await race\(\.\.\.\)"):
            one.result()
        return await one

    assert run(body(1)) is None


def test_in_a_step_and_outside_a_run_it_is_plain(calls):
    @step
    async def racing(x):
        return await race(a=sleep(5), b=sleep(2))

    @workflow
    async def body(n):
        return await racing(n)

    async def outside():
        return await race(sleep(5), value(7))

    async def value(x):
        return x

    assert run(outside()) == 7
    assert run(body(1)) == ("b", None)
    assert [call.step for call in calls(body)] == ["racing"]


async def never():
    raise AssertionError


@pytest.mark.parametrize(
    ("made", "kind", "words"),
    [
        (race, ValueError, "race() needs somebody to race"),
        (first_success, ValueError, "first_success() needs somebody to race"),
        (lambda: race(never(), a=never()), TypeError, "one after the other, or all of them by name"),
        (lambda: race([]), TypeError, "write race(*contestants)"),
        (lambda: race(never(), 5), TypeError, "cannot await int: a sync step takes part with `.submit(...)`"),
        (lambda: race(never(), losers="kill"), ValueError, "losers='kill' is none of cancel, leave"),
    ],
)
def test_what_is_no_race_is_told_and_nothing_is_left(made, kind, words):
    with pytest.raises(kind) as told:
        made()
    assert words in str(told.value)
