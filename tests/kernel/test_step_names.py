"""One name twice in one notebook, steps in classes of a notebook, and steps that come back, in a real kernel."""

from __future__ import annotations

import pytest

HEAD = "%load_ext perdure\n%workflow paper\nfrom perdure import step, workflow"
CLEAN = "@step\ndef clean(x):\n    return x + {n}"


@pytest.fixture
def ready(notebook):
    assert notebook.run(HEAD, "head").status == "ok"
    return notebook


def defines(notebook, code, cell=None):
    """What defining it says: nothing, or the refusal."""
    reply = notebook.run(code, cell)
    assert reply.ename in ("", "DuplicateStep"), reply.errors
    return reply.evalue


def test_two_cells_that_define_a_step_of_one_name_are_told(ready):
    assert defines(ready, CLEAN.format(n=1), "one") == ""
    assert defines(ready, CLEAN.format(n=2), "two") == (
        "There are two steps named `clean` in this notebook: cell [2] and this cell.\n"
        "Give one of them another name, or, if this cell takes the other's place, run `del clean` first."
    )
    assert ready.run("clean(1)").result["text/plain"] == "2", "the first one is still there"


def test_a_cell_that_is_run_again_replaces_its_step(ready):
    for n in (1, 2):
        assert defines(ready, CLEAN.format(n=n), "one") == ""
    assert ready.run("clean(1)").result["text/plain"] == "3"


def test_a_name_is_free_again_when_its_step_is_deleted_or_its_cell_defines_another(ready):
    assert defines(ready, CLEAN.format(n=1), "one") == ""
    ready.run("del clean")
    assert defines(ready, CLEAN.format(n=2), "two") == ""
    assert defines(ready, "@step\ndef other(x):\n    return x", "two") == ""
    assert defines(ready, CLEAN.format(n=3), "three") == ""


def test_without_ids_other_code_under_one_name_is_told(ready):
    assert [defines(ready, CLEAN.format(n=1)) for _ in range(2)] == ["", ""]
    told = defines(ready, CLEAN.format(n=2))
    assert "the code of cell [3] and other code in this cell" in told
    assert "run `del clean` first" in told
    ready.run("del clean")
    assert defines(ready, CLEAN.format(n=2)) == ""


def test_a_name_that_is_given_counts(ready):
    assert defines(ready, "@step(name='load')\ndef a(x):\n    return x", "one") == ""
    assert "two steps named `load`" in defines(ready, "@step(name='load')\ndef b(x):\n    return x", "two")


def test_what_functions_classes_files_and_other_cells_of_a_name_define_is_no_second_step(ready):
    (ready.cwd / "helpers.py").write_text("from perdure import step\n@step\ndef clean(x):\n    return -x\n")
    for cell, code in enumerate(
        (
            CLEAN.format(n=1),
            "import helpers\nhelpers.clean(1)",
            "def make(n):\n    @step\n    def clean(x):\n        return x + n\n    return clean\nmade = [make(1), make(2)]",
            "class A:\n    @step\n    def clean(self): return 1",
            "class A:\n    @step\n    def clean(self): return 2",
            "%%step clean\ny = 1",
            "%%workflow inner\n@step\ndef clean(x):\n    return x * 2\nz = clean(4)",
            "%run helpers.py",
        )
    ):
        reply = ready.run(code, f"cell {cell}")
        assert reply.errors == [], (code, reply.errors)
    assert ready.run("(z, y)").result["text/plain"] == "(8, 1)"


def test_a_step_that_a_restore_defined_is_not_taken_for_a_second_one(ready):
    """Promise 7: `%resume` in another cell brings it back, and its own cell may run after that."""
    step_cell = "%%step uses\n@step\ndef clean(x):\n    return x + 1\nfound = clean(1)"
    assert ready.run(step_cell, "one").errors == []
    ready.kill()
    ready.run("%load_ext perdure", "head")
    assert ready.run("%resume paper", "resume").errors == []
    assert ready.run("from perdure import step\nclean(1)").result["text/plain"] == "2"
    assert ready.run(step_cell, "one").errors == []


MODEL = """
from dataclasses import dataclass, field
def note(name):
    with open('log', 'a') as log:
        log.write(name + '\\n')
@dataclass
class Model:
    rate: int
    seen: list = field(default_factory=list)
    @step
    def fit(self, x):
        note(f'fit {x}')
        self.seen.append(x)
        return self.rate * x
    @step
    @classmethod
    async def load(cls, x):
        note(f'load {x}')
        return cls(x)
@step
def apply(function, x):
    note('apply')
    return function(x)
"""
BODY = """%%workflow training
model = await Model.load(3)
one = model.fit(2)
two = await model.fit.map([3, 4])
three = apply(model.fit, 10)
kept = model.fit
kept_again = [kept, apply]
"""


def ran(notebook):
    log = notebook.cwd / "log"
    found = log.read_text().splitlines() if log.exists() else []
    log.write_text("")
    return sorted(found)


def test_steps_of_a_notebooks_class_are_kept_and_go_on_after_a_kill(ready):
    """Promises 1, 2 and 3: methods, bound steps as arguments, and as values that the notebook gets."""
    ready.run(MODEL, "model")
    assert ready.run(BODY, "body").errors == []
    shown = "one, two, three, model.seen, kept(5), await kept.map([1]), kept_again[1].name, model.seen"
    assert (
        ready.run(shown, "look").result["text/plain"] == "(6, [9, 12], 30, [5, 1], 15, [3], 'apply', [5, 1])"
    )
    assert ran(ready) == sorted(["load 3", "fit 2", "fit 3", "fit 4", "apply", "fit 10", "fit 5", "fit 1"])
    ready.kill()
    for cell in (HEAD, MODEL):
        ready.run(cell)
    assert ready.run(BODY.replace("kept = ", "extra = model.fit(7)\nkept = "), "body").errors == []
    assert ran(ready) == ["fit 7"]
    assert (
        ready.run(shown + ", extra").result["text/plain"]
        == "(6, [9, 12], 30, [5, 1], 15, [3], 'apply', [5, 1], 21)"
    )
