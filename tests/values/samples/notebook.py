"""Classes and functions that are defined in the notebook, which is `__main__`: here, a cell run in it."""

from __future__ import annotations

import linecache
import sys
from typing import Any

from values.alike import alike
from values.sample import Sample

CELL = '''
import abc, collections, dataclasses, enum, functools, typing

@dataclasses.dataclass(frozen=True)
class NbPoint:
    x: int
    y: int = 0

@dataclasses.dataclass
class NbModel:
    rate: float
    seen: list = dataclasses.field(default_factory=list)

    @functools.cached_property
    def double(self):
        return self.rate * 2

@dataclasses.dataclass(slots=True)
class NbSlots:
    a: object
    b: object = None

class NbPlain:
    """An ordinary class."""

    shared = [1]

    def __init__(self, **given):
        self.__dict__.update(given)

    def method(self, by=2):
        return by

    @classmethod
    def made(cls):
        return cls()

    @staticmethod
    def loose():
        return 1

    @property
    def read(self):
        return 1

    class Inner:
        def __eq__(self, other):
            return type(other) is type(self)

        __hash__ = None

        def __repr__(self):
            return "Inner"

class NbChild(NbPlain):
    def __init__(self, **given):
        super().__init__(**given)
        self.made_by = "child"

class NbTight:
    __slots__ = ("a", "b")

class NbAbstract(abc.ABC):
    @abc.abstractmethod
    def go(self): ...

class NbConcrete(NbAbstract):
    def go(self):
        return super().go()

NbT = typing.TypeVar("NbT")
class NbBox(typing.Generic[NbT]):
    held = None

class NbPair(typing.NamedTuple):
    left: object
    right: object = 2

NbOld = collections.namedtuple("NbOld", "x y")

class NbColour(enum.Enum):
    RED = 1
    BLUE = "b"
    CRIMSON = 1

class NbAccess(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()

class NbBits(enum.IntFlag):
    A = 1
    B = 2

class NbWord(enum.StrEnum):
    YES = "yes"

class NbError(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code

class NbList(list):
    pass

class NbDict(dict):
    def __missing__(self, key):
        return key

class NbOwn:
    def __init__(self, name): self.name = name
    def __perdure_dump__(self): return {"name": self.name}
    @classmethod
    def __perdure_load__(cls, data): return cls(data["name"])
    def __eq__(self, other): return type(other) is type(self) and other.name == self.name
    def __hash__(self): return hash(self.name)

def nb_scaled(x, by=3, *, into=None):
    """Multiplies."""
    return x * by * nb_factor

nb_factor = 2
nb_hung = lambda x: x
nb_hung.note = [1]

@functools.wraps(nb_scaled)
def nb_wrapped(x):
    return nb_scaled(x)

@functools.lru_cache(maxsize=7)
def nb_cached(n):
    return n if n < 2 else nb_cached(n - 1) + nb_cached(n - 2)

async def nb_async(x):
    return x

def nb_generator(x):
    yield x

async def nb_async_generator(x):
    yield x

def nb_closures():
    n = [0]
    def up():
        n.append(1)
        return n
    return up, lambda: n

def nb_recursive():
    def go(k): return 1 if k < 2 else k * go(k - 1)
    return go

def nb_local(kind):
    class Hidden:
        def hi(self): return nb_factor
    class Point(NbPoint): pass
    return Hidden() if kind == "plain" else Point(1, 2)

def nb_shared_default():
    default = []
    def one(into=default): return into
    def two(into=default): return into
    return [one, two, default]
'''


FILE = "<the cell of the samples>"


def tell_source() -> None:
    """Let Python know the source of the cell, as IPython does; a test may have emptied what it knows."""
    linecache.cache[FILE] = (len(CELL), None, CELL.splitlines(keepends=True), FILE)


def _run_cell() -> dict[str, Any]:
    """The names of the cell, run in `__main__` once."""
    namespace = vars(sys.modules["__main__"])
    tell_source()
    if "NbPoint" not in namespace:
        exec(compile(CELL, FILE, "exec"), namespace)
    return namespace


NB = _run_cell()


def _same(before: Any, after: Any) -> None:
    """As they were; what is bound to the notebook is looked at too."""
    alike(before, after)
    for one, two in zip(_functions(before), _functions(after), strict=True):
        assert one.__globals__ is two.__globals__ is NB
        assert one.__doc__ == two.__doc__
        assert one.__code__.co_filename == two.__code__.co_filename


def _functions(value: Any) -> list[Any]:
    return [
        each for each in (value if type(value) in (list, tuple) else [value]) if hasattr(each, "__globals__")
    ]


def _same_caches(before: Any, after: Any) -> None:
    assert type(before) is type(after)
    assert before.cache_parameters() == after.cache_parameters()
    alike(vars(before), vars(after))
    assert after.cache_info().currsize == 0


def _same_methods(before: Any, after: Any) -> None:
    assert type(before) is type(after)
    assert before.__func__ is after.__func__
    alike(before.__self__, after.__self__)


def _same_hidden(before: Any, after: Any) -> None:
    assert type(after).__qualname__ == type(before).__qualname__
    alike(vars(before), vars(after))
    assert not hasattr(before, "hi") or after.hi() == before.hi()


def _tight() -> Any:
    value = NB["NbTight"]()
    value.a = [1]
    return value


def _with_cached_property() -> Any:
    value = NB["NbModel"](1.5)
    assert value.double == 3.0
    return value


def _hung() -> Any:
    value = NB["NbModel"](1.5)
    value.hung = {"on": [1]}
    return value


def _circle() -> Any:
    value = NB["NbPlain"](a=1)
    value.itself = [value]
    return value


def _error() -> Any:
    error = NB["NbError"](3, "text")
    error.__cause__ = NB["NbError"](4, "cause")
    error.add_note("note")
    return error


def _boxed() -> Any:
    value = NB["NbBox"]()
    value.held = NB["NbPoint"](1)
    return value


SAMPLES = [
    Sample("class", lambda: NB["NbPlain"]),
    Sample("nested class", lambda: NB["NbPlain"].Inner),
    Sample("instance", lambda: NB["NbPlain"](a=1, b=[2])),
    Sample("instance, empty", NB["NbPlain"]),
    Sample("instance of a nested class", NB["NbPlain"].Inner),
    Sample("instance of a class that calls super()", lambda: NB["NbChild"](a=1)),
    Sample("instance of an abstract class's child", NB["NbConcrete"]),
    Sample("instance of a generic class", _boxed),
    Sample("instance with slots, one unset", _tight),
    Sample("instance that holds itself", _circle),
    Sample("dataclass, frozen", lambda: NB["NbPoint"](1, 2)),
    Sample("dataclass", lambda: NB["NbModel"](0.5, [1])),
    Sample("dataclass with a cached property", _with_cached_property),
    Sample("dataclass with an attribute hung on", _hung),
    Sample("dataclass with slots", lambda: NB["NbSlots"](NB["NbPoint"](1), [1])),
    Sample("NamedTuple", lambda: NB["NbPair"](1, (2,))),
    Sample("namedtuple", lambda: NB["NbOld"](1, [2])),
    Sample("enum member", lambda: NB["NbColour"].BLUE),
    Sample("enum member by an alias", lambda: NB["NbColour"].CRIMSON),
    Sample("flags combined", lambda: NB["NbAccess"].READ | NB["NbAccess"].WRITE),
    Sample("no flag", lambda: NB["NbAccess"](0)),
    Sample("flag inverted", lambda: ~NB["NbAccess"].READ),
    Sample("IntFlag with bits that have no name", lambda: NB["NbBits"](9)),
    Sample("StrEnum member", lambda: NB["NbWord"].YES),
    Sample("enum class", lambda: NB["NbColour"]),
    Sample("exception class's object", _error),
    Sample("list subclass", lambda: NB["NbList"]([1])),
    Sample("dict subclass", lambda: NB["NbDict"](a=1)),
    Sample("class with its own methods", lambda: NB["NbOwn"]("a")),
    Sample("function", lambda: NB["nb_scaled"], _same),
    Sample("function with attributes", lambda: NB["nb_hung"], _same),
    Sample("function that wraps another", lambda: NB["nb_wrapped"], _same),
    Sample("lru_cache function", lambda: NB["nb_cached"], _same_caches),
    Sample("async function", lambda: NB["nb_async"], _same),
    Sample("generator function", lambda: NB["nb_generator"], _same),
    Sample("async generator function", lambda: NB["nb_async_generator"], _same),
    Sample("closures over one cell", lambda: list(NB["nb_closures"]()), _same),
    Sample("recursive closure", NB["nb_recursive"], _same),
    Sample("functions that share a default", NB["nb_shared_default"], _same),
    Sample("bound method", lambda: NB["NbPlain"](a=[1]).method, _same_methods),
    Sample("bound method of the base", lambda: NB["NbChild"](a=[1]).method, _same_methods),
    Sample("bound class method", lambda: NB["NbPlain"].made, _same_methods),
    Sample("static method", lambda: NB["NbPlain"].loose, _same),
    Sample("instance of a class inside a function", lambda: NB["nb_local"]("plain"), _same_hidden),
    Sample("dataclass inside a function", lambda: NB["nb_local"]("data"), _same_hidden),
]
