"""Classes derived from builtins and from value types of the standard library.

Pickle makes such an object by calling its class, which may ask for other arguments, and forgets the
attributes of some. Here base, attributes and slots are put together by the base's own methods (promise 4):
no `__init__`, and no `__new__` of a class of the user, runs. A class that changes how it is pickled is
left to the pickle leaf, which honours that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MemberDescriptorType
from typing import Any
from weakref import WeakKeyDictionary

from perdure.errors import NotLoadable

from .row import Row, by_reference, resolve

_HEAP_TYPE = 1 << 9
_OWN_WAYS = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__")
_Made = Callable[[Any, Any, Any], Any]


def _nothing(_base: Any, _value: Any) -> None:
    """What needs no head, or holds no contents."""


def _kept(_base: Any, _made: Any, _contents: Any) -> None:
    """What is whole when it is made."""


@dataclass(frozen=True, slots=True)
class _Base:
    """How an object of a class derived from one base is put together; `base` is the base itself."""

    head: Callable[[Any, Any], Any] = _nothing
    """`(base, value)`: what the base's `__new__` needs."""
    make: _Made = lambda base, cls, _head: base.__new__(cls)
    """`(base, cls, head)`: the object, empty if it is mutable."""
    contents: Callable[[Any, Any], Any] = _nothing
    """`(base, value)`: what a mutable object holds."""
    fill: _Made = _kept
    """`(base, made, contents)`."""


def _from_one(base: Any, cls: type, head: Any) -> Any:
    return base.__new__(cls, head)


def _from_many(base: Any, cls: type, head: list[Any]) -> Any:
    return base.__new__(cls, *head)


def _with_fold(base: Any, cls: type, head: list[Any]) -> Any:
    return base.__new__(cls, *head[:-1], fold=head[-1])


def _make_deque(base: Any, cls: type, head: Any) -> Any:
    made = base.__new__(cls)
    base.__init__(made, (), head)
    return made


def _fill_ordered(base: Any, made: Any, contents: dict[Any, Any]) -> None:
    for key, value in contents.items():
        base.__setitem__(made, key, value)


def _fill_default(base: Any, made: Any, contents: list[Any]) -> None:
    dict.update(made, contents[1])
    base.default_factory.__set__(made, contents[0])


def _date(_base: Any, value: Any) -> list[Any]:
    return [value.year, value.month, value.day]


def _time(_base: Any, value: Any) -> list[Any]:
    return [value.hour, value.minute, value.second, value.microsecond, value.tzinfo, value.fold]


_dict = _Base(
    contents=lambda _, value: dict(dict.items(value)), fill=lambda _, made, items: dict.update(made, items)
)
_BASES: dict[str, _Base] = {
    "builtins.str": _Base(lambda _, value: str.__str__(value), _from_one),
    "builtins.int": _Base(lambda _, value: int.__int__(value), _from_one),
    "builtins.float": _Base(lambda _, value: float.__float__(value), _from_one),
    "builtins.complex": _Base(lambda _, value: complex.__complex__(value), _from_one),
    "builtins.bytes": _Base(lambda _, value: bytes.__bytes__(value), _from_one),
    "builtins.bytearray": _Base(
        contents=lambda _, value: bytearray(memoryview(value)),
        fill=lambda _, made, data: bytearray.extend(made, data),
    ),
    "builtins.tuple": _Base(lambda _, value: list(tuple.__iter__(value)), _from_one),
    "builtins.frozenset": _Base(lambda _, value: list(frozenset.__iter__(value)), _from_one),
    "builtins.set": _Base(
        contents=lambda _, value: list(set.__iter__(value)),
        fill=lambda _, made, items: set.update(made, items),
    ),
    "builtins.list": _Base(
        contents=lambda _, value: list(list.__iter__(value)),
        fill=lambda _, made, items: list.extend(made, items),
    ),
    "builtins.dict": _dict,
    "collections.Counter": _dict,
    "collections.OrderedDict": _Base(
        contents=lambda base, value: dict(base.items(value)), fill=_fill_ordered
    ),
    "collections.defaultdict": _Base(
        contents=lambda base, value: [base.default_factory.__get__(value), dict(dict.items(value))],
        fill=_fill_default,
    ),
    "collections.deque": _Base(
        *(lambda base, value: base.maxlen.__get__(value), _make_deque),
        *(lambda base, value: list(base.__iter__(value)), lambda base, made, items: base.extend(made, items)),
    ),
    "types.SimpleNamespace": _Base(),
    "decimal.Decimal": _Base(lambda base, value: base(value), _from_one),
    "fractions.Fraction": _Base(lambda _, value: [value.numerator, value.denominator], _from_many),
    "datetime.date": _Base(_date, _from_many),
    "datetime.datetime": _Base(lambda _, value: [*_date(_, value), *_time(_, value)], _with_fold),
    "datetime.time": _Base(_time, _with_fold),
    "datetime.timedelta": _Base(lambda _, value: [value.days, value.seconds, value.microseconds], _from_many),
}

_found: WeakKeyDictionary[type, type | None] = WeakKeyDictionary()


def base_of(cls: type) -> Any:
    """The base of a class written in Python that changes nothing in how it is pickled; None for others."""
    if cls not in _found:
        _found[cls] = _base_of(cls)
    return _found[cls]


def _base_of(cls: Any) -> type | None:
    for at, base in enumerate(cls.__mro__):
        name = f"{base.__module__}.{base.__qualname__}"
        if name in _BASES and resolve(base.__module__, base.__qualname__) is base:
            return base if at and not any(_differs(cls, base, way) for way in _OWN_WAYS) else None
        if not base.__flags__ & _HEAP_TYPE:
            return None  # written in C, it may hold what no attribute shows
    return None


def _differs(cls: Any, base: Any, way: str) -> bool:
    definer = next((each for each in cls.__mro__ if way in vars(each)), None)
    # The function that makes named tuples gives each a `__getnewargs__`, which says what its items say.
    return not (
        definer is None or definer in base.__mro__ or (way == _OWN_WAYS[-1] and "_make" in vars(definer))
    )


def is_derived(value: Any) -> bool:
    """Whether base, attributes and slots tell all about an object, and its class can be imported."""
    return base_of(type(value)) is not None and by_reference(type(value))


def _slots(cls: type) -> list[tuple[int, str, Any]]:
    """The slots that classes derived from the base add, as (position among the bases, name, descriptor)."""
    own = base_of(cls).__mro__
    return [
        (position, name, member)
        for position, base in enumerate(cls.__mro__)
        if base not in own
        for name, member in vars(base).items()
        if isinstance(member, MemberDescriptorType)
    ]


def _slots_set(value: Any) -> list[Any]:
    """Position, name and value in turn of each slot that is set."""
    found = []
    for position, name, member in _slots(type(value)):
        try:
            found += [position, name, member.__get__(value)]
        except AttributeError:
            continue
    return found


def attributes_of(value: Any) -> Any:
    """What hangs on an object beside its contents: its attributes, with its slots if any are set."""
    attributes = getattr(value, "__dict__", None)
    slots = _slots_set(value) if base_of(type(value)) is not None else []
    return [attributes, *slots] if slots else attributes


def derived_parts(value: Any) -> list[Any]:
    """Class and head; then attributes, contents, and the slots that are set as position, name and value."""
    cls = type(value)
    base = base_of(cls)
    how = _how(base)
    return [
        cls,
        how.head(base, value),
        getattr(value, "__dict__", None),
        how.contents(base, value),
        *_slots_set(value),
    ]


def make_derived(cls: type, head: Any) -> Any:
    """The object with its head: whole if it is immutable, else empty; without attributes."""
    base = base_of(cls)
    return _how(base).make(base, cls, head)


def fill_derived(made: Any, parts: list[Any]) -> None:
    """Put back what `derived_parts` gave after class and head."""
    attributes, contents, *slots = parts
    cls = type(made)
    base = base_of(cls)
    if attributes is not None:
        try:
            object.__setattr__(made, "__dict__", attributes)
        except AttributeError:  # that of a SimpleNamespace cannot be replaced
            vars(made).update(attributes)
    members = {(position, name): member for position, name, member in _slots(cls)}
    for at in range(0, len(slots), 3):
        member = members.get((slots[at], slots[at + 1]))
        if member is None:
            raise NotLoadable(
                subject=f"A `{cls.__qualname__}`",
                cause=f"its class has no slot `{slots[at + 1]}` there any more.",
                advice=f"Put the slot back into `{cls.__qualname__}`, or run the step again with `--redo`.",
            )
        member.__set__(made, slots[at + 2])
    _how(base).fill(base, made, contents)


def _how(base: type) -> _Base:
    return _BASES[f"{base.__module__}.{base.__qualname__}"]


DERIVED = Row(
    *(100, "", "", derived_parts, lambda parts: make_derived(*parts), fill_derived, 2),
    plain=False,
    when=is_derived,
    hashes=True,
    says=(
        "class, contents, attributes and slots, put together without its `__init__` or `__new__`; one that "
        "says how it is pickled is pickled"
    ),
    types="objects of classes derived from built-in ones and from value types of the standard library",
)
