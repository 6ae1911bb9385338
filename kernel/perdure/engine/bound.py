"""Steps in classes: what may be a step, and the step that is bound to an object, as a method is.

A bound step is a value. Kept, it is its object and the name by which the object's class is asked again; in a
digest, it is its object by content and its step as any step.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from perdure.codec.leaf.functions import bound_method
from perdure.codec.rows.row import resolve
from perdure.errors import NotAStep, NotBound

from .callee import class_name

if TYPE_CHECKING:
    from .parallel import Future, Mapped


class BoundStep:
    """A step with its first argument, which travels by value as the others do."""

    __perdure_bound__ = True
    """In a digest it counts by its object and its step; the codec asks."""

    def __init__(self, step: Any, instance: Any) -> None:
        self.__func__ = step
        self.__self__ = instance
        self.__name__, self.__qualname__ = step.__name__, step.__qualname__
        self.__module__, self.__doc__ = step.__module__, step.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the step: in a workflow's body as a recorded call, elsewhere as the plain method."""
        return self.__func__(self.__self__, *args, **kwargs)

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Begin a call beside the body; the future is awaitable and has `.result()`."""
        begun: Future[Any] = self.__func__.submit(self.__self__, *args, **kwargs)
        return begun

    def map(self, items: Iterable[Any], *, concurrency: int | None = None) -> Mapped[Any]:
        """Begin one call for each item, at most `concurrency` (8) at once."""
        begun: Mapped[Any] = self.__func__.map_after((self.__self__,), items, concurrency)
        return begun

    @property
    def __signature__(self) -> inspect.Signature:
        """Without the parameter that the object stands for."""
        signature: inspect.Signature = self.__func__.signature
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundStep):
            return NotImplemented
        return self.__self__ is other.__self__ and self.__func__ is other.__func__

    def __hash__(self) -> int:
        return hash((id(self.__self__), id(self.__func__)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Its object, and the name by which the class knows the step; else the step itself."""
        owner, name = self.__self__, self.__name__
        if _step_in(inspect.getattr_static(owner, name, None)) is self.__func__:
            return bound_method, (owner, name)
        return BoundStep, (self.__func__, owner)

    def __repr__(self) -> str:
        return f"<step {self.__func__.name} of {self.__self__!r}>"


def _step_in(attribute: Any) -> Any:
    """What a class holds under a name, out of `@staticmethod` or `@classmethod`."""
    return attribute.__func__ if isinstance(attribute, staticmethod | classmethod) else attribute


def unwrapped(function: Any) -> tuple[Any, str]:
    """The function that is to be a step, and what it is in its class: `plain`, `static` or `class`.

    Raises:
        NotAStep: it is no function, static method or class method.
    """
    kind, inner = "plain", function
    if isinstance(function, staticmethod | classmethod):
        kind, inner = "static" if isinstance(function, staticmethod) else "class", function.__func__
    if inspect.isfunction(inner):
        return inner, kind
    name = getattr(inner, "__name__", type(inner).__name__)
    if isinstance(inner, property):
        name = getattr(inner.fget, "__name__", "property")
        cause, advice = "it is a property.", "Write `@property` above `@step`."
    elif isinstance(inner, type):
        cause, advice = "it is a class.", "Mark its methods, or a function that makes an object of it."
    elif hasattr(inner, "__perdure_named__"):
        cause, advice = f"it is {inner!r} already.", "Mark its function once."
    else:
        cause, advice = f"it is a {type(inner).__name__}.", "Mark a `def` or `async def` around it."
    raise NotAStep(name=name, cause=cause, advice=advice)


def check_bound(step: Any, first: tuple[Any, ...]) -> None:
    """Pass over a step that is not called as a class method without its class.

    From Python 3.13 on, a class method that stands above a step gives `map` and `submit` of the step itself,
    which know of no class; what came first would be taken for it.

    Raises:
        NotBound: it is.
    """
    if first and isinstance(first[0], type):
        return
    within = class_name(step.__wrapped__)
    if within is None or not _under_classmethod(step, within):
        return
    raise NotBound(step=step.name)


def _under_classmethod(step: Any, within: str) -> bool:
    found = inspect.getattr_static(resolve(step.__module__, within), step.__name__, None)
    if _step_in(found) is step:
        return isinstance(found, classmethod)
    return next(iter(step.signature.parameters), "") == "cls"
