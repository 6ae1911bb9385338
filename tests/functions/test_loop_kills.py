"""Processes that are killed in a loop, one after the other, over a store on disk (promise 2)."""

from __future__ import annotations

LOOP = """
import os, random, signal, sys
import numpy as np
from perdure import resumable, step, workflow
from perdure.engine.loops import pace, saver

pace.SHARE = float("inf")

def at_once(self, do, spend):
    "Keep a turn before the next one begins."
    self._work = saver.Work(do, spend)
    self._work.run()

saver.Saver.begin = at_once

@step
def train(n):
    weights, drawn = np.zeros(200_000), []
    for i in resumable(range(n), keep=["weights", "drawn"], every=0):
        print(i, end=" ", flush=True)
        weights += i
        drawn.append(random.random())
        if i == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
    return float(weights[0]), drawn

@workflow
def body(n):
    random.seed(1)
    return train(n)

total, drawn = body(12)
random.seed(1)
assert drawn == [random.random() for _ in drawn], drawn
print("total", total)
"""


def test_a_loop_that_gets_on_between_kills_is_never_asked_about(script):
    """Promise 2: five processes die in one call, and each goes on where the one before had kept a turn."""
    for last in (3, 5, 7, 9, 11):
        script(LOOP, last, fails=True)
    [line] = script(LOOP, 99)
    assert line == "11 total 66.0"


def test_a_loop_that_dies_twice_in_one_turn_is_asked_about(script):
    """Promise 5 and the design: out of memory, say, it would die for ever."""
    for _ in range(2):
        script(LOOP, 3, fails=True)
    told = script(LOOP, 3, fails=True)
    assert any("DiedTwice" in line for line in told)
