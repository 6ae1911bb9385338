"""What a cell reads, binds and deletes, told from its syntax tree alone.

1. A name that the cell surely binds before it reads it is no input of the cell.
2. A name that is read anywhere else, in any scope, is; so is one that is read before or without being bound.
3. Names of functions, lambdas, comprehensions and class bodies never leak out of them.
4. A function reads its globals when it is used: a name that the cell binds before the function's first use
   is the cell's own.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .bindings import FUNCTIONS, imported_name
from .flow import Flow


@dataclass(frozen=True, slots=True)
class CellNames:
    """The global names of one cell and what it does with them."""

    reads: frozenset[str]
    """Names whose value from outside the cell may matter to it."""
    late: frozenset[str]
    """Those of `reads` that only bodies of functions, lambdas and methods read."""
    unsure: frozenset[str]
    """Those of `reads` that the cell may have bound itself on the way there, as in a loop's body."""
    guarded: frozenset[str]
    """Those of `reads` that only a branch or a try reads: a missing one is not surely an error."""
    binds: frozenset[str]
    """Names that the cell binds by any construct, also through `global`."""
    deletes: frozenset[str]
    definitions: Mapping[str, ast.stmt]
    """Names that one direct import, def or class binds, and nothing else touches, with that statement."""
    needed: Mapping[str, int]
    """Names that must be there when the cell starts, with the line that first needs them."""
    has_star: bool
    """True where `from m import *` binds names that the tree does not tell."""
    dynamic: bool
    """True where exec, eval, a magic or a shell command may use names that the tree does not tell."""


def analyse(tree: ast.Module) -> CellNames:
    """Tell the global names that the cell reads, binds and deletes."""
    flow = Flow()
    flow.run(tree.body)
    sure = {use.name for use in flow.uses if not use.late and not use.guarded and not use.unsure}
    reads = frozenset(use.name for use in flow.uses)
    needed: dict[str, int] = {}
    if not flow.has_star:
        for use in [*flow.uses, *flow.removals]:
            if not (use.late or use.guarded or use.unsure):
                needed[use.name] = min(use.line, needed.get(use.name, use.line))
    return CellNames(
        reads=reads,
        late=reads - {use.name for use in flow.uses if not use.late},
        unsure=reads - {use.name for use in flow.uses if not use.unsure},
        guarded=frozenset(use.name for use in flow.uses if use.guarded) - sure,
        binds=frozenset(flow.binds),
        deletes=frozenset(flow.deletes),
        definitions=_definitions(tree, flow),
        needed=needed,
        has_star=flow.has_star,
        dynamic=flow.dynamic,
    )


def undefined(
    names: CellNames, namespace: Collection[str], builtins: Collection[str]
) -> list[tuple[str, int]]:
    """The names that the cell surely needs and nobody made, with their lines, in the order of the lines."""
    missing = [
        (name, line) for name, line in names.needed.items() if name not in namespace and name not in builtins
    ]
    return sorted(missing, key=lambda item: (item[1], item[0]))


def close_match(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` was probably meant to be."""
    found = difflib.get_close_matches(name, [str(candidate) for candidate in candidates], n=1, cutoff=0.75)
    return found[0] if found else None


def _definitions(tree: ast.Module, flow: Flow) -> dict[str, ast.stmt]:
    touched = flow.deletes | flow.modified
    return {
        name: statement
        for node in tree.body
        for name, statement in _direct(node)
        if flow.times_bound[name] == 1 and name not in touched
    }


def _direct(node: ast.stmt) -> list[tuple[str, ast.stmt]]:
    """The names that a statement defines, each with a statement that defines this name alone."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return [(node.name, node)]
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return []
    pairs: list[tuple[str, ast.stmt]] = []
    for alias in node.names:
        if alias.name == "*":
            continue
        alone: Any = (
            ast.Import(names=[alias])
            if isinstance(node, ast.Import)
            else ast.ImportFrom(module=node.module, names=[alias], level=node.level)
        )
        pairs.append((imported_name(alias), ast.copy_location(alone, node)))
    return pairs
