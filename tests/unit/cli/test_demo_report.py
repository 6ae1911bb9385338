"""The demo's table comes from the journal, and its progress line knows where it is shown."""

from __future__ import annotations

import io

import pytest

from perdure.cli._demo_report import Line, kept_steps, resumed_lines, table
from perdure.cli._notebook_run import step_name
from perdure.cli._progress import Progress
from perdure.cli.demo import _check
from perdure.errors import DemoFailed
from perdure.store.memory import MemoryJournal
from perdure.store.records import CallRecord, RestoreRecord, RunRecord, SessionRecord

RUN = "r_0000000a"


def claim(journal):
    return journal.claim(
        RunRecord(RUN, "w", "k", "notebook", "open", 1.0, 1.0), SessionRecord(RUN, 0, 1, "h", 1.0, 1.0)
    )


def call(number, step, epoch, state="done", took=1.0):
    return CallRecord(
        f"c_{number}",
        RUN,
        number,
        "",
        step,
        "i",
        0,
        "c",
        "pure",
        state,
        epoch,
        1.0,
        took=took,
        position=number,
    )


@pytest.fixture
def journal():
    """Killed in `train`, then run again."""
    journal = MemoryJournal()
    first = claim(journal)
    journal.write(RUN, first, [call(1, "load", first, took=4.0), call(2, "train", first, state="running")])
    second = claim(journal)
    journal.write(
        RUN,
        second,
        [
            RestoreRecord(RUN, "c_1", second, at=2.0, took=0.01, saved=4.0),
            call(2, "train", second, state="interrupted"),
            call(3, "train", second, took=20.0),
            call(4, "report", second, took=0.5),
        ],
    )
    return journal


def test_restored_and_run_steps_are_told_apart_with_their_times(journal):
    assert resumed_lines(journal) == [
        Line("load", "restored", 0.01, 4.0),
        Line("train", "ran", 20.0, 0.0),
        Line("report", "ran", 0.5, 0.0),
    ]


def test_only_the_newest_owners_pass_counts(journal):
    third = claim(journal)
    journal.write(RUN, third, [RestoreRecord(RUN, "c_3", third, at=3.0, took=0.02, saved=20.0)])
    assert resumed_lines(journal) == [Line("train", "restored", 0.02, 20.0)]


def test_a_step_that_was_running_is_not_kept(journal):
    first = MemoryJournal()
    epoch = claim(first)
    first.write(RUN, epoch, [call(1, "load", epoch), call(2, "train", epoch, state="running")])
    assert kept_steps(first) == {"load"}
    assert kept_steps(MemoryJournal()) == set()


def test_the_table_adds_up(journal):
    lines = table(resumed_lines(journal)).splitlines()
    assert lines[1].split() == ["load", "restored", "10", "ms", "4.0", "s"]
    assert lines[2].split() == ["train", "ran", "20.0", "s"]
    assert lines[-1].split() == ["in", "total", "20.5", "s", "4.0", "s"]


def test_a_step_that_was_kept_and_ran_again_fails_the_demo():
    """Promise 1: a recorded call does not run again."""
    with pytest.raises(DemoFailed, match="load"):
        _check([Line("load", "ran", 1.0, 0.0)], {"load"})
    with pytest.raises(DemoFailed, match="nothing was kept"):
        _check([Line("load", "ran", 1.0, 0.0)], set())
    _check([Line("load", "restored", 0.1, 1.0), Line("new", "ran", 1.0, 0.0)], {"load"})


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("%%step load\nx = 1", "load"),
        ("%%step  a-b --retries 2", "a-b"),
        ("%%setup\nimport x", None),
        ("x = '%%step y'", None),
        ("%%step --redo", None),
    ],
)
def test_a_step_cell_is_known_by_its_first_line(source, name):
    assert step_name(source) == name


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_one_line_is_kept_up_to_date():
    out = Terminal()
    progress = Progress(out)
    progress.begin("load")
    progress.tell("half-way")
    progress.say("done")
    assert "\n" not in out.getvalue().removesuffix("done\n")
    assert "half-way" in out.getvalue()


def test_elsewhere_lines_are_few_and_plain():
    seconds = iter(range(1000))
    out = io.StringIO()
    progress = Progress(out, clock=lambda: next(seconds) / 10)
    progress.begin("load")
    for number in range(100):
        progress.tell(f"line {number}")
    progress.say("done")
    assert "\x1b" not in out.getvalue()
    assert "\r" not in out.getvalue()
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == ["27", "57", "87", "done"]
