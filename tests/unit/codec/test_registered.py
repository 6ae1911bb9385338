"""Classes that say themselves how they are kept, and registrations."""

import dataclasses
import threading

import pytest

from perdure import codec, register
from perdure.codec import registry
from perdure.errors import BadRegistration, NotKeepable, NotLoadable


@pytest.fixture(autouse=True)
def own_registrations(monkeypatch):
    """Each test has registrations of its own."""
    monkeypatch.setattr(registry, "_registered", {})


def again(value, **options):
    return codec.decode(codec.encode(value, **options), trust="safe" if options else "full")


class Base:
    def __init__(self, name):
        self.name, self.lock = name, threading.Lock()

    def __perdure_dump__(self):
        return {"name": self.name}

    @classmethod
    def __perdure_load__(cls, data):
        return cls(data["name"])


class Child(Base):
    pass


class Other(Base):
    def __init__(self, name, more):
        super().__init__(name)
        self.more = more

    def __perdure_dump__(self):
        return [self.name, self.more]

    @classmethod
    def __perdure_load__(cls, data):
        return cls(*data)


class Outside:
    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()


class OutsideChild(Outside):
    pass


@dataclasses.dataclass
class Holder:
    held: object


@pytest.mark.parametrize("options", [{}, {"pickles": False}])
def test_own_methods_serve_the_class_and_its_subclasses(options):
    """Promise 4: also where nothing is pickled."""
    shared = Child("c")
    made = again([Base("b"), shared, shared, {"k": Other("o", [1])}], **options)
    assert [type(each) for each in made[:3]] == [Base, Child, Child]
    assert made[1] is made[2]
    assert made[1].name == "c"
    assert (made[3]["k"].name, made[3]["k"].more) == ("o", [1])


@pytest.mark.parametrize("place", [lambda each: each, lambda each: Holder([each]), Exception])
def test_a_registration_serves_subclasses_where_load_is_told_the_class(place):
    """Promise 4: an object of exactly the class that was kept."""
    register(Outside, dump=lambda each: each.path, load=lambda data, cls: cls(data))
    values = [Outside("a"), OutsideChild("b")]
    made = again([place(each) for each in values])
    found = [
        each if isinstance(each, Outside) else (each.held[0] if isinstance(each, Holder) else each.args[0])
        for each in made
    ]
    assert [(type(each), each.path) for each in found] == [(Outside, "a"), (OutsideChild, "b")]


def test_the_nearest_registration_or_method_counts():
    """Promise 4: a registration counts before the methods of the same class, and a subclass's before both."""
    register(Base, dump=lambda each: each.name.upper(), load=lambda data, cls: cls(data))
    assert again(Base("b")).name == "B"
    assert again(Child("c")).name == "C"
    assert again(Other("o", 1)).name == "o"
    register(Child, dump=lambda _: None, load=lambda _: Child("given"))
    assert again(Child("c")).name == "given"


def test_a_registration_counts_for_classes_that_perdure_knows():
    """Promise 4: what the user says is done."""
    import decimal

    class Money(decimal.Decimal):
        pass

    register(decimal.Decimal, dump=lambda _: "other", load=lambda data, cls: cls(1))
    assert again([decimal.Decimal(7)]) == [1]
    register(Holder, dump=lambda each: each.held, load=Holder)
    assert again(Holder(1)) == Holder(1)


@pytest.mark.parametrize(
    ("cls", "functions", "words"),
    [
        (Outside, {"dump": repr}, "its load function is missing"),
        (Outside, {"load": repr}, "its dump function is missing"),
        (Outside, {}, "neither a dump nor a load"),
        (Outside, {"dump": "x", "load": repr}, "its dump function cannot be called"),
        (3, {"dump": repr, "load": repr}, "it is no class"),
        (list, {"dump": repr, "load": repr}, "Perdure keeps built-in values"),
        (type, {"dump": repr, "load": repr}, "Perdure keeps built-in values"),
    ],
)
def test_a_registration_that_cannot_work_is_told_when_it_is_made(cls, functions, words):
    """Promise 4: at definition, not when a step has run for an hour."""
    with pytest.raises(BadRegistration, match=words):
        register(cls, **functions)


class OnlyDump:
    def __perdure_dump__(self):
        return 1


class OnlyLoad:
    @classmethod
    def __perdure_load__(cls, data):
        return cls()


@pytest.mark.parametrize("value", [OnlyDump(), OnlyLoad(), [Holder({"k": OnlyDump()})]])
def test_one_method_without_the_other_is_told_at_the_first_use(value):
    """Promise 4: both or an error."""
    with pytest.raises(BadRegistration, match=r"its method `__perdure_(load|dump)__` is missing"):
        codec.encode(value)
    assert codec.digest(value).weak


class Circle:
    def __init__(self):
        self.parts = [self]

    def __perdure_dump__(self):
        return self.parts

    @classmethod
    def __perdure_load__(cls, data):
        return cls()


class Itself(Circle):
    def __perdure_dump__(self):
        return self


@pytest.mark.parametrize("value", [Circle(), [Circle()], Itself(), Exception(Circle())])
def test_data_that_leads_back_to_its_object_is_refused(value):
    """Promise 4: a sentence, never an endless recursion."""
    with pytest.raises(NotKeepable, match="returned data that leads back to the object"):
        codec.encode(value)


class Failing(Base):
    def __perdure_dump__(self):
        raise KeyError("gone")


class Leaking(Base):
    def __perdure_dump__(self):
        return {"name": self.name, "held": [self.lock]}


def test_a_dump_that_fails_is_named():
    """Promise 4: which function failed, and how."""
    with pytest.raises(
        NotKeepable, match=r"`result\[0\]` .* `Failing.__perdure_dump__` failed: KeyError: 'gone'"
    ):
        codec.encode([Failing("f")])


def test_what_a_dump_returns_inside_a_pickled_object_is_told_with_its_path():
    """Promise 4: the class, its dump, and the path inside of the data."""
    error = Exception("x")
    error.held = Leaking("f")
    with pytest.raises(NotKeepable) as caught:
        codec.encode([Plain(Leaking("f"))])
    assert '`Leaking.__perdure_dump__` returned data with a _thread.lock at `["held"][0]`' in str(
        caught.value
    )
    assert caught.value.path == "result[0].held"


class Plain:
    """No dataclass: it is pickled."""

    def __init__(self, held):
        self.held = held


class Elsewhere(Base):
    @classmethod
    def __perdure_load__(cls, data):
        return Base(data["name"])


class Broken(Base):
    @classmethod
    def __perdure_load__(cls, data):
        raise ValueError("no")


class NoClassMethod(Base):
    def __perdure_load__(self, data):
        return self


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Elsewhere("e"), "`Elsewhere.__perdure_load__` made an object of `Base`"),
        (Broken("b"), "`Broken.__perdure_load__` failed: ValueError: no"),
        (NoClassMethod("n"), "it has to be a class method"),
    ],
)
def test_a_load_that_does_not_make_such_an_object_ends_in_a_sentence(value, words):
    """Promise 4: the class and its load function are named."""
    with pytest.raises((NotLoadable, NotKeepable), match=words):
        again(value)


def test_a_registration_that_is_missing_where_it_is_loaded_is_told(monkeypatch):
    """Promise 4: with what to run."""
    register(Outside, dump=lambda each: each.path, load=Outside)
    encoded = codec.encode(Outside("a"))
    monkeypatch.setattr(registry, "_registered", {})
    with pytest.raises(
        NotLoadable, match=r"no load function is registered for `Outside` here.\n?.*Run the cell"
    ):
        codec.decode(encoded)


def test_the_digest_is_that_of_the_data():
    """Promise 1: what the dump leaves out does not count, what it gives does."""
    assert codec.digest(Base("a")) == codec.digest(Base("a"))
    assert codec.digest(Base("a")) != codec.digest(Base("b"))
    assert codec.digest(Base("a")) != codec.digest(Child("a"))
    assert codec.digest(again(Other("a", [1]))) == codec.digest(Other("a", [1]))


def test_a_class_that_was_never_imported_is_found_by_its_import_path(tmp_path, monkeypatch):
    """Promise 4: nested ones too; one that is gone is named."""
    import sys

    (tmp_path / "faraway.py").write_text(
        "class Outer:\n    class Inner:\n        def __perdure_dump__(self): return 1\n"
        "        @classmethod\n        def __perdure_load__(cls, data): return cls()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import faraway

    encoded = codec.encode(faraway.Outer.Inner())
    del sys.modules["faraway"]
    made = codec.decode(encoded)
    assert type(made).__qualname__ == "Outer.Inner"
    del sys.modules["faraway"].Outer.Inner
    with pytest.raises(NotLoadable, match=r"faraway.*has no `Outer.Inner`"):
        codec.decode(encoded)


@pytest.mark.parametrize("place", [lambda each: each, lambda each: {"k": [each]}])
def test_what_a_dump_returns_is_told_with_its_path_wherever_the_object_stands(place):
    """Promise 4: the class, its dump, and the path inside of the data."""
    with pytest.raises(
        NotKeepable, match=r"`Leaking.__perdure_dump__` returned data with .*lock at `\[.held.\]\[0\]`"
    ):
        codec.encode(place(Leaking("f")))


@pytest.mark.parametrize("value", [Elsewhere("e"), Broken("b"), NoClassMethod("n")])
def test_a_load_that_does_not_work_is_told_when_the_object_is_kept(value):
    """Promise 4: not after the restart."""
    with pytest.raises(NotKeepable, match="__perdure_load__"):
        codec.encode(value)
