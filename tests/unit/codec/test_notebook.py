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
