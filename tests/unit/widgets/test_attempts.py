"""Rows tell attempts, pauses before the next one, what was cancelled, and what a person is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure.engine.decide import DIED
from perdure.store.records import Part
from perdure_widgets import words
from perdure_widgets.static import render_html
from perdure_widgets.text import render_text
from unit.widgets.story import START, Story, a_run


def paused(story, due, **fields):
    return story.call(
        "fetch", 0, 30, "waiting", attempts=[(0, 30, "failed", 1)], due=START + due, failures=1,
        reason="attempt 2 of 4: HTTPError: 503", error="HTTPError: 503", **fields,
    )  # fmt: skip


def test_a_pause_says_which_attempt_comes_and_when():
    story = Story().kernel(0, 30)
    paused(story, 930)
    row = story.row("fetch", now=90)
    assert (row.state, row.word, words.plain(row.spent(START + 90))) == (
        "waiting",
        "attempt 2 of 4",
        "14 m left",
    )
    assert row.why == "waits for attempt 2 of 4 until 12:04; the last one failed: HTTPError: 503"
    assert [(each.state, each.kind, each.start - START, each.end - START) for each in row.segments] == [
        ("failed", "work", 0, 30),
        ("running", "pause", 30, 90),
    ]
    html = render_html(story.drawn(now=90))
    assert html.partition("</style>")[2].count('class="pdr-retry"') == 1
    assert 'class="pdr-ahead"' in html


def test_a_pause_outlives_its_kernel():
    """Promise 2: what is left of the pause counts, and not all of it again."""
    story = Story().kernel(0, 50).kernel(200, 260)
    paused(story, 930, epoch=1)
    story.call("other", 210, None, "running")
    row = story.row("fetch", now=260)
    assert [(each.epoch, each.end - START) for each in row.segments] == [(1, 30), (1, 50), (2, 260)]


def test_a_further_attempt_says_of_how_many_it_is():
    story = Story().kernel(0, 90)
    story.call("fetch", 60, None, "running", reason="attempt 3 of 4: HTTPError: 503",
               attempts=[(0, 10, "failed", 1), (20, 30, "failed", 1), (60, None, "running", 1)])  # fmt: skip
    assert story.row("fetch", now=90).word == "attempt 3 of 4"


def test_attempts_are_counted_over_kernels_without_those_that_a_kill_ended():
    story = Story(a_run(state="done")).kernel(0, 50).kernel(100, 200)
    story.call("fetch", 120, 130, reason="attempt 2 of 4: HTTPError: 503",
               attempts=[(0, 10, "failed", 1), (20, None, "interrupted", 1), (120, 130, "done", 2)])  # fmt: skip
    assert story.row("fetch").word == "ran again, 2 attempts"


def test_a_fan_out_that_pauses_is_not_done():
    story = Story().kernel(0, 300)
    for number in range(20):
        if number < 18:
            story.call("fetch", number, number + 1, branch=f"0.{number}", inputs=str(number))
        else:
            paused(story, 400, branch=f"0.{number}", inputs=str(number))
    row = story.row("fetch", now=300)
    assert (row.word, row.state, row.due - START) == ("18 of 20", "waiting", 400)
    story.call("fetch", 200, None, "running", branch="0.20", inputs="20")
    row = story.row("fetch", now=300)
    assert (row.word, row.state, row.due) == ("18 of 21", "running", None), "what runs is no wait"


def test_a_fan_out_counts_its_attempts_where_there_were_more_than_calls():
    story = Story(a_run(state="done")).kernel(0, 300)
    for number in range(20):
        tries = [(number, number + 1, "failed", 1)] if number < 3 else []
        story.call("fetch", number + 2, number + 3, branch=f"0.{number}", inputs=str(number),
                   attempts=[*tries, (number + 2, number + 3, "done", 1)])  # fmt: skip
    assert story.row("fetch").word == "ran, 23 attempts"


@pytest.mark.parametrize(
    ("executor", "memory", "told"),
    [
        ("process", None, "in a worker process"),
        ("process", 3_400_000_000, "in a worker process, which held 3.4 GB"),
        ("ThreadPoolExecutor", None, "by ThreadPoolExecutor"),
        ("", 3_400_000_000, ""),
    ],
)
def test_where_the_last_attempt_ran_is_told_if_not_here(executor, memory, told):
    story = Story().kernel(0, 30)
    story.call("fit", 0, 20)
    story.attempts[-1] = replace(story.attempts[-1], executor=executor, memory=memory)
    assert words.plain(story.row("fit").where) == told
    assert told in render_text(story.drawn())
    assert told in words.plain(render_html(story.drawn()))


@pytest.mark.parametrize(
    ("error", "why"), [("Cancelled: wrong data", "Cancelled: wrong data"), ("CancelledError", ""), (None, "")]
)
def test_a_cancelled_call_says_what_was_said_about_it(error, why):
    story = Story(a_run(state="cancelled", error="wrong data")).kernel(0, 30)
    story.call("fit", 0, 20, "cancelled", error=error)
    row = story.row("fit")
    assert (row.word, row.why, row.segments[0].state) == ("cancelled", why, "cancelled")


def test_a_cancelled_run_says_why():
    drawn = Story(a_run(state="cancelled", error="wrong data")).kernel(0, 30).drawn()
    assert drawn.word == "cancelled"
    assert "wrong data" in render_html(drawn)
    assert "wrong data" in render_text(drawn)


def test_an_effect_in_doubt_is_asked_about_in_its_row():
    """Promise 5: what to type stands beside it; promise 11."""
    story = Story().kernel(0, 30)
    story.call("send", 5, None, "running", kind="effect")
    row = story.row("send", alive=False)
    assert row.why == (
        "an effect that was running when the process died: did it take place? "
        "`%perdure resolve send again`, `... done [VALUE]` or `... fail`"
    )
    html = render_html(story.drawn(alive=False))
    assert "<code>%perdure resolve send again</code>" in html


def test_of_several_effects_in_doubt_each_is_asked_about_by_its_id():
    story = Story(a_run(state="in doubt")).kernel(0, 30)
    for number in range(2):
        story.call("send", 5, None, "in doubt", kind="effect", inputs=str(number),
                   input_parts=(Part("to", "d", preview=f"'{number}'"),))  # fmt: skip
    assert [row.call in row.why for row in story.drawn().rows] == [True, True]
    assert "(to='1')" in story.drawn().rows[1].why


def test_a_run_that_no_notebook_began_is_answered_on_the_command_line():
    story = Story(a_run("function", "in doubt")).kernel(0, 30)
    story.call("send", 5, None, "in doubt", kind="effect")
    assert "`perdure resolve r_5a9e31c2 send again`" in story.row("send").why
    story.run = replace(story.run, parent="r_0000aaaa")
    assert "`%perdure resolve send again`" in story.row("send").why


def test_a_call_in_which_the_process_died_twice_is_in_doubt_whatever_its_kind():
    story = Story(a_run(state="in doubt")).kernel(0, 30).kernel(40, 80)
    story.call("fit", 45, None, "in doubt", reason=DIED, error=f"{DIED} (it held 30 GB)",
               attempts=[(5, None, "interrupted", 1), (45, None, "interrupted", 2)])  # fmt: skip
    row = story.row("fit", alive=False)
    assert [each.state for each in row.segments] == ["interrupted", "in doubt"]
    assert row.why.startswith("the process died twice while it ran (it held 30 GB): give it less to do")
    assert "`%perdure resolve fit again`" in row.why
    assert row.lost == pytest.approx(25 + 40 - 5)


def test_a_result_of_another_run_looks_restored_and_says_whose_it_was():
    story = Story().kernel(0, 30)
    cached = story.call("embed", 5, 5, attempts=[(0, 0, "done", 99)])
    story.calls[-1] = replace(cached, took=95.0)
    story.restore(story.calls[-1], 5)
    story.restores[-1] = replace(story.restores[-1], reason="cached by run r_1b2c3d4e 3 d 04 h ago")
    row = story.row("embed")
    assert (row.word, row.why, row.saved) == ("restored", "cached by run r_1b2c3d4e 3 d 04 h ago", 95)


def test_what_leads_far_down_is_told_by_its_end():
    story = Story().kernel(0, 30)
    for number, text in enumerate(
        ["'https://example.org/some/where/page-7'", "'/home/ada/sensors/day-1.csv'", "'https is not a URL at all'", "'/short'"]
    ):  # fmt: skip
        story.call(
            "read", number, number + 1, inputs=str(number), input_parts=(Part("at", "d", preview=text),)
        )
    assert [row.detail for row in story.drawn().rows] == [
        "'…/some/where/page-7'",
        "'…/sensors/day-1.csv'",
        "'https is not a URL at all'",
        "'/short'",
    ]
