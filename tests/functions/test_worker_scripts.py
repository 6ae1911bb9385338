"""Functions of a notebook, or a script, in worker processes: by value, with all that they use.

Each runs as a script, whose `__main__` is what a notebook is.
"""

from __future__ import annotations

import pytest

START = """
import os
os.environ["PERDURE_STORE"] = ":memory:"
from perdure import step, workflow
"""

EXECUTORS = {
    "process": 'executor = "process"',
    "spawned": """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
""",
    "forked": """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))
""",
    "aside": """
import multiprocessing
from aside import Aside
executor = Aside(1, mp_context=multiprocessing.get_context("spawn"))
""",
    "threads": """
from concurrent.futures import ThreadPoolExecutor
executor = ThreadPoolExecutor(1)
""",
}


ASIDE = """
import threading
from concurrent.futures import Future, ProcessPoolExecutor
class Aside(ProcessPoolExecutor):
    '''Its processes carry out calls on other threads than the main one, as those of some schedulers do.'''
    def submit(self, function, /, *args):
        return super().submit(in_a_thread, function, *args)
def in_a_thread(function, *args):
    future = Future()
    threading.Thread(target=lambda: future.set_result(function(*args))).start()
    return future.result()
"""


@pytest.fixture(params=EXECUTORS)
def run(request, script, tmp_path):
    """Run a script with `executor`, as the main program that it is."""
    (tmp_path / "aside.py").write_text(ASIDE)

    def of(source, **options):
        body = EXECUTORS[request.param] + source
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        return script(f"{START}\nif __name__ == '__main__':\n{lines}", **options)

    return of


def test_a_function_takes_along_what_it_uses_of_the_notebook(run):
    """Helpers that were defined later, data, modules with their submodules, closures, defaults."""
    lines = run("""
import xml.dom.minidom
rates = {"a": 2}
made = 3
def closed(extra):
    @step(executor=executor)
    def compute(x, *, base=10):
        return helper(x) + extra + base, type(xml.dom.minidom.parseString("<a/>")).__name__, rates
    return compute
compute = closed(100)
@workflow
def body():
    return compute(1)
def helper(x):
    return deeper(x) * rates["a"]
def deeper(x):
    return x + made
print(body())
""")
    assert lines == ["(118, 'Document', {'a': 2})"]


def test_classes_of_the_notebook_are_the_same_on_both_sides(run):
    """Promise 3: an instance that goes there and one that comes back are instances of the notebook's class."""
    lines = run("""
import enum, pickle, threading, typing
from dataclasses import dataclass
class Colour(enum.Enum):
    RED = 1
@dataclass
class Shape:
    size: float
    colour: Colour = Colour.RED
    def area(self):
        return scale(self.size)
class Circle(Shape):
    def area(self):
        return 3 * super().area()
class Point(typing.NamedTuple):
    x: int
class Wrong(Exception):
    pass
def scale(x):
    return x * x
@step(executor=executor)
def work(shape, point):
    assert isinstance(shape, Circle) and isinstance(point, Point) and shape.colour is Colour.RED
    if threading.current_thread() is threading.main_thread():  # else `__main__` is the process's own
        assert pickle.loads(pickle.dumps(shape)) == shape
        assert typing.get_type_hints(Shape)["colour"] is Colour
    return Circle(shape.area()), {Colour.RED: Point(point.x + 1)}, Circle
@step(executor=executor)
def only_asks_its_argument(shape):
    return shape.area()
@step(executor=executor)
def fails():
    raise Wrong("no", Point(1))
@workflow
def body():
    shape, points, cls = work(Circle(2.0), Point(1))
    print(type(shape) is Circle, shape, type(points[Colour.RED]) is Point, cls is Circle)
    print(only_asks_its_argument(Circle(3.0)))
    try:
        fails()
    except Wrong as error:
        print(type(error) is Wrong, error.args)
body()
""")
    assert lines == [
        "True Circle(size=12.0, colour=<Colour.RED: 1>) True True",
        "27.0",
        "True ('no', Point(x=1))",
    ]


def test_what_was_defined_anew_is_what_runs(run):
    """Also in a worker that has the older one from before."""
    lines = run("""
class Rule:
    factor = 1
    def apply(self, x):
        return helper(x) * self.factor * RATE
RATE = 1
def helper(x):
    return x
@step(executor=executor)
def work(rule, x):
    return rule.apply(x)
@workflow
def body(x):
    return work(Rule(), x)
print(body(1))
RATE = 10
print(body(2))
def helper(x):
    return x + 100
print(body(3))
Rule.factor = 5
print(body(4))
class Rule:
    def apply(self, x):
        return "anew"
print(body(5))
""")
    assert lines == ["1", "20", "1030", "5200", "anew"]


def test_what_functions_and_objects_share_with_a_name_is_shared_there_too(run):
    lines = run("""
memo = {}
class Model:
    def __init__(self):
        self.memo = memo
model = Model()
def remember(x, seen=memo):
    seen[x] = True
@step(executor=executor)
def work():
    remember(1)
    model.memo[2] = True
    return sorted(memo)
@workflow
def body():
    return work()
print(body())
""")
    assert lines == ["[1, 2]"]


def test_methods_take_their_object_along(run):
    lines = run("""
class Model:
    rate = 2
    def __init__(self, weights):
        self.weights = weights
    @step(executor=executor)
    def fit(self, x):
        self.weights.append(x)
        return self, self.helper(x)
    def helper(self, x):
        return x * self.rate
    @classmethod
    @step(executor=executor)
    def made(cls, x):
        return cls([x])
    @staticmethod
    @step(executor=executor)
    def plain(x):
        return Model.rate + x
@workflow
def body():
    model = Model([1])
    fitted, helped = model.fit(5)
    many = model.fit.map([6, 7]).result()
    return (model.weights, type(fitted) is Model, fitted.weights, helped, [each.weights for each, _ in many],
            Model.made(3).weights, Model.plain(4))
print(body())
""")
    assert lines == ["([1], True, [1, 5], 10, [[1, 6], [1, 7]], [3], 6)"]


def test_a_workflow_of_the_notebook_is_not_for_a_worker(script):
    lines = script(f"""{START}
from concurrent.futures import ThreadPoolExecutor
from perdure.errors import NotInWorker
@workflow
def child(x):
    return x
@workflow(executor=ThreadPoolExecutor(1))
def other(x):
    return x
@step(executor="process")
def uses(which):
    return (child if which else other)(1)
@workflow
def body():
    for which in (True, False):
        try:
            uses(which)
        except NotInWorker as error:
            print(error.step)
if __name__ == "__main__":
    body()
""")
    assert lines == ["uses", "uses"]


def test_functions_inside_values_bring_what_they_use_too(run):
    lines = run("""
import functools
def base(x):
    return x + ONE
ONE = 1
table = {"plus": lambda x: base(x), "twice": functools.partial(map, base)}
@step(executor=executor)
def work(given):
    return table["plus"](1), list(table["twice"]([1, 2])), given(5)
@workflow
def body():
    return work(lambda x: other(x))
def other(x):
    return base(x) * 2
print(body())
""")
    assert lines == ["(2, [2, 3], 12)"]


def test_what_cannot_be_sent_is_told_of_when_it_is_used_and_not_before(script):
    lines = script(f"""{START}
import threading
from perdure.errors import NotKeepable
lock = threading.Lock()
@step(executor="process")
def work(x):
    if x:
        with lock:
            return "locked"
    return "went round"
@workflow
def body():
    print(work(False))
    try:
        work(True)
    except NotKeepable as error:
        print(error.path, error.type, error.__class__.__name__)
        print("runs in a worker" in str(error))
if __name__ == "__main__":
    body()
""")
    assert lines == ["went round", "lock a _thread.lock NotKeepable", "True"]


def test_a_function_that_holds_what_cannot_be_sent_is_refused_by_name(script):
    lines = script(f"""{START}
import threading
from perdure.errors import NotKeepable
def make():
    lock = threading.Lock()
    @step(executor="process")
    def work(x):
        return lock, x
    return work
work = make()
@workflow
def body():
    try:
        work(1)
    except NotKeepable as error:
        print(str(error).splitlines()[0])
if __name__ == "__main__":
    body()
""")
    assert len(lines) == 1
    assert lines[0].startswith("`work")
    assert "Step `work` is sent to a worker by value, with what it holds" in lines[0]


def test_registered_classes_are_kept_in_a_worker_as_here(run):
    """Those of the notebook, and those of others; in what a function reads, gets and gives."""
    lines = run("""
import perdure, types
from concurrent.futures import Future
class Handle:
    def __init__(self, number):
        self.number, self.live = number, (x for x in ())
perdure.register(Handle, dump=lambda handle: handle.number, load=lambda number: Handle(number))
def done(value):
    future = Future()
    future.set_result(value + ZERO)
    return future
ZERO = 0
perdure.register(Future, dump=lambda future: future.result(), load=done)
read, told = Handle(100), done(1000)
@step(executor=executor)
def work(handle, future):
    number = handle.number + future.result() + read.number + told.result()
    return Handle(number), done(number)
@workflow
def body():
    handle, future = work(Handle(1), done(10))
    return type(handle) is Handle, handle.number, future.result()
print(body())
""")
    assert lines == ["(True, 1111, 1111)"]


@pytest.fixture
def beside(tmp_path):
    """Write a module of the user's own beside the script."""

    def write(source):
        (tmp_path / "own.py").write_text(source)

    return write


OWN = """
import importlib, pathlib, time
import own
@step(executor=executor)
def work(x):
    return own.rule(x), own.Thing(x)
@workflow
def body(x):
    found, thing = work(x)
    return found, type(thing) is own.Thing
def rewrite(text):
    pathlib.Path("own.py").write_text("class Thing:\\n    def __init__(self, x): self.x = x\\n" + text)
"""


def test_modules_beside_the_notebook_are_there_and_follow_a_reload(run, beside):
    beside("class Thing:\n    def __init__(self, x): self.x = x\ndef rule(x): return x + 1\n")
    lines = run(
        OWN
        + """
print(body(1))
rewrite("def rule(x): return x + 1000\\n")
importlib.reload(own)
print(body(2))
"""
    )
    assert lines == ["(2, True)", "(1002, True)"]


def test_a_module_that_was_edited_and_not_reloaded_runs_as_the_kernel_has_it_or_not_at_all(script, beside):
    """A worker that has it goes on; one that would have to import it says what to do."""
    beside("class Thing:\n    def __init__(self, x): self.x = x\ndef rule(x): return x + 1\n")
    lines = script(
        f"""{START}
if __name__ == "__main__":
    executor = "process"
    os.environ["LOKY_MAX_CPU_COUNT"] = "1"
"""
        + "".join(f"    {line}\n" for line in OWN.strip().splitlines())
        + """
    from perdure.errors import ModuleEdited, WorkerDied
    @step(executor="process")
    def die():
        os.kill(os.getpid(), 9)
    @workflow
    def lethal():
        die()
    print(body(1))
    rewrite("def rule(x): return x + 1000\\n")
    print(body(2))
    try:
        lethal()
    except WorkerDied:
        pass
    try:
        body(3)
    except ModuleEdited as error:
        print(error.module, "importlib.reload(own)" in str(error))
"""
    )
    assert lines == ["(2, True)", "(3, True)", "own True"]


def test_importing_perdure_imports_neither_loky_nor_the_workers(script):
    assert script("""
import sys
from perdure import step, workflow
@step
def plain(x): return x
print("loky" in sys.modules, "perdure.engine.executors.pool" in sys.modules, "concurrent.futures.process" in sys.modules)
""") == ["False False False"]
