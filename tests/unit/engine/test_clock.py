"""The machine's clock rings in time, for whoever still wants it; moments are waited for from anywhere."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from perdure.engine import clock as module
from perdure.engine.clock import WallClock
from perdure.engine.moment import Moment

PATIENCE = 60


def test_alarms_ring_in_the_order_of_their_moments():
    clock, rung, last = WallClock(), [], threading.Event()
    now = clock.now()
    clock.at(now + 0.02, lambda: (rung.append("late"), last.set()))
    clock.at(now + 0.01, lambda: rung.append("early"))
    clock.at(now - 1, lambda: rung.append("past"))
    taken_back = clock.at(now + 0.015, lambda: rung.append("taken back"))
    taken_back.cancel()
    assert last.wait(PATIENCE)
    assert rung == ["past", "early", "late"]


def test_alarms_that_were_taken_back_do_not_pile_up():
    """Each race against a sleep leaves one behind."""
    clock, rung = WallClock(), threading.Event()
    kept = [clock.at(clock.now() + 3600, rung.set) for _ in range(5)]
    for _ in range(20 * module.MANY):
        clock.at(clock.now() + 3600, rung.set).cancel()
    assert len(clock._alarms) <= 2 * module.MANY
    assert {id(alarm) for alarm in kept} <= {id(alarm) for _, _, alarm in clock._alarms}
    clock.at(clock.now(), rung.set)
    assert rung.wait(PATIENCE)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_it_rings_in_a_process_that_was_forked():
    clock, rung = WallClock(), threading.Event()
    clock.at(clock.now(), rung.set)
    assert rung.wait(PATIENCE)
    child = os.fork()
    if child == 0:
        again = threading.Event()
        clock.at(clock.now(), again.set)
        os._exit(0 if again.wait(PATIENCE) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_moment_is_told_to_all_who_wait_and_to_who_comes_late():
    moment, told, blocked = Moment(), [], threading.Event()
    thread = threading.Thread(target=lambda: (moment.block(blocked), told.append("thread")))
    thread.start()

    def forgotten():
        told.append("forgotten")

    async def main():
        waits = [asyncio.ensure_future(moment.reached()) for _ in range(2)]
        cut_off = asyncio.ensure_future(moment.reached())
        await asyncio.sleep(0)
        cut_off.cancel()
        moment.then(forgotten)
        moment.forget(forgotten)
        moment.then(lambda: told.append("called"))
        ringing.start()
        await asyncio.gather(*waits)
        await moment.reached()

    ringing = threading.Thread(target=moment.ring)
    asyncio.run(main())
    ringing.join(PATIENCE)
    thread.join(PATIENCE)
    moment.ring()
    moment.then(lambda: told.append("late"))
    assert sorted(told) == ["called", "late", "thread"]
    assert moment.come


def test_a_thread_that_is_to_wait_no_more_does_not():
    moment, given_up = Moment(), threading.Event()
    given_up.set()
    moment.block(given_up)
    assert not moment.come
    assert moment._calls == []
