"""The benchmark tells what is so: no time for a wrong answer, and no figure outside its marks."""

import json

import pytest

from bench import page, subjects
from bench.contenders import Contender, contenders
from bench.difference import difference
from bench.timing import Cell, measured

JSON = Contender("json", "", json.dumps, json.loads, id)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((1,), [1], "tuple -> list"),
        ({"a": [1, (2,)]}, {"a": [1, [2]]}, "tuple -> list"),
        ([1], [True], "int -> bool"),
        ([1, 2], [1], "other length"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "other content"),
        (subjects.rich(), subjects.rich(), ""),
    ],
)
def test_a_change_is_told_in_few_words(before, after, told):
    assert difference(before, after) == told


def test_there_is_no_time_for_a_wrong_answer():
    cells = measured({"a": (1,)}, [JSON], rounds=2)
    assert {act: (cell.failed, cell.seconds) for (_, act), cell in cells.items()} == {
        "encode": ("changed: tuple -> list", None),
        "decode": ("changed: tuple -> list", None),
        "digest": ("another for a copy", None),
    }


def test_what_is_installed_is_timed():
    cells = measured(subjects.tiny(), contenders(), rounds=2)
    assert all(cells["Perdure", act].seconds for act in page.ACTS)
    table = page.times({"tiny": cells}, ["Perdure", "pickle"])
    assert table.splitlines()[0] == "| **encode** | Perdure | pickle |"


def test_only_what_stands_between_the_marks_is_written(tmp_path):
    file = tmp_path / "page.md"
    file.write_text("before\n<!-- values -->\n\nold\n\n<!-- end of values -->\nafter\n")
    page.write(file, "values", "new")
    page.write(file, "values", "newer")
    assert file.read_text() == "before\n<!-- values -->\n\nnewer\n\n<!-- end of values -->\nafter\n"


@pytest.mark.parametrize(("seconds", "told"), [(2.5, "2.50 s"), (0.0125, "12.5 ms"), (3e-7, "0.30 us")])
def test_a_time_has_three_digits(seconds, told):
    assert page.spelt(seconds) == told
    assert Cell(times=[seconds]).seconds == seconds
