"""Models come back field by field: nothing of their class runs, and what cannot be told by fields is honoured."""

import dataclasses
import gc
import sys
import types
import typing

import attrs
import msgspec
import pydantic
import pytest

from perdure import codec
from perdure.codec import notes
from values.alike import alike
from values.samples import models as m


class Leaf:
    """Goes to the pickle leaf, since it says itself how it is pickled."""

    def __init__(self, held):
        self.held = held

    def __getstate__(self):
        return {"held": self.held}


MODELS = [
    m._late,
    m._child,
    lambda: m.HashedSlots("a"),
    m._everything,
    lambda: m.Validated(text="a"),
    lambda: m.Box[int](item=3),
    lambda: m.StructOnce("a"),
    m._struct_dict,
    lambda: m.StructLight(1),
    lambda: m.PydanticSlots(1),
]


@pytest.mark.parametrize("make", MODELS)
def test_a_model_inside_a_pickled_object_comes_back_as_it_was(make):
    """Promise 4: in the pickle leaf too no validator runs, and no attribute is lost."""
    held = make()
    after = codec.copy_value(Leaf([held, held])).held
    assert after[0] is after[1]
    alike(held, after[0])


@pytest.mark.parametrize("make", MODELS)
def test_a_model_is_plain_to_look_through(make):
    """Design, section 6: its fields are values of the tree, not a pickle."""
    import ormsgpack

    _, _, pickled, *_ = ormsgpack.unpackb(codec.encode(make()).stream, ext_hook=lambda *_: None)
    assert pickled is None


def test_what_a_class_forbids_stays_forbidden():
    """Promise 3: frozen and validated objects are so after the round trip."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        codec.copy_value(m.Frozen(1)).a = 2
    with pytest.raises(pydantic.ValidationError):
        codec.copy_value(m.FrozenModel()).a = 2
    with pytest.raises(pydantic.ValidationError):
        codec.copy_value(m.Everything()).shown = "no number"
    with pytest.raises(AttributeError):
        codec.copy_value(m.StructFrozen(1)).a = 2
    after = codec.copy_value(m.Struct(1, [2]))
    after.a, after.b = 5, [6]
    assert (after.a, after.b) == (5, [6])


def test_a_struct_is_watched_by_the_collector_as_its_class_says():
    """Promise 3: `gc=False` is no light matter, nor is a cycle that is never collected."""
    assert not gc.is_tracked(codec.copy_value(m.StructLight(1)))
    assert gc.is_tracked(codec.copy_value(m._struct_cycle()))


def test_structs_are_freed():
    """An empty struct is made beside its class's own constructor: nothing may be left over."""
    before = sys.getrefcount(m.StructAny)
    for _ in range(50):
        codec.copy_value([m.StructAny([1]), m.StructWeak(1)])
    gc.collect()
    assert sys.getrefcount(m.StructAny) - before < 10


EDITS = [
    (m.Point(1, [2]), m.Point(1, [3])),
    (m.Point(1, [2]), m.Point3(1, [2])),
    (m.Frozen(1), m.Frozen(a=True)),
    (m.Base(a=1), m.Base(a=1, b="b")),
    (m.Base(a=1), m.Sub(a=1)),
    (m._everything(), m.Everything(shown=2, more=[1, 2])),
    (m.Everything(), m.Everything(more=1)),
    (m.Box[int](item=1), m.Box(item=1)),
    (m.Box[int](item=1), m.Box[float].model_construct(item=1)),
    (m.Struct(1), m.Struct(2)),
    (m._struct_dict(), m.StructWeak(2)),
    (m.StructOnce("a"), m.StructOnce("a", 1)),
    (m.Pair("a", 1), ("a", 1)),
]


@pytest.mark.parametrize(("one", "two"), EDITS)
def test_any_difference_changes_the_digest(one, two):
    """Promise 1: type, fields, fields that were set, private and extra ones all count."""
    assert codec.digest(one).hex != codec.digest(two).hex


@pytest.mark.parametrize("make", [m.Hashed, m.HashedSlots, m.StructHash])
def test_a_remembered_hash_is_no_content(make):
    """Promise 1: it differs from process to process."""
    fresh, asked = make("text"), make("text")
    hash(asked)
    assert codec.digest(fresh).hex == codec.digest(asked).hex
    assert hash(codec.copy_value(asked)) == hash(asked)


class Own(pydantic.BaseModel):
    a: int = 1

    def __getstate__(self):
        return super().__getstate__() | {"own": True}

    def __setstate__(self, state):
        assert state.pop("own")
        super().__setstate__(state)


@attrs.define
class OwnAttrs:
    a: int = 1

    def __getstate__(self):
        return {"a": str(self.a)}

    def __setstate__(self, state):
        self.a = int(state["a"])


def test_a_class_that_says_how_it_is_pickled_is_heeded():
    """Design, section 6: it goes to the pickle leaf."""
    assert codec.copy_value(Own(a=2)) == Own(a=2)
    assert codec.copy_value(OwnAttrs(1)) == OwnAttrs(1)


# -- classes of the notebook -------------------------------------------------------------------------------


@pytest.fixture
def notebook(monkeypatch):
    main = types.ModuleType("__main__")
    main.__dict__.update({"attrs": attrs, "pydantic": pydantic, "msgspec": msgspec})
    monkeypatch.setitem(sys.modules, "__main__", main)
    return lambda code: exec(code, main.__dict__) or main


CELL = """
from typing import Generic, TypeVar
T = TypeVar("T")
@attrs.define
class A:
    a: int = 1
class P(pydantic.BaseModel, Generic[T]):
    a: T
class S(msgspec.Struct):
    a: int = 1
"""


def test_objects_belong_to_the_classes_that_the_notebook_defines_now(notebook):
    """Promise 3: after a restart `isinstance` and `==` hold, of parametrised classes too."""
    main = notebook(CELL)
    encoded = codec.encode([main.A(), main.P[int](a=1), main.S()])
    main = notebook(CELL)
    after = codec.decode(encoded)
    assert [type(item) for item in after] == [main.A, main.P[int], main.S]
    assert after == [main.A(), main.P[int](a=1), main.S()]


EDITED = """
from typing import Generic, TypeVar
T = TypeVar("T")
@attrs.define
class A:
    b: list = attrs.field(factory=list)
class P(pydantic.BaseModel, Generic[T]):
    b: list = pydantic.Field(default_factory=list)
class S(msgspec.Struct):
    b: list = msgspec.field(default_factory=list)
"""


def test_fields_are_matched_where_a_class_was_edited(notebook):
    """Issue "Values": the difference is reported."""
    main = notebook(CELL)
    encoded = codec.encode([main.A(), main.P[int](a=1), main.S()])
    main = notebook(EDITED)
    with notes.collected() as told:
        after = codec.decode(encoded)
    assert [item.b for item in after] == [[], [], []]
    assert not any(hasattr(item, "a") for item in after)
    assert len(told) == 3
    assert all("field `a` is gone" in line and "new field `b` got its default" in line for line in told)


def test_a_type_adapter_still_validates():
    """Promise 4: it is a tool more than a value, and comes back as one."""
    after = codec.copy_value(pydantic.TypeAdapter(list[int]))
    assert after.validate_python(["1"]) == [1]
    with pytest.raises(pydantic.ValidationError):
        after.validate_python(["a"])


def _struct():
    class Local(msgspec.Struct):
        number: int = 1

    return Local


def _named():
    class Local(typing.NamedTuple):
        number: int = 1

    return Local


def _slotted():
    @dataclasses.dataclass(slots=True)
    class Local:
        number: int = 1

    return Local


@pytest.mark.parametrize("make", [_struct, _named, _slotted])
def test_classes_with_slots_that_a_function_makes_are_kept(make):
    """Promise 4: also where what makes the class adds the slots by itself, and takes no others."""
    cls = make()
    made = codec.copy_value([cls, cls(5)])
    assert type(made[1]) is made[0]
    assert made[1].number == 5
    assert not hasattr(made[1], "__dict__")
