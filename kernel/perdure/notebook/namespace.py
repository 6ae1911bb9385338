"""The notebook's namespace: what a cell did to it, and what belongs to IPython rather than to the user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from perdure.engine.steps import Step
from perdure.engine.workflows import Workflow

_MACHINERY = re.compile(
    r"_(i{1,3}|_{0,2}|\d+|i\d+|oh|ih|dh|exit_code)|__\w+__|In|Out|exit|quit|open|get_ipython"
)
CODE = (FunctionType, BuiltinFunctionType, MethodType, type, ModuleType, Step, Workflow)


def is_users(name: str) -> bool:
    """Whether a name is the user's, and not one that Python or IPython keeps for itself."""
    return _MACHINERY.fullmatch(name) is None


def is_code(value: Any) -> bool:
    """Whether a value counts as code (functions, classes, modules, steps) rather than as data."""
    return isinstance(value, CODE)


def snapshot(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The user's names with their objects, as they are now."""
    return {name: value for name, value in namespace.items() if is_users(name)}


@dataclass(frozen=True, slots=True)
class Change:
    """What a cell did to the namespace."""

    bound: dict[str, Any]
    """Names that it bound, with their new objects."""
    deleted: tuple[str, ...]


def compare(before: Mapping[str, Any], namespace: Mapping[str, Any], binds: frozenset[str]) -> Change:
    """What changed since `before`: by comparing objects, with the names that the code binds as a help."""
    after = snapshot(namespace)
    missing = object()
    bound = {
        name: value
        for name, value in after.items()
        if name in binds or before.get(name, missing) is not value
    }
    return Change(bound, tuple(sorted(before.keys() - after.keys())))
