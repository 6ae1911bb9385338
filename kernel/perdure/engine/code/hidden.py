"""Code that stands in strings: what magics and shell commands run, as far as it can be told."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_DYNAMIC = frozenset({"exec", "eval", "globals", "get_ipython"})
_DYNAMIC_WITHOUT_ARGUMENTS = frozenset({"locals", "vars", "dir"})
_TIMING = frozenset({"time", "timeit", "prun", "capture"})
_OPTIONS = re.compile(r"^\s*(?:-{1,2}[a-z]\w*(?:\s+\d+)?\s+)+")
_BRACES = re.compile(r"(?<!\{)\{([^{}]+)\}")
_DOLLAR = re.compile(r"(?<!\$)\$([A-Za-z_]\w*)")


def is_dynamic(node: ast.Call) -> bool:
    """True where the call may use names that the tree does not tell."""
    if not isinstance(node.func, ast.Name):
        return False
    bare = not node.args and not node.keywords
    return node.func.id in _DYNAMIC or (bare and node.func.id in _DYNAMIC_WITHOUT_ARGUMENTS)


def hidden_code(node: ast.Call) -> Iterator[list[ast.stmt]]:
    """The statements that a magic or a shell command, as IPython spells it, runs or puts into its line."""
    function = node.func
    if not (isinstance(function, ast.Attribute) and _is_get_ipython(function.value)):
        return
    texts = [
        part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    if function.attr in ("run_line_magic", "run_cell_magic") and texts:
        magic, *texts = texts
        if magic in _TIMING:
            code = _OPTIONS.sub("", "\n".join(text for text in texts if text))
            yield _statements(code, node.lineno)
            return
    elif function.attr not in ("system", "getoutput"):
        return
    for text in texts:
        for expression in [*_BRACES.findall(text), *_DOLLAR.findall(text)]:
            yield _statements(expression, node.lineno)


def _is_get_ipython(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "get_ipython"


def _statements(code: str, line: int) -> list[ast.stmt]:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt | ast.excepthandler):
            node.lineno = line
    return tree.body
