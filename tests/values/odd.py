"""Classes that no row of the table knows, each odd in its own way, and an object of each."""

from __future__ import annotations

import abc
import collections
import copyreg
import enum
import functools
import itertools
import operator
import typing
import weakref
from typing import Any

ODD: dict[str, Any] = {}
"""What makes an odd object, by the name of its class. Alike each time."""

T = typing.TypeVar("T")


def odd(cls):
    """List a class; it is made without arguments, or by its `made`."""
    ODD[cls.__name__] = getattr(cls, "made", cls)
    return cls


class Base:
    def __init__(self):
        self.items = [1, {"a": [2]}]


# -- ways to be pickled ----------------------------------------------------------------------------------------


@odd
class LossyState(Base):
    """Its own way loses something, and it says so when asked."""

    def __getstate__(self):
        return {}

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None


@odd
class PairState(Base):
    def __getstate__(self):
        return (self.items, 1)

    def __setstate__(self, state):
        self.items = state[0]


@odd
class FalseState(Base):
    """A false state is not handed to `__setstate__`."""

    def __getstate__(self):
        return False

    def __setstate__(self, state):
        self.items = state

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None


@odd
class OnlySetState(Base):
    def __setstate__(self, state):
        vars(self).update(state)
        self.seen = True

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None


@odd
class SetStateFails(Base):
    def __setstate__(self, state):
        raise RuntimeError("no")


@odd
class GetStateFails(Base):
    def __getstate__(self):
        raise RuntimeError("no")


@odd
class ReducedToText(Base):
    def __reduce__(self):
        return str, ("another",)


@odd
class ReducedToAnother(Base):
    def __reduce__(self):
        return Base, ()


@odd
class ReducedToName(Base):
    def __reduce__(self):
        return "THE_ONLY"


@odd
class ReducedToNobody(Base):
    def __reduce__(self):
        return "NOBODY"


@odd
class ReducedBadly(Base):
    def __reduce__(self):
        return 7


@odd
class ReducedByLambda(Base):
    def __reduce__(self):
        return (lambda: ReducedByLambda()), ()  # noqa: PLW0108  a lambda, on purpose


@odd
class ReducedWithItems(list):
    def __reduce__(self):
        return type(self), (), None, iter([1, 2])

    made = classmethod(lambda cls: cls([1, 2]))


@odd
class ReduceFails(Base):
    def __reduce_ex__(self, protocol):
        raise RuntimeError("no")


@odd
class NewArguments:
    def __new__(cls, a, *, b):
        made = super().__new__(cls)
        made.both = a, b
        return made

    made = classmethod(lambda cls: cls(1, b=[2]))


@odd
class GivenArguments(NewArguments):
    def __getnewargs_ex__(self):
        return self.both[:1], {"b": self.both[1]}


@odd
class BadArguments(Base):
    def __getnewargs__(self):
        return (1, 2)


@odd
class Copied(Base):
    def __copy__(self):
        raise RuntimeError("no")

    __deepcopy__ = __copy__


@odd
class Registered(Base):
    """`copyreg` knows how it is pickled."""


copyreg.pickle(Registered, lambda _: (Registered, ()))


# -- where the state is -------------------------------------------------------------------------------------------


@odd
class Slots:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a = [1]


@odd
class SlotsBelow(Slots):
    __slots__ = ("c",)

    def __init__(self):
        super().__init__()
        self.c = self.a


@odd
class SlotHidden(Slots):
    """Two slots of one name."""

    __slots__ = ("a",)

    def __init__(self):
        Slots.a.__set__(self, [0])
        self.a = [1]


@odd
class SlotShadowed(Slots):
    """A class attribute hides a slot."""

    a = 5

    def __init__(self):
        Slots.a.__set__(self, [9])

    def __eq__(self, other):
        return Slots.a.__get__(self) == Slots.a.__get__(other)

    __hash__ = None


@odd
class PrivateSlot:
    __slots__ = ("__a",)

    def __init__(self):
        self.__a = [1]

    def __eq__(self, other):
        return self.__a == other.__a

    __hash__ = None


@odd
class SlotsAndDict(Slots):
    __slots__ = ("__dict__", "__weakref__")

    def __init__(self):
        super().__init__()
        self.more = [2]


@odd
class KeysThatAreNoNames(Base):
    def __init__(self):
        vars(self).update({"a b": 1, "": 2, "class": [3]})


@odd
class KeysThatAreNumbers(Base):
    def __init__(self):
        vars(self)[1] = 2


@odd
class OwnDict(Base):
    def __init__(self):
        self.__dict__ = collections.OrderedDict(b=1, a=2)


@odd
class ClassAttribute(Base):
    shared: typing.ClassVar = []


@odd
class Interned:
    """One object for each name."""

    known: typing.ClassVar[dict] = {}

    def __new__(cls, name="x"):
        if name not in cls.known:
            cls.known[name] = super().__new__(cls)
            cls.known[name].name = name
        return cls.known[name]

    def __reduce__(self):
        return type(self), (self.name,)


# -- what attributes do --------------------------------------------------------------------------------------------


@odd
class PropertyFails(Base):
    @property
    def bad(self):
        raise RuntimeError("no")


@odd
class SetAttrFails(Base):
    def __init__(self):
        vars(self)["items"] = [1]

    def __setattr__(self, name, value):
        raise AttributeError(name)


@odd
class SetAttrChanges(Base):
    def __init__(self):
        vars(self)["items"] = [1]

    def __setattr__(self, name, value):
        vars(self)[name] = ("set", value)


@odd
class SlotSetAttrFails(Slots):
    __slots__ = ()

    def __init__(self):
        Slots.a.__set__(self, [1])

    def __setattr__(self, name, value):
        raise AttributeError(name)

    def __eq__(self, other):
        return self.a == other.a

    __hash__ = None


@odd
class GetAttrAnswersAll(Base):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return 1


@odd
class GetAttrRecurses(Base):
    """Before its attributes are there, it asks itself for ever."""

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __init__(self):
        self.inner = [1]


@odd
class GetAttributeFails(Base):
    def __getattribute__(self, name):
        if name == "items":
            raise RuntimeError("no")
        return super().__getattribute__(name)


class Positive:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, holder, owner=None):
        return self if holder is None else getattr(holder, self.name)

    def __set__(self, holder, value):
        setattr(holder, self.name, abs(value))


@odd
class Described:
    x = Positive()

    def __init__(self):
        self.x = 3
        self._x = -3


@odd
class CachedProperty(Base):
    @functools.cached_property
    def table(self):
        return [self.items]

    @classmethod
    def made(cls):
        made = cls()
        assert made.table
        return made


# -- equality and hash ----------------------------------------------------------------------------------------------


@odd
class EqualFails(Base):
    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


@odd
class NeverEqual(Base):
    def __eq__(self, other):
        return False

    __hash__ = None


@odd
class AlwaysEqual(Base):
    def __eq__(self, other):
        return True

    __hash__ = None


@odd
class EqualIsNoBool(Base):
    def __eq__(self, other):
        return [1]

    __hash__ = None


@odd
class HashById(Base):
    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)


@odd
class HashFails(Base):
    def __hash__(self):
        raise RuntimeError("no")


@odd
class BoolFails(Base):
    def __bool__(self):
        raise RuntimeError("no")


@odd
class LenLies(Base):
    def __len__(self):
        return 10**9

    def __iter__(self):
        while True:
            yield 1


@odd
class ReprFails(Base):
    def __repr__(self):
        raise RuntimeError("no")


# -- what it says it is ---------------------------------------------------------------------------------------------


@odd
class ClassLies(Base):
    @property
    def __class__(self):
        return dict


@odd
class Proxy:
    """Stands for another object, as `wrapt` does."""

    __slots__ = ("__wrapped__",)

    def __init__(self, wrapped=None):
        object.__setattr__(self, "__wrapped__", [1] if wrapped is None else wrapped)

    @property
    def __class__(self):
        return type(self.__wrapped__)

    def __getattr__(self, name):
        return getattr(self.__wrapped__, name)

    def __setattr__(self, name, value):
        setattr(self.__wrapped__, name, value)

    def __len__(self):
        return len(self.__wrapped__)

    def __iter__(self):
        return iter(self.__wrapped__)

    def __eq__(self, other):
        return self.__wrapped__ == getattr(other, "__wrapped__", other)

    def __hash__(self):
        return 1


class Meta(type):
    def __call__(cls, *args, **more):
        made = super().__call__(*args, **more)
        made.called = True
        return made


@odd
class WithMeta(Base, metaclass=Meta):
    pass


@odd
class Abstract(abc.ABC):  # noqa: B024  the metaclass is what counts
    def __init__(self):
        self.x = [1]


@odd
class GenericClass(typing.Generic[T]):
    def __init__(self):
        self.x = [1]

    @classmethod
    def made(cls):
        return cls[int]()


@odd
class WrongName(Base):
    pass


WrongName.__qualname__ = "Missing"


@odd
class WrongModule(Base):
    pass


WrongModule.__module__ = "no.such.module"


@odd
class OtherBehindName(Base):
    """Its name leads to another class."""


OtherBehindName.__qualname__ = "Base"


def _local():
    class Local(Base):
        pass

    return Local()


ODD["local class"] = _local
ODD["class made at run time"] = type("Dynamic", (Base,), {"x": 1})


@odd
class Callable(Base):
    def __call__(self):
        return 1


@odd
class Context(Base):
    def __enter__(self):
        raise RuntimeError("no")

    def __exit__(self, *_):
        raise RuntimeError("no")


@odd
class Finalised(Base):
    def __del__(self):
        self.items.append("gone")


@odd
class IndexAndFloat(Base):
    def __index__(self):
        return 1

    def __float__(self):
        return 1.0


@odd
class Array(Base):
    __array_interface__: typing.ClassVar = {"shape": (1,), "typestr": "<i4", "version": 3}


# -- derived from builtins ------------------------------------------------------------------------------------------


@odd
class KeyedList(list):
    def __getitem__(self, at):
        return "x"

    def __len__(self):
        return 0

    made = classmethod(lambda cls: cls([1, 2]))


@odd
class LoudDict(dict):
    def __setitem__(self, key, value):
        raise RuntimeError("no")

    def __iter__(self):
        return iter(())

    made = classmethod(lambda cls: cls({"a": [1]}))


@odd
class DefaultingDict(dict):
    def __missing__(self, key):
        self[key] = []
        return self[key]

    made = classmethod(lambda cls: cls({"a": [1]}))


@odd
class LowerText(str):
    __slots__ = ()

    def __new__(cls, text):
        return super().__new__(cls, text.lower())

    def __str__(self):
        return "shown"

    def __eq__(self, other):
        return False

    __hash__ = str.__hash__

    made = classmethod(lambda cls: cls("ABC"))


@odd
class OddInt(int):
    def __int__(self):
        return 99

    def __index__(self):
        return 98

    def __eq__(self, other):
        return int.__repr__(self) == int.__repr__(other)

    __hash__ = int.__hash__

    made = classmethod(lambda cls: cls(5))


@odd
class ReversedTuple(tuple):
    __slots__ = ()

    def __new__(cls, items):
        return super().__new__(cls, reversed(items))

    made = classmethod(lambda cls: cls((1, 2)))


@odd
class EmptySet(set):
    def __iter__(self):
        return iter(())

    def __contains__(self, item):
        return True

    made = classmethod(lambda cls: cls({1, 2}))


@odd
class OddFloat(float):
    def __float__(self):
        return 7.0

    made = classmethod(lambda cls: cls("-0.0"))


@odd
class OddQueue(collections.deque):
    def __iter__(self):
        return iter("no")

    def append(self, _item):
        raise RuntimeError("no")

    made = classmethod(lambda cls: cls([1, 2], 3))


@odd
class OddCounter(collections.Counter):
    def items(self):
        return []

    made = classmethod(lambda cls: cls("aab"))


@odd
class OddOrdered(collections.OrderedDict):
    def items(self):
        return []

    def __setitem__(self, key, value):
        super().__setitem__(key, [value])

    made = classmethod(lambda cls: cls(b=1, a=2))


@odd
class OddEnum(enum.Enum):
    A = 1

    @classmethod
    def _missing_(cls, value):
        return cls.A

    made = classmethod(lambda cls: cls["A"])


@odd
class MixedEnum(float, enum.Enum):
    HALF = 0.5

    made = classmethod(lambda cls: cls["HALF"])


# -- built in, made with arguments ----------------------------------------------------------------------------------

THE_ONLY = ReducedToName()


def _slice_with_a_cycle():
    held = []
    held.append(slice(held))
    return held


ODD |= {
    "ReducedToName": lambda: THE_ONLY,
    "another ReducedToName": ReducedToName,
    "bound method": lambda: Base().__init__,
    "method of a lambda's class": lambda: functools.partialmethod(lambda _self: 1),
    "itertools.tee": lambda: itertools.tee([1, 2, 3]),
    "itertools.groupby": lambda: itertools.groupby([1, 1, 2]),
    "itertools.zip_longest": lambda: itertools.zip_longest([1], "ab", fillvalue=0),
    "iterator of a str": lambda: iter("abc"),
    "iterator of a bytearray": lambda: iter(bytearray(b"abc")),
    "slice with a cycle": _slice_with_a_cycle,
    "iterator with a sentinel": lambda: iter(Base, None),
    "operator.methodcaller": lambda: operator.methodcaller("x", 1, k=[2]),
    "functools.cmp_to_key": lambda: functools.cmp_to_key(operator.sub)(1),
    "super": lambda: super(Slots, SlotsBelow()),
    "property": lambda: property(operator.itemgetter(0)),
    "staticmethod": lambda: staticmethod(len),
    "classmethod": lambda: classmethod(len),
    "weak proxy": lambda: weakref.proxy(Base),
    "weak method": lambda: weakref.WeakMethod(THE_ONLY.__init__),
    "class with own module": lambda: Meta,
    "object": object,
    "NewType": lambda: typing.NewType("Id", int),
    "TypeVar": lambda: T,
    "ParamSpec": lambda: typing.ParamSpec("P"),
    "ForwardRef": lambda: typing.ForwardRef("Base"),
    "code": lambda: Base.__init__.__code__,
    "getset descriptor": lambda: type.__dict__["__dict__"],
    "member descriptor": lambda: Slots.a,
    "method descriptor": lambda: str.join,
    "wrapper descriptor": lambda: object.__init__,
    "classmethod descriptor": lambda: dict.__dict__["fromkeys"],
}
