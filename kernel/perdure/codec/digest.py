"""The digest of a value by content: the same in every process, however it was built (design, section 5).

A C pickler without a memo writes into a hash, so identity and interning do not matter. What pickle would
write differently for alike values (sets, arrays, frames, code) is replaced by something canonical. `1`, `1.0`
and `True` differ, and so does the order of a dict.
"""

from __future__ import annotations

import enum
import pickle
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import xxhash

from perdure.codec.leaf.functions import tree_of
from perdure.codec.leaf.reduced import DICT_VIEWS, reduced
from perdure.codec.packages.kits import ask
from perdure.codec.packages.models import reduce_class
from perdure.codec.rows.derived import attributes_of
from perdure.codec.rows.exceptions import exception_content, made_empty, make_exception, own_form
from perdure.codec.rows.row import by_reference, resolve

from .plain import canonical
from .registry import is_registered, make_registered, registered_parts

BOUND = 64 << 20
"""Bytes that may be written without a memo; a value with more shares its parts over and over."""


@dataclass(frozen=True, slots=True)
class Digest:
    """32 hexadecimal digits. Weak where the content could not be read: then the type alone stands for it."""

    hex: str
    weak: bool = False
    cause: str = ""


class _TooMuchError(Exception):
    """More was written than `BOUND`."""


class _CircleError(Exception):
    """An element of a set leads back to the set."""


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


class _Digester(pickle.Pickler):
    """Writes a canonical form of a value into a sink."""

    def __init__(self, sink: _Sink, sets: _Sets) -> None:
        super().__init__(sink, protocol=5)
        self._sets = sets
        self._memo = memo = sets.memo
        self._classes: list[type] = []
        self.fast = not memo

    def persistent_id(self, obj: Any) -> Any:
        cls = type(obj)
        if cls is set or cls is frozenset:
            return cls.__name__, *self._sets.elements(obj)
        # With a memo, whether two equal texts are one object must not count: each occurrence is written out.
        if self._memo and cls is str:
            return obj.encode("utf-8", "surrogatepass")
        if self._memo and cls is bytes:
            return obj.hex()
        return None

    def reducer_override(self, obj: Any) -> Any:  # noqa: PLR0911  one return for each form
        cls = type(obj)
        if (cls.__module__, cls.__name__) in _AS_PICKLED:
            return NotImplemented
        reducer = _REDUCERS.get(cls)
        if reducer is not None:
            return reducer(obj)
        if isinstance(obj, type):
            # A class may hold objects of its own; its code counts where it is met first.
            if obj in self._classes:
                return _named, (obj.__qualname__, self._classes.index(obj))
            self._classes.append(obj)
        if isinstance(obj, (set, frozenset)):
            return _subset, (cls, self._sets.elements(obj), attributes_of(obj))
        for kind, kin in _KINDS:
            if isinstance(obj, kind):
                return kin(obj)
        if is_registered(cls):
            return make_registered, registered_parts(obj)
        found = ask(obj, "content")
        if found is not NotImplemented:
            return found
        return _exact(obj)


def _exact(obj: Any) -> Any:
    if type(obj) is resolve("array", "array"):  # pickle would copy its memory, several times
        return _named, ("array", obj.typecode, len(obj), xxhash.xxh3_128_digest(obj))
    form = reduced(obj)
    if isinstance(obj, resolve("pathlib", "PurePath") or ()) and (
        form is NotImplemented or form[0] is type(obj)
    ):
        # Pickle writes a path as it was spelled, such as with two slashes or in several pieces.
        return type(obj), (str(obj),), *(() if form is NotImplemented else form[2:5])
    # A function that fills the object stands for no content, and need not be pickled.
    return form if form is NotImplemented else form[:5]


class _Sets:
    """The sets of one value: each is looked through once, and its elements by themselves, in any order."""

    def __init__(self, *, memo: bool) -> None:
        self.memo = memo
        self._known: dict[int, tuple[Any, list[bytes]]] = {}
        self._open: set[int] = set()

    def elements(self, members: Any) -> list[bytes]:
        """The digests of the elements, sorted.

        Raises:
            _CircleError: an element leads back to the set, and what is seen first would depend on the order.
        """
        key = id(members)
        if key not in self._known:
            if key in self._open:
                raise _CircleError("a cycle runs through a set")
            self._open.add(key)
            base = set if isinstance(members, set) else frozenset  # a class may show others
            found = sorted(self._element(member) for member in base.__iter__(members))
            self._open.discard(key)
            self._known[key] = members, found
        return self._known[key][1]

    def _element(self, member: Any) -> bytes:
        plain = canonical(member)
        return _hash(member, self).digest() if plain is None else plain


def _subset() -> None:
    """Stands in the stream for a set of a class of its own."""


def _function() -> None:
    """Stands in the stream for a function by its code."""


def _class() -> None:
    """Stands in the stream for a class by its code."""


def _named() -> None:
    """Stands in the stream for what is known by its name."""


def _cell() -> None:
    """Stands in the stream for a closure's cell."""


def _view() -> None:
    """Stands in the stream for a memoryview."""


def _reduce_function(function: types.FunctionType) -> Any:
    if function.__module__ != "__main__" and by_reference(function):
        return NotImplemented  # pickle writes its module and name
    code = tree_of(function) or code_parts(function.__code__)
    # As state, not as arguments: by then the memo knows the function, and a recursive one comes to an end.
    return _function, (code,), (function.__defaults__, function.__kwdefaults__, function.__closure__)


def code_parts(code: types.CodeType) -> tuple[Any, ...]:
    """What bytecode does, without where it was written."""
    constants = tuple(
        code_parts(constant) if isinstance(constant, types.CodeType) else constant
        for constant in code.co_consts
    )
    arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return "code", code.co_code, code.co_exceptiontable, constants, arguments, names


def _reduce_class(cls: type) -> Any:
    generic = reduce_class(cls)
    if generic is not NotImplemented:
        return generic
    if cls.__module__ != "__main__" and by_reference(cls):
        return NotImplemented  # pickle writes its module and name
    from .syntax import definition_tree, tree_digest

    tree = definition_tree(cls)
    bases = tuple(base for base in cls.__bases__ if base is not object)
    # Of a class that a function makes, the source tells the names only of what it has from that function.
    body = _body(cls) if tree is None or "<locals>" in cls.__qualname__ else tree_digest(tree)
    return _class, (cls.__qualname__, body, bases)


def _body(cls: type) -> dict[str, Any]:
    """What a class without a source defines, without what Python adds."""
    body = {name: member for name, member in vars(cls).items() if not _is_machinery(name, member)}
    if issubclass(cls, enum.Enum):
        members = {name: member._value_ for name, member in cls.__members__.items()}
        body = {
            name: member for name, member in body.items() if not (name in members or name.startswith("_"))
        }
        return body | members
    return dict(sorted(body.items()))  # pickled by value, a class defines the same in another order


def _is_machinery(name: str, member: Any) -> bool:
    return name in _MACHINERY or isinstance(member, types.GetSetDescriptorType | types.MemberDescriptorType)


_MACHINERY = frozenset(
    f"__{name}__"
    for name in ("doc", "module", "firstlineno", "static_attributes", "slotnames", "dict", "weakref")
) | {
    "_abc_impl",
    *(f"__pydantic_{name}__" for name in ("core_schema", "validator", "serializer", "parent_namespace")),
}
"""What Python and packages add to a class, or make of the rest of it."""


def _reduce_cell(cell: types.CellType) -> Any:
    try:
        return _cell, (), (cell.cell_contents,)
    except ValueError:
        return _cell, ()


def _reduce_exception(error: BaseException) -> Any:
    if not made_empty(type(error)):
        make, args, (*state, _) = own_form(error)
        return make, args, state
    made, group, *state = exception_content(error)
    return make_exception, (made, group), state


def _reduce_property(value: property) -> Any:
    return _named, ("property", value.fget, value.fset, value.fdel)


_REDUCERS: dict[type, Callable[[Any], Any]] = {
    types.FunctionType: _reduce_function,
    types.CellType: _reduce_cell,
    types.CodeType: lambda code: (_function, code_parts(code)),
    types.ModuleType: lambda module: (_named, (module.__name__,)),
    **{kind: (lambda view: (_named, (type(view).__name__, list(view)))) for kind in DICT_VIEWS},
    types.MappingProxyType: lambda value: (_named, ("mappingproxy", dict(value))),
    memoryview: lambda value: (_view, (value.format, value.shape, value.readonly, value.tobytes())),
    property: _reduce_property,
    staticmethod: lambda value: (_named, ("staticmethod", value.__func__)),
    classmethod: lambda value: (_named, ("classmethod", value.__func__)),
}


_AS_PICKLED = frozenset(
    {("datetime", "datetime"), ("datetime", "date"), ("datetime", "time"), ("datetime", "timedelta")}
    | {("datetime", "timezone"), ("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID")}
)
"""Types whose pickle is canonical, and which hold nothing else. A class of this name elsewhere is another."""


_KINDS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (type, _reduce_class),
    (BaseException, _reduce_exception),
)


def hash_of(value: Any) -> Any:
    """The hash over the canonical form of a value; raises what pickling raises."""
    plain = canonical(value)
    if plain is not None:
        return xxhash.xxh3_128(plain)
    try:
        return _hash(value, _Sets(memo=False))
    except (ValueError, RecursionError, _TooMuchError):  # a cycle, or a value made of itself over and over
        return _hash(value, _Sets(memo=True))


def _hash(value: Any, sets: _Sets) -> Any:
    sink = _Sink(None if sets.memo else BOUND)
    if sets.memo:
        sink.hasher.update(b"memo")
    _Digester(sink, sets).dump(value)
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
