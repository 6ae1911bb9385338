"""What a workflow's body asks of the clock or of chance is told once: a replay is given another answer.

The body is run again from its top whenever its run goes on, and has to make the same calls then. What steps
do is recorded; so are `now()`, `uuid4()` and `random()` of Perdure.
"""

from __future__ import annotations

import ast
import linecache
import warnings
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from perdure.codec.syntax import definition_tree

from .code.bindings import FUNCTIONS, parameters
from .code.source import cells_of
from .code.undetermined import Finding, findings


class Undetermined(UserWarning):
    """A workflow's body calls something that gives another answer on a replay."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a body, and what is to be said of it."""

    file: str
    line: int
    text: str
    """The line as it was typed."""
    advice: str

    def __str__(self) -> str:
        return f"line {self.line}: `{self.text}`: {self.advice}"


def _warn(workflow: str, told: list[Told]) -> None:
    """As warnings of Python, which show the line."""
    for each in told:
        message = f"workflow `{workflow}`, {each}"
        warnings.warn_explicit(message, Undetermined, each.file, each.line)


tell: Callable[[str, list[Told]], None] = _warn
"""How it is said; a notebook says it under the cell."""

_seen: set[tuple[str, str]] = set()


def look_into(workflow: str, code: str, body: Callable[[], list[Told]]) -> None:
    """Tell what the body of a workflow asks, once for each code in this process.

    Args:
        workflow: its name.
        code: digest of its code.
        body: finds what is to be told.
    """
    if (workflow, code) in _seen:
        return
    _seen.add((workflow, code))
    told = body()
    if told:
        tell(workflow, told)


def in_function(function: Any) -> list[Told]:
    """What is to be told of a workflow function, with the lines of its file."""
    tree = definition_tree(function)
    if not isinstance(tree, FUNCTIONS):
        return []
    namespace = ChainMap(cells_of(function), function.__globals__)
    found = findings(tree.body, frozenset(parameters(tree.args)), namespace)
    code = function.__code__
    file, above = code.co_filename, code.co_firstlineno - 1
    return [
        _told(each, file, above + each.line, linecache.getline(file, above + each.line)) for each in found
    ]


def in_cell(
    body: list[ast.stmt], inputs: frozenset[str], namespace: Mapping[str, Any], file: str, typed: str
) -> list[Told]:
    """What is to be told of the body of a cell, whose lines are numbered as it was typed."""
    lines = typed.splitlines()
    found = findings(body, inputs, namespace)
    return [_told(each, file, each.line, "".join(lines[each.line - 1 : each.line])) for each in found]


def _told(finding: Finding, file: str, line: int, text: str) -> Told:
    own = f"write `{finding.instead}` of Perdure, which is recorded, or " if finding.instead else ""
    advice = f"on a replay, `{finding.called}` gives something else; {own}call it in a step"
    return Told(file, line, text.strip(), advice)
