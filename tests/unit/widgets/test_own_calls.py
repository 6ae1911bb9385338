"""Rows of Perdure's own calls: sleeps, and what was noted."""

from __future__ import annotations

import re

import pytest

from perdure.store.memory import MemoryJournal
from perdure.store.records import Part, ValueRecord
from perdure_widgets import words
from perdure_widgets.axis import axis
from perdure_widgets.rows import read
from perdure_widgets.static import render_html
from perdure_widgets.text import render_text
from unit.widgets.story import RUN, START, Story, a_run


def plain_cells(row, now):
    return row.step, row.detail, row.word, words.plain(row.spent(START + now))


def test_a_sleep_says_until_when_and_what_is_left_of_it():
    story = Story().kernel(0, 5)
    story.sleep(5, 605)
    assert plain_cells(story.row("sleep", now=125), 125) == (
        "sleep",
        "until 11:58",
        "sleeping",
        "8 m left",
    )
    (segment,) = story.row("sleep", now=125).segments
    assert (segment.state, segment.kind, segment.end - START) == ("running", "wait", 125)
    assert story.drawn(now=125).summary == "1 sleeping"


def test_a_sleep_that_is_over_says_how_long_it_was():
    story = Story().kernel(0, 30)
    story.sleep(5, 25, 25)
    assert plain_cells(story.row("sleep"), 30) == ("sleep", "20 s", "slept", "20.0 s")


def test_a_sleep_until_a_moment_says_which_also_when_it_is_over():
    story = Story().kernel(0, 900)
    story.sleep(5, 605, 605, step="perdure.sleep_until")
    assert story.row("sleep", now=905).detail == "until 11:58"


def test_a_sleep_that_was_woken_is_told_as_that():
    story = Story().kernel(0, 30)
    story.sleep(5, 600, 9, reason="woken by hand")
    row = story.row("sleep")
    assert (row.word, row.why, row.took) == ("woken by hand", "woken by hand", 4)


def test_a_cancelled_sleep_is_an_outline_that_is_cut():
    story = Story().kernel(0, 30)
    story.sleep(5, 600, 9, "cancelled", error="nobody waits for it any more")
    row = story.row("sleep")
    assert (row.word, row.why, row.segments[0].kind) == ("cancelled", "nobody waits for it any more", "wait")
    assert 'class="pdr-m-waited"' in render_html(story.drawn())


def test_a_sleep_outlives_its_kernel_and_lies_in_each_that_lived_through_it():
    """Promise 2: the moment is kept; the time without a kernel is no kernel's time."""
    story = Story(a_run(state="done")).kernel(0, 100).kernel(500, 700, 700)
    story.restore(story.call("load", 0, 90, epoch=1), 500)
    story.sleep(90, 600, 600, epoch=1)
    story.call("send", 600, 700)
    row = story.row("sleep")
    assert [(each.epoch, each.start - START, each.end - START) for each in row.segments] == [
        (1, 90, 100),
        (2, 500, 600),
    ]
    assert [kernel.end - START for kernel in story.drawn().kernels] == [100, 700]
    assert (row.state, row.word) == ("slept", "slept"), "it was no call that the last pass left out"


def test_sleeps_of_other_lengths_are_no_versions_of_one_another():
    """One outlasts its kernel, one was cancelled, one is still to come: all begin with the same occurrence."""
    story = Story().kernel(0, 100).kernel(500, 700)
    story.restore(story.call("load", 0, 5, epoch=1), 500)
    story.sleep(10, 20_000, epoch=1)
    story.sleep(11, 300, 50, "cancelled", epoch=1)
    story.sleep(12, 520, 520, epoch=1)
    story.sleep(600, 9000)
    rows = [row for row in story.drawn(now=650).rows if row.step == "sleep"]
    assert [row.word for row in rows] == ["sleeping", "cancelled", "slept", "sleeping"]


def test_a_sleep_of_a_dead_process_is_due_when_its_moment_has_passed():
    story = Story().kernel(0, 100)
    story.sleep(90, 600)
    drawn = story.drawn(now=1000, alive=False)
    (row,) = drawn.rows
    assert (row.word, row.spent(drawn.now), row.why) == (
        "sleeping",
        "due",
        "its moment has come; it is over when its run goes on",
    )
    assert drawn.state == "interrupted"
    assert row.segments[0].end - START == 100


def test_time_to_come_is_drawn_as_far_as_there_is_room():
    story = Story().kernel(0, 100)
    story.sleep(0, 105)
    near = render_html(story.drawn(now=100))
    assert 'class="pdr-ahead"' in near
    assert "pdr-s-live" not in near.partition("</style>")[2]
    story.sleep(0, 4000, occurrence=1)
    assert render_html(story.drawn(now=100)).partition("</style>")[2].count("pdr-s-live") == 1
    scale = axis(story.drawn(now=100))
    assert scale.pieces[-1].x1 == pytest.approx(88)
    assert scale.ahead(5)[1:] == (pytest.approx(88 + 88 / 20), False)
    assert scale.ahead(4000)[1:] == (pytest.approx(99), True)


def test_a_restored_sleep_is_carried_over_like_a_step_and_saves_no_work():
    story = Story().kernel(0, 20).kernel(30, 40)
    story.restore(story.sleep(0, 10, 10, epoch=1), 31)
    row = story.row("sleep", now=40)
    assert (row.word, row.saved) == ("restored", 0)
    assert 'class="pdr-carry"' in render_html(story.drawn(now=40))


def test_many_sleeps_share_a_row_with_the_nearest_moment():
    story = Story().kernel(0, 100)
    for number in range(24):
        story.sleep(number, number + 1 if number < 22 else 100 + number, number + 1 if number < 22 else None)
    (row,) = story.drawn(now=50).rows
    assert (row.word, row.detail, row.due - START) == ("2 of 24 sleeping", f"{words.TIMES}24", 122)
    assert row.took == pytest.approx(50)
    assert render_html(story.drawn(now=50)).partition("</style>")[2].count('class="pdr-m-waits"') == 2


def test_a_checkpoint_is_marked_where_it_was_made_and_not_at_what_came_later():
    story = Story().kernel(0, 20).kernel(30, 100)
    story.restore(story.sleep(0, 10, 10, epoch=1), 31)
    for number in range(10):
        story.sleep(40 + number, 41 + number, 41 + number, occurrence=number + 1)
    html = render_html(story.drawn(now=100))
    (dot,) = re.findall(r'<svg x="([\d.]+)%"><circle class="pdr-cp"', html)
    assert float(dot) < 30


def test_what_was_noted_is_one_row_for_each_name_however_often():
    """Promise 10: a body that asks a thousand times does not flood its picture."""
    story = Story().kernel(0, 2000)
    story.noted("now", 0)
    for number in range(1000):
        story.noted("random", number, occurrence=number)
        story.noted("uuid4", number, occurrence=number)
    rows = story.drawn().rows
    assert [(row.step, row.detail, row.word) for row in rows] == [
        ("now", "", "noted"),
        ("random", f"{words.TIMES}1,000", "noted"),
        ("uuid4", f"{words.TIMES}1,000", "noted"),
    ]
    assert story.drawn().summary == "no steps"
    assert render_html(story.drawn()).count("<rect") < 3 * 450
    assert cells_of(render_text(story.drawn()))[f"random {words.TIMES}1,000"][:2] == ["noted", "-"]


def cells_of(text):
    rows = [line.strip().split("  ") for line in text.splitlines() if line.startswith("  ")]
    found = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    return {row[0]: row[1:] for row in found if row}


def test_what_was_noted_and_restored_says_how_much():
    story = Story().kernel(0, 20).kernel(30, 40)
    for number in range(3):
        story.restore(story.noted("random", number, occurrence=number, epoch=1), 31)
    story.noted("random", 35, occurrence=3)
    assert story.row("random", now=40).word == "noted 1 of 4"


def uses(**parts):
    return tuple(Part(name, "d", preview=text) for name, text in parts.items())


def test_a_use_of_a_durable_dict_is_told_as_it_is_written():
    story = Story().kernel(0, 20)
    for number, (name, use, more) in enumerate(
        [
            ("a", "get", {}),
            ("b", "set", {"value": "1"}),
            ("c", "set", {"value": "deleted"}),
            ("d", "keys", {}),
        ]
    ):
        item = {} if use == "keys" else {"item": "k"}
        story.noted("state", number, input_parts=uses(state=name, use=use, **item, **more), inputs=name)
    assert [(row.step, row.detail) for row in story.drawn().rows] == [
        ('state("a")', 'get "k"'),
        ('state("b")', 'set "k" = 1'),
        ('state("c")', 'delete "k"'),
        ('state("d")', "keys"),
    ]


def a_race(story, name, start, end, items, **fields):
    """A race whose value says who won, written as the engine writes it."""
    value = f"v_{len(story.calls):016x}"
    call = story.noted(name, start, end, value=value, inputs=value, **fields)
    preview = {"type": "dict", "kind": "mapping", "size": 2, "items": items}
    record = ValueRecord(value, RUN, call.step, value, "value", 2, "plain", "3.13", {}, "d", 9, preview, b"nothing that loads",
                         None, (), "key", b"s", START)  # fmt: skip
    story.values.append(record)
    return call


def test_a_race_says_who_won():
    """Promise 8: that is read off the preview; the value is not opened."""
    journal, story = MemoryJournal(), Story().kernel(0, 20)
    a_race(story, "race", 0, 4, ["'winner': 'mirror_b'", "'of': 2"])
    a_race(story, "first_success", 5, 6, ["'winner': 1", "'of': 3"])
    a_race(story, "race", 7, 9, ["'winner': 'late'", "'of': 2"], state="failed", error="OSError: no")
    a_race(story, "race", 10, 11, ["…"], occurrence=1)
    story.write(journal)
    rows = read(journal, RUN, now=START + 20).rows
    assert [(row.step, row.detail, row.word, row.took, row.why) for row in rows] == [
        ("race", "mirror_b won", "decided", 4, "new call"),
        ("first_success", "number 2 of 3 won", "decided", 1, "new call"),
        ("race", "late was first, and failed", "failed", 2, "OSError: no"),
        ("race", "", "decided", 1, "new call"),
    ]


def test_few_races_stand_by_themselves_and_many_share_a_row():
    story = Story().kernel(0, 100)
    for number in range(8):
        story.noted("race", number, number + 1, occurrence=number)
    assert len(story.drawn().rows) == 8
    story.noted("race", 50, 51, occurrence=8)
    assert [row.detail for row in story.drawn().rows] == [f"{words.TIMES}9"]


def test_a_clock_that_was_set_back_gives_no_negative_wait():
    story = Story().kernel(100, 40)
    story.sleep(100, 110, 60)
    story.noted("race", 100, 90)
    drawn = story.drawn(now=-500)
    assert all(each.end >= each.start for row in drawn.rows for each in row.segments)
    assert "nan" not in render_html(drawn)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "due"), (0.2, "due"), (45, "45 s left"), (480, "8 m left"), (3600 * 3 + 100, "3 h left"), (86400 * 2, "2 d left")],
)  # fmt: skip
def test_what_is_left_has_one_unit(seconds, text):
    assert words.plain(words.left(seconds)) == text


def test_a_moment_tells_its_day_where_it_is_another_one():
    assert words.moment(START + 60, START) == "11:49:40"
    assert words.moment(START + 3600, START) == "12:48"
    assert words.plain(words.moment(START + 86400, START)) == "21 Nov 11:48"
    assert words.plain(words.moment(START + 86400 * 60, START)) == "19 Jan 2027 11:48"


def test_a_notebook_counts_no_waits_as_work():
    story = Story(a_run("notebook", "open")).kernel(0, 100)
    story.call("load", 0, 10)
    story.sleep(10, 90, 90)
    assert story.drawn(now=95).took == pytest.approx(10)
