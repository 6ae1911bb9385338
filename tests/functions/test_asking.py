"""A question to a person is none to the body: one that catches it gets no further (promise 5)."""

from __future__ import annotations

import asyncio

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import sleep, step, workflow
from perdure.engine import doubts
from perdure.errors import InDoubt, NotKeepable, PerdureError

KILLED = """
import os, signal
from perdure import step, workflow

@step(kind="effect")
def charge(order):
    if os.path.exists("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return "receipt"

@step(kind="effect")
def charge_elsewhere(order):
    open("elsewhere", "a").close()
    return "another receipt"

@workflow
def pay(order):
    try:
        return charge(order)
    except Exception:
        return charge_elsewhere(order)

print(pay(1))
"""


def test_an_effect_in_doubt_is_not_done_in_another_way_unasked(tmp_path, script):
    """Promise 5."""
    (tmp_path / "deadly").touch()
    script(KILLED, fails=True)
    (tmp_path / "deadly").unlink()
    for _ in range(2):
        assert "InDoubt: Effect `charge` is in doubt" in "\n".join(script(KILLED, fails=True))
    assert not (tmp_path / "elsewhere").exists()


@step(kind="effect")
def charge(order):
    ran("charge", order)
    stumble()
    return "receipt"


@step
def note(text):
    ran("note", text)
    return text


@workflow
def shop(order):
    return charge(order)


@step
def errand(order):
    try:
        return shop(order)
    except PerdureError:
        return "none"


def caught():
    try:
        return charge(1)
    except PerdureError:
        return "none"


def a_call():
    caught()
    return note("next")


def a_call_beside():
    caught()
    return note.submit("next").result()


def a_wait():
    caught()
    sleep(0)
    return ran("went on")


def a_child():
    try:
        return shop(1)
    except PerdureError:
        return note("next")


def in_a_step():
    return errand(1)


@pytest.mark.parametrize("moves", [caught, a_call, a_call_beside, a_wait, a_child, in_a_step])
def test_a_body_that_catches_a_question_gets_no_further(store, moves):
    """Whatever it does next, and if it ends: the run is in doubt, with that question."""

    @workflow
    def body():
        return moves()

    bad_luck(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        body()
    assert taken() == [("charge", 1)]
    for _ in range(2):
        with pytest.raises(InDoubt, match="`charge`"):
            body()
        assert taken() == []
        assert store.journal.runs(workflow="body")[0].state == "in doubt"


def test_branches_beside_the_question_go_on(store):
    """A gather that gives errors back has all its branches come to their ends."""

    @step
    async def other(x):
        ran("other", x)
        return x

    @step(kind="effect")
    async def send(x):
        ran("send", x)
        stumble()

    @workflow
    async def body():
        given = await asyncio.gather(send(1), other(1), other(2), return_exceptions=True)
        return await other(len(given))

    bad_luck(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(body())
    taken()
    with pytest.raises(InDoubt):
        asyncio.run(body())
    assert ("other", 3) not in taken()
    ends = {call.state for call in store.journal.calls(store.journal.runs()[0].id) if call.step == "other"}
    assert ends == {"done"}


def test_an_effect_that_overran_is_in_doubt_whatever_the_body_catches():
    """The question is raised in the first pass already."""

    @step(kind="effect", timeout=0.01)
    async def slow():
        ran("slow")
        await asyncio.Event().wait()

    @workflow
    async def body():
        try:
            await slow()
        except InDoubt:
            return note("next")

    with pytest.raises(InDoubt, match=r"longer than 0\.01 s"):
        asyncio.run(body())
    assert taken() == ["slow"]


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_an_effect_whose_result_cannot_be_kept_is_not_repeated(store, tmp_path, workers, executor):
    """Promise 5: it took place, and that is what is said."""

    @step(kind="effect", executor=executor, retries=2)
    def connect(path):
        with path.open("a") as log:
            log.write("connected ")
        return (each for each in ())

    @workflow
    def body(path):
        return connect(path)

    for error in (NotKeepable, InDoubt, InDoubt):
        with pytest.raises(error) as raised:
            body(tmp_path / "log")
    assert "it took place, and its result cannot be kept" in str(raised.value)
    assert (tmp_path / "log").read_text() == "connected "
    [call] = store.journal.calls(store.journal.runs()[0].id)
    assert "it took place, and its result cannot be kept" in doubts.asked(call)
