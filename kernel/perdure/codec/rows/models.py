"""Models: objects of attrs classes, pydantic models and msgspec structs, told by their class and fields.

No `__init__`, validator, converter, default factory or `__post_init__` runs when one is made again. A class
that changes how it is pickled goes to the pickle leaf, which honours that. None of the packages is imported
by encoding: a class tells by its own attributes what it is.
"""

from __future__ import annotations

import sys
from typing import Any

from perdure.codec.notes import note
from perdure.codec.registry import is_registered

from .classes import find
from .edited import slots_of
from .row import Row, by_reference, resolve

_OBJECT: Any = object
_HASH, _STRUCT_HASH = "_attrs_cached_hash", "__msgspec_cached_hash__"
"""Where attrs and msgspec remember the hash of an object; it is another one in the next process."""


_PYDANTIC = ("pydantic.main", "pydantic.root_model")
"""Where pydantic says how its models are pickled."""


def kind_of(cls: Any) -> str | None:
    """`attrs`, `pydantic` or `msgspec` for a class of such objects."""
    if isinstance(getattr(cls, "__attrs_attrs__", None), tuple) and not issubclass(cls, BaseException):
        return "attrs"
    for name, base in (("pydantic", "BaseModel"), ("msgspec", "Struct")):
        found = resolve(name, base) if name in sys.modules else None
        if found is not None and issubclass(cls, found):
            return name
    return None


def is_plain_model(value: Any) -> bool:
    """Whether class and fields tell all about an object of `attrs`, `pydantic` or `msgspec`."""
    cls: Any = type(value)
    kind = kind_of(cls)
    if kind is None or cls.__reduce_ex__ is not _OBJECT.__reduce_ex__ or slots_of(cls) is None:
        return False
    if kind == "msgspec":
        base = resolve("msgspec", "Struct")
        return cls.__reduce__ is base.__reduce__ and cls.__getstate__ is _OBJECT.__getstate__
    if cls.__new__ is not _OBJECT.__new__ or cls.__reduce__ is not _OBJECT.__reduce__:
        return False
    states = (cls.__getstate__, getattr(cls, "__setstate__", None))
    if kind == "pydantic":
        return all(getattr(state, "__module__", None) in _PYDANTIC for state in states)
    return all(map(_made_by_attrs, states))


def _made_by_attrs(method: Any) -> bool:
    """Whether the way to be pickled is Python's, or the one that attrs gives to a class with slots."""
    return method in (None, _OBJECT.__getstate__) or (
        getattr(method, "__globals__", {}).get("__name__") == "attr._make"
    )


def fields_of(cls: Any) -> tuple[str, ...]:
    """The fields that a class declares."""
    kind = kind_of(cls)
    if kind == "attrs":
        return tuple(field.name for field in cls.__attrs_attrs__)
    return tuple(cls.__pydantic_fields__) if kind == "pydantic" else tuple(cls.__struct_fields__)


def model_parts(value: Any) -> list[Any]:
    """Class, declared fields, attributes, then names and contents of the slots in turn."""
    cls = type(value)
    attributes = getattr(value, "__dict__", None)
    if attributes is not None and _HASH in attributes:
        attributes = attributes | {_HASH: None}
    parts = [cls, fields_of(cls), attributes]
    for name, member in (slots_of(cls) or {}).items():
        if name == _STRUCT_HASH:
            continue
        try:
            parts += [name, None if name == _HASH else member.__get__(value)]
        except AttributeError:
            continue
    return parts


def make_model(cls: Any) -> Any:
    """An empty object of the class."""
    return _allocate(cls) if kind_of(cls) == "msgspec" else object.__new__(cls)


def _allocate(cls: type) -> Any:
    """An empty struct. To Python msgspec gives no way to make one without running its `__post_init__`."""
    import ctypes

    allocate = ctypes.pythonapi.PyType_GenericAlloc
    allocate.restype, allocate.argtypes = ctypes.py_object, [ctypes.py_object, ctypes.c_ssize_t]
    return allocate(cls, 0)


def fill_model(made: Any, parts: list[Any]) -> None:
    """Put back what `model_parts` gave after the class, by the names of fields where the class was edited."""
    before, attributes, *slots = parts
    cls = type(made)
    named = dict(zip(slots[::2], slots[1::2], strict=True))
    if before != fields_of(cls) or hasattr(made, "__dict__") is (attributes is None):
        attributes, named = _matched(made, before, {**(attributes or {}), **named})
    if attributes is not None:
        # A struct, or a frozen class, does not let its attributes be set in the ordinary way.
        next(vars(base)["__dict__"] for base in cls.__mro__ if "__dict__" in vars(base)).__set__(
            made, attributes
        )
    members = slots_of(cls) or {}
    for name, content in named.items():
        members[name].__set__(made, content)


def _matched(
    made: Any, before: tuple[str, ...], state: dict[str, Any]
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Attributes and slots for a class that was edited; what it does to the fields is noted."""
    cls, told = type(made), []
    now, members, has_dict = fields_of(cls), slots_of(cls) or {}, hasattr(made, "__dict__")
    for name in [name for name in before if name not in now and name in state]:
        del state[name]
        told.append(f"field `{name}` is gone, and was dropped")
    for name in [name for name in now if name not in before and name not in state]:
        default = _default(cls, name)
        state |= default
        told.append(
            f"new field `{name}` {'got its default' if default else 'has no default, and is not set'}"
        )
    for name in [name for name in state if not has_dict and name not in members]:
        del state[name]
        told.append(f"there is no room for attribute `{name}`, which was dropped")
    if told:
        note(f"`{cls.__qualname__}` was edited since an object of it was kept: {'; '.join(told)}.")
    slots = {name: state.pop(name) for name in members if name in state}
    return state if has_dict else None, slots


def _default(cls: Any, name: str) -> dict[str, Any]:
    """The default of a field under its name; empty where there is none."""
    kind = kind_of(cls)
    if kind == "pydantic":
        field = cls.__pydantic_fields__[name]
        return {} if field.is_required() else {name: field.get_default(call_default_factory=True)}
    if kind == "msgspec":
        from msgspec import NODEFAULT
        from msgspec.structs import fields

        told = next(field for field in fields(cls) if field.name == name)
        if told.default_factory is not NODEFAULT:
            return {name: told.default_factory()}
        return {} if told.default is NODEFAULT else {name: told.default}
    default = getattr(cls.__attrs_attrs__, name).default
    if type(default).__qualname__ == "Factory":
        return {} if default.takes_self else {name: default.factory()}
    return {} if type(default).__qualname__ == "_Nothing" else {name: default}


def generic_of(cls: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """What a parametrised pydantic class (`Box[int]`) was made of: `Box` and `(int,)`."""
    told = cls.__dict__.get("__pydantic_generic_metadata__")
    if not isinstance(told, dict) or not told.get("origin"):
        return None
    return told["origin"], told["args"]


def make_generic(origin: Any, *args: Any) -> Any:
    """The class parametrised again: the one that is there already, if there is one."""
    return origin[args]


def _can_be_found(value: Any) -> bool:
    generic = generic_of(type(value))
    return is_plain_model(value) and by_reference(generic[0] if generic else type(value))


def _generic_parts(cls: Any) -> tuple[Any, ...]:
    generic = generic_of(cls)
    assert generic is not None
    return generic[0], *generic[1]


MODEL = Row(
    *(92, "", "", model_parts, lambda parts: make_model(parts[0]), fill_model, 1),
    plain=False,
    when=_can_be_found,
    says=(
        "class, names of the fields, attributes and slots; no `__init__`, validator, converter or factory "
        "runs when it is loaded; where the class was edited since, fields are matched by name; one that "
        "says how it is pickled, or whose class cannot be imported, is pickled"
    ),
    types="attrs objects, pydantic.BaseModel, msgspec.Struct",
)
GENERIC = Row(
    *(93, "", "", _generic_parts, lambda parts: make_generic(*parts)),
    plain=False,
    when=lambda cls: generic_of(cls) is not None,
    says="`Box[int]` as `Box` and `int`",
    types="parametrised pydantic classes",
)
_CONSTANTS = {
    "msgspec.UnsetType": ("msgspec", "UNSET"),
    "pydantic_core._pydantic_core.PydanticUndefinedType": ("pydantic_core", "PydanticUndefined"),
}


def _constant_parts(value: Any) -> tuple[str, str]:
    return _CONSTANTS[f"{type(value).__module__}.{type(value).__qualname__}"]


CONSTANTS = tuple(
    Row(
        *(98, *name.rpartition(".")[::2], _constant_parts, lambda parts: find(*parts)),
        plain=False,
        says="by its name, as the one object that it is",
        types=".".join(found),
    )
    for name, found in _CONSTANTS.items()
)
"""What stands for a value that was not given."""


def model_row(cls: type) -> Row | None:
    """The row for the objects of a class, or for its parametrised classes; None where it is no model."""
    if is_registered(cls):
        return None
    if issubclass(cls, type):
        return GENERIC if cls.__module__.startswith("pydantic.") else None
    return MODEL if kind_of(cls) is not None else None
