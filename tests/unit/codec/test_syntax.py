"""Trees of code: layout does not count, everything else does."""

import ast
import subprocess
import sys

import pytest

from perdure.codec.syntax import definition_tree, tree_digest


def tree(source):
    return tree_digest(ast.parse(source))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x=1  # comment"),
        ("f(a,\n  b)", "f(a, b)"),
        ("def f():\n    'doc'\n    return 1", "def f():\n    return 1"),
        ("class A:\n    'doc'\n    x = 1", "class A:\n    'other doc'\n    x = 1"),
        ("s = 'a'", 's = "a"'),
    ],
)
def test_layout_comments_and_docstrings_do_not_count(one, other):
    """Promise 1: an edited comment runs nothing."""
    assert tree(one) == tree(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("f(a, b)", "f(b, a)"),
        ("'shown'", "'other'"),
        ("def f(x=1): pass", "def f(x=2): pass"),
        ("def f(x, /): pass", "def f(x): pass"),
    ],
)
def test_code_counts(one, other):
    """Promise 1: an edit is seen."""
    assert tree(one) != tree(other)


def test_lambdas_on_one_line_are_not_confused():
    """Promise 1: rather none than the wrong one."""
    pair = (lambda x: x + 1, lambda x: x + 2)
    assert definition_tree(pair[0]) is None


def test_importing_the_codec_loads_nothing_heavy():
    """Issue 2: `import perdure` is quick, and imports what it needs when it needs it."""
    heavy = {"numpy", "pandas", "IPython", "cloudpickle", "ormsgpack", "asyncio", "sqlite3"}
    script = f"import sys, perdure.codec; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
