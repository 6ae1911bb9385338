"""The names of steps: two modules may have one of the same name (promises 1 and 5)."""

from __future__ import annotations

import gc
import sys
import types

import pytest

from functions.witness import ran, taken
from perdure import step, workflow
from perdure.errors import NoSuchStep


class NotYetError(Exception):
    """The pass ends here, and the run is to be resumed."""


@pytest.fixture
def module(monkeypatch):
    """Make a module with a step of this name; its result tells the module."""

    def make(module, name="fetch", **options):
        space = types.ModuleType(module)
        monkeypatch.setitem(sys.modules, module, space)
        vars(space)["ran"] = ran
        exec(f"def {name}(x):\n    ran({module!r}, x)\n    return {module!r}, x", vars(space))
        vars(space)[name] = step(**options)(vars(space)[name])
        return vars(space)[name]

    return make


def passed(*uses, fails=True):
    """One pass over a run that calls these steps with 1."""

    @workflow(name="body")
    def body(n):
        found = [use(1) for use in uses]
        if fails:
            raise NotYetError
        return found

    if not fails:
        return body.using(key="k")(1)
    with pytest.raises(NotYetError):
        body.using(key="k")(1)
    return None


def names(store):
    return [call.step for call in store.journal.calls(store.journal.runs()[0].id)]


def test_steps_of_one_name_in_two_modules_do_not_collide(store, module):
    """Promise 1: each finds its own calls, in whatever order they come on the replay."""
    a, b = module("a"), module("b")
    passed(a, b)
    passed(b, a)
    assert passed(b, a, b, fails=False) == [("b", 1), ("a", 1), ("b", 1)]
    assert taken() == [("a", 1), ("b", 1), ("b", 1)]
    assert names(store) == ["fetch", "b.fetch", "b.fetch"]


@pytest.mark.parametrize("kind", ["effect", "volatile"])
def test_what_is_found_by_its_name_is_not_mistaken_for_another_modules(module, kind):
    """Promise 5: an effect of one module does not stand for that of another."""
    a, b = module("a", kind=kind), module("b", kind=kind)
    passed(a)
    assert passed(b, a, fails=False) == [("b", 1), ("a", 1)]
    assert taken() == [("a", 1), ("b", 1)]


def test_a_key_belongs_to_the_step_of_one_module(module):
    """Promise 5."""
    a, b = module("a", kind="effect", key="one"), module("b", kind="effect", key="one")
    assert passed(a, b, a, b, fails=False) == [("a", 1), ("b", 1)] * 2
    assert taken() == [("a", 1), ("b", 1)]


def test_a_forked_run_keeps_the_names(store, module):
    """Promise 1: its calls are those of the run that it was forked from."""
    a, b = module("a"), module("b")
    for uses in ("[a(n), b(n)]", "[b(n), a(n)]"):
        space = {"a": a, "b": b, "workflow": workflow}
        exec(f"@workflow\ndef body(n):\n    return {uses}", space)
        space["body"](1)
    assert taken() == [("a", 1), ("b", 1)]
    assert store.journal.runs()[0].forked_from == store.journal.runs()[1].id


def test_a_step_of_a_module_that_is_gone_leaves_its_name(store, module, monkeypatch):
    """Promise 1: a file that was renamed keeps what its steps recorded."""
    passed(module("old", kind="effect"))
    taken()
    monkeypatch.delitem(sys.modules, "old")
    found = passed(module("new", kind="effect"), fails=False)
    assert (found, taken(), names(store)) == ([("old", 1)], [], ["fetch"])


def test_a_step_that_was_removed_leaves_its_name(store, module):
    """Promise 1: it was moved to another module."""
    passed(module("a", kind="effect"))
    del sys.modules["a"].fetch
    gc.collect()
    assert passed(module("b", kind="effect"), fails=False) == [("a", 1)]
    assert names(store) == ["fetch"]


def test_a_module_that_is_not_imported_yet_keeps_its_name(module, tmp_path, monkeypatch):
    """Promise 5: it will call its own effect later."""
    (tmp_path / "lazily.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    a, b = module("lazily", kind="effect"), module("b", kind="effect")
    passed(a)
    monkeypatch.delitem(sys.modules, "lazily")
    assert passed(b, a, fails=False) == [("b", 1), ("lazily", 1)]
    assert taken() == [("lazily", 1), ("b", 1)]


def test_a_name_that_was_given_in_this_pass_stays(module):
    """Promise 1: also when the step itself is gone by then, as one that a function makes is."""
    module("elsewhere")

    def local():
        @step
        def fetch(x):
            ran("local", x)
            return "local", x

        return fetch(1)

    other = module("b")
    for fails in (True, False):
        passed(lambda _: local(), other, fails=fails)
    assert taken() == [("local", 1), ("b", 1)]


def redone(*uses, **options):
    @workflow(name="body")
    def body(n):
        return [use(1) for use in uses]

    body.using(key="k")(1)
    taken()
    body.using(key="k", **options)(1)
    return taken()


@pytest.mark.parametrize(
    ("wanted", "again"), [("fetch", "a"), ("a.fetch", "a"), ("b.fetch", "b"), ("load", "c"), ("c.load", "c")]
)
def test_redo_takes_the_recorded_name_and_the_short_or_full_one(module, wanted, again):
    uses = module("a"), module("b"), module("c", "load")
    assert redone(*uses, redo=wanted) == [(again, 1)]
    last = [each for each in ("a", "b", "c") if each >= again]
    assert redone(*uses, redo_from=wanted) == [(each, 1) for each in last]


def test_a_method_may_be_named_without_its_class():
    class One:
        @step
        def work(self, x):
            ran("One")

        @step
        def both(self, x):
            ran("One.both")

    class Two:
        @step
        def both(self, x):
            ran("Two.both")

    uses = One().work, One().both, Two().both
    assert redone(*uses, redo="work") == redone(*uses, redo="One.work") == ["One"]
    with pytest.raises(NoSuchStep, match=r"no step `both` in run \w+; there are `One.both` and `Two.both`"):
        redone(*uses, redo="both")
    with pytest.raises(NoSuchStep, match="no step `missing`"):
        redone(*uses, redo="missing")


MAIN = """
import sys
from perdure import step, workflow

@step(kind="effect")
def send(x):
    print("sent", x)
    return x

@workflow
def body(n):
    found = send(n)
    if len(sys.argv) > 1:
        raise SystemExit
    return found

if __name__ == "__main__":
    print(body(5))
"""


def test_a_script_that_is_imported_later_goes_on_with_its_run(script):
    """Promises 1 and 5: `__main__` was another name for it."""
    assert script(MAIN, "stop", file="job.py") == ["sent 5"]
    assert script("import job\nprint(job.body(5))") == ["5"]


def test_two_modules_are_told_apart_in_another_process(script, tmp_path):
    """Promise 1: the names are kept with the run."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(
            f"from perdure import step\n@step(kind='effect')\ndef send(x):\n    print('sent {name}')\n    return '{name}'\n"
        )
    main = "import sys\n{imports}\nfrom perdure import workflow\n@workflow\ndef body(n):\n    found = {calls}\n    if len(sys.argv) > 1:\n        raise SystemExit\n    return found\nprint(body(1))"
    first = main.format(imports="import a, b", calls="[a.send(n), b.send(n)]")
    again = main.format(imports="import b", calls="[b.send(n), __import__('a').send(n)]")
    assert script(first, "stop") == ["sent a", "sent b"]
    assert script(again) == ["['b', 'a']"]
