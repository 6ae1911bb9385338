"""What a workflow's body asks of the clock, of chance or of the system, and a replay would be told otherwise.

1. Only calls that stand in the body itself count, with the functions that are written there; what a step does
   is recorded with its result, and what other functions do is not looked at.
2. A name counts for what it holds: `from time import time as t`, `import numpy.random as nr`, an alias of the
   notebook's. One that the body binds otherwise is its own.
3. Generators with a seed, and clocks that measure how long something takes, are not told.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, ModuleType
from typing import Any

from .bindings import (
    COMPREHENSIONS,
    FUNCTIONS,
    Function,
    bound_names,
    imported_name,
    parameters,
    target_names,
)

NOW, UUID, RANDOM, STEP = "now()", "uuid4()", "random()", ""
"""What Perdure offers in place of it; nothing but a step for the rest."""

_CALLS: dict[str, str] = {
    **dict.fromkeys(("time.time", "time.time_ns", "pandas.Timestamp.now", "pandas.Timestamp.today"), NOW),
    **dict.fromkeys((f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")), NOW),
    "datetime.date.today": NOW,
    "uuid.uuid1": UUID,
    "uuid.uuid4": UUID,
    "random.random": RANDOM,
    "os.urandom": STEP,
}
_MODULES = ("random", "numpy.random", "secrets")
"""All functions of these, but those of `_HARMLESS`."""

_HARMLESS = frozenset({"seed", "setstate", "getstate", "set_state", "get_state", "compare_digest"})
_SEEDED = frozenset({"Random", "RandomState", "default_rng", "SeedSequence", "PCG64", "MT19937"})
"""These are told only where nothing is handed to them."""

_OURS = frozenset({"step", "workflow"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One call that a replay would answer otherwise."""

    line: int
    """In the numbering of the tree."""
    called: str
    """In full, such as `datetime.datetime.now`."""
    instead: str
    """`now()`, `uuid4()` or `random()` of Perdure; empty where only a step will do."""


def findings(body: list[ast.stmt], bound: frozenset[str], namespace: Mapping[str, Any]) -> list[Finding]:
    """The calls in a body, in the order of their lines.

    Args:
        body: its statements.
        bound: names that are its own from the start, such as its parameters.
        namespace: what its other names hold.
    """
    reader = _Reader(namespace)
    reader.scope(body, bound)
    return sorted(reader.found, key=lambda each: each.line)


class _Reader(ast.NodeVisitor):
    """Walks through a body; `found` is what it met."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.found: list[Finding] = []
        self._namespace = namespace
        self._scopes: list[dict[str, str | None]] = []
        """The names of each function: what an import gave them, in full, or None."""

    def scope(self, body: list[ast.stmt] | ast.expr, bound: frozenset[str]) -> None:
        """Walk through the body of one function."""
        statements: list[Any] = body if isinstance(body, list) else [body]
        names: dict[str, str | None] = dict.fromkeys({*bound, *bound_names(statements)})
        names |= {name: full for node in _own(statements) for name, full in _imported(node)}
        self._scopes.append(names)
        for statement in statements:
            self.visit(statement)
        self._scopes.pop()

    def visit_FunctionDef(self, node: Function) -> None:
        """The body of a function is looked into, unless it is a step's or another workflow's."""
        outside = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        for part in outside:
            self.visit(part)
        if not any(self._is_ours(decorator) for decorator in node.decorator_list):
            self.scope(node.body, frozenset(parameters(node.args)))

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """As any function."""
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """A lambda has names of its own."""
        self.scope(node.body, frozenset(parameters(node.args)))

    def visit(self, node: ast.AST) -> None:
        """What stands in a comprehension sees the names of its loops."""
        if not isinstance(node, COMPREHENSIONS):
            super().visit(node)
            return
        self._scopes.append(
            dict.fromkeys(name for each in node.generators for name in target_names(each.target))
        )
        self.generic_visit(node)
        self._scopes.pop()

    def visit_Call(self, node: ast.Call) -> None:
        """A call of what is known is a finding."""
        called = self._full_name(node.func)
        if called is not None:
            instead = _instead(called, bare=not (node.args or node.keywords))
            if instead is not None:
                self.found.append(Finding(node.lineno, called, instead))
        self.generic_visit(node)

    def _is_ours(self, decorator: ast.expr) -> bool:
        named = self._full_name(decorator.func if isinstance(decorator, ast.Call) else decorator) or ""
        package, _, name = named.rpartition(".")
        return package.partition(".")[0] == "perdure" and name in _OURS

    def _full_name(self, node: ast.expr) -> str | None:
        """What an expression such as `dt.datetime.now` stands for, in full; None where that is not known."""
        if isinstance(node, ast.Attribute):
            of = self._full_name(node.value)
            return None if of is None else f"{of}.{node.attr}"
        if not isinstance(node, ast.Name):
            return None
        for names in reversed(self._scopes):
            if node.id in names:
                return names[node.id]
        return _known_as(self._namespace[node.id]) if node.id in self._namespace else None


def _own(body: list[Any]) -> Iterator[ast.AST]:
    """The nodes of a function, without those of the functions in it."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that an import binds, with what they stand for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield imported_name(alias), alias.name if alias.asname else alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            yield imported_name(alias), f"{node.module}.{alias.name}"


def _instead(called: str, *, bare: bool) -> str | None:
    """What to write in place of a call; None where it may stay. `bare`: nothing is handed to it."""
    if called in _CALLS:
        return _CALLS[called]
    module, _, name = called.rpartition(".")
    if module not in _MODULES or name in _HARMLESS:
        return None
    if name in _SEEDED:
        return STEP if bare else None
    return STEP if name[:1].islower() else None


def _known_as(value: Any) -> str | None:
    """The full name of a module, or of what a known module holds under a name."""
    if isinstance(value, ModuleType):
        return value.__name__
    module = getattr(value, "__module__", None)
    if isinstance(module, str) and module.partition(".")[0] == "perdure":
        return f"{module}.{getattr(value, '__name__', '')}"
    if not callable(value):
        return None
    method = isinstance(value, BuiltinFunctionType)  # one of a class is made anew each time
    return next((name for name, held in _holders() if value is held or (method and value == held)), None)


def _holders() -> Iterator[tuple[str, Any]]:
    """What a name of the notebook may hold that leads to a known call, each with its full name."""
    for called in _CALLS:
        words = called.split(".")
        found: Any = sys.modules.get(words[0])
        for count, word in enumerate(words[1:], 2):
            found = getattr(found, word, None)
            if found is not None:
                yield ".".join(words[:count]), found
    for module in _MODULES:
        loaded = sys.modules.get(module)
        for name, value in list(vars(loaded).items()) if loaded is not None else ():
            if callable(value):
                yield f"{module}.{name}", value
