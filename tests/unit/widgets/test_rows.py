"""Rows say what became of each call, from records alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure.errors import NoSuchRun
from perdure.store.memory import MemoryJournal
from perdure.store.records import Output, Part
from perdure_widgets.rows import read
from perdure_widgets.static import facts, kernel_lines
from unit.widgets.story import RUN, START, Story, a_run, killed_and_resumed


def test_a_finished_call_ran_and_says_how_long_it_took():
    story = Story().kernel(0, 20)
    story.call("load", 0, 18.5, bytes=1200)
    row = story.row("load")
    assert (row.state, row.word, row.took, row.kept) == ("ran", "ran", pytest.approx(18.5), 1200)
    assert [(each.state, each.start - START, each.end - START) for each in row.segments] == [("ran", 0, 18.5)]


def test_a_kill_leaves_restored_rows_and_one_that_ran_again():
    """Promise 11: each row tells why it was restored or run again."""
    drawn = killed_and_resumed().drawn()
    told = {row.step: (row.word, row.why) for row in drawn.rows}
    assert told["load"] == ("restored", "name, inputs and code are the same")
    assert told["score"] == ("ran again", "it was interrupted when kernel 1 was killed")
    assert told["publish"] == ("ran", "new call")
    assert [row.step for row in drawn.rows] == ["load", "clean", "train", "score", "publish"]
    assert drawn.saved == pytest.approx(18.5 + 61.9 + 7959)
    assert drawn.lost == pytest.approx(41)
    assert [(kernel.ended, kernel.end - START) for kernel in drawn.kernels] == [
        ("killed", 8082),
        ("ended", 8502.5),
    ]
    assert drawn.summary == "1 ran · 1 ran again · 3 restored in 750\u00a0ms · 41.0\u00a0s lost"


def test_the_attempt_that_was_cut_off_ends_with_its_kernel():
    segments = killed_and_resumed().row("score").segments
    assert [(each.epoch, each.state, each.end - START) for each in segments] == [
        (1, "interrupted", 8082),
        (2, "ran", 8318),
    ]


def test_a_failed_call_counts_its_attempts_and_shows_its_error():
    story = Story(a_run(state="failed")).kernel(0, 40)
    tries = [(0, 9, "failed", 1), (12, 20, "failed", 1), (30, 40, "failed", 1)]
    story.call("fetch", 30, 40, "failed", attempts=tries, error="HTTPError: 503")
    row = story.row("fetch")
    assert (row.state, row.word, row.why) == ("failed", "failed, 3 attempts", "HTTPError: 503")
    assert story.drawn().state == "failed"


def test_a_call_of_the_living_kernel_is_running_until_now():
    story = Story().kernel(0, 5)
    story.call("train", 5, None, "running")
    row = story.row("train", now=65)
    assert (row.state, row.took) == ("running", 60)
    assert story.drawn(now=65).state == "running"


@pytest.mark.parametrize(
    ("kind", "state"), [("pure", "interrupted"), ("volatile", "interrupted"), ("effect", "in doubt")]
)
def test_a_call_left_running_by_a_dead_kernel_is_interrupted_or_in_doubt(kind, state):
    """Promise 5: an effect that was cut off is in doubt, before anybody has settled it."""
    story = Story().kernel(0, 30)
    story.call("send", 5, None, "running", kind=kind)
    drawn = story.drawn(alive=False)
    assert (drawn.rows[0].state, drawn.state) == (state, state)
    assert drawn.rows[0].segments[0].end == START + 30
    assert drawn.kernels[0].ended == "killed"


def test_a_settled_effect_in_doubt_stays_so():
    story = Story(a_run(state="in doubt")).kernel(0, 24).kernel(300, 310)
    story.call("send", 20, None, "in doubt", kind="effect", epoch=1)
    row = story.row("send")
    assert (row.state, row.segments[0].state, row.segments[0].end) == ("in doubt", "in doubt", START + 24)


def test_older_code_is_told():
    story = Story().kernel(0, 20).kernel(30, 40)
    story.restore(story.call("send", 0, 10, kind="effect", epoch=1), 31, older=True)
    assert story.row("send").word == "kept, older code"


def test_a_step_of_a_notebook_has_one_row_for_all_its_versions():
    story = Story(a_run("notebook", "open")).kernel(0, 100)
    story.call("clean", 0, 10, inputs="before", code="a")
    story.call("clean", 50, 60, inputs="after", code="b", reason="code of `clean` changed")
    row = story.row("clean")
    assert (row.word, row.why) == ("ran again", "code of `clean` changed")
    assert [each.state for each in row.segments] == ["replaced", "ran"]


def test_calls_with_other_inputs_in_one_pass_have_rows_of_their_own():
    story = Story().kernel(0, 100)
    for number in range(3):
        part = Part("day", "d", preview=f"day {number}")
        story.call("fetch", number, number + 1, inputs=f"i{number}", input_parts=(part,))
    assert [(row.word, row.detail) for row in story.drawn().rows] == [
        ("ran", f"day {number}") for number in range(3)
    ]


def test_a_call_whose_input_changed_takes_the_place_of_the_earlier_one():
    """Promise 11: the row says which input changed."""
    story = Story(a_run(state="done")).kernel(0, 20).kernel(30, 60)
    story.restore(story.call("load", 0, 5, epoch=1), 31)
    story.call("price", 5, 9, inputs="before", epoch=1)
    story.call("price", 32, 36, inputs="after", reason="`rate` changed")
    rows = story.drawn().rows
    assert [(row.step, row.word, row.why) for row in rows][1:] == [("price", "ran again", "`rate` changed")]


def test_a_call_that_the_last_pass_left_out_is_not_called_any_more():
    story = Story(a_run(state="done")).kernel(0, 20).kernel(30, 60)
    story.call("plot_old", 5, 9, epoch=1)
    story.restore(story.call("load", 0, 5, epoch=1), 31)
    assert [row.word for row in story.drawn().rows] == ["restored", "not called any more"]


def test_a_finished_run_that_was_only_opened_again_keeps_its_rows():
    story = Story(a_run(state="done")).kernel(0, 20, 21).kernel(30, 31)
    story.call("load", 0, 5, epoch=1)
    assert story.row("load").state == "ran"


def test_a_wide_fan_out_is_one_row_with_counts():
    story = Story(a_run(state="done")).kernel(0, 300)
    for number in range(200):
        state = "failed" if number in (3, 77) else "done"
        story.call(
            "fetch", number, number + 1, state, branch=f"0.{number}", inputs=str(number), error="Timeout"
        )
    (row,) = story.drawn().rows
    assert (row.count, row.state, row.word) == (200, "failed", "2 of 200 failed")
    assert row.detail == "\N{MULTIPLICATION SIGN}200"
    assert story.drawn().summary == "198 ran · 2 failed"


def test_a_narrow_fan_out_keeps_its_rows():
    story = Story(a_run(state="done")).kernel(0, 300)
    for number in range(8):
        story.call("fetch", number, number + 1, branch=f"0.{number}", inputs=str(number))
    assert len(story.drawn().rows) == 8


def test_a_running_fan_out_says_how_far_it_came():
    story = Story().kernel(0, 300)
    for number in range(20):
        running = number >= 18
        story.call("fetch", number, None if running else number + 1, "running" if running else "done",
                   branch=f"0.{number}", inputs=str(number))  # fmt: skip
    assert story.drawn().rows[0].word == "18 of 20"


def test_a_child_run_that_is_recorded_as_a_call_is_drawn_once():
    """In the branch of the call, whose restores are its own."""
    story = Story().kernel(0, 40, 40).kernel(50, 90)
    child = a_run("function", "done", workflow="report", run="r_child", at=8, finished=START + 20)
    call = story.call("report", 8, 20, kind="child", child="r_child", branch="0.1", epoch=1)
    story.restore(call, 60)
    [row] = story.drawn(children=[child]).rows
    assert (row.call, row.kind, row.branch, row.state) == ("r_child", "run", "0.1", "restored")
    [row] = story.drawn().rows
    assert (row.call, row.kind, row.word) == ("r_child", "run", "restored"), "also one below another run"


def test_child_runs_are_rows_with_their_state():
    story = Story(a_run("notebook", "open")).kernel(0, 90)
    story.call("load", 0, 10)
    failed = a_run(
        "cell", "failed", workflow="report", run="r_0000c41d", at=20, finished=START + 50, error="no"
    )
    row = story.drawn(children=[failed]).rows[1]
    assert (row.step, row.kind, row.state, row.why, row.call) == (
        "report",
        "run",
        "failed",
        "no",
        "r_0000c41d",
    )
    assert row.took == 30


def test_partial_and_weak_checkpoints_have_a_badge():
    story = Story().kernel(0, 90)
    story.call("load", 0, 10, outputs=(Output("rows", "refused"),), input_parts=(Part("x", "d", weak=True),))
    assert story.row("load").badge == "partial, weak key"


def test_a_kernel_that_takes_a_run_up_again_is_counted_once():
    story = Story(a_run(state="done", epoch=3)).kernel(0, 5, 5).kernel(8, 9, 9).kernel(20, 22, 22)
    story.sessions[2] = replace(story.sessions[2], pid=2)
    story.call("load", 0, 5, "failed", epoch=1)
    story.call("load", 8, 9, epoch=2)
    timeline = story.drawn()
    assert [kernel.number for kernel in timeline.kernels] == [1, 1, 2]
    assert "in 2 kernels" in facts(timeline)[1]
    assert [line.partition(":")[0] for line in kernel_lines(timeline)] == ["kernel 1", "kernel 2"]
    again = Story(a_run(state="done", epoch=2)).kernel(0, 5, 5).kernel(8, 9, 9)
    assert "in 1 kernel" in facts(again.drawn())[1]
    assert kernel_lines(again.drawn()) == []


def test_a_clock_that_was_set_back_gives_no_negative_time():
    story = Story(a_run("notebook", "open")).kernel(100, 40)
    story.call("load", 100, 20)
    story.call("plot", 20, 20)
    drawn = story.drawn(now=-500)
    assert all(each.end >= each.start for row in drawn.rows for each in row.segments)
    assert drawn.took >= 0
    assert all(kernel.end >= kernel.start for kernel in drawn.kernels)


def test_a_run_without_records_has_a_timeline():
    drawn = Story(sessions=[]).drawn()
    assert (drawn.rows, drawn.kernels, drawn.summary) == ((), (), "no steps")


def test_reading_a_journal_gives_the_same_rows():
    """Promise 8: no value is opened; the journal here holds none."""
    journal, story = MemoryJournal(), killed_and_resumed()
    story.write(journal)
    drawn = read(journal, RUN, now=START + 10_000)
    assert [row.word for row in drawn.rows] == [row.word for row in story.drawn().rows]


def test_calls_of_the_run_it_was_forked_from_are_restored_rows():
    journal = MemoryJournal()
    first = Story(a_run(state="done")).kernel(0, 20, 20)
    load = first.call("load", 0, 10)
    first.write(journal)
    fork = Story(a_run(state="done", run="r_f0f0f0f0", forked_from=RUN, at=100))
    fork.sessions.append(replace(first.sessions[0], run="r_f0f0f0f0", started=START + 100, ended=START + 140))
    fork.call("plot", 105, 120)
    fork.restore(load, 101)
    fork.write(journal)
    drawn = read(journal, "r_f0f0f0f0", now=START + 200)
    assert [(row.step, row.word) for row in drawn.rows] == [("load", "restored"), ("plot", "ran")]
    assert drawn.rows[0].segments == ()


def test_an_unknown_run_is_named():
    with pytest.raises(NoSuchRun, match="r_none"):
        read(MemoryJournal(), "r_none")


def test_epochs_of_the_run_it_was_forked_from_do_not_count():
    """Promise 11: a restored call of an older run gives way to its newer version, however old that run was."""
    first = Story(a_run(state="done")).kernel(0, 5).kernel(10, 15).kernel(20, 25)
    before = first.call("price", 20, 24, inputs="before")
    fork = Story(a_run(state="done", run="r_f0f0f0f0", forked_from=RUN)).kernel(100, 105).kernel(110, 120)
    fork.restore(before, 101, epoch=1)
    fork.call("price", 111, 115, inputs="after", reason="`rate` changed")
    assert [(row.word, row.why) for row in fork.drawn(borrowed=[before]).rows] == [
        ("ran again", "`rate` changed")
    ]
