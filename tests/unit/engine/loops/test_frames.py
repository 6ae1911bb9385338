"""Names of frames that run are read and bound from outside, on every Python alike."""

import sys

from perdure.engine.loops.frames import around, bind, held
from perdure.engine.loops.ties import replace, tied

module_level = "old"


def test_locals_are_bound():
    number, gone = 1, 2
    del gone
    frame = sys._getframe()
    assert held(frame, ["number", "gone", "nowhere"]) == {"number": 1}
    bind(frame, {"number": 5, "gone": 6})
    assert (number, gone) == (5, 6)  # noqa: F821  bound from outside


def test_variables_that_functions_share_are_bound_for_all_of_them():
    shared = 1

    def inner():
        nonlocal shared
        bind(sys._getframe(), {"shared": shared + 1})
        return shared

    assert inner() == 2
    assert shared == 2
    bind(sys._getframe(), {"shared": 7})
    assert (shared, inner()) == (7, 8)


def test_globals_are_bound_where_the_code_would_bind_them():
    frame = sys._getframe()
    assert held(frame, ["module_level"]) == {"module_level": "old"}
    bind(frame, {"module_level": "new"})
    assert (module_level, "module_level" in frame.f_locals) == ("new", False)
    bind(frame, {"module_level": "old"})


def test_names_of_a_cell_are_bound_in_its_namespace():
    """A cell's globals are its locals; code in a namespace apart binds there, unless the name is a global."""
    code = compile(
        "bind(frame(), {'new': 1, 'there': 2, 'outside': 3}); found = (new, there, outside)", "c", "exec"
    )
    names = {"bind": bind, "frame": sys._getframe, "there": 0, "outside": 0}
    exec(code, names)
    assert names["found"] == (1, 2, 3)
    spaces = {"bind": bind, "frame": sys._getframe, "outside": 0}, {"there": 0}
    exec(code, *spaces)
    assert spaces[1]["found"] == (1, 2, 3)
    assert (spaces[0]["outside"], "outside" in spaces[1]) == (3, False)


def test_names_in_generators_and_comprehensions_around_are_left_alone():
    frame, number = sys._getframe(), 1
    found = [bind(frame, {"number": number + each}) for each in range(3)]
    assert (number, found) == (4, [None] * 3)


def test_every_name_around_that_held_an_object_holds_the_one_in_its_place():
    old, new = {"is": "old"}, {"is": "new"}

    def inner(argument):
        own = argument
        replace(sys._getframe(), {"argument": old, "n": 0}, {"argument": new, "n": 1})
        return own, argument

    zero, alias = 0, old
    assert inner(old) == (new, new)
    assert (alias, old, zero) == (new, new, 0)


def test_the_frames_around_are_those_of_the_users_code():
    names = [frame.f_code.co_name for frame in around(sys._getframe())]
    assert names[0] == "test_the_frames_around_are_those_of_the_users_code"


class Holder:
    def __init__(self, *parts):
        self.parts = parts


def test_a_name_that_holds_parts_of_what_is_kept_is_found():
    model = Holder([1.0, 2.0], {"rate": 1})
    optimizer, other, words = Holder(model.parts[0]), Holder([1.0, 2.0]), ["a"]
    found = list(tied(sys._getframe(), {"model": model}))
    assert [sentence.split(",")[0] for sentence in found] == ["`optimizer` holds parts of `model`"]
    assert list(tied(sys._getframe(), {"model": model, "optimizer": optimizer})) == []
    assert list(tied(sys._getframe(), {})) == []
    assert (other, words) != (None, None)


def test_modules_functions_and_classes_are_no_parts():
    model = Holder(Holder, sys, print)
    helper = Holder(Holder, sys, print)
    assert list(tied(sys._getframe(), {"model": model})) == []
    assert helper is not None
