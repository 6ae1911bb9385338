"""What a body asks of the clock or of chance is found by its tree, with names followed to what they hold."""

from __future__ import annotations

import ast
import datetime as dt
import os
import random
import secrets
import time
import uuid

import numpy as np
import pandas as pd
import pytest

import perdure
from perdure.engine.code.undetermined import findings


def found(source, *bound, **namespace):
    """The calls that are found, as (line, what, instead)."""
    body = ast.parse(source).body
    return [(each.line, each.called, each.instead) for each in findings(body, frozenset(bound), namespace)]


@pytest.mark.parametrize(
    ("source", "called", "instead"),
    [
        ("time.time()", "time.time", "now()"),
        ("clock.time_ns()", "time.time_ns", "now()"),
        ("t()", "time.time", "now()"),
        ("import time as tt\ntt.time()", "time.time", "now()"),
        ("from time import time as s\ns()", "time.time", "now()"),
        ("datetime.datetime.now(tz)", "datetime.datetime.now", "now()"),
        ("DateTime.utcnow()", "datetime.datetime.utcnow", "now()"),
        ("right_now()", "datetime.datetime.now", "now()"),
        ("from datetime import datetime as d, date\nd.today()", "datetime.datetime.today", "now()"),
        ("from datetime import date\ndate.today()", "datetime.date.today", "now()"),
        ("pd.Timestamp.now()", "pandas.Timestamp.now", "now()"),
        ("Timestamp.now()", "pandas.Timestamp.now", "now()"),
        ("uuid.uuid4()", "uuid.uuid4", "uuid4()"),
        ("import uuid\nstr(uuid.uuid1())", "uuid.uuid1", "uuid4()"),
        ("random.random()", "random.random", "random()"),
        ("random.shuffle(rows)", "random.shuffle", ""),
        ("choice([1, 2])", "random.choice", ""),
        ("random.Random()", "random.Random", ""),
        ("np.random.rand(3)", "numpy.random.rand", ""),
        ("nr.normal()", "numpy.random.normal", ""),
        ("np.random.default_rng()", "numpy.random.default_rng", ""),
        ("os.urandom(8)", "os.urandom", ""),
        ("secrets.token_hex()", "secrets.token_hex", ""),
        ("[f(random.random()) for f in fs]", "random.random", "random()"),
        ("if x:\n    y = await f(time.time())", "time.time", "now()"),
        ("def helper():\n    return time.time()\nhelper()", "time.time", "now()"),
        ("g = lambda: time.time()", "time.time", "now()"),
        ("class C:\n    def m(self, at=time.time()):\n        pass", "time.time", "now()"),
    ],
)
def test_what_a_replay_would_be_told_otherwise_is_found(source, called, instead):
    space = {
        "time": time,
        "clock": time,
        "t": time.time,
        "datetime": dt,
        "uuid": uuid,
        "os": os,
        "DateTime": dt.datetime,
        "right_now": dt.datetime.now,
        "pd": pd,
        "np": np,
        "Timestamp": pd.Timestamp,
        "random": random,
        "choice": random.choice,
        "nr": np.random,
        "secrets": secrets,
    }
    assert [each[1:] for each in found(source, **space)] == [(called, instead)]


@pytest.mark.parametrize(
    "source",
    [
        "time.perf_counter() - time.monotonic()",
        "time.sleep(1)",
        "datetime.datetime(2024, 1, 1)",
        "datetime.datetime.fromtimestamp(5)",
        "random.seed(5)",
        "random.Random(5).random()",
        "np.random.default_rng(5).normal()",
        "np.random.Generator",
        "uuid.UUID(text)",
        "key = time.time",
        "sorted(rows, key=random.random)",
        "now()",
        "perdure.random()",
        "from perdure import uuid4\nuuid4()",
        "mine.time()",
        "unknown.time()",
        "time = mine\ntime.time()",
        "def f(time):\n    return time.time()",
        "[time.time() for time in clocks]",
        "g = lambda time: time.time()",
        "@step\ndef f():\n    return time.time()",
        "@perdure.step(retries=3)\nasync def f():\n    return time.time()",
        "from perdure import step as s\n@s\ndef f():\n    return time.time()",
    ],
)
def test_what_is_no_danger_is_passed_over(source):
    class Mine:
        time = staticmethod(time.time)

    space = {"time": time, "datetime": dt, "uuid": uuid, "random": random, "np": np, "mine": Mine()}
    assert found(source, perdure=perdure, step=perdure.step, now=lambda: 1, **space) == []


def test_a_parameter_is_what_was_handed_in():
    assert found("time.time()", "time", time=time) == []
    assert found("time.time()", time=time) != []


def test_all_calls_are_told_in_the_order_of_the_lines():
    source = "def f():\n    return random.random()\n\nx = (time.time(),\n     time.time())"
    assert [line for line, *_ in found(source, time=time, random=random)] == [2, 4, 5]
