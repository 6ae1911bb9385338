"""The leaf of last resort: what no other row knows is pickled by cloudpickle, in one stream per value.

This is the only module that imports cloudpickle, and the only one that unpickles. A pickle is tied to the
versions of the packages whose classes lie in it, and bytecode to one version of Python: this is no archive.

The stream refers to objects outside it: by number to those of the tree, by name to externals, by position
to large bytes. So what is shared between plain containers and pickled objects stays shared.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import io
import pickle
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

import cloudpickle

from perdure.codec.dumped import within_data
from perdure.codec.model import LARGE, Refusal
from perdure.codec.packages.models import reduce_class
from perdure.codec.refused import refuse
from perdure.codec.registry import is_registered, kept_parts, leads_back, make_registered
from perdure.codec.rows.classes import find
from perdure.codec.rows.edited import (
    enum_parts,
    is_plain_record,
    make_enum,
    make_flag,
    make_record,
    record_parts,
)
from perdure.codec.rows.exceptions import (
    exception_parts,
    fill_around,
    fill_exception,
    made_empty,
    make_exception,
    own_form,
)
from perdure.codec.rows.row import by_reference, has_end, module_of, resolve
from perdure.codec.rows.standard import make_view, view_parts
from perdure.errors import Damaged, NotLoadable, PerdureError

from .functions import reduce_cell, reduce_code, reduce_function, reduce_method
from .reduced import reduced
from .weak import lost, make_dead, referents

KEPT: dict[str, str] = {
    "objects of any other class": (
        "as cloudpickle takes them apart: class, attributes and slots, or what `__reduce__` says; a class"
        " that cannot be imported comes along with its code; under 1 MiB it is loaded for a trial, and"
        " refused if it fails or is unequal (not if its class has a `__del__`, which a copy would run too)"
    ),
}
"""Types as a user writes them, and how they are stored, for the reference page."""

_BYTES = frozenset({bytes, bytearray})
_WHOLE = frozenset({dt.date, dt.datetime, dt.time, dt.timedelta, decimal.Decimal, fractions.Fraction})
"""Types whose own pickles tell all, and which columns hold by the million."""


class LeafPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles leaves with exact reducers where cloudpickle's own would change something."""

    def __init__(self, outer: dict[int, int], externals: dict[int, str], large: list[memoryview]) -> None:
        self.file = io.BytesIO()
        self.buffers: list[memoryview] = []
        self.modules: set[str] = set()
        self.last: Any = None
        """The object that was looked at last: the culprit when pickling fails."""
        self.ends = False
        """Whether an object does something when it ends."""
        self.referred: set[int] = set()
        """Numbers of the outer objects that the leaves refer to."""
        self.weak: list[tuple[Any, list[Any]]] = []
        """Weak references, each with what it refers to."""
        self.dumped: dict[int, tuple[Any, Any]] = {}
        """By identity, the objects that say themselves how they are kept, with their data."""
        self._elsewhere: dict[int, int | str] = {**externals, **outer}
        self._large = large
        self._named: dict[int, tuple[str, int]] = {}
        super().__init__(self.file, protocol=5, buffer_callback=self._buffer)

    def _buffer(self, buffer: pickle.PickleBuffer) -> bool:
        """Whether the memory stays in the stream."""
        view = buffer.raw()
        if view.nbytes < LARGE:
            return True
        with memoryview(buffer) as shaped:
            lengths = (shaped.shape or ())[:: 1 if shaped.c_contiguous else -1]
        if len(lengths) > 1:  # a store may know a row again
            view = view.cast("B", (lengths[0], view.nbytes // lengths[0]))
        self.buffers.append(view.toreadonly())
        return False

    def persistent_id(self, obj: Any) -> Any:
        """How an object outside the stream is named, or None. It is asked of each object."""
        found = self._elsewhere.get(id(obj))
        if found is None:
            return self._large_bytes(obj) if type(obj) in _BYTES and len(obj) >= LARGE else None
        if type(found) is int:
            self.referred.add(found)
        return found

    def _large_bytes(self, obj: Any) -> tuple[str, int]:
        found = self._named.get(id(obj))
        if found is None:
            found = self._named[id(obj)] = type(obj).__name__, len(self._large)
            self._large.append(memoryview(obj).toreadonly())
        return found

    def reducer_override(self, obj: Any) -> Any:  # noqa: C901, PLR0911  one branch and return for each form
        """How one object is taken apart; `NotImplemented` leaves it to cloudpickle and to the object."""
        self.last = obj
        cls = type(obj)
        if cls in _WHOLE and not is_registered(cls):
            return NotImplemented
        self.modules.add(module_of(obj))
        self.ends = self.ends or has_end(cls)
        if isinstance(obj, type):
            parametrised = reduce_class(obj)
            if parametrised is not NotImplemented:
                return parametrised
            if obj.__module__ == "__main__" and by_reference(obj):
                return find, ("__main__", obj.__qualname__)
            return _whole_class(obj, super().reducer_override(obj))
        reducer = _REDUCERS.get(cls)
        if reducer is not None:
            own = reducer(obj)
            return super().reducer_override(obj) if own is NotImplemented else own
        refuse(obj)
        if isinstance(obj, BaseException):
            return _reduce_exception(obj)
        if is_registered(cls):
            return make_registered, self._dumped(obj)
        if getattr(cls, "__perdure_named__", False) and obj.__module__ != "__main__" and by_reference(obj):
            return find, (obj.__module__, obj.__qualname__)
        if isinstance(obj, enum.Enum) and by_reference(cls):
            return make_flag if isinstance(obj, enum.Flag) else make_enum, enum_parts(obj)
        if is_plain_record(obj):
            return make_record, record_parts(obj)
        if cls is typing.TypeVar and resolve(obj.__module__, obj.__name__) is obj:
            return find, (obj.__module__, obj.__name__)
        exact = reduced(obj)
        weak = referents(obj)
        if weak:
            self.weak.append((obj, weak))
        return super().reducer_override(obj) if exact is NotImplemented else exact

    def _dumped(self, obj: Any) -> tuple[type, Any]:
        """The data of an object that says itself how it is kept."""
        # What was made is in the memo: an object is met a second time only on the way through its own data.
        if id(obj) in self.dumped:
            raise leads_back(obj)
        parts = kept_parts(obj)
        self.dumped[id(obj)] = obj, parts[1]
        return parts


class _StrongPickler(LeafPickler):
    """Looks where weak references do not lead, and remembers what it met."""

    def __init__(self, outer: dict[int, int], externals: dict[int, str]) -> None:
        super().__init__(outer, externals, [])
        self.met: set[int] = {*outer, *externals}

    def persistent_id(self, obj: Any) -> Any:
        self.met.add(id(obj))
        return super().persistent_id(obj)

    def reducer_override(self, obj: Any) -> Any:
        return (make_dead, ()) if referents(obj) else super().reducer_override(obj)


def _whole_class(cls: type, form: Any) -> Any:
    """The reduced form of a class by value, with its qualified name and slots, which cloudpickle forgets."""
    if not isinstance(form, tuple) or len(form) != 6:  # noqa: PLR2004  with a function that fills it
        return form
    make, args, state, _, _, fill = form
    if "__slots__" in vars(cls) and not _finds_its_slots(cls):
        kind, name, bases, defined, *others = args
        args = kind, name, bases, {**defined, "__slots__": vars(cls)["__slots__"]}, *others
    if issubclass(cls, enum.Enum):  # cloudpickle takes other names of a member, and unions, for attributes
        bases, name, qualname, _, *others = args
        members = {each: member._value_ for each, member in cls.__members__.items()}
        args = bases, name, qualname, members, *others
        state = {each: part for each, part in state[0].items() if each not in members}, state[1]
    return make, args, (cls.__qualname__, fill, state), None, None, fill_class


def _finds_its_slots(cls: type) -> bool:
    """Whether what makes such a class says itself which slots it has, and takes no others."""
    named = typing.NamedTuple in vars(cls).get("__orig_bases__", ())
    return named or issubclass(cls, enum.Enum) or hasattr(cls, "__struct_fields__")


def fill_class(cls: type, state: tuple[str, Callable[[type, Any], Any], Any]) -> None:
    """Put what it defines into a class, and give it its name."""
    name, fill, defined = state
    fill(cls, defined)
    cls.__qualname__ = name


def _reduce_view(view: memoryview) -> Any:
    return make_view, (view_parts(view),)


def _reduce_exception(error: BaseException) -> Any:
    if not made_empty(type(error)):
        make, args, state = own_form(error)
        return make, args, state, None, None, fill_around
    made, group, *state = exception_parts(error)
    return make_exception, (made, group), state, None, None, fill_exception


def _reduce_new_type(kind: typing.NewType) -> Any:
    if by_reference(kind):
        return NotImplemented  # pickle writes its module and name
    return make_new_type, (kind.__module__, kind.__name__, kind.__supertype__)


def make_new_type(module: str, name: str, base: Any) -> Any:
    """A type that exists for checkers alone."""
    made = typing.NewType(name, base)  # type: ignore[misc]  # the name is known at run time only
    made.__module__ = module
    return made


_REDUCERS: dict[type, Callable[[Any], Any]] = {
    types.FunctionType: reduce_function,
    types.MethodType: reduce_method,
    types.CellType: reduce_cell,
    types.CodeType: reduce_code,
    memoryview: _reduce_view,
    typing.NewType: _reduce_new_type,
}


def dump_leaves(
    leaves: Sequence[Any], outer: dict[int, int], externals: dict[int, str], large: list[memoryview]
) -> LeafPickler:
    """The pickler, after it wrote the leaves as one stream.

    Large bytes objects are added to `large`, and named by their position there.

    Raises:
        Refusal: a part cannot be pickled; it is named as closely as pickle lets one know.
    """
    pickler = LeafPickler(outer, externals, large)
    try:
        pickler.dump(list(leaves))
        if pickler.weak:
            _see_kept(pickler.weak, _StrongPickler(outer, externals), leaves)
    except Refusal as refusal:
        raise within_data(refusal, pickler.dumped.values()) from refusal.__cause__
    except PerdureError:
        raise
    except Exception as error:
        if isinstance(error, RecursionError) or isinstance(error.__context__, RecursionError):
            cause = "It is nested too deeply: a pickle goes as deep as Python's recursion limit."
            advice = "Keep it as a flatter structure."
            raise Refusal(leaves[0] if pickler.last is None else pickler.last, cause, advice) from error
        cause = f"Pickling it failed: {error}."
        raise Refusal(
            pickler.last, cause, "Leave it out, or tell how to keep it with `perdure.register`."
        ) from error
    finally:
        pickler.clear_memo()  # its callback keeps it until the next collection, and it would keep the value
    return pickler


def _see_kept(weak: Sequence[tuple[Any, list[Any]]], strong: _StrongPickler, leaves: Sequence[Any]) -> None:
    """Pass over weak references to what the leaves, or the objects outside them, keep alive."""
    strong.dump(list(leaves))
    for reference, found in weak:
        if any(id(referent) not in strong.met and not by_reference(referent) for referent in found):
            raise lost(reference)


_MOVED = {
    "perdure.codec.pickled": __name__,
    "perdure.codec.reduced": "perdure.codec.leaf.reduced",
    "perdure.codec.reduced_arrays": "perdure.codec.packages.numpy",
    "perdure.codec.classes": "perdure.codec.rows.classes",
    "perdure.codec.exceptions": "perdure.codec.rows.exceptions",
    "perdure.codec.standard": "perdure.codec.rows.standard",
    "perdure.codec.arrays": "perdure.codec.rows.arrays",
}
"""Where the functions that older pickles name are now."""

_MOVED_FUNCTIONS = dict.fromkeys(
    ("make_function", "fill_function", "fill_cell", "load_code"), "perdure.codec.leaf.functions"
)


class _LeafUnpickler(pickle.Unpickler):
    def __init__(
        self,
        data: bytes,
        buffers: Sequence[memoryview],
        large: Sequence[memoryview],
        outer: Callable[[Any], Any],
    ) -> None:
        super().__init__(io.BytesIO(data), buffers=buffers)
        self._large = large
        self._outer = outer
        self._made: dict[tuple[str, int], Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        module = _MOVED.get(module, module)
        if module == __name__:
            module = _MOVED_FUNCTIONS.get(name, module)
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError):
            return find(module, name)

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple):
            return self._outer(pid)
        if pid not in self._made:
            cls = bytes if pid[0] == "bytes" else bytearray
            self._made[pid] = cls(self._large[pid[1]])
        return self._made[pid]


def load_leaves(
    data: bytes, buffers: Sequence[memoryview], large: Sequence[memoryview], outer: Callable[[Any], Any]
) -> list[Any]:
    """The leaves again; `outer` gives the object of a number, or the external of a name.

    Raises:
        Damaged: the stream is malformed.
        NotLoadable: a class is missing, or an object could not be made again.
    """
    try:
        loaded = _LeafUnpickler(data, buffers, large, outer).load()
    except PerdureError:
        raise
    except (pickle.UnpicklingError, EOFError) as error:
        raise Damaged(
            subject="A pickled value", cause=f"{error}.", advice="Run the step that made it again."
        ) from error
    except Exception as error:
        raise NotLoadable(
            subject="A pickled value",
            cause=f"{type(error).__name__}: {error}.",
            advice="Install the packages' versions with which it was kept, or run its step with `--redo`.",
        ) from error
    if type(loaded) is not list:
        raise Damaged(subject="A pickled value", cause="it holds no leaves.", advice="Run the step again.")
    return loaded
