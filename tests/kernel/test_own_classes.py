"""Classes of the notebook that no class statement makes, and classes that are made anew in a live kernel."""

from __future__ import annotations

HEAD = "%load_ext perdure\n%workflow classes"
MADE = """
from collections import namedtuple
import enum, typing

fields = ["a", "b"]
NT = namedtuple("NT", fields)
NT.__doc__ = "A pair."
Col = enum.Enum("Col", "R G")
Named = typing.NamedTuple("Named", [("x", int)])
class Base:
    def go(self):
        return "base"
T = type("T", (Base,), {"go": lambda self: "t, " + Base.go(self)})
def factory(name):
    return type(name, (), {"size": 3})
F = factory("F")
Id = typing.NewType("Id", int)
"""
USED = """
class Touched:
    pass
Touched.colour = "red"
made = [NT(1, 2), Col.R, Named(3), T(), F(), Touched()]
known = {Col.G: "green", "id": Id(4)}
"""
CHECK = """
assert [type(each) for each in made] == [NT, Col, Named, T, F, Touched]
assert made[0] == (1, 2) and made[0]._replace(a=5).a == 5 and NT.__doc__ == "A pair."
assert made[1] is Col.R and known[Col.G] == "green" and Col["R"] is Col(1)
assert made[3].go() == "t, base" and isinstance(made[3], Base)
assert made[4].size == 3 and made[5].colour == "red"
assert Id(3) == 3 and (Id.__name__, Id.__supertype__, Id.__module__) == ("Id", int, "__main__")
print("checked")
"""
USE = "%%step use\nlater = (NT(7, 8), Col.G, made[0])\nlater[1] is Col.G"


def run(notebook, cells):
    replies = notebook.run_all(cells)
    assert [reply.errors for reply in replies] == [[]] * len(cells), replies[-1].errors
    return replies


def test_a_class_that_an_expression_of_the_step_made_comes_back_with_its_objects(notebook):
    """Promise 3: the class itself is kept, members of its enum are its members."""
    cells = [HEAD, f"%%step make{MADE}{USED}", USE, CHECK]
    assert run(notebook, cells)[-1].stdout == "checked\n"
    for again in (cells, [HEAD, "%resume", CHECK]):
        notebook.kill()
        replies = run(notebook, again)
        assert replies[-1].stdout == "checked\n"
        assert "restored" in replies[1].text
    for reply in run(notebook, [cells[1], cells[2]]):
        assert "what it made is still here" in reply.text


def test_a_class_that_an_expression_of_an_unmarked_cell_made_is_kept_with_the_step_that_reads_it(notebook):
    """Promise 2: `%resume` alone is enough."""
    cells = [HEAD, MADE, "small = {'t': T()}", f"%%step keep{USED}\nwhat = small['t'].go()", CHECK]
    assert run(notebook, cells)[-1].stdout == "checked\n"
    notebook.kill()
    check = CHECK + "\nassert type(small['t']) is T and T.__mro__[1] is Base\n"
    assert run(notebook, [HEAD, "%resume", check])[-1].stdout == "checked\n"
    notebook.kill()
    assert run(notebook, cells)[-1].stdout == "checked\n"


def test_an_object_of_a_class_with_methods_is_the_same_input_after_a_resume(notebook):
    """Promise 1: the class of a step's cell, made again from its source, digests as it did."""
    cells = [
        HEAD,
        "%%step make\nclass Model:\n    def go(self):\n        return 1\nmodel = Model()",
        "%%step use\nused = [model.go()]",
    ]
    run(notebook, cells)
    notebook.kill()
    replies = run(notebook, [HEAD, "%resume", *cells[1:]])
    assert "what it made is still here" in replies[2].text
    assert "what it made is still here" in replies[3].text


def test_objects_of_a_class_that_was_defined_anew_are_restored_afresh(notebook):
    """Promise 3: in a live kernel too, members are the members of the enum that is there, at any depth."""
    define = """
import enum
import numpy as np
class E(enum.Enum):
    A = 1
class Table:
    def rows(self):
        return 1
"""
    cells = [
        HEAD,
        define,
        "%%step member\ne = E.A",
        "%%step table\nt = Table()",
        "%%step deep\nd = {'in': [(E.A, {E.A: Table()})]}; array = np.array([E.A, 1], dtype=object)",
        "%%step plain\nnumbers = list(range(9))",
    ]
    run(notebook, cells)
    replies = run(notebook, cells)
    assert ["still here" in reply.text for reply in replies[2:]] == [False, False, False, True]
    check = (
        "e is E.A, type(t) is Table, d['in'][0][0] is E.A, type(d['in'][0][1][E.A]) is Table, array[0] is E.A"
    )
    assert notebook.run(check).result["text/plain"] == "(True, True, True, True, True)"
    again = [notebook.run(cell, f"cell-{at}") for at, cell in enumerate(cells) if at > 1]
    assert ["still here" in reply.text for reply in again] == [True] * 4
