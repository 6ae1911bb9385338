"""Classes that say themselves how they are kept: their own two methods, or a registration.

1. The nearest class among the bases of an object's class counts, be it registered or with methods of its own;
   a registration counts before the methods of the same class.
2. What is made is an object of exactly the class that was kept, or loading ends in a sentence.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perdure.errors import BadRegistration, NotLoadable, PerdureError

from .model import Refusal
from .notebook import note_name

REGISTERED = "a registration"
"""Stands, among the names that a value needs, for what somebody registered: no name has a space."""

_DUMP, _LOAD = "__perdure_dump__", "__perdure_load__"


@dataclass(frozen=True, slots=True)
class _Registration:
    dump: Callable[[Any], Any]
    load: Callable[..., Any]
    knows_class: bool
    """Whether `load` takes the class of the object as `cls`."""


_registered: dict[type, _Registration] = {}


def register(
    cls: type, *, dump: Callable[[Any], Any] | None = None, load: Callable[..., Any] | None = None
) -> None:
    """Keep objects of this class and its subclasses through `dump(object)`, and make them by `load(data)`.

    A class of your own needs no registration when it defines `__perdure_dump__(self)` and the class method
    `__perdure_load__(cls, data)`. A subclass that is registered, or has such methods, goes its own way.

    Args:
        cls: the class.
        dump: gives data that can be kept.
        load: makes an object of exactly the kept one's class from the data. Where it has a parameter `cls`,
            it is told that class, so that it can serve subclasses.

    Raises:
        BadRegistration: one of the two is missing or cannot be called, or `cls` is no class of objects.
    """
    name = getattr(cls, "__qualname__", repr(cls))
    if not isinstance(cls, type):
        raise BadRegistration(name=name, cause="it is no class.")
    if cls.__module__ == "builtins" or issubclass(cls, type):
        raise BadRegistration(name=name, cause="Perdure keeps built-in values and classes in its own way.")
    if dump is None and load is None:
        raise BadRegistration(name=name, cause="neither a dump nor a load function was given.")
    for what, function in (("dump", dump), ("load", load)):
        if function is None:
            raise BadRegistration(name=name, cause=f"its {what} function is missing.")
        if not callable(function):
            raise BadRegistration(name=name, cause=f"its {what} function cannot be called.")
    assert dump is not None
    assert load is not None
    _registered[cls] = _Registration(dump, load, _knows_class(load))


@dataclass(frozen=True, slots=True)
class Registering:
    """A registration as a value: where it is loaded, it is made."""

    cls: type

    def __reduce__(self) -> tuple[Any, ...]:
        found = _registered[self.cls]
        return _register_again, (self.cls, found.dump, found.load)


def registrations() -> list[Registering]:
    """What is registered here, to be registered elsewhere."""
    return [Registering(cls) for cls in _registered]


def _register_again(cls: type, dump: Callable[[Any], Any], load: Callable[..., Any]) -> None:
    register(cls, dump=dump, load=load)


def _knows_class(load: Callable[..., Any]) -> bool:
    try:
        return "cls" in inspect.signature(load).parameters
    except (TypeError, ValueError):
        return False


def is_registered(cls: type) -> bool:
    """Whether objects of this class are kept in their own way.

    Raises:
        BadRegistration: the class defines one of the two methods only.
    """
    if _registered and any(base in _registered for base in cls.__mro__):
        return True
    dumps, loads = _defines(cls, _DUMP), _defines(cls, _LOAD)
    if dumps != loads:
        missing = _LOAD if dumps else _DUMP
        raise BadRegistration(name=cls.__qualname__, cause=f"its method `{missing}` is missing.")
    return dumps


def _defines(cls: type, method: str) -> bool:
    """Whether the class or a base defines the method; a metaclass may answer to any name."""
    return hasattr(cls, method) and any(method in vars(base) for base in cls.__mro__)


def _registration(cls: type) -> _Registration | None:
    """The registration that counts for a class; None where its own methods do, or there is none."""
    for base in cls.__mro__:
        if base in _registered:
            return _registered[base]
        if _DUMP in vars(base) or _LOAD in vars(base):
            break
    return None


def functions_of(cls: Any) -> tuple[str, str]:
    """What the dump and the load function of a class are called in messages."""
    if _registration(cls) is None:
        return f"`{cls.__qualname__}.{_DUMP}`", f"`{cls.__qualname__}.{_LOAD}`"
    return f"The dump function of `{cls.__qualname__}`", f"the load function of `{cls.__qualname__}`"


def registered_parts(value: Any) -> tuple[type, Any]:
    """The class, and what stands for the object in a digest: its data, where its class says nothing else."""
    own = getattr(value, "__perdure_digest__", None)
    return kept_parts(value) if own is None or _registration(type(value)) else (type(value), own())


def kept_parts(value: Any) -> tuple[type, Any]:
    """The class, and the data that its dump function makes of the object.

    Raises:
        Refusal: the function fails, or gives the object itself.
    """
    cls = type(value)
    registration = _registration(cls)
    if registration is not None:
        note_name(REGISTERED)
    try:
        data = value.__perdure_dump__() if registration is None else registration.dump(value)
    except (Refusal, PerdureError):
        raise
    except Exception as error:
        cause = f"{functions_of(cls)[0]} failed: {type(error).__name__}: {error}."
        raise Refusal(value, cause, "Mend that function, or leave the object out.") from error
    if data is value:
        raise leads_back(value)
    return cls, data


def leads_back(value: Any) -> Refusal:
    """The refusal of an object whose data holds the object."""
    cause = f"{functions_of(type(value))[0]} returned data that leads back to the object."
    return Refusal(value, cause, "Leave the reference out of the data, and put it back when loading.")


def make_registered(cls: Any, data: Any) -> Any:
    """The object that the class's load function makes of the data.

    Raises:
        NotLoadable: there is none here, or it fails, or gives an object of another class.
    """
    name, registration = cls.__qualname__, _registration(cls)
    if registration is None and not _defines(cls, _LOAD):
        cause = f"no load function is registered for `{name}` here."
        advice = f"Run the cell, or import the module, that registers `{name}`, then try again."
        raise _not_loadable(name, cause, advice)
    try:
        if registration is None:
            made = cls.__perdure_load__(data)
        elif registration.knows_class:
            made = registration.load(data, cls=cls)
        else:
            made = registration.load(data)
    except PerdureError:
        raise
    except Exception as error:
        hint = "" if registration or _is_classmethod(cls) else "; it has to be a class method"
        cause = f"{functions_of(cls)[1]} failed: {type(error).__name__}: {error}{hint}."
        raise _not_loadable(
            name, cause, "Mend that function, or run the step again with `--redo`."
        ) from error
    if type(made) is not cls:
        cause = f"{functions_of(cls)[1]} made an object of `{type(made).__qualname__}`."
        advice = f"Let it make an object of `{name}` itself; a parameter `cls` tells it the class."
        raise _not_loadable(name, cause, advice)
    return made


def _is_classmethod(cls: type) -> bool:
    return isinstance(inspect.getattr_static(cls, _LOAD), classmethod | staticmethod)


def _not_loadable(name: str, cause: str, advice: str) -> NotLoadable:
    return NotLoadable(subject=f"An object of `{name}`", cause=cause, advice=advice)
