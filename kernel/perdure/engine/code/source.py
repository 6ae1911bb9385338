"""The code that a step depends on, as far as names lead.

1. The notebook's own functions and classes count, each as a part, with all that they use in turn.
2. A module of the user's own counts as a whole file, with the user's modules that it imports.
3. Installed packages give no part.
4. A function's part covers its syntax tree, its defaults and what it closes over.
5. Data that those functions read by name is told, so that the caller can make it an input.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import xxhash

from perdure import codec
from perdure.store.records import Part

from .definitions import Definition, definition, methods
from .members import follow_members
from .modules import module_parts, own_file
from .names import CellNames, analyse, close_match, undefined

__all__ = ["CellNames", "CodeParts", "analyse", "close_match", "code_parts", "function_parts", "undefined"]

_BUILT_IN = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)


@dataclass(frozen=True, slots=True)
class CodeParts:
    """The code that names lead to."""

    parts: tuple[Part, ...]
    """By name."""
    data_names: frozenset[str]
    """Names of the namespace that hold data: those asked about, and those that followed code reads."""
    unseen: tuple[str, ...]
    """What names do not lead to, a phrase each: "`clean`: it uses eval"."""


def code_parts(names: Iterable[str], namespace: Mapping[str, Any], *, local_folder: str | None) -> CodeParts:
    """Follow names to the code behind them.

    Args:
        names: Global names that a body reads; one that the namespace does not hold is passed over.
        namespace: The globals of the notebook, or of the module in which a function was written.
        local_folder: Modules below this folder are the user's own.
    """
    walk = _Walk(namespace, local_folder)
    for name in sorted(names):
        walk.name(name)
    return walk.found()


def function_parts(
    function: types.FunctionType, name: str, *, local_folder: str | None, receiver: type | None = None
) -> CodeParts:
    """Follow one function, in the globals of its own module, whether or not a name leads to it.

    Args:
        function: The function as it was written, without its step or workflow around it.
        name: The name of its own part.
        local_folder: Modules below this folder are the user's own.
        receiver: Of a method, the class of its object: what it uses of that counts, not the class as a whole.
    """
    walk = _Walk(function.__globals__, local_folder, receiver)
    walk.function(function, name)
    if receiver is not None:
        follow_members(walk, function, receiver)
    return walk.found()


class _Walk:
    """One walk from names to code; every object is visited once, so that recursion ends."""

    def __init__(
        self, namespace: Mapping[str, Any], folder: str | None, receiver: type | None = None
    ) -> None:
        self.namespace = namespace
        self.folder = folder
        self.receiver = receiver
        self.attributes: set[str] = set()
        self.parts: dict[int, Part] = {}
        self.modules: dict[str, Part] = {}
        self.data: set[str] = set()
        self.unseen: set[str] = set()
        self._names: set[str] = set()
        self._seen: dict[int, Any] = {}

    def found(self) -> CodeParts:
        """All that was found, by name."""
        parts = sorted(
            [*self.parts.values(), *self.modules.values()], key=lambda part: (part.name, part.digest)
        )
        return CodeParts(tuple(parts), frozenset(self.data), tuple(sorted(self.unseen)))

    def function(self, function: types.FunctionType, name: str) -> None:
        """Follow one function."""
        self._function(function, name)

    def follow(self, value: Any, name: str) -> None:
        """Follow one value that a class holds: to its code, or as data that counts by content."""
        if not self._follow(value, name):
            digest = codec.digest(value)
            self._seen[id(value)] = value
            self.parts[id(value)] = Part(name, digest.hex, digest.weak, "class attribute")
            self._follow(type(value), type(value).__name__)

    def whole(self, cls: type) -> None:
        """Follow all of a class."""
        self._follow(cls, cls.__qualname__.rpartition("<locals>.")[2])

    def name(self, name: str) -> None:
        """Follow one global name."""
        if name in self._names or name not in self.namespace:
            return
        self._names.add(name)
        value = self.namespace[name]
        if not self._follow(value, name):
            self.data.add(name)
            self._follow(type(value), type(value).__name__)

    def _follow(self, value: Any, name: str) -> bool:
        """Follow one object; False when it is data."""
        if id(value) in self._seen:
            return True
        if isinstance(value, types.ModuleType):
            self._module(value, whole=True)
        elif isinstance(value, functools.partial):
            self._bound(value, value.func, (value.args, value.keywords), name)
        elif isinstance(value, types.MethodType) or getattr(type(value), "__perdure_bound__", False):
            self._bound(value, value.__func__, value.__self__, name)
        elif isinstance(value, types.FunctionType):
            self._function(value, name)
        elif isinstance(value, type):
            self._class(value, name)
        elif isinstance(value, staticmethod | classmethod):
            return self._follow(value.__func__, name)
        elif "__wrapped__" in _attributes(value):
            return self._follow(_attributes(value)["__wrapped__"], name)
        else:
            return isinstance(value, _BUILT_IN) or _of_package(value)
        return True

    def _module(self, module: types.ModuleType | None, *, whole: bool = False) -> None:
        if own_file(module, self.folder) is not None and module is not None:
            self.modules |= module_parts(module, self.folder, whole=whole)

    def _bound(self, value: Any, function: Any, content: Any, name: str) -> None:
        """A function that carries values: those count by content, beside its code."""
        self._seen[id(value)] = value
        self._follow(function, getattr(function, "__qualname__", name))
        if isinstance(content, types.ModuleType | type):
            self._follow(content, name)
            return
        digest = codec.digest(content)
        self.parts[id(value)] = Part(name, digest.hex, digest.weak, "bound values")
        self._follow(type(content), type(content).__name__)

    def _function(self, function: types.FunctionType, name: str) -> None:
        self._seen[id(function)] = function
        inner = vars(function).get("__wrapped__")
        if inner is not None:
            self._follow(inner, name)
        if function.__globals__ is not self.namespace:
            self._module(sys.modules.get(function.__module__ or ""))
            for value in cells_of(function).values():
                if isinstance(value, types.FunctionType | type):
                    self._follow(value, value.__qualname__)
            return
        found = definition(function)
        hasher = xxhash.xxh3_128(found.digest.encode())
        weak = False
        for key, value in self._carried(function):
            if self._follow(value, getattr(value, "__qualname__", key)):
                continue
            digest = codec.digest(value)
            weak = weak or digest.weak
            hasher.update(f"{key}\0{digest.hex}\0".encode())
            self._follow(type(value), type(value).__name__)
        # A wrapper that names what it wraps goes by the wrapped function's tree, decorators included.
        shown = name if inner is None else f"{name} (wrapper)"
        self._add(function, shown, Part(shown, hasher.hexdigest(), weak, "notebook"), found)

    def _carried(self, function: types.FunctionType) -> list[tuple[str, Any]]:
        """The values inside a function: defaults and what it closes over."""
        values = [(f"default {index}", value) for index, value in enumerate(function.__defaults__ or ())]
        values += [
            (f"default {name}", value) for name, value in sorted((function.__kwdefaults__ or {}).items())
        ]
        cells = cells_of(function)
        if self.receiver is not None:
            cells.pop("__class__", None)  # it stands there for `super()`, which names what it gives
        return values + [(f"closure {name}", value) for name, value in cells.items()]

    def _class(self, cls: type, name: str) -> None:
        self._seen[id(cls)] = cls
        if cls.__module__ != self.namespace.get("__name__"):
            self._module(sys.modules.get(cls.__module__))
            return
        found = definition(cls)
        self._add(cls, name, Part(name, found.digest, preview="notebook"), found)
        for other in (*cls.__bases__, type(cls)):
            self._follow(other, other.__qualname__)
        for method in methods(cls):
            written_elsewhere = not method.__qualname__.startswith(f"{cls.__qualname__}.")
            if written_elsewhere and method.__globals__ is self.namespace:
                self._follow(method, f"{name}.{method.__name__}")

    def _add(self, value: Any, name: str, part: Part, found: Definition) -> None:
        self.parts[id(value)] = part
        self.attributes |= found.attributes
        self.unseen.update(f"`{name}`: {phrase}" for phrase in found.unseen)
        for other in sorted(found.names):
            self.name(other)


def _attributes(value: Any) -> Mapping[str, Any]:
    """The instance's own attributes, without running any code of its class."""
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return attributes if isinstance(attributes, dict) else {}


def cells_of(function: types.FunctionType) -> dict[str, Any]:
    """What a function closes over, by name; a cell that is still empty is left out."""
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def _of_package(value: Any) -> bool:
    """True for what a package offers under its name, such as a numpy ufunc or a typing form."""
    if type(value).__module__ == "typing":
        return True
    if not callable(value):
        return False
    name = getattr(type(value), "__qualname__", "")
    module, own = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(own, str) or not name:
        return False
    places = [module] if isinstance(module, str) else [type(value).__module__]
    return any(_attributes(sys.modules.get(place)).get(own) is value for place in places)
