"""The code of a step or workflow function as parts, with the global data that it reads."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from perdure.store.records import Part

from .source import CodeParts, code_parts, function_parts

_folder: str | None = None


def use_local_folder(folder: str | None) -> None:
    """Take this folder's modules for the user's own from now on; None: as `local_folder` says otherwise."""
    global _folder  # noqa: PLW0603  one for a process: a command stands for a script that lies elsewhere
    _folder = folder


def local_folder() -> str:
    """The folder whose modules are the user's own: the main script's, else the working directory."""
    if _folder is not None:
        return _folder
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    return str(Path(script).resolve().parent) if script else os.getcwd()  # noqa: PTH109  a string is wanted


def function_code(
    function: Callable[..., Any], name: str, receiver: type | None = None
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The parts of a function's code, and the names of the global data that it and what it uses read.

    Args:
        function: The function.
        name: The name of its own part.
        receiver: Of a method, the class of its object.
    """
    if not isinstance(function, types.FunctionType):
        raise TypeError(
            f"{name} is no plain function but {type(function).__name__}: mark a `def` or `async def`"
        )
    led = function_parts(function, name, local_folder=local_folder(), receiver=receiver)
    return led.parts, tuple(sorted(led.data_names))


def global_data(function: Callable[..., Any], names: Iterable[str]) -> dict[str, Any]:
    """What these names hold now, where the function looks them up."""
    namespace: dict[str, Any] = getattr(function, "__globals__", {})
    return {name: namespace[name] for name in names if name in namespace}


def names_code(names: Iterable[str], namespace: Mapping[str, Any]) -> CodeParts:
    """The code to which names of the notebook lead."""
    return code_parts(names, namespace, local_folder=local_folder())
