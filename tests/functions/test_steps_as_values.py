"""Steps are values: methods, closures, arguments and results (promises 1 and 3)."""

from __future__ import annotations

import abc
import asyncio
import functools
import inspect
import itertools
import linecache
import sys
from dataclasses import dataclass, field

import attrs
import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import step, workflow
from perdure.errors import NotAStep, NotBound

BOUND_BY_CLASSMETHOD = sys.version_info < (3, 13)
"""Until then a class method binds what stands below it by its own `__get__`."""


def in_a_run(function, *, fails=False):
    """What `function` gives in a workflow's body; with `fails`, in a pass that then fails."""

    @workflow(name="body")
    def body(n):
        found = function()
        if fails:
            raise NotYetError
        return found

    if not fails:
        return body.using(key="k")(1)
    with pytest.raises(NotYetError):
        body.using(key="k")(1)
    return None


class NotYetError(Exception):
    """The pass ends here, and the run is to be resumed."""


def steps_of(store):
    """The names of the calls of the newest run, in order."""
    return [call.step for call in store.journal.calls(store.journal.runs()[0].id)]


_numbers = itertools.count()


def defined(source, **more):
    """What a source defines, whose lines Python knows, as those of a cell."""
    name = f"<values {next(_numbers)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space = {"step": step, "ran": ran, "__name__": "a_cell", **more}
    exec(compile(source, name, "exec"), space)
    return space


# -- methods ---------------------------------------------------------------------------------------------


@dataclass
class Model:
    rate: int
    seen: list = field(default_factory=list)

    @step
    def fit(self, x):
        """Fit it."""
        ran("fit", x)
        self.seen.append(x)
        return self.rate * x

    @step
    async def afit(self, x):
        return self.rate * x

    @property
    @step
    def doubled(self):
        ran("doubled")
        return self.rate * 2

    @step
    @staticmethod
    def above_static(x):
        return x + 1

    @staticmethod
    @step
    def below_static(x):
        return x + 2

    @step
    @classmethod
    def above_class(cls, x=7):
        return cls.__name__, x

    @classmethod
    @step
    def below_class(cls, x=7):
        return cls.__name__, x

    @classmethod
    @step
    def odd_class(klass, x=7):  # noqa: N804  a name that nobody expects
        return klass.__name__, x


class Better(Model):
    @step
    def fit(self, x):
        return super().fit(x) + 1000


class Other:
    @step
    def fit(self, x):
        return -x


def test_a_method_is_a_step_of_its_class_and_its_object_counts_by_content(store):
    """Promise 1: alike objects are one input, others are another."""
    in_a_run(lambda: Model(2).fit(5), fails=True)
    found = in_a_run(lambda: [Model(2).fit(5), Model(3).fit(5), Other().fit(5)])
    assert found == [10, 15, -5]
    assert taken() == [("fit", 5), ("fit", 5)]
    assert steps_of(store) == ["Model.fit", "Model.fit", "Other.fit"]


def test_the_object_travels_by_value():
    """Promise 3: what a step does to `self` does not reach the caller, as on the replay."""

    def use():
        model = Model(2)
        return model.fit(5), model.seen

    in_a_run(use, fails=True)
    assert in_a_run(use) == (10, [])


def test_a_bound_step_begins_calls_beside_the_body(store):
    model = Model(3)
    found = in_a_run(lambda: (model.fit.map([1, 2], concurrency=1).result(), model.fit.submit(4).result()))
    assert found == ([3, 6], 12)

    @workflow
    async def body(n):
        return [await model.afit(1), await model.afit.map([1, 2]), await model.afit.submit(x=5)]

    assert asyncio.run(body(1)) == [3, [3, 6], 15]
    assert steps_of(store) == ["Model.afit"] * 4


def test_static_methods_are_steps_above_and_below():
    found = in_a_run(
        lambda: [
            [each(1), each.map([1, 2]).result(), each.submit(1).result()]
            for holder in (Model, Model(1))
            for each in (holder.above_static, holder.below_static)
        ]
    )
    assert found == [[2, [2, 3], 2], [3, [3, 4], 3]] * 2


def test_class_methods_are_steps_above_and_below(store):
    """Of a subclass, the step gets the subclass."""
    found = in_a_run(
        lambda: [
            each(1)
            for holder in (Model, Model(1), Better)
            for each in (holder.above_class, holder.below_class)
        ]
    )
    assert found == [("Model", 1)] * 4 + [("Better", 1)] * 2
    assert steps_of(store)[:2] == ["Model.above_class", "Model.below_class"]
    assert in_a_run(lambda: Better.above_class.map([1, 2]).result()) == [("Better", 1), ("Better", 2)]


@pytest.mark.parametrize(
    ("begin", "result"),
    [(lambda f: f.map([1]), lambda name: [(name, 1)]), (lambda f: f.submit(1), lambda name: (name, 1))],
    ids=["map", "submit"],
)
def test_a_step_below_a_class_method_is_never_called_without_its_class(begin, result):
    """From Python 3.13 on, `map` knows no class there: it must not take the item for one."""

    class Local:
        @classmethod
        @step
        def below(cls, x=7):
            return cls.__name__, x

    for method, name in ((Local.below, "Local"), (Model.below_class, "Model"), (Model.odd_class, "Model")):
        if BOUND_BY_CLASSMETHOD:
            assert in_a_run(lambda method=method: begin(method).result()) == result(name)
        else:
            with pytest.raises(NotBound, match="Write `@step` above `@classmethod`"):
                in_a_run(lambda method=method: begin(method).result())


def test_a_property_may_be_a_step_below_it():
    in_a_run(lambda: Model(4).doubled, fails=True)
    assert in_a_run(lambda: Model(4).doubled) == 8
    assert taken() == ["doubled"]


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        (property(lambda self: 1), "it is a property.\nWrite `@property` above `@step`"),
        (Model, "`Model` cannot be a step: it is a class"),
        (functools.partial(int, "1"), "it is a partial"),
        (len, "`len` cannot be a step: it is a builtin_function_or_method"),
        (Model.fit, "it is <step Model.fit> already"),
        (staticmethod(len), "`len` cannot be a step"),
    ],
    ids=["property", "class", "partial", "builtin", "step", "static"],
)
def test_what_is_no_function_is_refused_when_it_is_marked(marked, words):
    with pytest.raises(NotAStep) as refused:
        step(marked)
    assert words in str(refused.value)


def test_super_calls_the_step_of_the_base_as_a_plain_method(store):
    assert in_a_run(lambda: [Better(2).fit(5), Better(2).above_static(1)]) == [1010, 2]
    assert steps_of(store) == ["Better.fit", "Model.above_static"]


def test_classes_that_attrs_and_dataclasses_make_anew_hold_steps():
    """`super()` in a step of such a class looks where the class lies in the end."""

    @attrs.define
    class Base:
        x: int

        @step
        def get(self):
            return self.x

    @attrs.define
    class Derived(Base):
        @step
        def get(self):
            return super().get() + 1

    @dataclass(slots=True, frozen=True)
    class Slotted:
        x: int

        @step
        def get(self):
            return self.x

    assert in_a_run(lambda: [Derived(1).get(), Slotted(5).get(), Slotted(5).get.submit().result()]) == [
        2,
        5,
        5,
    ]


def test_an_abstract_step_is_abstract():
    class Base(abc.ABC):
        @step
        @abc.abstractmethod
        def get(self): ...

    with pytest.raises(TypeError, match="abstract"):
        Base()


def test_a_bound_step_shows_what_a_method_shows():
    model = Model(1)
    assert repr(model.fit) == f"<step Model.fit of {model!r}>"
    assert (model.fit.__name__, model.fit.__doc__) == ("fit", "Fit it.")
    assert str(inspect.signature(model.fit)) == "(x)"
    assert model.fit == model.fit
    assert len({model.fit, model.fit, Model(1).fit}) == 2
    assert model.fit.__self__ is model


def test_a_plain_call_of_a_method_points_at_the_caller():
    with pytest.warns(UserWarning, match=r"step `Model\.fit` is called outside a workflow") as told:
        assert Model(2).fit(1) == 2
    assert told[0].filename == __file__


# -- edits -----------------------------------------------------------------------------------------------

CLASS = """
class Edited:
    rate = 3

    def __init__(self, x):
        self.x = x

    @step
    def first(self):
        ran("first")
        return self.helper() + self.rate

    def helper(self):
        return self.x

    @step
    def second(self):
        ran("second")
        return self.x

    @step
    def third(self):
        ran("third")
        return look(self)

    @step
    def fourth(self):
        ran("fourth")
        return len(self.children())

    def children(self):
        return [Leaf(1).grow()]

class Leaf:
    def __init__(self, x):
        self.x = x

    def grow(self):
        return self.x

def look(each):
    return each.helper()
"""


def all_steps(source):
    edited = defined(source)["Edited"]
    return lambda: [getattr(edited(1), name)() for name in ("first", "second", "third", "fourth")]


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ('ran("second")', 'ran("second again")', ["second again", "third"]),
        (
            "return self.x\n\n    @step\n    def second",
            "return self.x + 0\n\n    @step\n    def second",
            ["first", "third"],
        ),
        ("rate = 3", "rate = 4", ["first", "third"]),
        (
            "def grow(self):\n        return self.x",
            "def grow(self):\n        return self.x + 0",
            ["third", "fourth"],
        ),
        ("return each.helper()", "return each.helper() + 0", ["third"]),
        ("    def children", "    # A comment.\n\n    def children", []),
    ],
    ids=["step", "helper", "attribute", "other class", "function", "comment"],
)
def test_an_edit_in_a_class_runs_again_what_uses_the_edited_part(old, new, again):
    """Promise 1: a method uses what it names; where `self` is handed on, the class as a whole."""
    assert CLASS.count(old) == 1
    in_a_run(all_steps(CLASS), fails=True)
    assert taken() == ["first", "second", "third", "fourth"]
    in_a_run(all_steps(CLASS.replace(old, new)))
    assert taken() == again


def test_an_override_in_a_subclass_counts():
    """Promise 1: the method of the object's own class is the one that runs."""
    source = CLASS + "\nclass Edited(Edited):\n    def helper(self):\n        return 5\n"
    in_a_run(all_steps(source), fails=True)
    taken()
    in_a_run(all_steps(source.replace("return 5", "return 6")))
    assert taken() == ["first", "third"]


# -- functions -------------------------------------------------------------------------------------------


@step
def add(x, y=1):
    ran("add", x)
    return x + y


@step
def apply(function, x):
    ran("apply")
    return function(x)


def test_a_step_that_is_handed_to_a_step_is_called_there_as_a_function(store):
    assert in_a_run(lambda: [apply(add, 2), apply(Model(2).fit, 3), apply(lambda x: add(x) + 1, 4)]) == [
        3,
        6,
        6,
    ]
    assert steps_of(store) == ["apply"] * 3


def test_an_edited_step_is_another_argument():
    """Promise 1: it counts by its code, bound or not."""
    sources = [
        "@step\ndef f(x):\n    return x",
        "@step\ndef f(x):\n    return x + 0",
        "class C:\n    @step\n    def m(self, x):\n        return x\nf = C().m",
        "class C:\n    @step\n    def m(self, x):\n        return x + 0\nf = C().m",
    ]
    for source in sources:
        in_a_run(lambda source=source: apply(defined(source)["f"], 2), fails=True)
        in_a_run(lambda source=source: apply(defined(source)["f"], 2), fails=True)
    assert taken() == ["apply"] * 4


def test_steps_in_closures_partials_and_tables_are_calls(store):
    def twice(function):
        return lambda x: function(function(x))

    table = {"add": add}
    found = in_a_run(lambda: [twice(add)(1), functools.partial(add, y=5)(1), table["add"](1)])
    assert found == [3, 6, 2]
    assert steps_of(store) == ["add"] * 4


def test_a_step_is_named_without_the_functions_around_it(store):
    def make():
        @step
        def inner(x):
            return x

        class Local:
            @step
            def method(self):
                return 1

        return inner(1), Local().method()

    assert in_a_run(make) == (1, 1)
    assert steps_of(store) == ["inner", "Local.method"]


def test_a_step_that_reads_a_bound_step_depends_on_its_object():
    """Promise 1: another object behind the name is another input."""
    source = "class C:\n    def __init__(self, k):\n        self.k = k\n    @step\n    def m(self):\n        return self.k\nf = C({k}).m\n@step\ndef reads():\n    ran('reads')\n    return f()"
    for k in (1, 1, 2):
        in_a_run(lambda k=k: defined(source.replace("{k}", str(k)))["reads"](), fails=True)
    assert taken() == ["reads"] * 2


PROCESSES = """
import sys
from dataclasses import dataclass
from perdure import step, workflow

@step
def add(x):
    print("ran", x)
    return x + 1

@dataclass
class Model:
    rate: int
    @step
    def fit(self, x):
        print("fit", x)
        return self.rate * x
    @step
    @classmethod
    def load(cls, x):
        print("load", x)
        return cls(x)

@dataclass
class Box:
    function: object

def twice(function):
    return lambda x: function(function(x))

@step
def give():
    print("give")
    return {"step": add, "box": Box(add), "closure": twice(add), "bound": Model(3).fit, "class": Model.load, "both": [Model(4)] * 2}

@workflow
def body():
    given = give()
    found = [
        given["step"](1), given["box"].function(10), given["closure"](100), given["bound"](1), given["class"](2).rate,
        given["bound"].map([5]).result(), given["step"].map([7]).result(),
    ]
    print(found, type(given["bound"]).__name__, given["bound"].__self__)
    if len(sys.argv) > 1:
        raise SystemExit
    return "done"

body()
"""


def test_steps_inside_values_come_back_as_steps_in_a_new_process(script):
    """Promises 1 and 3: what a step gave is restored, and so are the calls of the steps in it."""
    first = script(PROCESSES, "stop")
    assert first == [
        *("give", "ran 1", "ran 10", "ran 100", "ran 101", "fit 1", "load 2", "fit 5", "ran 7"),
        "[2, 11, 102, 3, 2, [15], [8]] BoundStep Model(rate=3)",
    ]
    assert script(PROCESSES) == first[-1:]


def test_a_failed_method_is_tried_again_as_any_step():
    """Promise 2: the finished ones are kept."""
    bad_luck(ValueError("once"))

    class Local:
        @step
        def work(self):
            ran("work")
            stumble()
            return 1

    def use():
        return Model(2).fit(1), Local().work()

    with pytest.raises(ValueError, match="once"):
        in_a_run(use)
    assert in_a_run(use) == (2, 1)
    assert taken() == [("fit", 1), "work", "work"]
