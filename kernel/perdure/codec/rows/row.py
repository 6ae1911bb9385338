"""The form of the rows in the table of extension types, and what rows share."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from perdure.codec.notebook import note_name, notebook


@dataclass(frozen=True, slots=True)
class Row:
    """How objects of one exact type are taken apart and made again.

    Parts are values themselves, and are encoded like any other. Without `fill` the object is made in one go
    from all its parts. With `fill` it is made empty from its first `head` parts and filled with the others
    later, so that it may lie on a cycle.
    """

    tag: int
    module: str
    name: str
    parts: Callable[[Any], Iterable[Any]]
    make: Callable[[list[Any]], Any]
    fill: Callable[[Any, list[Any]], None] | None = None
    head: int = 0
    plain: bool = True
    """False where making it constructs a class of the user or of a package."""
    when: Callable[[Any], bool] | None = None
    """Objects for which this is false go to the pickle leaf."""
    identity: bool = False
    """Made in one go, but mutable or large: it counts which object it is."""

    hashes: bool = False
    """Whether parts of it are hashed when it is made or filled."""

    tried: bool = False
    """Whether code of the user takes it apart and makes it: then it is seen to load before it is kept."""

    says: str = ""
    """How such objects are stored, in half a sentence, for the reference page."""

    types: str = ""
    """The types as a user writes them, where that is not module and name."""

    @property
    def outer(self) -> bool:
        """Whether a pickled leaf may refer to such an object instead of holding a copy.

        Plain ones too: the digest of a value with cycles tells one tuple in two places from two equal ones.
        """
        return self.identity or self.plain or self.fill is not None


@dataclass(frozen=True, slots=True)
class Raw:
    """Contiguous memory as a part: in the stream where it is small, out of band where it is large."""

    view: memoryview


def nothing(_value: Any) -> tuple[()]:
    """The parts of a constant."""
    return ()


def pairs(mapping: Mapping[Any, Any]) -> Iterator[Any]:
    """Keys and values in turn."""
    for key, value in mapping.items():
        yield key
        yield value


def put_pairs(mapping: Any, parts: list[Any]) -> None:
    """Fill a mapping with keys and values in turn, as `pairs` gave them."""
    given = iter(parts)
    for key in given:
        mapping[key] = next(given)


def without_attributes(value: Any) -> bool:
    """Whether an object of the standard library carries nothing beside its contents."""
    return not getattr(value, "__dict__", None)


def resolve(module: str, qualname: str) -> Any:
    """The object of this name in a module that is imported already, or None."""
    found: Any = notebook() if module == "__main__" else sys.modules.get(module)
    for name in qualname.split("."):
        found = named(found, name)
    return found


def named(holder: Any, name: str) -> Any:
    """What a module or class holds under this name, or None. One that goes away is taken without a word."""
    if not isinstance(holder, ModuleType) or name in vars(holder):
        return getattr(holder, name, None)
    with warnings.catch_warnings():  # a module that makes its names when they are asked for may warn of some
        warnings.simplefilter("ignore")
        return getattr(holder, name, None)


_by_value: ContextVar[Collection[str]] = ContextVar("perdure_by_value", default=())


@contextmanager
def keeping_by_value(names: Collection[str]) -> Iterator[None]:
    """In the block, classes that the notebook holds under these names are kept themselves.

    So are their objects with them: nothing else would make such a class again.
    """
    token = _by_value.set(names)
    try:
        yield
    finally:
        _by_value.reset(token)


def by_reference(obj: Any) -> bool:
    """Whether a class or function can be found again by its module and name, and is the one found there."""
    module, qualname = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str) or resolve(module, qualname) is not obj:
        return False
    if module == "__main__":
        name = qualname.partition(".")[0]
        if name in _by_value.get():
            return False
        note_name(name)
    return True


def module_of(obj: Any) -> str:
    """The module in which an object's class is defined, or the class or function itself."""
    found = getattr(obj, "__module__", None) if callable(obj) else None
    return found if isinstance(found, str) else type(obj).__module__


def has_end(cls: type) -> bool:
    """Whether the class says in Python what is to be done when an object of it ends."""
    return isinstance(getattr(cls, "__del__", None), FunctionType)
