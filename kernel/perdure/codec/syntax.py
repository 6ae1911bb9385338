"""Code as a normalised syntax tree: what counts when Perdure asks whether code was edited.

Comments, layout, docstrings, file names and line numbers do not count; everything else does. The digest of
a tree is the same on every supported Python: empty fields are left out, because newer versions add some.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
import types
from collections.abc import Iterator
from typing import Any

import xxhash

_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def tree_digest(*nodes: ast.AST) -> str:
    """Digest of syntax trees, 32 hexadecimal digits; trees that differ in layout or docstrings are alike."""
    hasher = xxhash.xxh3_128()
    for node in nodes:
        for token in _tokens(node):
            hasher.update(token.encode("utf-8", "surrogatepass"))
            hasher.update(b"\0")
    return hasher.hexdigest()


def _tokens(value: Any) -> Iterator[str]:
    """The tree as a flat, unambiguous list of words."""
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, child in ast.iter_fields(value):
            if name in ("type_comment", "kind", "type_ignores"):
                continue
            if name == "body" and isinstance(value, _DOCUMENTED):
                child = _without_docstring(value)  # noqa: PLW2901  the body as it counts
            if child is None or child == []:
                continue
            yield f".{name}"
            yield from _tokens(child)
        yield ")"
    elif isinstance(value, list):
        yield f"[{len(value)}"
        for child in value:
            yield from _tokens(child)
        yield "]"
    else:
        yield f"{type(value).__name__}:{value!r}"


def _without_docstring(node: _Documented) -> list[ast.stmt]:
    body = node.body
    first = body[0] if body else None
    documented = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    # A module whose only statement is a string shows that string: it is a cell's value, not a docstring.
    if documented and not isinstance(node, ast.Module):
        return body[1:]
    return body


def definition_tree(obj: Any) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | None:
    """The syntax tree in which a function or class was written, or None where no source can be found.

    Of several lambdas on one line none is chosen, unless there is just one with the same code.
    """
    try:
        source = textwrap.dedent(inspect.getsource(obj))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError, ValueError):
        return _class_of_a_cell(obj) if isinstance(obj, type) else _lambda_in_fragment(obj)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == getattr(
            obj, "__name__", None
        ):
            return node
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    return found[0] if len(found) == 1 else None


_NO_PYTHON = ("%", "!")
"""What a line of a cell begins with that is a magic or a command."""


def _class_of_a_cell(cls: type) -> ast.ClassDef | None:
    """A class of a notebook's cell, which has no file: its methods know in which cell they stand."""
    for method in vars(cls).values():
        if not isinstance(method, types.FunctionType):
            continue
        code = method.__code__
        lines = linecache.getlines(code.co_filename)
        try:
            tree = ast.parse("".join("\n" if line.startswith(_NO_PYTHON) else line for line in lines))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__ and _holds(node, code):
                return node
    return None


def _holds(node: ast.ClassDef, code: types.CodeType) -> bool:
    """Whether the code stands as a method in the body of the class."""
    return any(
        isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        and statement.name == code.co_name
        and code.co_firstlineno
        == min([statement.lineno, *(part.lineno for part in statement.decorator_list)])
        for statement in node.body
    )


def _lambda_in_fragment(obj: Any) -> ast.Lambda | None:
    """A lambda whose lines do not parse by themselves, such as one inside a call over several lines."""
    code = getattr(obj, "__code__", None)
    if not isinstance(code, types.CodeType) or code.co_name != "<lambda>":
        return None
    try:
        lines, _ = inspect.findsource(obj)
        tree = ast.parse("".join(lines))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    found = [
        node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
    ]
    return found[0] if len(found) == 1 else None
