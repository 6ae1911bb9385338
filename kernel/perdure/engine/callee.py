"""What a call needs to know of the step that it calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from .code.functions import function_code, global_data
from .code.members import own_classes
from .inputs import combined
from .retrying import NEVER, Retrying

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from perdure.store.records import Part

    from .scope import Pass


@dataclass(frozen=True, slots=True)
class Options:
    """What a step was declared with."""

    kind: str = "pure"
    on_edit: str = "rerun"
    retrying: Retrying = NEVER
    timeout: float | None = None
    key: str | Callable[..., str] | None = None
    executor: str | Executor | None = None
    """None: that of the workflow, else a thread."""
    cache: float | None = None
    """Seconds for which other runs may use a result; None: they may not."""
    idempotent: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Kept and sent without an executor of the user's, which belongs to this process."""
        own = self if isinstance(self.executor, str | None) else replace(self, executor=None)
        return Options, tuple(getattr(own, field.name) for field in fields(Options))


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a step, as it is during one pass over a body."""

    parts: tuple[Part, ...]
    digest: str
    """Over all parts."""
    reads: tuple[str, ...]
    """Names of the global data that it reads."""
    classes: tuple[type, ...] = ()
    """Of a method: the classes whose code is compared here, as far as it is used, and is no input."""


class Callee:
    """A step as its calls see it: its function, its options, and the parts of its code."""

    __perdure_named__ = True
    """Kept by its name where it can be imported; the codec asks."""

    kind = "plain"
    """What it is in its class: `plain`, `static` or `class`."""
    _class: str | None = None

    def __init__(
        self, function: Callable[..., Any], name: str, options: Options, kind: str = "plain"
    ) -> None:
        self.__wrapped__ = function
        self.kind = kind
        self.name = name
        self.options = options
        self.is_async = inspect.iscoroutinefunction(function)
        self.signature = inspect.signature(function)
        self._class = None if kind == "static" else class_name(function)
        self._names, self._defaults = _by_position(self.signature)
        self._required = len(self._names or ()) - len(self._defaults)
        try:
            self.source = inspect.getsource(function)
        except (OSError, TypeError):
            self.source = ""

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, in the signature's order, defaults applied.

        Raises:
            TypeError: they do not fit the signature.
        """
        names = self._names
        if names is not None and not kwargs and self._required <= len(args) <= len(names):
            found = dict(zip(names, args, strict=False))
            for name in names[len(args) :]:
                found[name] = self._defaults[name]
            return found
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def call(self, arguments: dict[str, Any]) -> Any:
        """Call the function with arguments as `bind` gave them."""
        function = self.__wrapped__
        if self._names is not None:
            return function(*arguments.values())
        in_order: Any = arguments
        bound = inspect.BoundArguments(self.signature, in_order)
        return function(*bound.args, **bound.kwargs)

    def receiver(self, arguments: dict[str, Any]) -> type | None:
        """Of a method that is called with these arguments, the class of its object; None for a function."""
        if self._class is None or not arguments:
            return None
        first = next(iter(arguments.values()))
        cls: type = first if isinstance(first, type) else type(first)
        return cls if any(base.__qualname__ == self._class for base in cls.__mro__) else None

    def code(self, within: Pass, receiver: type | None = None) -> Code:
        """Its code, as it was when first asked for in this pass; a method's with what it uses of a class."""
        # The key holds the step: of a step that is gone by then, another one might have got the identity.
        return within.once(("code", self, receiver), lambda: self._code(receiver))

    def _code(self, receiver: type | None) -> Code:
        parts, names = function_code(self.__wrapped__, self.name, receiver)
        return Code(parts, combined(parts), names, own_classes(receiver, self.__wrapped__.__module__))

    def reads(self, code: Code) -> dict[str, Any]:
        """The global data that it reads by name, as it is now."""
        return global_data(self.__wrapped__, code.reads) if code.reads else {}

    def key_of(self, arguments: dict[str, Any]) -> str | None:
        """The explicit key of a call with these arguments."""
        key = self.options.key
        return key(**arguments) if callable(key) else key


def _by_position(signature: inspect.Signature) -> tuple[tuple[str, ...] | None, dict[str, Any]]:
    """The names and defaults of a function all of whose parameters may stand by their position, else None."""
    parameters = signature.parameters.values()
    if any(parameter.kind is not parameter.POSITIONAL_OR_KEYWORD for parameter in parameters):
        return None, {}
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    return tuple(signature.parameters), defaults


def short_name(function: Any) -> str:
    """The name of a step: `Class.method`, without the functions around it."""
    name: str = function.__qualname__
    return name.rpartition("<locals>.")[2]


def class_name(function: Any) -> str | None:
    """The qualified name of the class in whose body a function was written, if it was in one."""
    around: str = function.__qualname__.rpartition(".")[0]
    return None if not around or around.endswith("<locals>") else around
