"""Cancelling a run: its code is stopped promptly, cleans up, and nothing of it is kept or taken up again."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import step, workflow
from perdure.engine import ending, winding_up
from perdure.engine.cancels import ASKED, RECORDED, cancel
from perdure.engine.events import listeners
from perdure.errors import RunCancelled

AT_WORK = threading.Event()
GO = threading.Event()


@pytest.fixture(autouse=True)
def nothing_at_work():
    AT_WORK.clear()
    GO.clear()
    yield
    GO.set()


@step
def double(x):
    ran("double", x)
    return 2 * x


@step
async def stuck(x):
    globals()["AT_WORK"].set()
    try:
        await asyncio.sleep(600)
    finally:
        ran("cleaned up", x)


@step
def busy(x):
    """A sync step in which Python runs line after line."""
    try:
        globals()["AT_WORK"].set()
        while not globals()["GO"].is_set():
            time.sleep(0.001)
    finally:
        ran("cleaned up", x)
    return x


def newest(store, body):
    return store.journal.runs(workflow=body.name)[0]


def cancelled_at_work(store, body, *args, reason=""):
    """Start a run, cancel it once its step is at work; the error that its caller gets."""
    AT_WORK.clear()
    run = body.start(*args)
    assert AT_WORK.wait(60)
    assert run.cancel(reason)
    with pytest.raises(RunCancelled) as told:
        run.result()
    assert run.status == "cancelled"
    return told.value


def cancel_when_at_work(store, body):
    """Cancel the newest run of a workflow, from another thread, once its step is at work."""

    def wait_and_cancel():
        assert AT_WORK.wait(60)
        assert cancel(store, newest(store, body)) == ASKED

    thread = threading.Thread(target=wait_and_cancel)
    thread.start()
    return thread


# -- code that awaits ------------------------------------------------------------------------------------


@workflow
async def awaits(n):
    first = double(n)
    try:
        return [first, await stuck(n)]
    finally:
        ran("body cleaned up")


def test_a_run_that_awaits_is_cancelled_with_its_step(store, calls):
    """Cleanup code runs; run, call and attempt are cancelled; what was finished before is kept."""
    error = cancelled_at_work(store, awaits, 1, reason="wrong day")
    run = newest(store, awaits)
    assert (error.run, error.workflow, error.reason) == (run.id, "awaits", "wrong day")
    assert "was cancelled: wrong day" in str(error)
    assert taken() == [("double", 1), ("cleaned up", 1), "body cleaned up"]
    assert (run.state, run.error) == ("cancelled", "wrong day")
    assert [call.state for call in calls(awaits)] == ["done", "cancelled"]
    assert [attempt.state for attempt in store.journal.attempts(run.id)] == ["done", "cancelled"]
    assert store.journal.messages() == []


def test_a_run_on_the_same_loop_is_cancelled_by_a_neighbour(store):
    async def main():
        run = awaits.start(1)
        await asyncio.to_thread(AT_WORK.wait, 60)
        assert run.cancel("beside")
        with pytest.raises(RunCancelled, match="beside"):
            await run
        return asyncio.current_task().cancelling()

    assert asyncio.run(main()) == 0


def test_gathered_steps_are_all_cancelled(calls, store):
    @workflow
    async def body(n):
        first = [asyncio.create_task(awaited(late(x))) for x in range(n - 1)]
        return await asyncio.gather(*first, stuck(n - 1))

    @step
    async def late(x):
        try:
            await asyncio.sleep(600)
        finally:
            ran("cleaned up", x)

    cancelled_at_work(store, body, 4)
    assert sorted(taken()) == [("cleaned up", x) for x in range(4)]
    assert {call.state for call in calls(body)} == {"cancelled"}


def test_a_step_is_not_tried_again_after_it_was_cancelled(store, calls):
    @step(retries=5, backoff=0)
    async def flaky(x):
        try:
            await stuck.__wrapped__(x)
        finally:
            raise ValueError("while it cleaned up")

    @workflow
    async def body(n):
        return await flaky(n)

    cancelled_at_work(store, body, 1)
    assert taken() == [("cleaned up", 1)]
    assert [call.state for call in calls(body)] == ["cancelled"]


def test_a_pause_before_an_attempt_ends_at_once(store, calls):
    @step(retries=1, backoff=600)
    def flaky(x):
        globals()["AT_WORK"].set()
        raise ValueError("first")

    @workflow
    def body(n):
        return flaky(n)

    cancelled_at_work(store, body, 1)
    assert [call.state for call in calls(body)] == ["cancelled"]


def test_a_body_that_swallows_it_makes_no_call_any_more(store, calls):
    @workflow
    async def body(n):
        for x in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await stuck(x)
            with contextlib.suppress(Exception):
                double(x)
        return "done nevertheless"

    cancelled_at_work(store, body, 1)
    assert taken() == [("cleaned up", 0)]
    assert [call.state for call in calls(body)] == ["cancelled"]


def test_a_step_that_swallows_it_keeps_nothing(store, calls):
    @step
    async def stubborn(x):
        with contextlib.suppress(asyncio.CancelledError):
            await stuck.__wrapped__(x)
        return "a result nevertheless"

    @workflow
    async def body(n):
        return await stubborn(n)

    cancelled_at_work(store, body, 1)
    assert [(call.state, call.value) for call in calls(body)] == [("cancelled", None)]


# -- code that does not ----------------------------------------------------------------------------------


def test_a_sync_run_in_a_thread_is_cancelled_at_its_next_line(store, calls):
    @workflow
    def body(n):
        return [double(n), busy(n)]

    cancelled_at_work(store, body, 1)
    assert taken() == [("double", 1), ("cleaned up", 1)]
    assert [call.state for call in calls(body)] == ["done", "cancelled"]


@pytest.mark.parametrize("where", ["step", "body"])
def test_blocking_code_of_the_main_thread_ends_at_once(store, where):
    """A `time.sleep` of ten minutes, under the handler that asyncio has for interrupts as well."""

    @step
    def sleeps(x):
        globals()["AT_WORK"].set()
        time.sleep(600)

    @workflow
    def body(n):
        if where == "step":
            sleeps(n)
        globals()["AT_WORK"].set()
        time.sleep(600)

    async def on_a_loop():
        body(1)

    for call in (lambda: body(1), lambda: asyncio.run(on_a_loop())):
        AT_WORK.clear()
        thread = cancel_when_at_work(store, body)
        with pytest.raises(RunCancelled):
            call()
        thread.join()
        assert newest(store, body).state == "cancelled"


def test_a_step_that_holds_up_the_loop_is_stopped(store, calls):
    @step
    def sleeps(x):
        globals()["AT_WORK"].set()
        time.sleep(600)

    @workflow
    async def body(n):
        return sleeps(n)

    thread = cancel_when_at_work(store, body)

    async def main():
        with pytest.raises(RunCancelled):
            await body(1)
        return asyncio.current_task().cancelling()

    assert asyncio.run(main()) == 0
    thread.join()
    assert [call.state for call in calls(body)] == ["cancelled"]


def test_steps_beside_the_body_are_stopped_and_those_that_wait_never_begin(store, calls):
    @workflow
    def body(n):
        return busy.map(range(n), concurrency=2).result()

    cancelled_at_work(store, body, 6)
    assert all(each[0] == "cleaned up" for each in taken())
    assert {call.state for call in calls(body)} == {"cancelled"}
    assert len(calls(body)) <= 2


def test_code_that_cannot_be_stopped_is_left_behind_and_commits_nothing(store, calls, monkeypatch):
    """It blocks its thread: the run ends without it, and what it gives later is not kept."""
    monkeypatch.setattr(winding_up, "GRACE", 0.05)
    monkeypatch.setattr(ending, "GRACE", 0.05)
    ended = threading.Event()

    @step
    def blocked(x):
        try:
            globals()["AT_WORK"].set()
            globals()["GO"].wait(60)
            return "late"
        finally:
            ended.set()

    @workflow
    def body(n):
        return blocked(n)

    cancelled_at_work(store, body, 1)
    run = newest(store, body)
    store.lock(run).release()
    before = calls(body)
    assert [call.state for call in before] == ["cancelled"]
    GO.set()
    assert ended.wait(60)
    for thread in threading.enumerate():
        if thread.name == f"perdure-{run.id}":
            thread.join(60)
    assert calls(body) == before
    assert newest(store, body) == run


def test_a_run_may_cancel_itself(store):
    @step
    def gives_up(x):
        from perdure import Run, current

        Run.__perdure_load__({"id": current().run, "workflow": "body"}).cancel("nothing to do")
        ran("never")

    @workflow
    def body(n):
        gives_up(n)
        ran("never either")

    with pytest.raises(RunCancelled, match="nothing to do"):
        body(1)
    assert taken() == []
    assert newest(store, body).state == "cancelled"


# -- effects ---------------------------------------------------------------------------------------------


def test_an_effect_in_its_middle_is_in_doubt_and_the_run_is_cancelled(store, calls):
    """Promise 5."""

    @step(kind="effect")
    async def charge(x):
        await stuck.__wrapped__(x)

    @workflow
    async def body(n):
        return await charge(n)

    cancelled_at_work(store, body, 1)
    assert [call.state for call in calls(body)] == ["in doubt"]


# -- child runs ------------------------------------------------------------------------------------------


@workflow
async def child(n):
    return await stuck(n)


@step
async def starts_a_child(n):
    return await child(n)


@pytest.mark.parametrize("how", ["called", "started", "from a step", "gathered"])
def test_child_runs_are_cancelled_with_their_parent(store, how):
    @workflow
    async def parent(n):
        if how == "called":
            return await child(n)
        if how == "started":
            handle = child.start(n)
            await asyncio.sleep(600)
            return await handle
        if how == "gathered":
            return await asyncio.gather(child(n), child(n))
        return await starts_a_child(n)

    cancelled_at_work(store, parent, 1, reason="why")
    run = newest(store, parent)
    below = store.journal.children(run.id)
    assert {(each.state, each.error) for each in below} == {("cancelled", "why")}
    assert {call.state for call in store.journal.calls(run.id)} == {"cancelled"}
    assert set(taken()) == {("cleaned up", 1)}


def test_a_sync_child_in_the_main_thread_is_cancelled_with_its_parent(store):
    @workflow
    def inner(n):
        return busy(n)

    @workflow
    def parent(n):
        try:
            return inner(n)
        except Exception:  # noqa: BLE001  what a body may write
            ran("never")

    thread = cancel_when_at_work(store, parent)
    with pytest.raises(RunCancelled, match="`parent`"):
        parent(1)
    thread.join()
    assert [each.state for each in store.journal.runs()] == ["cancelled", "cancelled"]
    assert taken() == [("cleaned up", 1)]


def test_a_child_that_is_cancelled_alone_fails_for_its_parent(store, calls):
    """The parent may catch that: it is an outcome, and the child is not run again on replay."""

    @workflow
    async def parent(n):
        try:
            found = await child(n)
        except RunCancelled as error:
            found = error.reason
        after = double(n)
        stumble()
        return found, after

    bad_luck(ValueError("once"))
    handle = parent.start(1)
    assert AT_WORK.wait(60)
    [below] = store.journal.children(handle.id)
    assert cancel(store, below, "not this one") == ASKED
    with pytest.raises(ValueError, match="once"):
        handle.result()
    taken()
    assert asyncio.run(awaited(parent(1))) == ("not this one", 2)
    assert taken() == []
    assert [(call.step, call.state) for call in calls(parent)] == [("child", "failed"), ("double", "done")]


async def awaited(found):
    return await found


# -- before and after ------------------------------------------------------------------------------------


def test_a_run_that_has_ended_is_not_cancelled(store):
    @workflow
    def body(n):
        return double(n)

    run = body.start(1)
    assert run.result() == 2
    before = newest(store, body)
    assert not run.cancel("too late")
    assert newest(store, body) == before
    assert store.journal.messages() == []
    assert body(1) == 2


def test_cancelling_twice_is_fine(store):
    run = awaits.start(1)
    assert AT_WORK.wait(60)
    assert run.cancel("first")
    run.cancel("second")
    with pytest.raises(RunCancelled, match="first"):
        run.result()
    assert not run.cancel("third")
    assert newest(store, awaits).error == "first"


@workflow
def fails(n):
    raise ValueError(n)


@pytest.mark.parametrize("who", ["a listener", "another thread"])
def test_a_run_whose_end_is_being_recorded_is_cancelled_after_that(store, monkeypatch, who):
    """Who waits for it asks once; the thread that records the end is told that it has ended."""
    asked, told = [], threading.Event()
    ask = ending.Ending.cancel

    def asks(self, reason=""):
        asked.append(ask(self, reason))
        told.set()
        return asked[-1]

    def cancels():
        found.append(cancel(store, newest(store, fails), "late"))

    def listen(event):
        if event.kind == "run_ended" and event.run.state == "failed":
            (other.start if who == "another thread" else cancels)()
            assert told.wait(60)

    found, other = [], threading.Thread(target=cancels)
    monkeypatch.setattr(ending.Ending, "cancel", asks)
    remove = listeners.add(listen)
    try:
        run = fails.start(1)
        with pytest.raises(ValueError, match="1"):
            run.result()
    finally:
        remove()
    if who == "another thread":
        other.join()
    assert asked == [False]
    assert found == ["failed" if who == "a listener" else RECORDED]
    assert run.status == ("failed" if who == "a listener" else "cancelled")
    assert store.journal.messages() == []


def test_a_run_at_which_nobody_is_at_work_is_recorded_as_cancelled(store, calls):
    """With the child runs that it left unfinished."""

    @workflow
    async def unlucky(n):
        double(n)
        raise KeyboardInterrupt

    @workflow
    async def parent(n):
        return await unlucky(n)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(awaited(parent(1)))
    run = newest(store, parent)
    assert run.state == "interrupted"
    assert cancel(store, run, "not needed") == RECORDED
    assert [(each.state, each.error) for each in store.journal.runs()] == [("cancelled", "not needed")] * 2
    assert cancel(store, run) == "cancelled"


def test_a_cancelled_run_that_is_called_again_is_forked_and_keeps_what_is_recorded(store):
    """Promise 1; and the cancelled one stays as it is."""
    cancelled_at_work(store, awaits, 1)
    taken()
    cancelled_at_work(store, awaits, 1)
    assert taken() == [("cleaned up", 1), "body cleaned up"]
    second, first = store.journal.runs(workflow="awaits")
    assert second.forked_from == first.id
    assert [second.state, first.state] == ["cancelled", "cancelled"]


def test_a_message_that_waits_is_acted_on_when_the_run_goes_on(store):
    """A kill between the message and the act loses nothing."""
    from perdure.store.records import MessageRecord

    @workflow
    def body(n):
        found = double(n)
        stumble()
        return found

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        body(1)
    run = newest(store, body)
    store.journal.post(MessageRecord("m_1", run.id, "cancel", "", 0.0, {"reason": "before the kill"}))
    with pytest.raises(RunCancelled, match="before the kill"):
        body(1)
    assert store.journal.messages() == []
    assert body(1) == 2
    assert taken() == [("double", 1)]


def test_a_message_that_came_too_late_is_not_held_against_a_later_pass(store):
    from perdure.store.records import MessageRecord

    @workflow
    def body(n):
        return double(n)

    body(1)
    run = newest(store, body)
    store.journal.post(MessageRecord("m_1", run.id, "cancel", "", 0.0))
    assert body.using(redo="double")(1) == 2
    assert store.journal.messages() == []
