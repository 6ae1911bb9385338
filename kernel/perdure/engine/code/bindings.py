"""Which names a piece of code binds in its own scope, by any construct; nested scopes keep theirs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def imported_name(alias: ast.alias) -> str:
    """The name that one part of an import binds: `import a.b` binds `a`."""
    return alias.asname or alias.name.partition(".")[0]


def parameters(arguments: ast.arguments) -> list[str]:
    """The names of all parameters of a function."""
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    found += [star for star in (arguments.vararg, arguments.kwarg) if star is not None]
    return [argument.arg for argument in found]


def type_parameters(node: ast.AST) -> list[str]:
    """The names in the brackets of `def f[T]`, `class C[T]` and `type A[T]`."""
    return [parameter.name for parameter in getattr(node, "type_params", ())]


def capture(pattern: ast.AST) -> str | None:
    """The name that this one pattern of a `match` captures, if any."""
    if isinstance(pattern, ast.MatchAs | ast.MatchStar):
        return pattern.name
    return pattern.rest if isinstance(pattern, ast.MatchMapping) else None


def declared_global(body: Iterable[ast.AST]) -> set[str]:
    """The names that `global` takes out of this scope."""
    return {name for node in _own_nodes(body) if isinstance(node, ast.Global) for name in node.names}


def bound_names(body: Iterable[ast.AST]) -> set[str]:
    """All names that are bound or deleted in this scope, except those declared `global` or `nonlocal`."""
    names: set[str] = set()
    foreign: set[str] = set()
    for node in _own_nodes(body):
        if isinstance(node, ast.Global | ast.Nonlocal):
            foreign.update(node.names)
        else:
            names.update(_bound_here(node))
    return names - foreign


def target_names(target: ast.AST) -> list[str]:
    """The plain names in an assignment target, the target of a loop for instance."""
    return [
        node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def _bound_here(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return [node.id]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [imported_name(alias) for alias in node.names if alias.name != "*"]
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.ExceptHandler):
        return [node.name] if node.name else []
    name = capture(node)
    return [name] if name else []


def _own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of this scope: into comprehensions only for the walrus, into other scopes not at all."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            waiting += node.decorator_list
            if not isinstance(node, ast.ClassDef):
                waiting += [*node.args.defaults, *(value for value in node.args.kw_defaults if value)]
        elif isinstance(node, ast.Lambda):
            waiting += [*node.args.defaults, *(value for value in node.args.kw_defaults if value)]
        elif isinstance(node, COMPREHENSIONS):
            waiting += [inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]
        else:
            waiting += ast.iter_child_nodes(node)
