"""A body that asks the clock or chance is told so, once, with the line."""

from __future__ import annotations

import random
import time
import uuid
import warnings

import pytest

from perdure import step, workflow
from perdure.engine import undetermined


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(undetermined, "_seen", set())


def told(function, *args):
    """What is said while it is called."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args)
    return [(each.filename, each.lineno, str(each.message)) for each in caught]


@step
def measured(x):
    return x, time.time(), random.random()


def test_each_line_is_told_once_with_what_to_write_instead():
    @workflow
    def body(n):
        began = time.time()
        measured(n)
        return began, [random.choice([1, 2]), uuid.uuid4()]

    first = body.__wrapped__.__code__.co_firstlineno
    found = told(body, 1)
    assert [each[:2] for each in found] == [(__file__, first + line) for line in (2, 4, 4)]
    assert found[0][2] == (
        f"workflow `body`, line {first + 2}: `began = time.time()`: on a replay, `time.time` gives something else; "
        "write `now()` of Perdure, which is recorded, or call it in a step"
    )
    assert found[1][2].endswith("`random.choice` gives something else; call it in a step")
    assert "write `uuid4()` of Perdure" in found[2][2]
    assert told(body.using(fresh=True), 1) == []


def test_other_code_is_told_again():
    def version(last):
        space = {"time": time, "workflow": workflow, "__name__": "other"}
        source = f"@workflow\ndef body(n):\n    return {last}"
        import linecache

        linecache.cache[last] = (len(source), None, source.splitlines(keepends=True), last)
        exec(compile(source, last, "exec"), space)
        return space["body"]

    assert [len(told(version(last), 1)) for last in ("time.time()", "time.time() + 1", "n")] == [1, 1, 0]


def test_what_the_body_closes_over_is_followed():
    from time import time as clock

    @workflow
    def body(n):
        return clock()

    [(_, _, message)] = told(body, 1)
    assert "`return clock()`: on a replay, `time.time` gives" in message


def test_a_script_shows_the_line(script):
    lines = script(
        "from perdure import workflow\nimport time\n@workflow\ndef body(n):\n    return time.time()\nbody(2)\n1/0",
        fails=True,
    )
    assert "main.py:5: Undetermined: workflow `body`, line 5: `return time.time()`" in lines[0]
