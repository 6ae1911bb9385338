"""Objects of classes that may be edited before they are loaded: what is kept names the fields.

A new field gets its default, or stays unset; one that is gone is dropped; both are told. Flags are kept by
the names of their members, so that a member that was inserted before others moves none of them.
"""

from __future__ import annotations

import copyreg
import dataclasses
import enum
from collections.abc import Iterable, Mapping
from types import MemberDescriptorType
from typing import Any
from weakref import WeakKeyDictionary

from perdure.codec.notes import note
from perdure.errors import NotLoadable

from .row import Row, by_reference

_OBJECT: Any = object
_REDUCING = ("__reduce_ex__", "__reduce__")
_fields: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()


def fields_of(cls: Any) -> tuple[str, ...]:
    """The fields that a class declares; the same object each time, so that it is written once."""
    found = _fields.get(cls)
    if found is None:
        named = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
        found = _fields[cls] = tuple(field.name for field in named)
    return found


def slots_of(cls: type) -> dict[str, MemberDescriptorType] | None:
    """The slots of a class by name; None where one name hides another."""
    found: dict[str, MemberDescriptorType] = {}
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if isinstance(member, MemberDescriptorType):
                if name in found:
                    return None
                found[name] = member
    return found


def is_plain_object(value: Any) -> bool:
    """Whether class and attributes tell all about an object of a class that is found by its name."""
    cls: Any = type(value)
    getstate = getattr(dataclasses, "_dataclass_getstate", None)
    return (
        cls.__new__ is _OBJECT.__new__
        and all(getattr(cls, name) is getattr(_OBJECT, name) for name in _REDUCING)
        and cls.__getstate__ in (_OBJECT.__getstate__, getstate)
        and (not hasattr(cls, "__setstate__") or cls.__getstate__ is getstate)
        and not hasattr(cls, "__getnewargs_ex__")
        and not hasattr(cls, "__getnewargs__")
        and cls not in copyreg.dispatch_table
        and slots_of(cls) is not None
        and by_reference(cls)
    )


def object_parts(value: Any) -> list[Any]:
    """Class, declared fields, attributes, then names and contents of the slots in turn."""
    cls = type(value)
    parts = [cls, fields_of(cls), getattr(value, "__dict__", None)]
    for name, member in (slots_of(cls) or {}).items():
        try:
            parts += [name, member.__get__(value)]
        except AttributeError:
            continue
    return parts


def make_object(cls: Any) -> Any:
    """An empty object of the class.

    Raises:
        NotLoadable: what has its name now is no such class.
    """
    try:
        return object.__new__(cls)
    except TypeError as error:
        raise _another(cls, "an ordinary class") from error


def fill_object(made: Any, parts: list[Any]) -> None:
    """Put back what `object_parts` gave after the class, field by field where the class was edited."""
    before, attributes, *slots = parts
    cls = type(made)
    members, has_dict = slots_of(cls) or {}, hasattr(made, "__dict__")
    named = dict(zip(slots[::2], slots[1::2], strict=True))
    now = fields_of(cls)
    if set(before) != set(now) or has_dict is (attributes is None) or named.keys() - members.keys():
        state = {**(attributes or {}), **named}
        attributes, named = _matched(cls, before, state, members, has_dict=has_dict)
    if attributes is not None:
        object.__setattr__(made, "__dict__", attributes)
    for name, content in named.items():
        members[name].__set__(made, content)


def _matched(
    cls: Any, before: Iterable[str], state: dict[str, Any], members: Mapping[str, Any], *, has_dict: bool
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Attributes and slots for a class that was edited; what it does to the fields is noted."""
    told = []
    if dataclasses.is_dataclass(cls):
        now = {field.name: field for field in dataclasses.fields(cls)}
        for name in [name for name in before if name not in now and name in state]:
            del state[name]
            told.append(f"field `{name}` is gone, and was dropped")
        for name, field in now.items():
            if name not in state and name not in before:
                told.append(f"new field `{name}` {_by_default(field, state)}")
    if not has_dict:
        for name in [name for name in state if name not in members]:
            del state[name]
            told.append(f"there is no room for attribute `{name}`, which was dropped")
    if told:
        note(f"`{cls.__qualname__}` was edited since an object of it was kept: {'; '.join(told)}.")
    slots = {name: state.pop(name) for name in members if name in state}
    return state if has_dict else None, slots


def _by_default(field: dataclasses.Field[Any], state: dict[str, Any]) -> str:
    """Give a new field its default; what happened, in words."""
    if field.default is not dataclasses.MISSING:
        state[field.name] = field.default
    elif field.default_factory is not dataclasses.MISSING:
        state[field.name] = field.default_factory()
    else:
        return "has no default, and is not set"
    return "got its default"


def record_parts(value: Any) -> tuple[Any, ...]:
    """Class, names of the fields, and items of a named tuple."""
    cls = type(value)
    return cls, cls._fields, *tuple.__iter__(value)


def make_record(cls: Any, before: tuple[str, ...], *items: Any) -> Any:
    """A named tuple; by the names of its fields where the class was edited.

    Raises:
        NotLoadable: a field is new and has no default.
    """
    now = getattr(cls, "_fields", None)
    if not isinstance(now, tuple) or not issubclass(cls, tuple):
        raise _another(cls, "a named tuple")
    if now == before:
        return tuple.__new__(cls, items)
    state = {**cls._field_defaults, **dict(zip(before, items, strict=True))}
    for name in now:
        if name not in state:
            raise NotLoadable(
                subject=f"An object of `{cls.__qualname__}`",
                cause=f"field `{name}` is new and has no default.",
                advice=f"Give `{name}` a default, or run the step again with `--redo`.",
            )
    told = [f"field `{name}` is gone, and was dropped" for name in before if name not in now]
    told += [f"new field `{name}` got its default" for name in now if name not in before]
    told = told or ["its fields stand in another order"]
    note(f"`{cls.__qualname__}` was edited since an object of it was kept: {'; '.join(told)}.")
    return tuple.__new__(cls, [state[name] for name in now])


def is_plain_record(value: Any) -> bool:
    """Whether class and items tell all about a named tuple."""
    cls: Any = type(value)
    return (
        isinstance(value, tuple)
        and isinstance(getattr(cls, "_fields", None), tuple)
        and not getattr(value, "__dict__", None)
        and all(getattr(cls, name) is getattr(_OBJECT, name) for name in _REDUCING)
        and by_reference(cls)
    )


def enum_parts(value: Any) -> tuple[Any, ...]:
    """Class and name of a member; of a flag the names of its members, and the bits that have none."""
    # A class may have a `name` or `value` of its own.
    if not isinstance(value, enum.Flag):
        return type(value), value._name_
    members: Any = type(value)
    bits: Any = value._value_
    named = [member for member in members if member._value_ & bits == member._value_]
    rest = bits
    for member in named:
        rest &= ~member._value_
    return type(value), rest, *(member._name_ for member in named)


def make_enum(cls: Any, name: Any, *rest: Any) -> Any:
    """The member of an enum; format 1 kept flags by their value, beside no name."""
    return cls(rest[0]) if rest else _member(cls, name)


def make_flag(cls: Any, rest: int, *names: str) -> Any:
    """The members of a flag together, by their names."""
    bits = rest
    for name in names:
        bits |= _member(cls, name)._value_
    return cls(bits)


def _member(cls: Any, name: str) -> Any:
    if not isinstance(cls, enum.EnumMeta):
        raise _another(cls, "an enum")
    if name not in cls.__members__:
        raise NotLoadable(
            subject=f"`{cls.__name__}.{name}`",
            cause=f"`{cls.__name__}` has no member `{name}` any more.",
            advice=f"Put the member back into `{cls.__name__}`, or run the step again with `--redo`.",
        )
    return cls.__members__[name]


def _another(cls: Any, kind: str) -> NotLoadable:
    name = getattr(cls, "__qualname__", repr(cls))
    return NotLoadable(
        subject=f"An object of `{name}`",
        cause=f"it was kept when `{name}` was {kind}, and now it is none.",
        advice=f"Run the cell that defines `{name}` as it was, or run the step again with `--redo`.",
    )


def _class_of(value: Any) -> bool:
    return by_reference(type(value))


OBJECT = Row(
    *(76, "", "", object_parts, lambda parts: make_object(parts[0]), fill_object, 1),
    plain=False,
    when=is_plain_object,
    says=(
        "class, names of the fields, attributes and slots; where the class was edited since, fields are "
        "matched by name and the difference is told; one that says how it is pickled is pickled"
    ),
    types="objects of dataclasses",
)
RECORD = Row(
    *(77, "", "", record_parts, lambda parts: make_record(*parts)),
    plain=False,
    identity=True,
    when=is_plain_record,
    says="class, names of the fields, and items, matched by name likewise; one with attributes is pickled",
    types="named tuples (those of `urllib.parse` too)",
)
FLAG = Row(
    *(78, "", "", enum_parts, lambda parts: make_flag(*parts)),
    plain=False,
    when=_class_of,
    says="class, names of the members, and bits that have none",
    types="members of flags",
)
ENUM = Row(
    *(85, "", "", enum_parts, lambda parts: make_enum(*parts)),
    plain=False,
    when=_class_of,
    says="class and name; it comes back as the very member of the class",
    types="members of enums",
)
EDITABLE = (OBJECT, RECORD, FLAG, ENUM)
