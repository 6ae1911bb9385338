"""The walk from a value to the tree that msgpack holds.

Native are exactly `None`, `bool`, `int` in 64 bits, `float`, `str`, `bytes`, `list`, and `dict` with text
keys. All else is a list that begins with a bare tag, which no user's list can. Every container, tagged
object, and long text or bytes has a number, in the order of first meeting; met again, only that is written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from perdure.codec.rows.row import Raw, Row, has_end, module_of
from perdure.codec.rows.table import BUFFER, EXTERNAL, LEAF, REF, rows_of

from .dumped import within_data
from .model import LARGE, LONG, Refusal
from .refused import refuse

if TYPE_CHECKING:
    from ormsgpack import Ext

DEPTH = 64
"""Objects deeper than this go to the pickle leaf: msgpack ends at 254 levels, of which each may take two."""

_NUMBERS = frozenset({type(None), bool, float})
_VALUES = frozenset(
    f"builtins.{name}" for name in ("NoneType", "bool", "int", "float", "complex", "str", "bytes", "tuple")
) | frozenset(
    ("builtins.frozenset", "builtins.type", "builtins.module", "builtins.ellipsis", "builtins.range")
)


NATIVE: dict[str, str] = {
    "NoneType": "as it is",
    "bool": "as it is",
    "int": "as it is in 64 bits",
    "float": "as it is, to the bit: signs of zeros and the payload of a nan too",
    "str": "as it is in UTF-8",
    "bytes": "as it is under 1 MiB",
    "list": "its items",
    "dict": "with text keys as it is, in its order",
}
"""What msgpack holds by itself, for the reference page."""


_SAFE = 'Keep what plain data says of it (lists, dicts, numpy arrays), or use codec="full".'
_SAFE_OWN = "Keep plain data, or give its class `__perdure_dump__` and `__perdure_load__`."


class Cycle(Exception):  # noqa: N818  a signal, answered by pickling the value as a whole
    """A cycle runs through an object that is made in one go."""


def outside(externals: Mapping[str, Any] | None) -> dict[int, str]:
    """The externals by identity, without those whose identity does not matter."""
    return {
        id(value): name
        for name, value in (externals or {}).items()
        if f"{type(value).__module__}.{type(value).__qualname__}" not in _VALUES
        and not issubclass(type(value), type)  # asked of an object, it may fail
    }


class Encoder:
    """One walk over one value; keeps the objects that it met alive, so that identities stay true."""

    def __init__(self, externals: dict[int, str], *, pickles: bool = True) -> None:
        """`externals` are named by their identity; without `pickles`, what needs one is refused."""
        import ormsgpack

        self._pickles = pickles
        self._ext: type[Ext] = ormsgpack.Ext
        self._marks: dict[int, Ext] = {}
        self._rows: dict[type, tuple[Row, ...]] = {}
        self._memo: dict[int, tuple[int, Any]] = {}
        self._open: set[int] = set()
        self._walking: set[int] = set()
        self._count = 0
        self.externals = externals
        self.outer: dict[int, int] = {}
        """Numbers of the objects to which a pickled leaf may refer."""
        self.needing: set[int] = set()
        """Numbers of the objects that hold a pickled leaf, or may do so by way of a cycle."""
        self.leaves: list[Any] = []
        self.buffers: list[memoryview] = []
        self.modules: set[str] = set()
        """Modules whose classes or functions are needed to load it."""
        self.plain = True
        self.ends = False
        """Whether an object does something when it ends: then no copy of it may be made for a trial."""
        self.checked = True
        """False once a cycle was met: whether it loads has to be seen."""

    def node(self, value: Any) -> Any:
        """The value as msgpack may hold it."""
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 64 else self._object(value)
        if kind is str and len(value) <= LONG:
            return value if value.isascii() or _encodable(value) else self._object(value)
        if kind is bytes and len(value) <= LONG:
            return value
        return self._raw(value.view) if kind is Raw else self._object(value)

    def _object(self, value: Any) -> Any:
        key = id(value)
        met = self._memo.get(key)
        if met is not None:
            if met[0] in self._open:
                raise Cycle
            if met[0] in self._walking or met[0] in self.needing:
                self.needing |= self._walking
            self.checked = self.checked and met[0] not in self._walking
            return [self._mark(REF), met[0]]
        number = self._number()
        self._memo[key] = number, value
        self._walking.add(number)
        node = self._first(value, number)
        self._walking.discard(number)
        return node

    def _first(self, value: Any, number: int) -> Any:  # noqa: PLR0911  one return for each form
        name = self.externals.get(id(value))
        if name is not None:
            self.plain = False
            return [self._mark(EXTERNAL), name]
        kind = type(value)
        if kind is str and (value.isascii() or _encodable(value)):
            return value
        if kind is bytes and len(value) < LARGE:
            return value
        if len(self._walking) > DEPTH:
            return self.leaf(value)
        if kind is list:
            self.outer[id(value)] = number
            items = value.copy()  # what is looked at next, or another thread, may change the list itself
            return items if _NUMBERS.issuperset(map(type, items)) else [self.node(item) for item in items]
        if kind is dict and all(map(_is_key, pairs := value.copy())):
            self.outer[id(value)] = number
            return {key: self.node(item) for key, item in pairs.items()}
        rows = self._rows.get(kind)
        if rows is None:
            rows = self._rows[kind] = rows_of(kind)
        for row in rows:
            if row.when is None or row.when(value):
                return self._tagged(value, row, number)
        return self.leaf(value)

    def _tagged(self, value: Any, row: Row, number: int) -> list[Any]:
        self.plain = self.plain and row.plain
        self.checked = self.checked and not row.tried
        if not row.plain:
            self.modules.add(module_of(value))
            self.ends = self.ends or has_end(type(value))
        if row.outer:
            self.outer[id(value)] = number
        # Until its head is made, and an immutable until all its parts are made, it cannot be referred to.
        self._open.add(number)
        node: list[Any] = [self._mark(row.tag)]
        for position, part in enumerate(_parts(value, row)):
            if row.fill is not None and position == row.head:
                self._open.discard(number)
            try:
                node.append(self.node(part))
            except Refusal as refusal:
                if not row.tried:
                    raise
                raise within_data(refusal, [(value, part)]) from refusal.__cause__
        self._open.discard(number)
        return node

    def leaf(self, value: Any) -> list[Any]:
        """The value as a part of the pickle."""
        refuse(value)
        if not self._pickles:
            raise Refusal(
                value,
                'Only a pickle could keep it, and codec="safe" makes none.',
                _SAFE_OWN if type(value).__module__ == "__main__" else _SAFE,
            )
        self.plain = False
        self.needing |= self._walking
        self.leaves.append(value)
        return [self._mark(LEAF), len(self.leaves) - 1]

    def _raw(self, view: memoryview) -> Any:
        if view.nbytes >= LARGE:
            self._number()
            self.buffers.append((view if view.ndim > 1 else view.cast("B")).toreadonly())
            return [self._mark(BUFFER), len(self.buffers) - 1]
        if view.nbytes > LONG:
            self._number()
        return view.tobytes()

    def _number(self) -> int:
        self._count += 1
        return self._count - 1

    def _mark(self, tag: int) -> Ext:
        mark = self._marks.get(tag)
        if mark is None:
            mark = self._marks[tag] = self._ext(tag, b"")
        return mark


def _parts(value: Any, row: Row) -> Iterable[Any]:
    try:
        return list(row.parts(value))
    except Refusal:
        raise
    except Exception as error:
        cause = f"Taking it apart failed: {type(error).__name__}: {error}."
        raise Refusal(value, cause, "Make it whole first, or leave it out.") from error


def _is_key(key: Any) -> bool:
    return type(key) is str and (key.isascii() or _encodable(key))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def versions(modules: Iterable[str]) -> dict[str, str]:
    """Versions of the packages to which the modules belong, as far as they say them."""
    found = {}
    for name in sorted({module.partition(".")[0] for module in modules}):
        package = sys.modules.get(name)
        if name not in sys.stdlib_module_names and name != "__main__" and package is not None:
            version = getattr(package, "__version__", None)
            found[name] = version if isinstance(version, str) else ""
    return found
