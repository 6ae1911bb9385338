"""Families of types: what is kept by its name, and objects that are kept by a reference to their class.

Those are kept with their state; no `__init__` runs. A class that changes how it is copied or pickled goes to
the pickle leaf, which honours that.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
from importlib import import_module
from typing import Any

from perdure.codec.registry import is_registered, kept_parts, make_registered
from perdure.errors import NotLoadable

from .arrays import SCALAR
from .derived import DERIVED, base_of
from .edited import ENUM, FLAG, OBJECT, RECORD
from .edited import slots_of as _slots
from .exceptions import exception_parts, fill_exception, made_empty, make_exception
from .row import Row, by_reference, resolve


def find(module: str, qualname: str) -> Any:
    """The class or function of this name, its module imported.

    Raises:
        NotLoadable: it is not there; the sentence names it and says what to do.
    """
    name = f"{module}.{qualname}"
    if module == "__main__":
        found = resolve(module, qualname)
        if found is None:
            raise NotLoadable(
                subject=f"`{qualname}`",
                cause="the notebook does not define it.",
                advice=f"Run the cell that defines `{qualname}`, then try again.",
            )
        return found
    try:
        found = import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise NotLoadable(
            subject=f"`{name}`",
            cause=f"{error}.",
            advice=f"Install the package that brings `{package}` into this environment, then try again.",
        ) from error
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise NotLoadable(
            subject=f"`{name}`",
            cause=f"the installed `{module}` has no `{qualname}`.",
            advice="Install the package's version with which it was kept, or run its step with `--redo`.",
        )
    return found


def instance_parts(value: Any) -> list[Any]:
    """Class, attributes, then names and contents of the slots in turn."""
    parts = [type(value), getattr(value, "__dict__", None)]
    for name, member in (_slots(type(value)) or {}).items():
        try:
            parts += [name, member.__get__(value)]
        except AttributeError:
            continue
    return parts


def fill_instance(made: Any, parts: list[Any]) -> None:
    """Put back what `instance_parts` gave after the class."""
    if parts[0] is not None:
        object.__setattr__(made, "__dict__", parts[0])
    members = _slots(type(made)) or {}
    for at in range(1, len(parts), 2):
        members[parts[at]].__set__(made, parts[at + 1])


def _module_found(value: Any) -> bool:
    return value.__name__ != "__main__" and sys.modules.get(value.__name__) is value


def _is_ours(value: Any) -> bool:
    """A notebook's function is taken by its code: after a restart its cell may not have run yet."""
    return getattr(value, "__module__", None) != "__main__" and by_reference(value)


def _class_of(value: Any) -> bool:
    return by_reference(type(value))


REGISTERED = Row(
    *(80, "", "", kept_parts, lambda parts: make_registered(*parts)),
    plain=False,
    when=_class_of,
    identity=True,
    tried=True,
    says="its class, and what its own `__perdure_dump__`, or the registered `dump`, returns",
    types="objects of classes with `__perdure_dump__`, objects of registered classes",
)
CLASS = Row(
    *(81, "", "", lambda value: (value.__module__, value.__qualname__), lambda parts: find(*parts)),
    plain=False,
    when=by_reference,
    says=(
        "by module and name, so that the class is the one that is defined then; one made inside a function "
        "is pickled with its code"
    ),
    types="classes of any kind",
)
FUNCTION = dataclasses.replace(
    CLASS,
    tag=82,
    when=_is_ours,
    says="by module and name; one of the notebook, or made inside a function, is pickled with its code",
    types="functions of any module",
)
MODULE = Row(
    *(83, "", "", lambda value: (value.__name__,), lambda parts: import_module(parts[0])),
    plain=False,
    when=_module_found,
    says="by its name; what was changed in it is not kept",
    types="imported modules",
)
OBJECT_OF_FORMAT_1 = Row(
    *(84, "", "", instance_parts, lambda parts: object.__new__(parts[0]), fill_instance, 1),
    plain=False,
    says="class and attributes, without names of fields; read, and not written any more",
    types="dataclasses in format 1",
)
RECORD_OF_FORMAT_1 = Row(
    *(86, "", "", tuple, lambda parts: tuple.__new__(parts[0], parts[1:])),
    plain=False,
    identity=True,
    says="class and items, without names of fields; read, and not written any more",
    types="named tuples in format 1",
)
EXCEPTION = Row(
    *(87, "", "", exception_parts, lambda parts: make_exception(*parts), fill_exception, 2),
    plain=False,
    when=lambda value: _class_of(value) and made_empty(type(value)),
    says=(
        "class, arguments, attributes, cause, context, notes, members of a group, and what its traceback "
        "prints; its frames and their variables are not kept"
    ),
    types="exceptions of any class",
)


_KINDS: tuple[tuple[type, Row], ...] = (
    (type, CLASS),
    (types.FunctionType, FUNCTION),
    (types.BuiltinFunctionType, FUNCTION),
    (types.ModuleType, MODULE),
    (enum.Flag, FLAG),
    (enum.Enum, ENUM),
    (BaseException, EXCEPTION),
)


def family(cls: type) -> Row | None:  # noqa: PLR0911  one return for each kind
    """The row for a type that is not in the table by itself, or None: then the pickle leaf takes it."""
    numpy = sys.modules.get("numpy")
    if is_registered(cls):
        return REGISTERED
    for base, row in _KINDS:
        if issubclass(cls, base):
            return row
    if getattr(cls, "__perdure_named__", False):
        return FUNCTION
    if dataclasses.is_dataclass(cls):
        return OBJECT
    if issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple):
        return RECORD
    if numpy is not None and issubclass(cls, numpy.generic) and cls.__module__ == "numpy":
        return SCALAR
    return DERIVED if base_of(cls) is not None else None
