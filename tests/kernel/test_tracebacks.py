"""A failed run shows the user's frames only, whatever cell started it, in a real kernel."""

import pytest

STEPS = """
import asyncio
from perdure import step, workflow

def helper(x):
    return 1 / x

@step
def fails(x):
    return helper(x)

@step
async def afails(x):
    return helper(x)

@workflow
def direct(x):
    return fails(x)

@workflow
async def gathered(x):
    return await asyncio.gather(afails(x), afails(1))

@workflow
async def grouped(x):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(afails(x))

@workflow
def chained(x):
    try:
        fails(x)
    except ZeroDivisionError as error:
        raise ValueError("more") from error
"""


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        ("direct(0)", ["direct(0)", "return fails(x)", "return helper(x)", "return 1 / x"]),
        (
            "direct.start(0).result()",
            ["direct.start(0)", "return fails(x)", "return helper(x)", "return 1 / x"],
        ),
        ("await gathered(0)", ["await gathered(0)", "asyncio.gather(", "return helper(x)", "return 1 / x"]),
        ("await grouped(0)", ["await grouped(0)", "asyncio.TaskGroup()", "return helper(x)", "return 1 / x"]),
        (
            "chained(0)",
            ["chained(0)", "raise ValueError", "return helper(x)", "return 1 / x", "direct cause"],
        ),
        ("%%workflow w\nawait afails.map([0])", ["await afails.map", "return helper(x)", "return 1 / x"]),
        (
            "%%workflow w\nasync with asyncio.TaskGroup() as tasks:\n    tasks.create_task(afails(0))",
            ["asyncio.TaskGroup()", "return helper(x)", "return 1 / x"],
        ),
        ("%%step s\nfails(0)", ["fails(0)", "return helper(x)", "return 1 / x"]),
    ],
    ids=[
        "function",
        "handle",
        "gather",
        "TaskGroup",
        "chained",
        "map in a cell",
        "TaskGroup in a cell",
        "step",
    ],
)
def test_a_failed_run_shows_the_users_frames_only(notebook, cell, lines):
    notebook.run("%load_ext perdure\n%workflow paper")
    notebook.run(STEPS)
    reply = notebook.run(cell)
    shown = reply.traceback + reply.stderr + reply.stdout
    for line in lines:
        assert line in shown
    assert "ZeroDivisionError: division by zero" in shown
    assert "kernel/perdure" not in shown
    assert "hidden" not in shown


def test_unloading_gives_the_frames_back(notebook):
    notebook.run("%load_ext perdure")
    notebook.run("from perdure.engine.durations import seconds")
    assert "kernel/perdure" not in notebook.run("seconds('soon')").traceback
    notebook.run("%unload_ext perdure")
    assert "kernel/perdure" in notebook.run("seconds('soon')").traceback
