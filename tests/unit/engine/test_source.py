"""What a cell reads, binds and leads to, told from its code (design, sections 5 and 7)."""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import linecache
import sys
import types

import pytest

from perdure.engine.code.source import analyse, close_match, code_parts, undefined


def names(code):
    return analyse(ast.parse(code))


def reads(code):
    found = names(code)
    return set(found.reads) - set(dir(builtins))


# -- reads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1\nprint(x, y)", {"y"}),
        ("x += 1", {"x"}),
        ("a = b = c\n(a, b.c), d[e] = 1", {"c", "d", "e"}),
        ("x: T = v", {"T", "v"}),
        ("x: int\nx", {"x"}),
        ("del old", set()),
        ("import a.b, c as d\nfrom e import f as g\na, d, g", set()),
        ("with open(p) as f, g(f) as (h, i):\n    d = f.read()\nd, h, i", {"p", "g"}),
        ("(n := len(xs)) and n", {"xs"}),
        ("if c:\n    x = 1\nelse:\n    x = 2\nx", {"c"}),
        ("if c:\n    raise E\nelse:\n    x = 1\nx", {"c", "E"}),
        ("try:\n    x = f()\nexcept E as e:\n    x = e\nx", {"f", "E"}),
        ("try:\n    x = f()\nfinally:\n    y = 1\nx, y", {"f"}),
        ("try:\n    import fast as j\nexcept ImportError:\n    import slow as j\nj", set()),
        (
            "match cmd:\n    case [a, *b]:\n        a, b\n    case {'k': v, **r}:\n        v, r\n    case P.Q:\n        pass",
            {"cmd", "P"},
        ),
        ("match cmd:\n    case 1:\n        x = 1\n    case _:\n        x = 2\nx", {"cmd"}),
        ("f'{m!r:>{w}}'", {"m", "w"}),
        ("try:\n    v\nexcept NameError:\n    v = 1\nv", {"v"}),
    ],
)
def test_a_name_is_read_unless_it_was_surely_bound_before(code, expected):
    assert reads(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("[x for x in x]", {"x"}),
        ("{k: v for k, v in d.items() if k in keep}", {"d", "keep"}),
        ("[y for x in xs for y in x]", {"xs"}),
        ("def f(a, *b, c=D, **d):\n    e = a\n    return e, b, c, d, G", {"D", "G"}),
        (
            "def f():\n    try:\n        pass\n    except E as err:\n        return err\n    import os\n    return os",
            {"E"},
        ),
        (
            "def outer():\n    v = 1\n    def inner():\n        nonlocal v\n        v = v + G\n    return inner",
            {"G"},
        ),
        ("async def f():\n    async with s() as q:\n        async for i in q:\n            yield i", {"s"}),
        ("sorted(rows, key=lambda row: row[k])", {"rows", "k"}),
        (
            "class C(B, metaclass=M):\n    a = 1\n    b = a\n    def m(self):\n        return a, self.b",
            {"B", "M", "a"},
        ),
        ("class C:\n    xs = [1]\n    ys = [n for n in xs if n in xs]", {"xs"}),
        ("def f[T](x: T) -> T: return x\ntype A[U] = list[U]" if sys.version_info >= (3, 12) else "1", set()),
    ],
)
def test_names_of_inner_scopes_do_not_leak(code, expected):
    assert reads(code) == expected


def test_a_walrus_in_a_comprehension_binds_in_the_cell():
    assert "y" in names("[(y := v) for v in vs]").binds


def test_a_function_reads_when_it_is_used_not_where_it_is_written():
    """Helpers may stand below the function that uses them; what they all share is late."""
    found = names("def f():\n    return g(h)\ndef g(z):\n    return z\nf()")
    assert set(found.reads) == set(found.late) == {"h"}
    assert reads("def f():\n    return g()\nf()\ndef g(): pass") == {"g"}
    assert reads("class C:\n    def m(self):\n        return g()\ndef g(): pass\nC().m()") == set()


def test_what_a_loop_may_have_bound_is_unsure():
    found = names("for i in rows:\n    t = i\nprint(i, t)")
    assert found.unsure == {"i", "t"}
    found = names("for i in rows:\n    if i:\n        print(prev)\n    prev = i")
    assert found.unsure == {"prev"}
    assert names("for i in rows:\n    total = total + i").unsure == frozenset()


def test_globals_that_functions_bind_count_as_bound():
    assert names("def f():\n    global n\n    n = 1\nf()").binds == {"f", "n"}


def test_deleted_names_are_told():
    found = names("t = 1\ndel t\ndel old")
    assert found.deletes == {"t", "old"}
    assert dict(found.needed) == {"old": 3}


def test_magics_and_commands_tell_the_names_in_their_text():
    assert reads("get_ipython().run_line_magic('time', 'm = fit(df)')\nm") == {"fit", "df"}
    assert reads("get_ipython().run_cell_magic('capture', '', 'show(a)')") == {"show", "a"}
    assert reads("get_ipython().run_line_magic('timeit', '-n 3 f(x)')") == {"f", "x"}
    assert reads("files = get_ipython().getoutput('ls {folder} $pattern')") == {"folder", "pattern"}


@pytest.mark.parametrize(
    "code", ["exec(s)", "eval('x')", "globals()['a']", "get_ipython().system('ls')", "vars()"]
)
def test_what_the_tree_cannot_tell_is_said(code):
    assert names(code).dynamic


def test_vars_of_an_object_is_not_dynamic():
    assert not names("vars(x)").dynamic


# -- definitions -----------------------------------------------------------------------------------------


def test_definitions_are_the_names_that_only_a_direct_statement_binds():
    found = names(
        "import os, sys as s\nfrom a import b\ndef f(): pass\nclass C: pass\nx = 1\nb = 2"
    ).definitions
    assert set(found) == {"os", "s", "f", "C"}
    assert ast.unparse(found["s"]) == "import sys as s"
    assert ast.unparse(found["os"]) == "import os"


@pytest.mark.parametrize(
    "code",
    [
        "def f(): pass\nf.cache = {}",
        "if c:\n    def f(): pass",
        "def f(): pass\nf = wrap(f)",
        "def f(): pass\ndel f",
        "@overload\ndef f(): pass\ndef f(x): pass",
        "@functools.singledispatch\ndef f(x): pass\n@f.register\ndef _(x: int): pass",
    ],
)
def test_what_is_changed_after_its_definition_is_no_definition(code):
    assert "f" not in names(code).definitions


# -- undefined names -------------------------------------------------------------------------------------


def test_undefined_names_are_told_with_their_lines():
    found = names("x = 1\nprint(x, dely)\nother")
    assert undefined(found, {"delay"}, dir(builtins)) == [("dely", 2), ("other", 3)]
    assert close_match("dely", ["delay", "x"]) == "delay"
    assert close_match("dely", ["rows"]) is None


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    fast\nexcept NameError:\n    fast = None",
        "if False:\n    nowhere",
        "def f(): return nowhere",
        "from m import *\nanything",
        "a = None or nowhere",
        "x = 1 if True else nowhere",
        "with suppress(NameError):\n    nowhere",
        "assert True, nowhere",
        "for i in range(3):\n    t = i\nt",
    ],
)
def test_a_name_that_is_not_surely_needed_is_not_called_undefined(code):
    assert undefined(names(code), {"suppress"}, dir(builtins)) == []


# -- code parts ------------------------------------------------------------------------------------------


class Cells:
    """A namespace as a notebook has it: cells are compiled one by one and their text is kept for tracebacks."""

    def __init__(self):
        self.namespace = {"__name__": "__main__", "__builtins__": builtins}
        self.count = 0

    def run(self, code):
        self.count += 1
        name = f"<cell-{id(self)}-{self.count}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        exec(compile(code, name, "exec", dont_inherit=True), self.namespace)

    def parts(self, *asked, folder=None):
        return code_parts(asked, self.namespace, local_folder=folder)

    def digests(self, *asked, folder=None):
        return {part.name: part.digest for part in self.parts(*asked, folder=folder).parts}


@pytest.fixture
def cells():
    return Cells()


def test_functions_are_followed_as_far_as_names_lead(cells):
    cells.run(
        "import math\nrate = 2\nrows = [1]\ndef c(x): return math.sqrt(x) * rate\ndef b(x): return c(x)"
    )
    cells.run("def a(): return b(1) + (a() if False else 0)\ndef unused(): pass")
    found = cells.parts("a", "rows", "math", "missing")
    assert [part.name for part in found.parts] == ["a", "b", "c"]
    assert found.data_names == {"rate", "rows"}


def test_mutual_recursion_ends(cells):
    cells.run("def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)")
    assert list(cells.digests("even")) == ["even", "odd"]


def test_comments_layout_and_place_do_not_count(cells):
    cells.run("def f(x):\n    'Doc.'\n    return x + 1")
    before = cells.digests("f")
    cells.run("\n\n# about f\ndef f(x):\n    # add\n    return (x +\n        1)")
    assert cells.digests("f") == before


@pytest.mark.parametrize(
    "edited",
    [
        "def f(x, y=1): return x + 2",
        "def f(x, y=2): return x + 1",
        "def f(x, *, y=1): return x + 1",
        "async def f(x, y=1): return x + 1",
        "@functools.lru_cache\ndef f(x, y=1): return x + 1",
        "k = 1\ndef f(x, y=k): return x + 1",
    ],
)
def test_an_edit_counts(cells, edited):
    cells.run("import functools\ndef f(x, y=1): return x + 1")
    before = cells.digests("f")
    cells.run(edited)
    assert cells.digests("f") != before


def test_defaults_and_closures_count_by_content(cells):
    cells.run(
        "def make(n):\n    def inner(x, k=[n]): return x + n\n    return inner\nf = make(1)\ng = make(1)\nh = make(2)"
    )
    f, g, h = (cells.digests(name) for name in "fgh")
    assert f["f"] == g["g"] != h["h"]


def test_decorators_and_wrapped_functions_are_followed(cells):
    deco = "def twice(fn):\n    @functools.wraps(fn)\n    def w(*a): return fn(*a) * {n}\n    return w\n"
    cells.run("import functools\n" + deco.format(n=2))
    cells.run("def helper(): return 1\n@twice\ndef f(): return helper()")
    before = cells.digests("f")
    assert {"f", "helper", "twice"} <= set(before)
    cells.run(deco.format(n=3))
    changed = {name for name, digest in cells.digests("f").items() if before[name] != digest}
    assert "twice" in changed


def test_decorators_without_wraps_and_cached_and_partial_functions_are_followed(cells):
    cells.run(
        "import functools\ndef plain(fn):\n    def w(): return fn()\n    return w\n"
        "def helper(): return 1\n@plain\ndef f(): return helper()\n"
        "@functools.lru_cache\ndef g(): return helper()\np = functools.partial(g, 1)"
    )
    for name in "fgp":
        assert "helper" in cells.digests(name)
    before = cells.digests("p")
    cells.run("p = functools.partial(g, 2)")
    assert cells.digests("p")["p"] != before["p"]


def test_steps_are_followed_by_what_they_wrap(cells):
    class Marked:
        def __init__(self, fn):
            functools.update_wrapper(self, fn)

    cells.namespace["mark"] = Marked
    cells.run("def helper(): return 1\n@mark\ndef f(): return helper()")
    assert set(cells.digests("f")) == {"f", "helper"}


def test_classes_count_with_methods_bases_and_what_they_use(cells):
    cells.run(
        "limit = 3\ndef helper(x): return x\nclass Base:\n    def m(self): return helper(1)\n    @property\n    def p(self): return limit"
    )
    cells.run("class Child(Base):\n    def n(self): return 2")
    cells.run("thing = Child()")
    found = cells.parts("thing")
    assert [part.name for part in found.parts] == ["Base", "Child", "helper"]
    assert found.data_names == {"thing", "limit"}
    before = cells.digests("Child")
    cells.run("class Base:\n    def m(self): return helper(2)")
    cells.run("class Child(Base):\n    # the same\n    def n(self): return 2")
    after = cells.digests("Child")
    assert after["Child"] == before["Child"]
    assert after["Base"] != before["Base"]


def test_classes_without_methods_count_by_what_they_hold(cells):
    def digest(code, name):
        cells.run(code)
        return cells.digests(name)[name]

    data = "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\n    y: int = {n}"
    assert digest(data.format(n=1), "P") == digest("# again\n" + data.format(n=1), "P")
    assert digest(data.format(n=1), "P") != digest(data.format(n=2), "P")
    kind = "import enum\nclass E(enum.Enum):\n    A = {n}"
    assert digest(kind.format(n=1), "E") == digest(kind.format(n=1) + "\n", "E")
    assert digest(kind.format(n=1), "E") != digest(kind.format(n=2), "E")


def test_a_method_that_was_assigned_later_counts(cells):
    cells.run("class C:\n    def m(self): return 1")
    cells.run("def patched(self): return helper()\ndef helper(): return 1\nC.m2 = patched")
    assert {"C", "helper"} < set(cells.digests("C"))


def test_a_function_without_source_counts_by_its_bytecode(cells):
    exec("def f(x): return x + 1", cells.namespace)
    found = cells.parts("f")
    assert found.unseen == ("`f`: its source cannot be found",)
    exec("\n\ndef f(x): return x + 1", cells.namespace)
    assert cells.parts("f").parts == found.parts
    exec("def f(x): return x + 2", cells.namespace)
    assert cells.parts("f").parts != found.parts


def test_what_names_do_not_lead_to_is_told(cells):
    cells.run("def f(o, n): return eval('1') + getattr(o, n) + getattr(o, 'x')")
    assert cells.parts("f").unseen == ("`f`: it uses eval", "`f`: it uses getattr")


def test_packages_give_no_part_and_are_no_data(cells):
    cells.run(
        "import json, typing\nfrom json import dumps\nfrom math import sqrt\nfrom typing import Any\nimport numpy as np\nfrom numpy import exp, array\nfrom decimal import Decimal"
    )
    found = cells.parts("json", "dumps", "sqrt", "Any", "np", "exp", "array", "Decimal", "typing")
    assert found.parts == ()
    assert found.data_names == frozenset()


@pytest.fixture
def own_modules(tmp_path, monkeypatch):
    """Modules of the user's own beside the notebook, and one installed below it."""
    (tmp_path / "helpers_of_test.py").write_text(
        "import json\nfrom tools_of_test import deep\nN = 1\ndef clean(x): return deep.f(x)\n"
    )
    (tmp_path / "tools_of_test").mkdir()
    (tmp_path / "tools_of_test" / "__init__.py").write_text("")
    (tmp_path / "tools_of_test" / "deep.py").write_text(
        "from . import deeper\ndef f(x): return deeper.g(x)\n"
    )
    (tmp_path / "tools_of_test" / "deeper.py").write_text("def g(x): return x\n")
    installed = tmp_path / "env" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "installed_of_test.py").write_text("def f(x): return x\n")
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in [name for name in sys.modules if "_of_test" in name]:
        del sys.modules[name]


def test_modules_of_ones_own_count_as_files_with_what_they_import(cells, own_modules):
    cells.run(
        "import helpers_of_test, installed_of_test\nfrom helpers_of_test import clean\nfrom installed_of_test import f"
    )
    found = cells.parts("clean", "installed_of_test", "f", folder=str(own_modules))
    assert [(part.name, part.preview) for part in found.parts] == [
        ("module helpers_of_test", "helpers_of_test.py"),
        ("module tools_of_test", "tools_of_test/__init__.py"),
        ("module tools_of_test.deep", "tools_of_test/deep.py"),
        ("module tools_of_test.deeper", "tools_of_test/deeper.py"),
    ]
    assert cells.parts("clean", folder=None).parts == ()
    assert cells.parts("helpers_of_test", folder=str(own_modules)).parts == found.parts


def test_an_edited_module_counts_once_it_is_loaded_again(cells, own_modules):
    cells.run("import tools_of_test.deeper as deeper")
    before = cells.digests("deeper", folder=str(own_modules))
    (own_modules / "tools_of_test" / "deeper.py").write_text("def g(x): return x + 1\n")
    assert cells.digests("deeper", folder=str(own_modules)) == before
    importlib.invalidate_caches()
    importlib.reload(cells.namespace["deeper"])
    after = cells.digests("deeper", folder=str(own_modules))
    assert {name for name in after if after[name] != before[name]} == {"module tools_of_test.deeper"}


def test_objects_that_answer_every_attribute_are_data(cells):
    class Eager:
        def __getattr__(self, name):
            raise AssertionError(f"nobody may ask for {name}")

    cells.namespace["eager"] = Eager()
    assert cells.parts("eager").data_names == {"eager"}


def test_a_module_made_by_hand_is_no_part(cells):
    cells.namespace["made"] = types.ModuleType("made")
    assert cells.parts("made").parts == ()
