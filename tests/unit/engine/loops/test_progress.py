"""How far a loop is, in words, and as a line of text."""

import io
import sys

import pytest

from perdure.engine.loops.progress import Progress, TextFace

NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"done": 0, "took": 0.0}, "train: turn 0 of 100"),
        ({"done": 50, "took": 10.0}, f"train: turn 50 of 100 · 5 turns/s · about 10.0{NBSP}s left"),
        ({"done": 60, "took": 20.0, "since": 50}, f"train: turn 60 of 100 · 2.0{NBSP}s a turn · about 1{NBSP}m{NBSP}20{NBSP}s left · went on after turn 50"),
        ({"done": 3, "total": None, "took": 1.5}, "train: turn 3 · 2 turns/s"),
        ({"done": 100, "took": 50.0, "state": "ended"}, f"train: turn 100 of 100 · 2 turns/s · 50.0{NBSP}s"),
        ({"done": 7, "took": 7.0, "state": "left"}, f"train: turn 7 of 100 · 1 turns/s · 7.0{NBSP}s · left"),
        ({"done": 50, "took": 0.0, "since": 50, "every": 48.0}, f"train: turn 50 of 100 · went on after turn 50 · keeps every 48.0{NBSP}s, to stay under 2 %"),
    ],
)  # fmt: skip
def test_a_bar_says_how_far_how_fast_and_how_long(fields, told):
    assert Progress(**{"bar": 1, "name": "train", "total": 100, **fields}).told() == told


def test_a_bar_says_when_a_turn_was_kept(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    import time

    time.tzset()
    progress = Progress(1, "train", 5, 100, 0.0, kept=(4, 50_000.0))
    assert progress.told() == "train: turn 5 of 100 · turn 4 kept at 13:53:20"
    monkeypatch.undo()
    time.tzset()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_has_one_line_that_is_written_over(monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    face = TextFace()
    face.show(Progress(1, "train", 1, 4, 0.0))
    face.show(Progress(2, "inner", 1, 2, 0.0))
    face.show(Progress(2, "inner", 2, 2, 0.0, state="ended"))
    face.show(Progress(1, "train", 4, 4, 0.0, state="ended"))
    lines = out.getvalue().split("\r\x1b[K")
    assert lines == [
        "",
        "train: turn 1 of 4",
        "train: turn 1 of 4 > inner: turn 1 of 2",
        "train: turn 1 of 4",
        f"[{'#' * 24}] train: turn 4 of 4\n",
    ]


def test_elsewhere_one_line_tells_of_the_outermost_loop_when_it_has_ended(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    face = TextFace()
    face.show(Progress(1, "train", 1, 4, 0.0))
    face.show(Progress(2, "inner", 2, 2, 0.0, state="ended"))
    face.show(Progress(1, "train", 2, 4, 0.0, state="left"))
    assert out.getvalue() == "train: turn 2 of 4 · left\n"
