"""Modules of the user's own: files beside the notebook, which count as a whole, with what they import."""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from perdure.codec.syntax import tree_digest
from perdure.store.records import Part

_PACKAGES = frozenset({"site-packages", "dist-packages"})
_OURSELVES = frozenset({"perdure", "perdure_widgets"})


@dataclass(frozen=True, slots=True)
class _File:
    spec: Any
    """The spec under which it was read: a reload makes a new one, so that its file is read again."""
    digest: str
    imports: tuple[str, ...]


_read: WeakKeyDictionary[ModuleType, _File] = WeakKeyDictionary()


def own_file(module: ModuleType | None, folder: str | None) -> Path | None:
    """The file of a module that lies in `folder` and is no installed package, else None."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py") or folder is None or module is None:
        return None
    if module.__name__.partition(".")[0] in _OURSELVES:
        return None
    try:
        here = "" if Path(file).is_absolute() and Path(folder).is_absolute() else str(Path.cwd())
    except OSError:  # the working folder is gone, and with it what was relative to it
        return None
    return _inside(file, folder, here)


@functools.lru_cache(4096)
def _inside(file: str, folder: str, _: str) -> Path | None:
    """The path of a file in a folder and in no package; known for each working folder it is relative to."""
    path, root = Path(os.path.realpath(file)), Path(os.path.realpath(folder))
    if not path.is_relative_to(root) or _PACKAGES.intersection(path.relative_to(root).parts):
        return None
    return path


def module_parts(module: ModuleType, folder: str | None, *, whole: bool = False) -> dict[str, Part]:
    """The parts of a module and of the user's modules that it imports, by module name.

    Args:
        module: Any module; one that is not the user's own has no part.
        folder: The folder of the notebook.
        whole: Also the loaded modules inside it, for a package that is used through its name.
    """
    found: dict[str, Part] = {}
    waiting = [module]
    if whole:
        waiting += [
            inner for name, inner in list(sys.modules.items()) if name.startswith(f"{module.__name__}.")
        ]
    while waiting:
        current = waiting.pop()
        path = own_file(current, folder)
        if path is None or current.__name__ in found:
            continue
        file = _file(current, path)
        where = os.path.relpath(path, os.path.realpath(folder or ""))
        found[current.__name__] = Part(f"module {current.__name__}", file.digest, preview=where)
        waiting += [sys.modules[name] for name in file.imports if name in sys.modules]
    return found


def file_digest(path: str) -> str:
    """The digest of a file of Python as it is now, as it stands in the part of its module."""
    return tree_digest(_tree(Path(path)))


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _file(module: ModuleType, path: Path) -> _File:
    known = _read.get(module)
    spec = getattr(module, "__spec__", None)
    if known is None or known.spec is not spec:
        tree = _tree(path)
        known = _read[module] = _File(spec, tree_digest(tree), tuple(_imports(tree, module)))
    return known


def _imports(tree: ast.Module, module: ModuleType) -> Iterator[str]:
    """The names under which what this file imports is loaded, packages around it included."""
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    names: set[str] = {module.__name__}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            try:
                base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:
                continue
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    for name in sorted(names):
        words = name.split(".")
        yield from (".".join(words[:count]) for count in range(1, len(words) + 1))
