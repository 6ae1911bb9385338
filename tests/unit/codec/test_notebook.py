"""Classes and functions of the notebook, with a script that runs as `__main__` in a process of its own."""

import subprocess
import sys

import pytest

KEEP = """
import dataclasses, enum, functools, pickle, sys
from perdure import codec

class Colour(enum.Enum):
    RED = 1

@dataclasses.dataclass(frozen=True)
class Point:
    x: int

class Model:
    def __init__(self, rate): self.rate = rate
    def double(self): return self.rate * 2

def scaled(x, by=3): return x * factor * by
factor = 2

@functools.wraps(scaled)
def wrapped(x): return scaled(x) + 1

def counters():
    n = 0
    def up():
        nonlocal n
        n += 1
        return n
    return up, lambda: n

def recursive():
    def go(k): return 1 if k < 2 else k * go(k - 1)
    return go

def local():
    class Hidden:
        def hi(self): return factor
    return Hidden()

value = {
    "colour": Colour.RED, "point": Point(1), "model": Model(5), "models": [Model(6)], "scaled": scaled,
    "wrapped": wrapped, "counters": counters(), "recursive": recursive(), "lambda": lambda x: x + factor,
    "key": {Colour.RED: 1, Point(2): 2}, "class": Point, "hidden": local(), "bound": Model(7).double,
}
"""

SAVE = """
encoded = codec.encode(value)
fields = (encoded.codec, encoded.stream, [bytes(b) for b in encoded.buffers], encoded.packages, encoded.preview)
pickle.dump((fields, [codec.digest(value[name]).hex for name in ("scaled", "lambda", "point", "class")]), open(PATH, "wb"))
"""

LOAD = """
fields, digests = pickle.load(open(PATH, "rb"))
encoded = codec.Encoded(fields[0], fields[1], tuple(map(memoryview, fields[2])), fields[3], fields[4])
"""

CHECK = """
made = codec.decode(encoded)
assert made["colour"] is Colour.RED
assert made["point"] == Point(1) and type(made["point"]) is Point
assert type(made["model"]) is Model and made["model"].double() == 10
assert made["models"][0].rate == 6
factor = 10
assert made["scaled"](1) == 30
assert made["scaled"].__globals__ is globals()
assert made["wrapped"](1) == scaled(1) + 1
up, now = made["counters"]
up(); up()
assert now() == 2
assert made["recursive"](5) == 120
assert made["lambda"](1) == 11
assert made["key"][Colour.RED] == 1 and made["key"][Point(2)] == 2
assert made["class"] is Point
assert made["hidden"].hi() == 10
assert made["bound"]() == 14
"""


def run(tmp_path, *parts):
    script = tmp_path / "notebook.py"
    script.write_text("\n".join([f"PATH = {str(tmp_path / 'value')!r}", *parts]))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_after_a_restart_objects_are_of_the_classes_that_are_defined_now(tmp_path):
    """Promise 3: an instance is an instance of the class of the notebook, a function sees its globals."""
    run(
        tmp_path,
        KEEP,
        CHECK.replace("made = codec.decode(encoded)", "made = codec.decode(codec.encode(value))"),
    )
    run(tmp_path, KEEP, SAVE)
    run(tmp_path, KEEP, LOAD, CHECK)


def test_a_restored_function_keeps_its_digest_without_its_source(tmp_path):
    """Promise 1: the cell that wrote a function may not have run yet."""
    run(tmp_path, KEEP, SAVE.replace("codec.encode(value)", "codec.encode([scaled, value['lambda']])"))
    check = """
from perdure import codec
import pickle
factor = 1
"""
    again = "made = codec.decode(encoded)\nassert [codec.digest(f).hex for f in made] == digests[:2]"
    run(tmp_path, check, LOAD, again)


@pytest.mark.parametrize(
    ("kept", "name"),
    [("[Point(1)]", "Point"), ("[Model(1)]", "Model"), ("Colour.RED", "Colour"), ("Point", "Point")],
)
def test_a_class_that_is_not_defined_is_named_in_a_sentence(tmp_path, kept, name):
    """Promise 4: a sentence, never a pickle traceback."""
    run(tmp_path, KEEP, SAVE.replace("codec.encode(value)", f"codec.encode({kept})"))
    check = f"""
from perdure.errors import NotLoadable
try:
    codec.decode(encoded)
except NotLoadable as error:
    assert "`{name}`" in str(error) and "Run the cell that defines `{name}`" in str(error), error
else:
    raise AssertionError
"""
    run(tmp_path, "import pickle\nfrom perdure import codec", LOAD, check)


def test_a_missing_package_is_named_in_a_sentence(tmp_path):
    """Promise 4: it says what to install."""
    (tmp_path / "gadget.py").write_text("class Gadget:\n    pass\n\n\nclass Error(Exception):\n    pass\n")
    for kept in ("[gadget.Gadget()]", "gadget.Error()", "gadget"):
        save = SAVE.replace("codec.encode(value)", f"codec.encode({kept})").replace("value[name]", "name")
        run(tmp_path, "import pickle, gadget\nfrom perdure import codec", save)
        check = """
import sys
sys.path.pop(0)
from perdure.errors import NotLoadable
try:
    codec.decode(encoded)
except NotLoadable as error:
    assert "gadget" in str(error) and "nstall" in str(error), error
else:
    raise AssertionError
"""
        run(tmp_path, "import pickle\nfrom perdure import codec", LOAD, check)


CELLS = """
from IPython.core.interactiveshell import InteractiveShell
import __main__
shell = InteractiveShell.instance()
shell.user_module, shell.user_ns = __main__, vars(__main__)
SOURCE = '''
import dataclasses, enum
class Plain:
    limit = [1]
class Methods:
    limit = [1]
    def run(self): return self.limit
@dataclasses.dataclass
class Data:
    y: int = 2
class Colour(enum.Enum):
    RED = 1
class Own:
    pass
Own.default = Own()
'''
def digests(source):
    shell.run_cell(source, store_history=True).raise_error()
    found = [codec.digest(value) for value in (Plain, Methods, Data, Data(1), Colour.RED, Own, [Own()])]
    assert not any(part.weak for part in found), found
    return found
"""


def test_classes_of_cells_count_by_their_code(tmp_path):
    """Promise 1: an edited class is seen, an edited comment is not."""
    check = """
first = digests(SOURCE)
assert digests("# another comment" + SOURCE.replace("    y:", "    # here too\\n    y:")) == first
edited = digests(SOURCE.replace("[1]", "[2]").replace("= 2", "= 3").replace("RED = 1", "RED = 2"))
assert [one == other for one, other in zip(first, edited)] == [False] * 5 + [True] * 2
"""
    run(tmp_path, "from perdure import codec", CELLS, check)


EDITABLE = """
import dataclasses, enum, functools, pickle, sys, typing, warnings
from perdure import codec
from perdure.codec.notes import ClassEdited, collected

@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int = 0
@dataclasses.dataclass(slots=True)
class Slotted:
    a: int
    b: list = dataclasses.field(default_factory=list)
@dataclasses.dataclass
class Open:
    a: int
class Plain:
    __slots__ = ("a", "b", "__dict__")
    def __init__(self): self.a, self.b, self.c = 1, 2, 3
    def double(self): return self.a * 2
class Pair(typing.NamedTuple):
    left: int
    right: int
class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()
class Colour(enum.Enum):
    RED = 1
    BLUE = 2
"""

VALUES = """
class Holder:
    def __init__(self, held): self.held = held
opened = Open(1); opened.hung = "on"
trees = [Point(1, 2), Slotted(1, [2]), opened, Pair(1, 2), Access.READ | Access.WRITE, ~Access.READ, Colour.BLUE]
value = [*trees, Holder(list(trees)), Plain(), Plain().double]
"""


def test_an_object_of_an_edited_class_is_matched_field_by_field_and_the_difference_is_told(tmp_path):
    """Promise 4: nothing is changed silently, wherever in the value the object stands."""
    save = SAVE.replace(
        'value[name]).hex for name in ("scaled", "lambda", "point", "class")', "value).hex for _ in [0]"
    )
    run(tmp_path, EDITABLE, VALUES, save)
    edited = """
@dataclasses.dataclass(frozen=True)
class Point:
    z: list = dataclasses.field(default_factory=list)
    x: int = 9
@dataclasses.dataclass
class Slotted:
    b: list
    a: int
    new: str
@dataclasses.dataclass(slots=True)
class Open:
    a: int = 5
class Plain:
    __slots__ = ("a", "c")
    def double(self): return self.a * 20
class Pair(typing.NamedTuple):
    middle: int = 7
    left: int = 8
class Access(enum.Flag):
    RUN = enum.auto()
    WRITE = enum.auto()
    READ = enum.auto()
class Colour(enum.Enum):
    BLUE = "b"
class Holder: pass
"""
    check = """
with collected() as notes:
    *trees, holder, plain, double = codec.decode(encoded)
for point, slotted, opened, pair, access, other, colour in (trees, holder.held):
    assert type(point) is Point and vars(point) == {"x": 1, "z": []}, vars(point)
    assert type(slotted) is Slotted and vars(slotted) == {"a": 1, "b": [2]}
    assert type(opened) is Open and opened.a == 1
    assert type(pair) is Pair and pair == (7, 1)
    assert access is Access.READ | Access.WRITE and other is Access.WRITE
    assert colour is Colour.BLUE
assert (plain.a, plain.c) == (1, 3) and double() == 20
told = " ".join(notes)
assert len(notes) == 5, notes
for words in (
    "`Point` was edited since an object of it was kept: field `y` is gone, and was dropped; new field `z` got its default.",
    "`Slotted` was edited since an object of it was kept: new field `new` has no default, and is not set.",
    "`Open` was edited since an object of it was kept: there is no room for attribute `hung`, which was dropped.",
    "`Pair` was edited since an object of it was kept: field `right` is gone, and was dropped; new field `middle` got",
    "`Plain` was edited since an object of it was kept: there is no room for attribute `b`, which was dropped.",
):
    assert words in told, (words, notes)
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    codec.decode(encoded)
assert {each.category for each in heard} == {ClassEdited}
"""
    run(tmp_path, EDITABLE, edited, LOAD, check)


@pytest.mark.parametrize(
    ("kept", "edit", "words"),
    [
        ("Colour.RED", "class Colour(enum.Enum):\n    BLUE = 2", "no member `RED` any more"),
        ("Access.READ", "class Access(enum.Flag):\n    WRITE = 1", "no member `READ` any more"),
        ("Colour.RED", "def Colour(name): return name", "was kept when `Colour` was an enum"),
        ("Pair(1, 2)", "class Pair(typing.NamedTuple):\n    up: int", "field `up` is new and has no default"),
        ("Pair(1, 2)", "class Pair: pass", "was kept when `Pair` was a named tuple"),
        ("Point(1)", "class Point(tuple): pass", "was kept when `Point` was an ordinary class"),
        ("Plain().double", "class Plain: pass", "Method `Plain.double` was kept but cannot be loaded here"),
    ],
)
def test_what_an_edited_class_cannot_take_ends_in_a_sentence(tmp_path, kept, edit, words):
    """Promise 4: exact or refused, also when the class is another one now."""
    save = SAVE.replace("codec.encode(value)", f"codec.encode([{kept}])").replace("value[name]", "name")
    run(tmp_path, EDITABLE, save)
    check = f"""
from perdure.errors import NotLoadable
try:
    codec.decode(encoded)
except NotLoadable as error:
    assert {words!r} in str(error), error
else:
    raise AssertionError
"""
    run(tmp_path, EDITABLE, edit, LOAD, check)


FUNCTIONS = '''
import asyncio, functools, inspect, pickle, traceback
from perdure import codec
shared = []
def plain(x, into=shared):
    """What it does."""
    into.append(x)
    return later(x)
def second(y, *, into=shared): return into
@functools.wraps(plain)
@functools.lru_cache(maxsize=3, typed=True)
def cached(x):
    return [plain(x)]
@functools.lru_cache
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
async def soon(x): return later(x)
def many(x):
    yield later(x)
def fails(x: "Unknown") -> "Nothing":
    raise ValueError(x)
fails.note = ["hung on"]
def makes(n):
    def shows(): return n
    return shows
def counters():
    n = 0
    @functools.lru_cache
    def memo(k): return 1 if k < 2 else k * memo(k - 1)
    def up():
        nonlocal n
        n += 1
        return n
    return up, lambda: n, memo
fib(10)
value = {
    "plain": plain, "second": second, "cached": cached, "fib": fib, "even": even, "odd": odd, "soon": soon,
    "many": many, "fails": fails, "counters": counters(), "lambdas": [lambda x: later(x),
        lambda x: (later(x),
                   x)],
}
def sources(value):
    """The source of each function, by name."""
    functions = {name: each for name, each in value.items() if name not in ("counters", "lambdas")}
    functions |= {f"counter {at}": each for at, each in enumerate(value["counters"])}
    functions |= {f"lambda {at}": each for at, each in enumerate(value["lambdas"])}
    found = {}
    for name, each in functions.items():
        found[name] = inspect.getsource(each)
    return found
fields = codec.encode(value)
pickle.dump((fields.stream, fields.packages, codec.digest(value).hex, sources(value)), open(PATH, "wb"))
'''

RESTORED = """
import asyncio, inspect, pickle, sys, traceback
from perdure import codec
stream, packages, digest, before = pickle.load(open(PATH, "rb"))
made = codec.decode(codec.Encoded("full", stream, (), packages, {}))
assert codec.digest(made).hex == digest
def later(x): return x + 1
fib, even, odd = made["fib"], made["even"], made["odd"]
assert made["plain"](1) == 2 and made["second"](0) == [1] and made["second"](0) is made["plain"].__defaults__[0]
assert made["plain"].__doc__ == "What it does."
plain, cached = made["plain"], made["cached"]
assert cached.cache_parameters() == {"maxsize": 3, "typed": True} and cached.__wrapped__ is plain
assert cached.__name__ == "plain" and cached(4) == [5] and cached(4) == [5] and cached.cache_info().hits == 1
assert fib.cache_info().currsize == 0 and fib(20) == 6765 and fib.cache_info().currsize == 21
assert even(10) and not odd(10)
assert asyncio.run(made["soon"](1)) == 2 and list(made["many"](1)) == [2]
up, now, memo = made["counters"]
assert (up(), up(), now(), memo(5)) == (1, 2, 2, 120)
assert up.__closure__[0] is now.__closure__[0] and memo.__wrapped__.__closure__[0].cell_contents is memo
assert [f(1) for f in made["lambdas"]] == [2, (2, 1)]
assert made["fails"].note == ["hung on"] and made["fails"].__annotations__ == {"x": "Unknown", "return": "Nothing"}
"""

SHOWN = """
for name, each in [*made.items()]:
    if name in before:
        assert inspect.getsource(each) == before[name], (name, inspect.getsource(each))
for kind in ("counter", "lambda"):
    for at, each in enumerate(made[kind + "s"]):
        assert inspect.getsource(each) == before[f"{kind} {at}"], (kind, at)
try:
    made["fails"](3)
except ValueError:
    assert 'raise ValueError(x)' in traceback.format_exc()
"""


def run_as_a_cell(tmp_path, source):
    """Run it from a file that is gone afterwards, as a cell's is when the kernel ends."""
    cell = tmp_path / "cell.py"
    cell.write_text(f"PATH = {str(tmp_path / 'value')!r}\n{source}")
    run(tmp_path, f"name = {str(cell)!r}\nexec(compile(open(name).read(), name, 'exec'))")
    cell.unlink()


def test_functions_come_back_with_their_state_and_see_what_is_defined_later(tmp_path):
    """Promise 3: caches come back empty, all else as it was."""
    run_as_a_cell(tmp_path, FUNCTIONS)
    run(tmp_path, RESTORED)


def test_the_source_of_a_function_comes_back_with_it(tmp_path):
    """Promise 7: tracebacks and `inspect.getsource` show it, though the file of its cell is gone."""
    run_as_a_cell(tmp_path, FUNCTIONS)
    run(tmp_path, RESTORED, SHOWN)


def test_another_python_compiles_a_function_that_closes_over_nothing_again(tmp_path):
    """Promise 4: and refuses one that does close over something, by name."""
    run_as_a_cell(
        tmp_path, FUNCTIONS.replace("codec.encode(value)", "codec.encode([plain, soon, many, fails])")
    )
    lines = "import importlib.util\nimportlib.util.MAGIC_NUMBER = b'next'\ndef later(x): return x + 1\n"
    head = RESTORED.split("assert codec.digest", maxsplit=1)[0]
    check = """
plain, soon, many, fails = made
assert plain(1) == 2 and plain.__defaults__ == ([1],) and plain.__doc__ == "What it does."
assert asyncio.run(soon(1)) == 2 and list(many(1)) == [2]
try:
    fails(3)
except ValueError:
    assert 'raise ValueError(x)' in traceback.format_exc()
"""
    run(tmp_path, lines, head, check)
    run_as_a_cell(tmp_path, FUNCTIONS.replace("codec.encode(value)", "codec.encode(makes(3))"))
    refused = f"""
from perdure.errors import NotLoadable
try:
{chr(10).join("    " + line for line in head.splitlines())}
except NotLoadable as error:
    assert "Function `shows` was kept but cannot be loaded here: it was kept as the bytecode of another" in str(error), error
else:
    raise AssertionError
"""
    run(tmp_path, lines, refused)
