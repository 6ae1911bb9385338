"""The pictures of runs as they are: what the engine records is what the rows tell."""

import asyncio
import threading

import pytest

from functions.witness import bad_luck, stumble
from perdure import first_success, now, race, random, sleep, state, step, workflow
from perdure.engine import clock as engine_clock
from perdure.errors import InDoubt
from perdure.testing import HandClock
from perdure_widgets import words
from perdure_widgets.rows import read


@step
async def slow(name):
    await asyncio.sleep(0)
    return name


@step
async def never(name):
    await asyncio.Event().wait()


@pytest.fixture
def rows(store):
    """The rows of the newest run of a workflow, as they are told."""

    def of(workflow):
        run = store.journal.runs(workflow=workflow.name)[0]
        return read(store.journal, run.id, now=engine_clock.now(), alive=run.state == "running").rows

    return of


def test_a_race_tells_who_won_and_its_loser_is_cancelled(rows):
    @workflow
    async def body(n):
        await race(page=slow("a"), late=never("b"))
        await first_success(never("c"), slow("d"))

    asyncio.run(body(1))
    assert {(row.step, row.detail): row.word for row in rows(body)} == {
        ("race", "page won"): "decided",
        ("slow", "'a'"): "ran",
        ("never", "'b'"): "cancelled",
        ("first_success", "number 2 of 2 won"): "decided",
        ("never", "'c'"): "cancelled",
        ("slow", "'d'"): "ran",
    }


def test_a_race_that_was_run_in_the_run_before_still_tells_who_won(rows):
    def first(n):
        return race(page=slow("a"), late=never("b"))

    async def fails(n):
        await first(n)
        stumble()

    @workflow(name="body")
    async def body(n):
        await fails(n)
        return 1

    asyncio.run(body(1))

    @workflow(name="body")
    async def edited(n):
        await fails(n)
        return 2

    asyncio.run(edited(1))
    found = {(row.step, row.detail): row.word for row in rows(edited)}
    assert found[("race", "page won")] == "restored"


def test_what_is_noted_many_times_is_one_row(rows):
    @workflow
    def body(n):
        now()
        [random() for _ in range(50)]
        seen = state("seen")
        seen["day"] = n
        del seen["day"]

    body(1)
    assert [(row.step, row.detail) for row in rows(body)] == [
        ("now", ""),
        ("random", f"{words.TIMES}50"),
        ('state("seen")', f"{words.TIMES}3"),
    ]


def beside(work):
    found = threading.Thread(target=work, daemon=True)
    found.start()
    return found


def test_a_run_that_sleeps_says_until_when(rows):
    @workflow
    async def body(n):
        await slow("a")
        await sleep("3h")

    with HandClock() as clock:
        running = beside(lambda: asyncio.run(body(1)))
        clock.until_waiting()
        asleep = rows(body)[-1]
        assert (asleep.word, words.plain(asleep.spent(clock.now()))) == ("sleeping", "3 h left")
        clock.advance("3h")
        running.join(30)
        assert (rows(body)[-1].word, rows(body)[-1].took) == ("slept", 3 * 3600)


def test_a_pause_says_which_attempt_of_how_many_comes_next(rows):
    """Promise 11: the reason is recorded with the pause already."""
    bad_luck(OSError("503"), OSError("503"))

    @step(retries=3, backoff="10m")
    def flaky(x):
        stumble()

    @workflow
    def body(n):
        flaky(n)

    with HandClock() as clock:
        running = beside(lambda: body(1))
        for word in ("attempt 2 of 4", "attempt 3 of 4"):
            clock.until_waiting()
            (row,) = rows(body)
            assert (row.state, row.word) == ("waiting", word)
            assert row.why.startswith(f"waits for {word} until ")
            assert row.why.endswith("the last one failed: OSError: 503")
            clock.advance("10m")
        running.join(30)
        assert rows(body)[0].word == "ran, 3 attempts"


def test_a_child_run_is_drawn_once(rows, store):
    @workflow
    def child(n):
        return n

    @step
    def starts(n):
        return child(n)

    @workflow
    def body(n):
        child(n)
        starts(n)

    body(1)
    of_call, outer, of_step = rows(body)
    assert [(row.step, row.kind, row.word) for row in (of_call, outer, of_step)] == [
        ("child", "run", "ran"),
        ("starts", "pure", "ran"),
        ("child", "run", "ran"),
    ]
    ids = {run.id for run in store.journal.runs(workflow=child.name)}
    assert {of_call.call, of_step.call} == ids


def test_what_is_in_doubt_in_a_child_is_asked_in_the_parents_picture(rows, store):
    """Promise 5."""

    @step(kind="effect")
    def send(n):
        raise KeyboardInterrupt

    @workflow
    def child(n):
        send(n)

    @workflow
    def body(n):
        child(n)

    for error in (KeyboardInterrupt, InDoubt):
        with pytest.raises(error):
            body(1)
    (row,) = rows(body)
    (own,) = rows(child)
    assert (row.step, row.word) == ("child", "in doubt")
    assert "resolve send again`" in row.why
    assert own.why in row.why


def test_a_cached_result_looks_restored(rows):
    @step(cache=True)
    def embed(x):
        return [x]

    @workflow
    def first(x):
        return embed(x)

    @workflow
    def second(x):
        return embed(x)

    first(1)
    second(1)
    (row,) = rows(second)
    assert row.word == "restored"
    assert row.why.startswith("cached by run r_")
