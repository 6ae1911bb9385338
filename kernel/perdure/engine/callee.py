"""What a call needs to know of the step that it calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .code.functions import function_code, global_data

if TYPE_CHECKING:
    from perdure.store.records import Part

    from .scope import Pass


@dataclass(frozen=True, slots=True)
class Options:
    """What a step was declared with."""

    kind: str = "pure"
    on_edit: str = "rerun"
    retries: int = 0
    backoff: float = 0.0
    timeout: float | None = None
    key: str | Callable[..., str] | None = None


class Callee:
    """A step as its calls see it: its function, its options, and the parts of its code."""

    __perdure_named__ = True
    """Kept by its name where it can be imported; the codec asks."""

    def __init__(self, function: Callable[..., Any], name: str, options: Options) -> None:
        self.__wrapped__ = function
        self.name = name
        self.options = options
        self.is_async = inspect.iscoroutinefunction(function)
        self.signature = inspect.signature(function)
        if options.timeout is not None and not self.is_async:
            raise ValueError(
                f"step {name!r}: timeout= needs an async function; a thread cannot be stopped from outside"
            )
        try:
            self.source = inspect.getsource(function)
        except (OSError, TypeError):
            self.source = ""

    def code(self, within: Pass) -> tuple[tuple[Part, ...], dict[str, Any]]:
        """The parts of its code, and the global data that it reads by name, as it is now."""
        parts, names = within.once(("code", id(self)), lambda: function_code(self.__wrapped__, self.name))
        return parts, global_data(self.__wrapped__, names)

    def key_of(self, arguments: dict[str, Any]) -> str | None:
        """The explicit key of a call with these arguments."""
        key = self.options.key
        return key(**arguments) if callable(key) else key
