"""What one function or class says: a digest of its code, the names that it leads to, what stays unseen.

Told once for each object: functions and classes do not change their code. (A method that is assigned later
is a function of its own, and followed as such.)
"""

from __future__ import annotations

import ast
import enum
import functools
import inspect
import linecache
import re
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import xxhash

from perdure import codec
from perdure.codec.notebook import global_reads
from perdure.codec.syntax import definition_tree, tree_digest

from .names import analyse

_LOOKED_UP = frozenset({"getattr", "hasattr", "attrgetter"})
_RUN_AS_TEXT = frozenset({"eval", "exec", "globals", "__import__", "import_module"})
# Attributes that Python or a decorator makes; the rest of a class is what was written in it.
_MADE = frozenset({"__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__"})


@dataclass(frozen=True, slots=True)
class Definition:
    """What follows from the code of one function or class alone."""

    digest: str
    names: frozenset[str]
    """Global names that it reads when it is made or used."""
    unseen: tuple[str, ...]
    """The ways by which it uses what names do not lead to."""
    attributes: frozenset[str] = frozenset()
    """Of a function: the names of all attributes that it uses, of whatever object."""
    hands_on: bool = True
    """Of a function: whether its first argument goes where its attributes are not told by their names."""


_known: WeakKeyDictionary[Any, Definition] = WeakKeyDictionary()


def definition(obj: types.FunctionType | type) -> Definition:
    """Tell what a function or class says."""
    known = _known.get(obj)
    if known is None:
        known = _known[obj] = _class(obj) if isinstance(obj, type) else _function(obj)
    return known


def methods(cls: type) -> Iterator[types.FunctionType]:
    """The functions of a class, also those inside properties and other descriptors."""
    for value in vars(cls).values():
        for found in functions_in(value):
            yield from _chain(found)


def functions_in(value: Any) -> Iterator[types.FunctionType]:
    """The functions that one attribute of a class consists of; none where it is data."""
    if isinstance(value, types.FunctionType):
        yield value
    elif isinstance(value, property):
        yield from (
            part for part in (value.fget, value.fset, value.fdel) if isinstance(part, types.FunctionType)
        )
    else:
        inner = getattr(value, "__func__", None)
        if isinstance(
            value, functools.cached_property | functools.partialmethod | functools.singledispatchmethod
        ):
            inner = value.func
        inner = vars(value).get("__wrapped__") if inner is None and hasattr(value, "__dict__") else inner
        if isinstance(inner, types.FunctionType):
            yield inner


def _chain(function: types.FunctionType) -> Iterator[types.FunctionType]:
    """A function and those that it wraps."""
    seen: set[int] = set()
    current: Any = function
    while isinstance(current, types.FunctionType) and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = vars(current).get("__wrapped__")


def global_names(code: types.CodeType) -> set[str]:
    """The global names that this code reads, nested functions included."""
    return {name for name in global_reads(code) if "." not in name}


def _function(function: types.FunctionType) -> Definition:
    names = global_names(function.__code__)
    tree = definition_tree(function)
    if tree is None:
        return Definition(_code_digest(function.__code__), frozenset(names), ("its source cannot be found",))
    if not isinstance(tree, ast.Lambda):
        names |= _decorator_names(tree)
    attributes = frozenset(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return Definition(tree_digest(tree), frozenset(names), _unseen(tree), attributes, _hands_on(tree))


def _hands_on(tree: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda) -> bool:
    """Whether the first parameter stands anywhere but before a dot; `super(C, self)` is as `super()`."""
    if isinstance(tree, ast.ClassDef):
        return True
    first = next(iter([*tree.args.posonlyargs, *tree.args.args]), None)
    if first is None:
        return False
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super":
            told |= {id(argument) for argument in node.args}
    return any(
        isinstance(node, ast.Name) and node.id == first.arg and id(node) not in told
        for node in ast.walk(tree)
    )


def _class(cls: type) -> Definition:
    names = {name for method in methods(cls) for name in global_names(method.__code__)}
    tree = _class_tree(cls)
    if tree is None:
        return Definition(_content_digest(cls), frozenset(names), ())
    names |= analyse(ast.Module([tree], [])).reads
    return Definition(tree_digest(tree), frozenset(names), _unseen(tree))


def _decorator_names(tree: ast.AST) -> set[str]:
    decorators: list[ast.expr] = getattr(tree, "decorator_list", [])
    return {node.id for decorator in decorators for node in ast.walk(decorator) if isinstance(node, ast.Name)}


def _unseen(tree: ast.AST) -> tuple[str, ...]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        by_text = any(not isinstance(argument, ast.Constant) for argument in node.args[1:2])
        if name in _RUN_AS_TEXT or (name in _LOOKED_UP and by_text):
            found.add(f"it uses {name}")
    return tuple(sorted(found))


# -- digests where there is no tree ----------------------------------------------------------------------


def _code_digest(code: types.CodeType) -> str:
    """Digest of bytecode; file names and line numbers do not count."""
    hasher = xxhash.xxh3_128(code.co_code)
    hasher.update(repr((code.co_names, code.co_varnames, code.co_freevars, code.co_flags)).encode())
    hasher.update(repr((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)).encode())
    for constant in code.co_consts:
        inner = isinstance(constant, types.CodeType)
        hasher.update((_code_digest(constant) if inner else codec.digest(constant).hex).encode())
    return hasher.hexdigest()


def _content_digest(cls: type) -> str:
    """Digest of what a class holds, for one without methods: then nothing tells in which cell it stands."""
    hasher = xxhash.xxh3_128(
        repr([f"{base.__module__}.{base.__qualname__}" for base in cls.__bases__]).encode()
    )
    if issubclass(cls, enum.Enum):
        content: dict[str, Any] = {name: member.value for name, member in cls.__members__.items()}
    else:
        content = {name: value for name, value in vars(cls).items() if name not in _MADE}
    for name, value in sorted(content.items()):
        functions = [_code_digest(function.__code__) for function in functions_in(value)]
        if functions:
            hasher.update(repr((name, functions)).encode())
        elif name == "__annotations__":
            hasher.update(repr([(key, _type_name(kind)) for key, kind in value.items()]).encode())
        elif not (
            name.startswith("_") and not isinstance(value, str | int | float | bytes | tuple | frozenset)
        ):
            hasher.update(repr((name, codec.digest(value).hex)).encode())
    return hasher.hexdigest()


def _type_name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else str(kind)


# -- the tree of a class ---------------------------------------------------------------------------------


def _class_tree(cls: type) -> ast.ClassDef | None:
    """The tree of a class; in a notebook `inspect` cannot tell it, but the lines of its methods can."""
    told = definition_tree(cls)
    if isinstance(told, ast.ClassDef):
        return told
    own = [
        method.__code__ for method in methods(cls) if method.__qualname__.startswith(f"{cls.__qualname__}.")
    ]
    for code in own:
        lines = linecache.getlines(code.co_filename)
        tree = _class_above(lines, code.co_firstlineno, cls.__name__)
        if tree is not None:
            return tree
    return None


def _class_above(lines: list[str], line: int, name: str) -> ast.ClassDef | None:
    head = re.compile(rf"\s*class\s+{re.escape(name)}\b")
    start = next(
        (index for index in range(min(line, len(lines)) - 1, -1, -1) if head.match(lines[index])), None
    )
    if start is None:
        return None
    while start and lines[start - 1].lstrip().startswith("@"):
        start -= 1
    try:
        tree = ast.parse(textwrap.dedent("".join(inspect.getblock(lines[start:]))))
    except SyntaxError:
        return None
    found = tree.body[0] if tree.body else None
    return found if isinstance(found, ast.ClassDef) and found.name == name else None
