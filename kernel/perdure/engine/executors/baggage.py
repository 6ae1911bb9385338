"""What a function takes along to a worker: its code, and all that it uses of the notebook.

1. A function of a module goes by its name. One of the notebook goes by value, with the functions, classes and
   data of the notebook to which names lead, in its code and in its arguments, also what was defined after it.
2. Modules go by name, with those inside them that are used through them.
3. What cannot be sent stays here, and is told of when the function asks for it there, and not before.
"""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from perdure import codec
from perdure.codec.notebook import notebook, reads
from perdure.codec.registry import REGISTERED, registrations
from perdure.codec.rows.row import by_reference, keeping_by_value, resolve
from perdure.engine.callee import Callee
from perdure.engine.code.definitions import methods
from perdure.errors import NotKeepable

ORDER = ("early", "code", "late")
"""Data that needs nothing of the notebook; the notebook's functions and classes, and what is registered; data
that needs those. The others refer to what lies in `early`, so that what functions and objects share with a
name is shared in the worker too."""

FUNCTION = "the function"
"""Under what key the function lies among the names, none of which has a space."""

_SHELLS = frozenset({"get_ipython", "exit", "quit", "open"})
"""Names that IPython gives to things of its own, which are of no use elsewhere."""


@dataclass(frozen=True, slots=True)
class Baggage:
    """What a function takes along."""

    reference: tuple[str, str, int] | None
    """Module, qualified name, and how often to unwrap what is found there; None where it goes by value."""
    parts: dict[str, codec.Encoded]
    """By the names in `ORDER`, in which they are decoded, each one as a mapping of names."""
    modules: dict[str, str]
    """Names of the notebook, and the modules that they hold there."""
    submodules: list[str]
    unsent: dict[str, dict[str, Any]]
    """Names whose content stays here, and why: the fields of the error that says so."""


def packed(function: Callable[..., Any], step: str, needs: Iterable[str]) -> Baggage:
    """Pack a function for its way.

    Args:
        function: without its step around it.
        step: the step's name.
        needs: names of the notebook that its arguments need.

    Raises:
        NotKeepable: the function itself cannot be sent, since it holds something that cannot.
    """
    reference = _reference(function)
    packing = _Packing({f"registered {each.cls.__qualname__}": each for each in registrations()})
    if reference is None:
        packing.code[FUNCTION] = function
        packing.follow(function)
    packing.want(needs)
    parts = packing.encoded()
    if FUNCTION in packing.unsent:
        fields = packing.unsent[FUNCTION]
        cause = f"Step `{step}` is sent to a worker by value, with what it holds. {fields['cause']}"
        path = fields["path"].replace(FUNCTION, step)
        raise NotKeepable(**{**fields, "cause": cause, "path": path})
    return Baggage(reference, parts, packing.modules, sorted(packing.submodules), packing.unsent)


def _reference(function: Any) -> tuple[str, str, int] | None:
    """How a function of a module is found again, below the steps and wrappers that stand at its name."""
    module, name = function.__module__, function.__qualname__
    if module == "__main__" or "<locals>" in name:
        return None
    found, depth = resolve(module, name), 0
    while found is not None and found is not function:
        found, depth = inner(found), depth + 1
    return None if found is None else (module, name, depth)


def inner(found: Any) -> Any:
    """What a step, a wrapper or a bound method stands around; None for anything else."""
    return getattr(found, "__wrapped__", None) or getattr(found, "__func__", None)


@dataclass(slots=True)
class _Packing:
    code: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    submodules: set[str] = field(default_factory=set)
    unsent: dict[str, dict[str, Any]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=lambda: {REGISTERED})

    def want(self, names: Iterable[str]) -> None:
        """Take what these names hold, and what that uses; some stand with what is read of them."""
        waiting = [name for name in names if name not in self._seen]
        namespace = vars(notebook() or types.ModuleType("nothing"))
        for name in sorted(waiting):
            self._seen.add(name)
            top, _, rest = name.partition(".")
            if rest:
                self._inside(namespace.get(top), rest)
            elif top in namespace:
                self._take(top, namespace[top])
            elif by_reference(getattr(builtins, top, None)) and not _python_s(top):
                self.code[top] = getattr(builtins, top)  # such as `display`, which IPython puts there

    def _inside(self, module: Any, path: str) -> None:
        """A module inside a module is there once somebody imported it."""
        if isinstance(module, types.ModuleType):
            name = f"{module.__name__}.{path}"
            if name in sys.modules:
                self.submodules.add(name)

    def _take(self, name: str, value: Any) -> None:
        if isinstance(value, types.ModuleType):
            self.modules[name] = value.__name__
        elif name in _SHELLS and not _of_notebook(value):
            if name == "get_ipython":
                self.unsent[name] = _SHELL
        else:
            (self.code if _is_code(value) else self.data)[name] = value
            self.follow(value)

    def follow(self, value: Any) -> None:
        """Want what a function, class or step uses; what is inside values is found as they are encoded."""
        value = value.__wrapped__ if isinstance(value, Callee) else value
        if not _of_notebook(value):
            return
        for function in methods(value) if isinstance(value, type) else (value,):
            if _of_notebook(function):
                self.want(reads(function))

    def encoded(self) -> dict[str, codec.Encoded]:
        """All that is taken; more is, as long as what was encoded turns out to need it."""
        while True:
            early = self._encoded(self.data, {})
            needing = set[str]()
            if early is not None and early.needs:
                needing = {name for name, value in self.data.items() if _needs(name, value)}
            known = {name: value for name, value in self.data.items() if name not in needing}
            late = self._encoded({name: self.data[name] for name in needing}, known)
            if needing:
                early = self._encoded(known, {})
            with keeping_by_value({name for name, value in self.code.items() if isinstance(value, type)}):
                code = self._encoded(self.code, known)
            parts = zip(ORDER, (early, code, late), strict=True)
            found = {name: part for name, part in parts if part is not None}
            missing = {name for part in found.values() for name in part.needs} - self._seen
            if not missing:
                return found
            self.want(missing)

    def _encoded(self, values: dict[str, Any], known: dict[str, Any]) -> codec.Encoded | None:
        if not values:
            return None
        encoded, refused = codec.encode_namespace(values, externals=known, trial=False)
        for name, error in refused.items():
            self.unsent[name] = error.fields
            self.code.pop(name, None)
            self.data.pop(name, None)
        return encoded


def _needs(name: str, value: Any) -> bool:
    return bool(codec.encode_namespace({name: value}, trial=False)[0].needs)


def _is_code(value: Any) -> bool:
    """Whether a name's content is a definition, and not what definitions made."""
    return isinstance(value, types.FunctionType | type) or bool(
        getattr(type(value), "__perdure_named__", False)
    )


def _of_notebook(value: Any) -> bool:
    """Whether a function or class was made by the notebook."""
    if isinstance(value, types.FunctionType):
        return value.__globals__ is vars(notebook() or types)
    return isinstance(value, type) and value.__module__ == "__main__"


def _python_s(name: str) -> bool:
    return getattr(getattr(builtins, name), "__module__", None) in (
        None,
        "builtins",
        "_io",
        "io",
        "_sitebuiltins",
    )


_SHELL: dict[str, Any] = {
    "path": "get_ipython",
    "type": "the notebook's shell",
    "cause": "It lives in the kernel, and a worker has none.",
    "advice": "Use it outside the step, or let the step run in a thread: leave out `executor=`.",
    "more": "",
}
