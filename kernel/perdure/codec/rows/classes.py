"""Families of types: dataclasses, enums, named tuples, exceptions, and what is kept by its name.

Each is kept by a reference to its class and by its state; no `__init__` runs. A class that changes how it is
copied or pickled goes to the pickle leaf, which honours that.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
from importlib import import_module
from types import MemberDescriptorType
from typing import Any

from perdure.codec.registry import is_registered, make_registered, registered_parts
from perdure.errors import NotLoadable

from .arrays import SCALAR
from .exceptions import exception_parts, fill_exception, make_exception
from .row import Row, by_reference, resolve

_OBJECT: Any = object


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
            advice="Install the version of the package with which it was kept, or run the step again.",
        )
    return found


def _slots(cls: type) -> dict[str, MemberDescriptorType] | None:
    """The slots of a class by name; None where one name hides another."""
    found: dict[str, MemberDescriptorType] = {}
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if isinstance(member, MemberDescriptorType):
                if name in found:
                    return None
                found[name] = member
    return found


def is_plain_dataclass(value: Any) -> bool:
    """Whether class and state tell all about an object of a dataclass."""
    cls: Any = type(value)
    getstate = getattr(dataclasses, "_dataclass_getstate", None)
    return (
        cls.__new__ is _OBJECT.__new__
        and cls.__reduce_ex__ is _OBJECT.__reduce_ex__
        and cls.__reduce__ is _OBJECT.__reduce__
        and cls.__getstate__ in (_OBJECT.__getstate__, getstate)
        and (not hasattr(cls, "__setstate__") or cls.__getstate__ is getstate)
        and _slots(cls) is not None
        and by_reference(cls)
    )


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


def _enum_parts(value: Any) -> tuple[Any, ...]:
    cls = type(value)
    # A class may have a `name` or `value` of its own.
    return (cls, None, value._value_) if isinstance(value, enum.Flag) else (cls, value._name_)


def _make_enum(parts: list[Any]) -> Any:
    cls, name, *rest = parts
    if rest:
        return cls(rest[0])
    if name not in cls.__members__:
        raise NotLoadable(
            subject=f"`{cls.__name__}.{name}`",
            cause=f"`{cls.__name__}` has no member `{name}` any more.",
            advice=f"Put the member back into `{cls.__name__}`, or run the step again.",
        )
    return cls.__members__[name]


def _is_plain_record(value: Any) -> bool:
    cls: Any = type(value)
    return (
        not getattr(value, "__dict__", None)
        and cls.__reduce_ex__ is _OBJECT.__reduce_ex__
        and cls.__reduce__ is _OBJECT.__reduce__
        and by_reference(cls)
    )


def _module_found(value: Any) -> bool:
    return value.__name__ != "__main__" and sys.modules.get(value.__name__) is value


def _is_ours(value: Any) -> bool:
    """A notebook's function is taken by its code: after a restart its cell may not have run yet."""
    return getattr(value, "__module__", None) != "__main__" and by_reference(value)


def _class_of(value: Any) -> bool:
    return by_reference(type(value))


REGISTERED = Row(
    *(80, "", "", registered_parts, lambda parts: make_registered(*parts)),
    plain=False,
    when=_class_of,
    identity=True,
)
CLASS = Row(
    *(81, "", "", lambda value: (value.__module__, value.__qualname__), lambda parts: find(*parts)),
    plain=False,
    when=by_reference,
)
FUNCTION = dataclasses.replace(CLASS, tag=82, when=_is_ours)
MODULE = Row(
    *(83, "", "", lambda value: (value.__name__,), lambda parts: import_module(parts[0])),
    plain=False,
    when=_module_found,
)
INSTANCE = Row(
    *(84, "", "", instance_parts, lambda parts: object.__new__(parts[0]), fill_instance, 1),
    plain=False,
    when=is_plain_dataclass,
)
ENUM = Row(85, "", "", _enum_parts, _make_enum, plain=False, when=_class_of)
RECORD = Row(
    *(86, "", "", lambda value: (type(value), *tuple.__iter__(value))),
    lambda parts: tuple.__new__(parts[0], parts[1:]),
    plain=False,
    identity=True,
    when=_is_plain_record,
)
EXCEPTION = Row(
    *(87, "", "", exception_parts, lambda parts: make_exception(*parts), fill_exception, 2),
    plain=False,
    when=_class_of,
)


_KINDS: tuple[tuple[type, Row], ...] = (
    (type, CLASS),
    (types.FunctionType, FUNCTION),
    (types.BuiltinFunctionType, FUNCTION),
    (types.ModuleType, MODULE),
    (enum.Enum, ENUM),
    (BaseException, EXCEPTION),
)


def family(cls: type) -> Row | None:
    """The row for a type that is not in the table by itself, or None: then the pickle leaf takes it."""
    numpy = sys.modules.get("numpy")
    if is_registered(cls):
        return REGISTERED
    for base, row in _KINDS:
        if issubclass(cls, base):
            return row
    if dataclasses.is_dataclass(cls):
        return INSTANCE
    if issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple):
        return RECORD
    if numpy is not None and issubclass(cls, numpy.generic) and cls.__module__ == "numpy":
        return SCALAR
    return None
