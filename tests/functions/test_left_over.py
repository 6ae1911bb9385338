"""What a body left behind when it ended: nothing of it is at work once the run has ended."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from functions.witness import ran, taken
from perdure import sleep, step, workflow

AT_WORK = threading.Event()
GO = threading.Event()


@pytest.fixture(autouse=True)
def nothing_at_work():
    AT_WORK.clear()
    GO.clear()
    yield
    GO.set()


@step
def busy(x):
    try:
        globals()["AT_WORK"].set()
        while not globals()["GO"].is_set():
            time.sleep(0.001)
    finally:
        ran("cleaned up", x)


@step
async def stuck(x):
    globals()["AT_WORK"].set()
    try:
        await asyncio.sleep(600)
    finally:
        ran("cleaned up", x)


@step(kind="effect")
def charge(x):
    globals()["AT_WORK"].set()
    assert globals()["GO"].wait(60)
    ran("charged", x)
    return x


async def awaited(found):
    return await found


def states(store, body):
    run = store.journal.runs(workflow=body.name)[0]
    return run.state, [(call.step, call.state) for call in store.journal.calls(run.id)]


def test_a_pure_step_that_nobody_awaited_is_given_up_when_the_run_is_done(store):
    """Its cleanup code runs, and the picture shows nothing at work."""

    @workflow
    def body(n):
        busy.submit(n)
        assert globals()["AT_WORK"].wait(60)
        return n

    assert body(1) == 1
    assert states(store, body) == ("done", [("busy", "cancelled")])
    assert taken() == [("cleaned up", 1)]


def test_a_task_that_nobody_awaited_is_given_up_when_the_run_is_done(store):
    @workflow
    async def body(n):
        task = asyncio.create_task(awaited(stuck(n)))
        await asyncio.to_thread(globals()["AT_WORK"].wait, 60)
        return task.done()

    async def main():
        return await body(1), taken()

    assert asyncio.run(main()) == (False, [("cleaned up", 1)])
    assert states(store, body) == ("done", [("stuck", "cancelled")])


def test_what_was_not_begun_never_begins(store):
    @workflow
    def body(n):
        busy.map(range(n), concurrency=1)
        assert globals()["AT_WORK"].wait(60)
        return n

    assert body(5) == 5
    assert states(store, body) == ("done", [("busy", "cancelled")])
    assert taken() == [("cleaned up", 0)]


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
def test_an_effect_that_runs_is_waited_for(store, fails):
    """Promise 5: it is not left in doubt for want of patience."""

    @workflow
    def body(n):
        charge.submit(n)
        assert globals()["AT_WORK"].wait(60)
        threading.Timer(0.05, globals()["GO"].set).start()
        if fails:
            raise LookupError(n)
        return n

    if fails:
        with pytest.raises(LookupError):
            body(1)
    else:
        assert body(1) == 1
    assert taken() == [("charged", 1)]
    assert states(store, body) == ("failed" if fails else "done", [("charge", "done")])


def test_an_effect_on_the_loop_is_waited_for(store):
    """The loop goes on meanwhile."""

    @step(kind="effect")
    async def send(x):
        for _ in range(20):
            await asyncio.sleep(0)
        ran("sent", x)

    @workflow
    async def body(n):
        send.submit(n)
        await asyncio.sleep(0)
        return n

    assert asyncio.run(awaited(body(1))) == 1
    assert taken() == [("sent", 1)]
    assert states(store, body) == ("done", [("send", "done")])


def test_what_a_failed_run_left_behind_may_go_on_when_it_does(store):
    """It is interrupted, and not cancelled: the run is not over for good."""
    globals()["FAILS"] = [LookupError("once")]

    @workflow
    def body(n):
        future = busy.submit(n)
        assert globals()["AT_WORK"].wait(60)
        if globals()["FAILS"]:
            raise globals()["FAILS"].pop()
        globals()["GO"].set()
        return future.result()

    with pytest.raises(LookupError):
        body(1)
    assert states(store, body) == ("failed", [("busy", "interrupted")])
    assert body(1) is None
    assert states(store, body) == ("done", [("busy", "done")])


@workflow
def child(x):
    return charge(x)


def test_a_started_child_is_waited_for_when_its_parent_is_done(store):
    @workflow
    def body(n):
        child.start(n)
        assert globals()["AT_WORK"].wait(60)
        threading.Timer(0.05, globals()["GO"].set).start()
        return n

    assert body(1) == 1
    assert taken() == [("charged", 1)]
    assert states(store, body) == ("done", [("child", "done")])
    assert states(store, child) == ("done", [("charge", "done")])


def test_a_started_child_is_interrupted_when_its_parent_failed_and_goes_on_with_it(store):
    @workflow
    async def inner(x):
        return await (stuck(x) if not globals()["GO"].is_set() else asyncio.sleep(0, x))

    @workflow
    async def body(n):
        handle = inner.start(n)
        await asyncio.to_thread(globals()["AT_WORK"].wait, 60)
        if not globals()["GO"].is_set():
            raise LookupError(n)
        return await handle

    with pytest.raises(LookupError):
        asyncio.run(awaited(body(1)))
    assert states(store, inner) == ("interrupted", [("stuck", "interrupted")])
    assert states(store, body) == ("failed", [("inner", "interrupted")])
    GO.set()
    assert asyncio.run(awaited(body(1))) == 1
    assert len(store.journal.runs(workflow="inner")) == 1


def test_an_interrupt_leaves_an_effect_a_moment_and_nothing_at_work(store):
    """What can be finished is; the user does not wait for what cannot."""

    @workflow
    def body(n):
        charge.submit(n)
        busy.submit(n)
        assert globals()["AT_WORK"].wait(60)
        globals()["GO"].set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        body(1)
    state, calls = states(store, body)
    assert state == "interrupted"
    assert dict(calls)["charge"] == "done"
    assert all(each != "running" for _, each in calls)


def test_an_interrupted_run_does_not_wait_for_an_effect_that_does_not_end(store, monkeypatch):
    """Promise 5: it is in doubt then."""
    from perdure.engine import winding_up

    monkeypatch.setattr(winding_up, "GRACE", 0.05)

    @workflow
    def body(n):
        charge.submit(n)
        assert globals()["AT_WORK"].wait(60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        body(1)
    assert states(store, body) == ("interrupted", [("charge", "in doubt")])


def test_a_sleep_that_nobody_awaited_is_settled(store):
    @workflow
    async def body(n):
        sleep("1h")
        return n

    assert asyncio.run(awaited(body(1))) == 1
    assert states(store, body) == ("done", [("perdure.sleep", "cancelled")])


def test_code_that_goes_on_after_its_run_makes_no_calls_any_more(store):
    """A task that the body left behind, and that is no call itself."""

    @workflow
    async def body(n):
        async def goes_on():
            await asyncio.sleep(0.01)
            return await stuck(n)

        globals()["LEFT"] = asyncio.create_task(goes_on())
        return n

    async def main():
        assert await body(1) == 1
        with pytest.raises(asyncio.CancelledError):
            await globals()["LEFT"]

    asyncio.run(main())
    assert states(store, body) == ("done", [])
    assert not AT_WORK.is_set()


def test_a_sync_body_that_holds_up_a_loop_ends_what_it_began_beside(store):
    """What awaits goes to threads with loops of their own: on this one it would never come to its turn."""

    @step(kind="effect")
    async def send(x):
        await asyncio.sleep(0)
        ran("sent", x)

    @workflow
    async def inner(x):
        await asyncio.sleep(0)
        ran("inner", x)

    @workflow
    def body(n):
        first, second = send.submit(n), inner.start(n)
        while not first.done() or second.status != "done":
            time.sleep(0.001)
        return n

    async def main():
        return body(1)

    assert asyncio.run(main()) == 1
    assert sorted(taken()) == [("inner", 1), ("sent", 1)]


def test_a_body_whose_coroutine_is_closed_lets_its_run_go(store):
    """Promise 6: nothing can be awaited any more then."""

    @workflow
    async def body(n):
        return await stuck(n)

    async def main():
        coroutine = body(1)
        coroutine.send(None)
        coroutine.close()

    asyncio.run(main())
    assert states(store, body) == ("interrupted", [("stuck", "interrupted")])
    store.lock(store.journal.runs()[0]).release()
