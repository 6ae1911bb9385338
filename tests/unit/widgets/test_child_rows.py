"""A run that a call started is drawn once: in the call's place, with the run's state and time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure.store.memory import MemoryJournal
from perdure.store.records import Part
from perdure_widgets import words
from perdure_widgets.rows import read
from perdure_widgets.text import render_text
from unit.widgets.story import RUN, START, Story, a_run

CHILD = "r_0000c41d"


def a_child(state, at, end=None, **fields):
    finished = None if end is None else START + end
    return a_run("function", state, workflow="report", run=CHILD, at=at, finished=finished, parent=RUN, **fields)  # fmt: skip


def started(story, start, end, state, **fields):
    parts = (Part("day", "d", preview="'mon'"),)
    return story.call("report", start, end, state, kind="child", child=CHILD, input_parts=parts, **fields)


def test_a_child_run_that_a_call_started_is_one_row():
    story = Story(a_run(state="done")).kernel(0, 90)
    story.call("load", 0, 10)
    started(story, 10, 40, "done")
    story.call("send", 40, 50)
    rows = story.drawn(children=[a_child("done", 10, 40)]).rows
    assert [(row.step, row.detail, row.kind, row.call, row.word, row.took) for row in rows][1:2] == [
        ("report", "'mon'", "run", CHILD, "ran", 30)
    ]
    assert [row.step for row in rows] == ["load", "report", "send"]
    assert f"run {CHILD}" in render_text(story.drawn(children=[a_child("done", 10, 40)]))


@pytest.mark.parametrize("state", ["in doubt", "cancelled", "interrupted"])
def test_its_state_is_the_runs_where_that_says_more(state):
    story = Story(a_run(state="failed")).kernel(0, 90)
    started(story, 10, 40, "failed", error="InDoubt: no")
    (row,) = story.drawn(children=[a_child(state, 10, 40, error="the cause")]).rows
    assert (row.state, row.segments[-1].state, row.why, row.counts) == (
        state,
        state,
        "the cause",
        ((state, 1),),
    )


def test_the_questions_of_a_child_stand_in_its_row():
    """Promise 5: what a child run waits for is seen where it was started."""
    journal, story, below = MemoryJournal(), Story(a_run(state="failed")).kernel(0, 90), Story()
    started(story, 10, 40, "failed", error="InDoubt: no")
    story.write(journal)
    below.run = a_child("in doubt", 10, 40)
    below.sessions = [replace(story.sessions[0], run=CHILD)]
    below.call("send", 11, None, "in doubt", kind="effect")
    below.write(journal)
    (row,) = read(journal, RUN, now=START + 100).rows
    assert row.why.startswith("`send`: an effect that was running")
    assert "`%perdure resolve send again`" in row.why


def test_a_child_that_a_dead_process_left_running_is_asked_about_as_well():
    journal, story, below = MemoryJournal(), Story(a_run("notebook", "open")).kernel(0, 90), Story()
    story.write(journal)
    below.run = a_child("running", 10)
    below.sessions = [replace(story.sessions[0], run=CHILD)]
    below.call("send", 11, None, "running", kind="effect")
    below.write(journal)
    (row,) = read(journal, RUN, now=START + 100, alive=False).rows
    assert (row.word, row.why.split(":")[0]) == ("in doubt", "`send`")


def test_a_restored_child_has_one_mark():
    story = Story(a_run(state="done")).kernel(0, 50).kernel(60, 90)
    story.restore(started(story, 10, 40, "done", epoch=1), 61)
    (row,) = story.drawn(children=[a_child("done", 10, 40)]).rows
    assert (row.word, len(row.marks), row.saved) == ("restored", 1, 30)


def test_a_child_whose_run_was_forgotten_is_told_by_its_call():
    story = Story(a_run(state="done")).kernel(0, 90)
    started(story, 10, 40, "done")
    (row,) = story.drawn().rows
    assert (row.step, row.kind, row.call, row.word) == ("report", "run", CHILD, "ran")


def test_a_child_that_a_steps_code_started_has_no_call_and_its_own_row():
    story = Story(a_run(state="done")).kernel(0, 90)
    story.call("outer", 10, 50)
    rows = story.drawn(children=[a_child("done", 11, 40)]).rows
    assert [(row.step, row.kind) for row in rows] == [("outer", "pure"), ("report", "run")]


def test_many_children_share_a_row():
    story = Story(a_run(state="done")).kernel(0, 90)
    for number in range(12):
        story.call("report", number, number + 1, kind="child", child=f"r_{number:08x}",
                   branch=f"0.{number}", inputs=str(number))  # fmt: skip
    (row,) = story.drawn().rows
    assert (row.detail, row.notes) == (f"{words.TIMES}12", ("run",))
