"""Models: attrs, pydantic, msgspec, and named tuples with type parameters."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pydantic.dataclasses

from values.alike import alike
from values.sample import Sample

T = TypeVar("T")


def never(_value: Any, *_rest: Any) -> Any:
    """Stands where a validator or converter would be wrong to run a second time."""
    raise AssertionError("it ran again")


class Once:
    """A converter that works the first time only, for each value."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith(self.mark):
            raise AssertionError("it ran again")
        return f"{self.mark}{value}"


# -- attrs -------------------------------------------------------------------------------------------------


@attrs.define
class Point:
    x: int
    y: list = attrs.field(factory=list)


@attrs.define
class Point3(Point):
    z: float = 0.0


class PlainChild(Point):
    """Not of attrs itself: its objects have a `__dict__`."""


@attrs.frozen
class Frozen:
    a: int
    b: str = "b"


@attrs.define
class Converted:
    text: str = attrs.field(converter=Once("!"))
    _private: int = attrs.field(default=3, alias="private")
    late: int = attrs.field(init=False)
    watched: int = attrs.field(default=1, on_setattr=never)


@attrs.define(slots=False)
class WithDict:
    a: Any = None


@attrs.define(slots=False, unsafe_hash=True, cache_hash=True)
class Hashed:
    a: str = "a"


@attrs.define(unsafe_hash=True, cache_hash=True)
class HashedSlots:
    a: str = "a"


@attrs.define(eq=False)
class ByIdentity:
    a: int = 1


@attrs.define
class Cached:
    a: int = 1

    @functools.cached_property
    def twice(self) -> list:
        return [self.a, self.a]


@attrs.define
class AttrsBox(Generic[T]):
    item: T


@attrs.define(weakref_slot=False)
class NoWeakref:
    a: int = 1


@attrs.define
class AttrsError(Exception):
    code: int
    text: str = "t"


def _late(*, missing: bool = False) -> Converted:
    made = Converted("a")
    if not missing:
        made.late = 5
    return made


def _child() -> PlainChild:
    made = PlainChild(1, [2])
    made.extra = {"k": [1]}
    return made


def _hashed(cls: Any) -> Any:
    made = cls("text")
    hash(made)
    return made


def _cached(cls: Any = Cached) -> Any:
    made = cls()
    assert made.twice
    return made


# -- pydantic ----------------------------------------------------------------------------------------------


class Base(pydantic.BaseModel):
    a: int
    b: str = "b"


class Sub(Base):
    extra_field: list[int] = []


class Holder(pydantic.BaseModel):
    one: Base
    many: list[Base] = []
    when: dt.datetime = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)


class Everything(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", validate_assignment=True)
    shown: int = 1
    hidden: str = pydantic.Field(default="h", exclude=True)
    _private: dict = pydantic.PrivateAttr(default_factory=lambda: {"p": [1]})
    _unset: int = pydantic.PrivateAttr()


class Validated(pydantic.BaseModel):
    text: str

    @pydantic.field_validator("text")
    @classmethod
    def once(cls, value: str) -> str:
        return Once("!")(value)

    def model_post_init(self, _context: Any) -> None:
        if self.text.count("!") > 1:
            raise AssertionError("it ran again")


class FrozenModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)
    a: int = 1
    b: tuple[int, ...] = (1, 2)


class Box(pydantic.BaseModel, Generic[T]):
    item: T


class IntBox(Box[int]):
    pass


class Root(pydantic.RootModel[list[int]]):
    pass


class Computed(pydantic.BaseModel):
    a: int = 2

    @pydantic.computed_field
    @property
    def square(self) -> int:
        return self.a**2

    @functools.cached_property
    def twice(self) -> list:
        return [self.a, self.a]


class Node(pydantic.BaseModel):
    name: str
    other: Any = None


class WithSecrets(pydantic.BaseModel):
    key: pydantic.SecretStr
    raw: pydantic.SecretBytes
    url: pydantic.AnyUrl
    web: pydantic.HttpUrl


class Shadow(pydantic.BaseModel):
    """A private attribute that was never set, and a slot of the user's own."""

    __slots__ = ("own",)
    a: int = 1


@pydantic.dataclasses.dataclass
class PydanticData:
    a: int
    b: list[int] = pydantic.Field(default_factory=list)


@pydantic.dataclasses.dataclass(frozen=True, slots=True)
class PydanticSlots:
    a: int
    b: str = "b"


def _cycle() -> Node:
    one = Node(name="one")
    one.other = Node(name="two", other=[one])
    one.other.other = [one]
    return one


def _everything() -> Everything:
    made = Everything(shown=2, more=[1, 2])
    made._private["q"] = {3}
    return made


def _shadow() -> Shadow:
    made = Shadow()
    object.__setattr__(made, "own", [1])
    return made


def _same_secrets(before: Any, after: Any) -> None:
    assert type(before) is type(after)
    assert before.model_fields_set == after.model_fields_set
    for name in ("key", "raw"):
        one, two = getattr(before, name), getattr(after, name)
        assert type(one) is type(two)
        assert one.get_secret_value() == two.get_secret_value()
    for name in ("url", "web"):
        one, two = getattr(before, name), getattr(after, name)
        assert type(one) is type(two)
        assert str(one) == str(two) and one.host == two.host


def _same_class(before: Any, after: Any) -> None:
    assert before is after


# -- msgspec -----------------------------------------------------------------------------------------------


class Struct(msgspec.Struct):
    a: int
    b: list = []


class StructSub(Struct, kw_only=True):
    c: str
    a: float = 0.5


class StructFrozen(msgspec.Struct, frozen=True):
    a: int
    b: tuple = ()


class StructLight(msgspec.Struct, gc=False, frozen=True, order=True):
    a: int
    b: str = "x" * 100


class StructTagged(msgspec.Struct, tag="t", tag_field="kind", array_like=True, rename="camel"):
    long_name: int = 1


class StructWeak(msgspec.Struct, weakref=True, dict=True):
    a: int = 1


class StructBox(msgspec.Struct, Generic[T]):
    item: T


class StructOnce(msgspec.Struct):
    text: str
    other: int | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        self.text = Once("!")(self.text)


class StructAny(msgspec.Struct):
    a: Any = None


class StructHash(msgspec.Struct, frozen=True, cache_hash=True):
    a: str = "a"


def _struct_unset() -> Struct:
    made = Struct(1)
    del made.b
    return made


def _struct_dict() -> StructWeak:
    made = StructWeak(2)
    made.more = [1]
    return made


def _struct_cycle() -> StructAny:
    one = StructAny()
    one.a = [one, StructAny(one)]
    return one


# -- named tuples ------------------------------------------------------------------------------------------


class Pair(NamedTuple, Generic[T]):
    left: T
    right: int = 0


class Movie(TypedDict, total=False):
    title: str
    year: int


# -- how to compare what has no `==` of its own ----------------------------------------------------------------


def _equal(before: Any, after: Any) -> None:
    assert type(before) is type(after)
    assert before == after
    assert hash(before) == hash(after)
    alike(before.a, after.a)


def _slots(before: Any, after: Any) -> None:
    """Fields one by one: `==` asks for those that are not set, or goes round in circles."""
    assert type(before) is type(after)
    names = [
        *(getattr(type(before), "__struct_fields__", ())),
        *(a.name for a in getattr(type(before), "__attrs_attrs__", ())),
    ]
    for name in names:
        assert hasattr(before, name) == hasattr(after, name), name
        if hasattr(before, name) and not isinstance(before, StructAny):
            alike(getattr(before, name), getattr(after, name))
    if isinstance(before, StructAny):
        assert after.a[0] is after
        assert after.a[1].a is after


def _fields(before: Any, after: Any) -> None:
    assert type(before) is type(after)
    alike(attrs.asdict(before), attrs.asdict(after))


SAMPLES = [
    Sample("attrs class", lambda: Point(1, [2, 3])),
    Sample("attrs class derived", lambda: Point3(1, [2], 0.25)),
    Sample("attrs class derived by a plain class", _child),
    Sample("attrs frozen", lambda: Frozen(1)),
    Sample("attrs with converter, private and late fields", _late),
    Sample("attrs with a field not set", lambda: _late(missing=True), same=_slots),
    Sample("attrs without slots", lambda: WithDict({"a": [1]})),
    Sample("attrs with a remembered hash", lambda: _hashed(Hashed), same=_equal),
    Sample("attrs with a remembered hash in a slot", lambda: _hashed(HashedSlots), same=_equal),
    Sample("attrs with eq by identity", ByIdentity, same=_fields),
    Sample("attrs cached_property", _cached),
    Sample("attrs generic", lambda: AttrsBox[int](3)),
    Sample("attrs without weakref slot", NoWeakref),
    Sample("attrs exception", lambda: AttrsError(3)),
    Sample("pydantic model", lambda: Base(a=1)),
    Sample(
        "pydantic subclass in a base-typed field",
        lambda: Holder(one=Sub(a=1, extra_field=[1]), many=[Sub(a=2)]),
    ),
    Sample("pydantic private, excluded and extra fields", _everything),
    Sample("pydantic validators", lambda: Validated(text="a")),
    Sample("pydantic frozen", FrozenModel),
    Sample("pydantic generic", lambda: Box[int](item=3)),
    Sample("pydantic generic of a generic", lambda: Box[Box[list[int]]](item=Box[list[int]](item=[1]))),
    Sample("pydantic generic of a literal", lambda: Box[Literal["a", 1] | None](item="a")),
    Sample("pydantic generic without parameter", lambda: Box(item=[1])),
    Sample("pydantic subclass of a generic", lambda: IntBox(item=3)),
    Sample("pydantic RootModel", lambda: Root([1, 2])),
    Sample("pydantic RootModel, parametrised", lambda: pydantic.RootModel[dict[str, int]]({"a": 1})),
    Sample("pydantic computed field and cached_property", lambda: _cached(Computed)),
    Sample("pydantic model_construct with invalid data", lambda: Base.model_construct({"b"}, a="no int")),
    Sample("pydantic cycle", _cycle),
    Sample(
        "pydantic secrets and URLs",
        lambda: WithSecrets(key="k", raw=b"r", url="ftp://a:b@c/d", web="http://x.de"),
        same=_same_secrets,
    ),
    Sample("pydantic slots of its own", _shadow),
    Sample("pydantic dataclass", lambda: PydanticData(1, [2])),
    Sample("pydantic dataclass, frozen, slots", lambda: PydanticSlots(1)),
    Sample("pydantic class", lambda: Base, same=_same_class),
    Sample("pydantic generic class", lambda: Box[int], same=_same_class),
    Sample("pydantic undefined", lambda: pydantic.fields.PydanticUndefined, same=_same_class),
    Sample("msgspec Struct", lambda: Struct(1, [2])),
    Sample("msgspec Struct derived, keywords only", lambda: StructSub(c="c", b=[1])),
    Sample("msgspec Struct frozen", lambda: StructFrozen(1, (2,))),
    Sample("msgspec Struct gc=False, ordered", lambda: StructLight(1)),
    Sample("msgspec Struct tagged, array_like, renamed", lambda: StructTagged(2)),
    Sample("msgspec Struct weakref, dict", _struct_dict),
    Sample("msgspec Struct generic", lambda: StructBox[int](3)),
    Sample("msgspec Struct with __post_init__", lambda: StructOnce("a")),
    Sample("msgspec Struct with a field deleted", _struct_unset, same=_slots),
    Sample("msgspec Struct cycle", _struct_cycle, same=_slots),
    Sample("msgspec Struct with a remembered hash", lambda: _hashed(StructHash), same=_equal),
    Sample("msgspec UNSET", lambda: msgspec.UNSET, same=_same_class),
    Sample("msgspec NODEFAULT", lambda: msgspec.NODEFAULT, same=_same_class),
    Sample("NamedTuple generic", lambda: Pair[str]("a", 1)),
    Sample("TypedDict", lambda: Movie(title="t", year=1)),
]
