"""A call in a thread of its own that can be stopped, as far as Python lets a thread be."""

from __future__ import annotations

import contextvars
import functools
import random
import sys
import threading

import pytest

from perdure.engine.executors.threads import begin_in_thread
from perdure.errors import StepTimeout

WHY = StepTimeout(step="slow", timeout="1 s")


def here():
    return contextvars.copy_context()


def test_the_future_has_the_value_or_the_error():
    assert begin_in_thread(lambda: 42, here(), "answer").future.result() == 42
    wrong = ValueError("no")

    def fail():
        raise wrong

    assert begin_in_thread(fail, here(), "fail").future.exception() is wrong


def test_the_call_runs_in_its_context_in_a_thread_with_its_name():
    known = contextvars.ContextVar("known")
    known.set("outside")
    context = here()
    known.set("later")
    work = begin_in_thread(lambda: (known.get(), threading.current_thread().name), context, "fit")
    assert work.future.result() == ("outside", "perdure-fit")


class Going:
    """A call that goes on until it is stopped."""

    def __init__(self):
        self.begun = threading.Event()
        self.cleaned = threading.Event()

    def __call__(self):
        try:
            self.begun.set()
            while True:
                pass
        finally:
            self.cleaned.set()


def test_a_stopped_call_gets_the_error_where_it_is_and_cleans_up():
    call = Going()
    work = begin_in_thread(call, here(), "slow")
    call.begun.wait()
    work.stop(WHY)
    work.stop(KeyboardInterrupt())
    error = work.future.exception()
    assert type(error) is StepTimeout
    assert (error.step, error.timeout, str(error)) == (WHY.step, WHY.timeout, str(WHY))
    assert error is not WHY
    assert WHY.__traceback__ is None
    assert call.cleaned.is_set()


def test_a_call_may_catch_what_stops_it_like_any_other_error():
    begun = threading.Event()

    def stubborn():
        try:
            begun.set()
            while True:
                pass
        except StepTimeout as error:
            return f"caught {error.timeout}"

    work = begin_in_thread(stubborn, here(), "slow")
    begun.wait()
    work.stop(WHY)
    assert work.future.result() == "caught 1 s"


def test_a_call_that_waits_in_compiled_code_is_stopped_once_that_returns():
    begun, lock = threading.Event(), threading.Lock()
    lock.acquire()

    def waits():
        begun.set()
        lock.acquire()
        return "not stopped"

    work = begin_in_thread(waits, here(), "slow")
    begun.wait()
    work.stop(WHY)
    assert not work.future.done()
    lock.release()
    assert type(work.future.exception()) is StepTimeout


def test_a_call_that_has_ended_is_not_stopped():
    work = begin_in_thread(lambda: 1, here(), "quick")
    work.future.result()
    work.stop(WHY)
    assert work.future.result() == 1


def steps(count):
    """So many steps, or for ever."""
    done = 0
    while count is None or done < count:
        done += 1
    return done


def test_a_stop_at_any_moment_leaves_a_value_or_the_error():
    """Before the call begins, in it, and between its end and its result."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    chance = random.Random(5)
    try:
        for turn in range(4000):
            count = None if turn % 10 == 0 else chance.randrange(300)
            work = begin_in_thread(functools.partial(steps, count), here(), "x")
            for _ in range(chance.randrange(200)):
                pass
            work.stop(WHY if turn % 2 else SystemExit(turn))
            error = work.future.exception()
            assert type(error) in (StepTimeout, SystemExit) or (error is None and count is not None)
            if error is None:
                assert work.future.result() == count
    finally:
        sys.setswitchinterval(before)


def test_a_call_that_is_stopped_before_its_thread_runs_never_begins(monkeypatch):
    """What is raised in a thread that is not at the call yet would end the thread, and nobody would be told."""
    go, ran = threading.Event(), []

    class Late(threading.Thread):
        def run(self):
            go.wait()
            super().run()

    with monkeypatch.context() as patch:
        patch.setattr(threading, "Thread", Late)
        work = begin_in_thread(lambda: ran.append(1), here(), "late")
    work.stop(WHY)
    go.set()
    assert type(work.future.exception(timeout=30)) is StepTimeout
    assert ran == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError, UnicodeError])
def test_any_error_can_stop_a_call(kind):
    call = Going()
    work = begin_in_thread(call, here(), "slow")
    call.begun.wait()
    why = kind("why")
    why.more = 1
    work.stop(why)
    error = work.future.exception()
    assert (type(error), error.args, error.more) == (kind, ("why",), 1)


def test_a_call_left_to_itself_holds_up_no_exit(script):
    assert script("""
import contextvars, threading
from perdure.engine.executors.threads import begin_in_thread
begun = threading.Event()
def waits():
    begun.set()
    threading.Event().wait()
begin_in_thread(waits, contextvars.copy_context(), "x")
begun.wait()
print("out")
""") == ["out"]


LEFT = """
import threading
from perdure import step, workflow
from perdure.engine import winding_up

winding_up.GRACE = 0.05
begun = threading.Event()

@step{options}
def blocks(x):
    globals()["begun"].set()
    threading.Event().wait()

@workflow
def body(n):
    blocks.submit(n)
    globals()["begun"].wait()
    return n

print(body(1))
"""


@pytest.mark.parametrize("options", ["", "(timeout=600)"])
def test_a_step_that_its_run_left_behind_holds_up_no_exit(script, options):
    """Begun with `submit`, and at a wait that nothing of Python's ends."""
    assert script(LEFT.format(options=options)) == ["1"]


def test_a_call_outside_every_run_is_carried_out_before_the_exit(script):
    assert script("""
import threading, warnings
from perdure import step
warnings.simplefilter("ignore")
go = threading.Event()

@step
def prints(x):
    go.wait()
    print(x, flush=True)

prints.submit("done")
threading.Thread(target=lambda: (threading.main_thread().join(), go.set())).start()
""") == ["done"]
