"""The digest of a value by content: the same in every process, however it was built (design, section 5).

A C pickler without a memo writes into a hash, so identity and interning do not matter. What pickle would
write differently for alike values (sets, arrays, frames, code) is replaced by something canonical. `1`, `1.0`
and `True` differ, and so does the order of a dict.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import xxhash

from perdure.codec.packages.kits import ask
from perdure.codec.rows.derived import attributes_of

from .forms import AS_PICKLED, KINDS, REDUCERS, exact_form, named, subset
from .plain import canonical
from .registry import is_registered, make_registered, registered_parts

BOUND = 256 << 20
"""Bytes that a value may take when each occurrence of its parts is written out."""

OBJECTS, REDUCED = 5_000_000, 1_000_000
"""Objects that may be written out so, and those among them that are taken apart in Python."""

_SHORT = 64
"""Bytes up to which a plain part stands for itself."""


@dataclass(frozen=True, slots=True)
class Digest:
    """32 hexadecimal digits. Weak where the content could not be read: then the type alone stands for it."""

    hex: str
    weak: bool = False
    cause: str = ""


class _TooMuchError(Exception):
    """More was written out than the bounds allow."""


class _CircleError(Exception):
    """A part leads back to what it is a part of."""


class _Pass:
    """One way through a value: `flat` first, then, where that would not do, `parts`, then `memo`.

    Flat writes all out. In parts, each object is digested by itself, once: so a value that is made of itself
    over and over takes no longer than its parts. Which of the two is taken depends on the content alone, not
    on what is shared. Only where a cycle runs through the value is there a memo, and sharing counts.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.objects = OBJECTS
        self.reduced = REDUCED
        self.kinds: dict[type, int] = {}
        self._known: dict[int, tuple[Any, Any]] = {}
        self._open: set[int] = set()

    def elements(self, members: Any) -> list[bytes]:
        """The digests of the elements of a set, sorted."""
        base = set if isinstance(members, set) else frozenset  # a class may show others
        found: list[bytes] = self._once(members, lambda: sorted(map(self._digest, base.__iter__(members))))
        return found

    def part(self, obj: Any) -> bytes:
        """The digest of an object by itself."""
        found: bytes = self._once(obj, lambda: self._digest(obj))
        return found

    def _once(self, obj: Any, find: Callable[[], Any]) -> Any:
        """What is found of an object, looked for once. It is kept alive, so that its identity stays its own.

        Raises:
            _CircleError: it leads back to itself, and what is seen first would depend on the order.
        """
        key = id(obj)
        if key not in self._known:
            if key in self._open:
                raise _CircleError("a cycle runs through it")
            self._open.add(key)
            found = find()
            self._open.discard(key)
            self._known[key] = obj, found
        return self._known[key][1]

    def _digest(self, obj: Any) -> bytes:
        plain = canonical(obj)
        if plain is None:
            found: bytes = _hash(obj, self).digest()
            return found
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


_ATOM, _QUICK, _SET, _DEFINED, _OTHER = range(1, 6)
"""Kinds of types: written as they are; pickled by themselves; by elements; by name or code; taken apart."""

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented)})
_DEFINITIONS = (type, FunctionType, BuiltinFunctionType, ModuleType)


class _Digester(pickle.Pickler):
    """Writes a canonical form of a value into a sink."""

    def __init__(self, sink: _Sink, way: _Pass) -> None:
        super().__init__(sink, protocol=5)
        self._way = way
        self._memo = way.mode == "memo"
        self._parts = way.mode == "parts"
        self._begun = False
        self._kinds = way.kinds
        self._classes: list[type] = []
        self.fast = not self._memo

    def persistent_id(self, obj: Any) -> Any:
        """What stands for the object, or None where it is taken apart. It is asked of each object."""
        cls = type(obj)
        kind = self._kinds.get(cls) or self._classify(cls)
        if kind == _ATOM:
            return self._text(obj, cls) if self._memo else None
        if kind == _QUICK and getattr(obj, "tzinfo", None) is None:
            return pickle.dumps(obj, 5)
        if kind == _SET:
            return cls.__name__, *self._way.elements(obj)
        if kind == _DEFINED:
            ours = cls is FunctionType and obj.__module__.startswith("perdure.")
            return obj.__name__ if ours else None  # a module may move, and the digest must not
        if self._parts:
            begun, self._begun = self._begun, True
            return self._way.part(obj) if begun else None
        self._way.objects -= 1
        if self._way.objects < 0 and not self._memo:
            raise _TooMuchError
        return None

    def _text(self, obj: Any, cls: type) -> Any:
        """With a memo, whether two equal texts are one object must not count: each occurrence is written."""
        if cls is str:
            return obj.encode("utf-8", "surrogatepass")
        return obj.hex() if cls is bytes else None

    def _classify(self, cls: type) -> int:
        if cls in _ATOMS:
            found = _ATOM
        elif cls is set or cls is frozenset:
            found = _SET
        elif (cls.__module__, cls.__name__) in AS_PICKLED:
            found = _QUICK
        else:
            found = _DEFINED if issubclass(cls, _DEFINITIONS) else _OTHER
        self._kinds[cls] = found
        return found

    def reducer_override(self, obj: Any) -> Any:  # noqa: C901, PLR0911  one branch and return for each form
        cls = type(obj)
        self._way.reduced -= 1
        if self._way.reduced < 0 and self._way.mode == "flat":
            raise _TooMuchError
        if (cls.__module__, cls.__name__) in AS_PICKLED:
            return NotImplemented
        reducer = REDUCERS.get(cls)
        if reducer is not None:
            return reducer(obj)
        if isinstance(obj, type):
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


def hash_of(value: Any) -> Any:
    """The hash over the canonical form of a value; raises what pickling raises."""
    plain = canonical(value)
    if plain is not None:
        return xxhash.xxh3_128(plain)
    try:
        try:
            return _hash(value, _Pass("flat"))
        except _TooMuchError:
            return _hash(value, _Pass("parts"))
    except (ValueError, RecursionError, _CircleError):
        return _hash(value, _Pass("memo"))


def _hash(value: Any, way: _Pass) -> Any:
    sink = _Sink(BOUND if way.mode == "flat" else None)
    if way.mode != "flat":
        sink.hasher.update(way.mode.encode())
    _Digester(sink, way).dump(value)
    return sink.hasher


def digest(value: Any) -> Digest:
    """The digest of a value by content. Never raises: what cannot be read is weak, and stands by its type."""
    try:
        return Digest(hash_of(value).hexdigest())
    except Exception as error:  # noqa: BLE001  whatever a user's __reduce__ does, a call must find its key
        cls = type(value)
        name = f"{cls.__module__}.{cls.__qualname__}"
        cause = f"{name} cannot be read by content: {error}"
        stands = xxhash.xxh3_128_hexdigest(b"weak:" + name.encode("utf-8", "surrogatepass"))
        return Digest(stands, weak=True, cause=cause)
