"""The digest of a value by content: the same in every process, however it was built (design, section 5).

A C pickler without a memo writes into a hash, so identity and interning do not matter. What pickle would
write differently for alike values (sets, arrays, frames, code) is replaced by something canonical. `1`, `1.0`
and `True` differ, and so does the order of a dict.
"""

from __future__ import annotations

import pickle
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import xxhash

from perdure.codec.packages.kits import ask
from perdure.codec.rows.derived import attributes_of
from perdure.frozen import frozen

from .forms import AS_PICKLED, KINDS, REDUCERS, exact_form, named, subset
from .plain import canonical, find_endless
from .registry import is_registered, make_registered, registered_parts
from .rings import Part, digest_of

BOUND = 256 << 20
"""Bytes that a value may take when each occurrence of its parts is written out."""

OBJECTS, REDUCED = 5_000_000, 1_000_000
"""Objects that may be written out so, and those among them that are taken apart in Python."""

DEPTH = 100_000
"""Steps from part to part after which a value is taken for one whose parts are made anew without an end."""

_SHORT = 64
"""Bytes up to which a plain part stands for itself."""


@frozen
class Digest:
    """32 hexadecimal digits. Weak where the content could not be read: then the type alone stands for it."""

    hex: str
    weak: bool = False
    cause: str = ""


class _TooMuchError(Exception):
    """More was written out than the bounds allow."""


class _RingError(Exception):
    """A part leads back to what it is a part of, or to ever more parts."""


_Known = dict[int, tuple[Any, bytes]]


class _Pass:
    """One way through a value: written out, or, where that would not do, as a graph of its parts.

    In the first each part is written wherever it occurs. In a graph each object is taken apart by itself,
    once: so a value that is made of itself over and over takes no longer than its parts, and rings come to an
    end. Which of the two is taken depends on the content alone, and what is shared counts in rings alone.
    """

    def __init__(self, known_alone: _Known, by_name: tuple[type, ...], *, is_graph: bool = False) -> None:
        self.is_graph = is_graph
        self.by_name = by_name
        self.objects = OBJECTS
        self.reduced = REDUCED
        self.kinds: dict[type, int] = {}
        self._sets: dict[int, tuple[Any, list[bytes]]] = {}
        self._alone = known_alone
        self._open: set[int] = set()
        self._parts: dict[int, Part] = {}
        self._waiting: list[Part] = []
        self._endless: dict[int, bool] = {}

    def elements(self, members: Any) -> list[bytes]:
        """The digests of the elements of a set, sorted; looked for once.

        Raises:
            _RingError: it leads back to itself, and what is seen first would depend on the order.
        """
        key = id(members)
        if key not in self._sets:
            if key in self._open:
                raise _RingError("a ring runs through a set, whose elements have no order")
            self._open.add(key)
            base = set if isinstance(members, set) else frozenset  # a class may show others
            found = sorted(map(self._digest, base.__iter__(members)))
            self._open.discard(key)
            self._sets[key] = members, found  # kept alive, so that its identity stays its own
        return self._sets[key][1]

    def alone(self, obj: Any) -> bytes:
        """The digest of an object that counts by itself, and is long in telling; looked for once."""
        key = id(obj)
        if key not in self._alone:
            self._alone[key] = obj, _content(obj, self._alone, self.by_name)
        return self._alone[key][1]

    def graph(self, root: Any) -> bytes:
        """The digest of an object by the graph of its parts."""
        before, self._waiting = self._waiting, []
        top = self.part(root, 0)
        while self._waiting:
            part = self._waiting.pop()
            if part.label is None:
                self._take_apart(part)
        self._waiting = before
        return digest_of(top)

    def _take_apart(self, part: Part) -> None:
        if part.depth > DEPTH:
            raise _RingError("its parts have parts without an end")
        sink = _Sink(None)
        leads: list[Part] = []
        _Digester(sink, self, leads, part.depth + 1).dump(part.obj)
        part.label, part.leads = sink.hasher.digest(), leads

    def plain(self, obj: Any) -> bytes | None:
        """The canonical bytes of a plain object; what has none becomes a part, and is kept alive so."""
        if self._endless.get(id(obj)):
            return None
        found = canonical(obj)
        if found is None and (type(obj) is list or type(obj) is dict):
            find_endless(obj, self._endless)
        return found

    def part(self, obj: Any, depth: int) -> Part:
        """The part of the graph that stands for an object; it is taken apart in its turn."""
        part = self._parts.get(id(obj))
        if part is None:
            part = self._parts[id(obj)] = Part(obj, depth)
        if part.label is None:
            self._waiting.append(part)
        return part

    def _digest(self, obj: Any) -> bytes:
        plain = canonical(obj)
        if plain is None:
            return self.graph(obj) if self.is_graph else _written_out(obj, self)
        return _short(plain)


def _short(plain: bytes) -> bytes:
    return plain if len(plain) <= _SHORT else xxhash.xxh3_128_digest(plain)


class _Sink:
    """A hash that looks like a file."""

    def __init__(self, bound: int | None) -> None:
        self.hasher = xxhash.xxh3_128()
        self._left = bound

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if self._left is not None:
            self._left -= size
            if self._left < 0:
                raise _TooMuchError
        self.hasher.update(data)
        return size


_ATOM, _QUICK, _SET, _DEFINED, _ALONE, _OTHER = range(1, 7)
"""Kinds of types: written as they are; pickled by themselves; by elements; by name or code; by a digest of
their own, also where all else is written out; taken apart."""

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented)})
_DEFINITIONS = (type, FunctionType, BuiltinFunctionType, ModuleType)


class _Digester(pickle.Pickler):
    """Writes a canonical form of a value into a sink; of a part of a graph, what is in it without `leads`."""

    def __init__(self, sink: _Sink, way: _Pass, leads: list[Part] | None = None, depth: int = 0) -> None:
        super().__init__(sink, protocol=5)
        self._way = way
        self._leads = leads
        self._depth = depth
        self._root: Any = self  # until it is asked of
        self._kinds = way.kinds
        self._classes: list[type] = []
        self.fast = True

    def persistent_id(self, obj: Any) -> Any:
        """What stands for the object, or None where it is taken apart. It is asked of each object."""
        cls = type(obj)
        kind = self._kinds.get(cls) or self._classify(obj)
        if kind == _ATOM:
            return None
        if kind == _QUICK and getattr(obj, "tzinfo", None) is None:
            return pickle.dumps(obj, 5)
        if kind == _SET:
            return cls.__name__, *self._way.elements(obj)
        if kind == _DEFINED and cls is FunctionType and obj.__module__.startswith("perdure."):
            return obj.__name__  # a module may move, and the digest must not
        if self._root is self:
            self._root = obj
            return None
        return self._inside(obj, kind)

    def _inside(self, obj: Any, kind: int) -> Any:
        """The same of an object that is a part of the first one."""
        if kind == _ALONE:
            return self._way.alone(obj)
        if self._leads is None:
            if obj is self._root:
                raise _RingError("it leads back to itself")
            self._way.objects -= kind != _DEFINED
            if self._way.objects < 0:
                raise _TooMuchError
            return None
        plain = self._way.plain(obj)
        if plain is not None:
            return _short(plain)
        self._leads.append(self._way.part(obj, self._depth))
        return 0

    def _classify(self, obj: Any) -> int:
        cls = type(obj)
        if cls in _ATOMS:
            found = _ATOM
        elif cls is set or cls is frozenset:
            found = _SET
        elif (cls.__module__, cls.__name__) in AS_PICKLED:
            found = _QUICK
        else:
            defined = issubclass(cls, _DEFINITIONS)
            found = _DEFINED if defined else _ALONE if ask(obj, "alone") is True else _OTHER
        self._kinds[cls] = found
        return found

    def reducer_override(self, obj: Any) -> Any:  # noqa: C901, PLR0911  one branch and return for each form
        cls = type(obj)
        self._way.reduced -= 1
        if self._way.reduced < 0 and self._leads is None:
            raise _TooMuchError
        if (cls.__module__, cls.__name__) in AS_PICKLED:
            return NotImplemented
        reducer = REDUCERS.get(cls)
        if reducer is not None:
            return reducer(obj)
        if isinstance(obj, type):
            if any(obj is known for known in self._way.by_name):
                return named, ("class", obj.__qualname__)
            # A class may hold objects of its own; its code counts where it is met first.
            if obj in self._classes:
                return named, (obj.__qualname__, self._classes.index(obj))
            self._classes.append(obj)
        if isinstance(obj, (set, frozenset)):
            return subset, (cls, self._way.elements(obj), attributes_of(obj))
        for kind, kin in KINDS:
            if isinstance(obj, kind):
                return kin(obj)
        if is_registered(cls):
            return make_registered, registered_parts(obj)
        found = ask(obj, "content")
        if found is not NotImplemented:
            return found
        return exact_form(obj)


def _content(value: Any, known_alone: _Known, by_name: tuple[type, ...]) -> bytes:
    """The digest over the canonical form of a value; raises what pickling raises."""
    plain = canonical(value)
    if plain is not None:
        return xxhash.xxh3_128_digest(plain)
    try:
        return _written_out(value, _Pass(known_alone, by_name))
    except (_TooMuchError, _RingError, ValueError, RecursionError):
        return _Pass(known_alone, by_name, is_graph=True).graph(value)


def _written_out(value: Any, way: _Pass) -> bytes:
    sink = _Sink(BOUND)
    _Digester(sink, way).dump(value)
    return sink.hasher.digest()


def digest(value: Any, *, by_name: tuple[type, ...] = ()) -> Digest:
    """The digest of a value by content. Never raises: what cannot be read is weak, and stands by its type.

    Args:
        value: any value.
        by_name: classes whose code does not count, because it is compared elsewhere.
    """
    try:
        return Digest(_content(value, {}, by_name).hex())
    except Exception as error:  # noqa: BLE001  whatever a user's __reduce__ does, a call must find its key
        cls = type(value)
        name = f"{cls.__module__}.{cls.__qualname__}"
        cause = f"{name} cannot be read by content: {error}"
        stands = xxhash.xxh3_128_hexdigest(b"weak:" + name.encode("utf-8", "surrogatepass"))
        return Digest(stands, weak=True, cause=cause)
