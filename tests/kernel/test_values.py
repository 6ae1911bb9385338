"""Values of the notebook's own classes and functions in a real kernel: what a restart makes of them."""

from __future__ import annotations

HEAD = "%load_ext perdure\n%workflow own"
CLASSES = """
import dataclasses, enum, functools

class Colour(enum.Enum):
    RED = 1
    BLUE = 2

@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int = 0

class Base:
    def go(self):
        return ["base"]

class Model(Base):
    def __init__(self, rate):
        self.rate = rate

    def go(self):
        return super().go() + [self.rate * factor]

factor = 2
"""
MAKE = """%%step make
point, model, colour = Point(1, 2), Model(3), Colour.BLUE
known = {Point(1, 2): "here", Colour.RED: 1}
def apply(x):
    '''Uses what is defined later.'''
    return x * later
triple = lambda x: x * 3
@functools.lru_cache(maxsize=2)
def cached(n):
    return n if n < 2 else cached(n - 1) + cached(n - 2)
functions = [apply, triple, model.go, cached, functools.partial(apply, 4)]
cached(5)
"""
CHECK = """
import inspect
later = 10
assert type(point) is Point and point == Point(1, 2) and isinstance(model, Base)
assert colour is Colour.BLUE and known[Point(1, 2)] == "here" and known[Colour.RED] == 1
assert model.go() == ["base", 6] and functions[2].__func__ is Model.go
assert [f(2) for f in functions[:2]] == [20, 6] and functions[4]() == 40
assert functions[0] is apply or functions[0].__globals__ is globals()
assert "Uses what is defined later" in inspect.getsource(functions[0])
assert inspect.getsource(functions[1]) == "triple = lambda x: x * 3\\n", inspect.getsource(functions[1])
assert functions[3](10) == 55
print("checked")
"""


def checked(notebook, cells):
    replies = notebook.run_all(cells)
    assert [reply.errors for reply in replies] == [[]] * len(cells), replies[-1].errors
    assert replies[-1].stdout == "checked\n"
    return replies


def test_after_a_restart_the_notebooks_classes_and_functions_are_its_own(open_notebook):
    """Promise 3: instances are of the classes that are defined now, functions see the notebook."""
    for kernel in ("perdure", "python3"):
        notebook = open_notebook(kernel=kernel, folder=kernel)
        checked(notebook, [HEAD, CLASSES, MAKE, CHECK])
        notebook.kill()
        replies = checked(notebook, [HEAD, CLASSES, MAKE, CHECK])
        assert "restored" in replies[2].text


def test_resume_alone_brings_the_classes_with_their_objects(notebook):
    """Promise 2: no cell needs to be run."""
    checked(notebook, [HEAD, CLASSES, MAKE, CHECK])
    notebook.kill()
    checked(notebook, [HEAD, "%resume", CHECK])


def test_an_edited_class_takes_what_was_kept_and_the_difference_is_told(notebook):
    """Promise 4: the step that kept it does not depend on the class, so it is restored."""
    cells = [
        HEAD,
        "import dataclasses\n@dataclasses.dataclass\nclass Point:\n    x: int\n    y: int = 0\npoints = [Point(1, 2)]",
        "%%step keep --kind effect --key one\nkept = [Point(3, 4)]",
    ]
    assert [reply.status for reply in notebook.run_all(cells)] == ["ok"] * 3
    notebook.kill()
    cells[1] = "import dataclasses\n@dataclasses.dataclass\nclass Point:\n    x: int\n    z: str = 'new'"
    replies = notebook.run_all(cells)
    assert "restored" in replies[2].text or "kept" in replies[2].text
    assert "`Point` was edited since an object of it was kept" in replies[2].text
    assert "Warning" not in replies[2].text
    assert notebook.run("vars(kept[0]), type(kept[0]) is Point").result["text/plain"] == (
        "({'x': 3, 'z': 'new'}, True)"
    )


def test_resume_tells_what_an_edited_class_took(notebook):
    """Promise 4: in the step's line of the table."""
    cells = [
        HEAD,
        "import collections\nPair = collections.namedtuple('Pair', 'a b')",
        "%%step keep\nkept = Pair(1, 2)",
    ]
    assert [reply.status for reply in notebook.run_all(cells)] == ["ok"] * 3
    notebook.kill()
    reply = notebook.run_all([HEAD, cells[1].replace("a b", "b"), "%resume"])[-1]
    assert "field `a` is gone, and was dropped" in reply.text
    assert notebook.run("kept").result["text/plain"] == "Pair(b=2)"


def test_a_class_that_is_not_defined_is_named_with_what_to_do(notebook):
    """Promise 4: a sentence, no traceback of a pickle."""
    cells = [HEAD, "exec('class Hidden: pass')", "%%step keep\nkept = [globals()['Hidden']()]"]
    assert [reply.status for reply in notebook.run_all(cells)] == ["ok"] * 3
    notebook.kill()
    reply = notebook.run_all([HEAD, cells[2]])[-1]
    assert reply.status == "error"
    assert "Run the cell that defines `Hidden`" in reply.evalue + reply.traceback


def test_a_traceback_of_a_restored_function_shows_its_lines(notebook):
    """Promise 7: as before the restart."""
    cells = [HEAD, "%%step make\nfails = [lambda x: 1 // x  # by nothing\n]"]
    assert [reply.status for reply in notebook.run_all(cells)] == ["ok"] * 2
    notebook.kill()
    notebook.run_all([HEAD, "%resume"])
    reply = notebook.run("fails[0](0)")
    assert reply.ename == "ZeroDivisionError"
    assert "lambda x: 1 // x  # by nothing" in reply.traceback


def test_a_file_that_is_gone_stops_the_restore_and_redo_makes_it_anew(notebook):
    """Promise 4: a path to nothing is not what was kept."""
    cells = [
        HEAD,
        "from perdure import File",
        "%%step write\nout = File('out.csv')\nwith out.open('w') as f: f.write('a,b')",
        "%%step read\nsize = len(out.read_text())\nsize",
    ]
    assert notebook.run_all(cells)[-1].result["text/plain"] == "3"
    notebook.kill()
    (notebook.cwd / "out.csv").unlink()
    reply = notebook.run_all(cells)[-1]
    assert reply.status == "error"
    assert "There is no file `out.csv`" in reply.evalue + reply.traceback
    assert "--redo" in reply.evalue + reply.traceback
    again = [*cells[:2], cells[2].replace("write", "write --redo", 1), cells[3]]
    assert notebook.run_all(again)[-1].result["text/plain"] == "3"
    (notebook.cwd / "out.csv").write_text("longer")
    assert notebook.run(cells[3], "cell-3").result["text/plain"] == "6"


def test_a_secret_is_kept_for_the_next_kernel_and_shown_nowhere(notebook):
    """Promise 8: not in the notebook, the store, or the plan."""
    cells = [
        HEAD,
        "from perdure import Secret\npassword = Secret('correct' + ' horse')",
        "%%step use\nuser = {'name': 'me', 'password': password}\nlength = len(password.reveal())\nuser",
    ]
    replies = notebook.run_all(cells)
    notebook.kill()
    replies += notebook.run_all(
        [HEAD, "%resume", "%timeline", "user['password'].reveal() == 'correct' + ' horse'"]
    )
    assert replies[-1].result["text/plain"] == "True"
    assert not [reply for reply in replies if "correct horse" in str(reply.messages)]
    stored = [path.read_bytes() for path in (notebook.cwd / ".perdure").rglob("*") if path.is_file()]
    assert stored
    assert not [data for data in stored if b"correct horse" in data]
