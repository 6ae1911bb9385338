"""The notebook's namespace: what a cell did to it, and what belongs to IPython rather than to the user."""

from __future__ import annotations

import builtins
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NewType

from perdure import codec
from perdure.engine.code.names import CellNames, close_match, undefined
from perdure.engine.randomness import STATES, states
from perdure.engine.steps import Step
from perdure.engine.workflows import Workflow
from perdure.errors import UndefinedName
from perdure.store.records import Part

_MACHINERY = re.compile(
    r"_(i{1,3}|_{0,2}|\d+|i\d+|oh|ih|dh|exit_code)|__\w+__|In|Out|exit|quit|open|get_ipython"
)
CODE = (FunctionType, BuiltinFunctionType, MethodType, type, ModuleType, Step, Workflow)


@functools.lru_cache(maxsize=100_000)
def is_users(name: str) -> bool:
    """Whether a name is the user's, and not one that Python or IPython keeps for itself."""
    return _MACHINERY.fullmatch(name) is None


def is_code(value: Any) -> bool:
    """Whether a value counts as code (functions, classes, modules, steps) rather than as data."""
    return issubclass(type(value), CODE)  # `isinstance` would ask the value itself


def is_notebook_class(name: str, value: Any) -> bool:
    """Whether the notebook made this class or `NewType`, and knows it by its own name."""
    return issubclass(type(value), type | NewType) and (value.__module__, value.__qualname__) == (
        "__main__",
        name,
    )


def snapshot(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The user's names with their objects, as they are now, and the states of random numbers."""
    return {name: value for name, value in namespace.items() if is_users(name)} | states()


def check_defined(names: CellNames, namespace: Mapping[str, Any], where: str) -> None:
    """A name that a body surely needs and nobody made is told before anything runs.

    Where code that names do not tell may make names, Python itself tells which are missing.

    Args:
        names: what the body does with names.
        namespace: the notebook's globals.
        where: what needs it, such as "step `load`".

    Raises:
        UndefinedName: the first such name, with its line and the name that was probably meant.
    """
    missing = [] if names.dynamic else undefined(names, namespace, dir(builtins))
    for name, line in missing:
        match = close_match(name, [*filter(is_users, namespace), *names.binds])
        hint = f"; did you mean `{match}`?" if match else ""
        raise UndefinedName(name=name, where=f"{where}, line {line},", hint=hint)


def cell_code(name: str, digest: str, output: frozenset[str] | None) -> tuple[Part, ...]:
    """The code of a cell itself: its body, and which names it gives, where `--output` tells them."""
    body = Part(name, digest, preview="cell")
    if output is None:
        return (body,)
    names = sorted(output)
    return (body, Part("--output", codec.digest(names).hex, preview=", ".join(names)))


@dataclass(frozen=True, slots=True)
class Change:
    """What a cell did to the namespace."""

    bound: dict[str, Any]
    """Names that it bound, with their new objects."""
    deleted: tuple[str, ...]
    states: dict[str, Any]
    """States of random numbers that it changed."""


def compare(before: Mapping[str, Any], namespace: Mapping[str, Any], binds: frozenset[str]) -> Change:
    """What changed since `before`: by comparing objects, with the names that the code binds as a help."""
    after = snapshot(namespace)
    missing = object()
    bound = {
        name: value
        for name, value in after.items()
        if name not in STATES and (name in binds or before.get(name, missing) is not value)
    }
    drawn: dict[str, Any] = {
        name: after[name] for name in STATES if name in after and after[name] != before.get(name)
    }
    return Change(bound, tuple(sorted(before.keys() - after.keys())), drawn)
