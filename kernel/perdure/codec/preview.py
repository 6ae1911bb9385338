"""A value at a glance: at most 4 kB of plain data, made when the value is stored, shown without decoding it.

Nothing of a user's class is called, no `repr` and no property: it may be slow, fail, or say what is nobody's
business. Texts are masked and escaped (`masking.py`), and are data: who shows them in a page escapes them.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import partial
from itertools import islice, repeat
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from .masking import LOOKED_AT, MASK, SHOWN, cut, escaped, is_secret_name, look_at_environment, mask, shown
from .packages.shower import ITEMS, Say, Shower

MOST = 4000
"""Bytes that a preview may take as msgpack."""

KINDS = frozenset(
    {
        *("scalar", "text", "bytes", "sequence", "mapping", "set", "array", "tensor", "frame", "series"),
        *("schema", "figure", "image", "model", "estimator", "graph", "function", "class", "module", "error"),
        *("web", "secret", "object"),
    }
)
"""What a value is, for who draws it."""

_LITERALS = frozenset({bool, int, float, complex, type(None), type(...), type(NotImplemented)})
_BRIEF = _LITERALS | {str, bytes}
"""Types of which the brief is all that there is to say."""
_SAID = frozenset(
    {
        *(
            "Decimal",
            "Fraction",
            "UUID",
            "datetime",
            "date",
            "time",
            "timedelta",
            "timezone",
            "ZoneInfo",
            "range",
        ),
        *("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath", "IPv4Address", "IPv6Address"),
        *("IPv4Network", "IPv6Network", "IPv4Interface", "IPv6Interface"),
    }
)
"""Types of the standard library whose own text is short and says all."""

_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType, partial)
_PLAIN = frozenset({list, dict, tuple, set, frozenset})
_SEQUENCES = (list, tuple, deque)
_TEXTS = (str, bytes, bytearray)
_SHRINKING = ("rows", "items", "fields", "head", "columns", "dtypes")
"""Lists that are shortened, in turn, until a preview is small enough."""


_QUALNAME = type.__dict__["__qualname__"].__get__


def preview(value: Any) -> dict[str, Any]:
    """Kind, type, shape, size and head of a value, as plain data. Never raises."""
    cls, made = type(value), None
    look_at_environment()
    try:
        made = _brief(value)
        if cls not in _BRIEF:
            made = _small(made | _details(value, made["kind"]))
    except Exception:  # noqa: BLE001, S110  a value that cannot be looked at further still has a type
        pass
    return made or {"type": _name(cls), "kind": "object"}


def _small(made: dict[str, Any]) -> dict[str, Any]:
    """The description with its lists shortened as far as needed."""
    import ormsgpack

    while len(ormsgpack.packb(made)) > MOST:
        longest = max(_SHRINKING, key=lambda name: len(ormsgpack.packb(made.get(name, []))))
        kept = made[longest][: len(made[longest]) // 2]
        made = {name: part for name, part in made.items() if name != longest}
        made |= {longest: kept, "cut": True} if kept else {"cut": True}
    return made


def _name(cls: type) -> str:
    """The name of a class, its metaclass not being asked."""
    return cut(escaped(_QUALNAME(cls)))


def _details(value: Any, kind: str) -> dict[str, Any]:
    """The first items, rows or fields of a value, and its size in memory where that is known."""
    cls = type(value)
    if kind == "secret":
        return {}
    if kind == "mapping":
        return {"items": [_pair(key, item) for key, item in islice(dict.items(value), ITEMS)]}
    if issubclass(cls, (list, tuple, deque, set, frozenset)):
        pairs = zip(_names(cls), islice(_iterated(value), ITEMS), strict=False)
        return {"items": [under(name, item) for name, item in pairs]}
    shower = _known(cls)
    if shower is not None:
        return shower.details(value, _SAY)
    if kind in ("model", "error", "object"):
        fields = list(islice(fields_of(value), ITEMS))
        return {"fields": [[shown(name), under(name, item)] for name, item in fields]} if fields else {}
    return {}


def _names(cls: type) -> Iterable[Any]:
    """The names of the items, where they have any: those of a named tuple."""
    names = vars(cls).get("_fields") if issubclass(cls, tuple) else None
    return names if type(names) is tuple else repeat(None)


def brief(value: Any) -> str:
    """One short line for a value inside another."""
    cls = type(value)
    if cls is str:
        return _head(value)
    if cls in _LITERALS:
        return _literal(value)
    return f"{cls.__name__} of {len(value):,}" if cls in _PLAIN else line(_brief(value))


def cell(name: Any, value: Any) -> str:
    """One short text for a value in a table: of what is no container, without its type."""
    said = under(name, value)
    if type(value) in _LITERALS or type(value) is str or said is MASK:
        return said
    made = _brief(value)
    return str(made["text"]) if made["kind"] == "scalar" and "text" in made else said


def under(name: Any, value: Any) -> str:
    """One short line for a value under a name that may tell that it is secret."""
    if value is not None and type(value) is not bool and _is_secret_name(name):
        return MASK
    return brief(value)


def _is_secret_name(name: Any) -> bool:
    """Whether a name, as text or bytes or as one of several levels, tells that it is secret."""
    if type(name) is tuple:
        return any(map(_is_secret_name, name))
    if type(name) is bytes:
        name = name.decode("latin-1")
    return type(name) is str and is_secret_name(name)


_SAY = Say(brief, under, cell)


def _pair(key: Any, item: Any) -> str:
    return cut(f"{brief(key)}: {under(key, item)}")


def _brief(value: Any) -> dict[str, Any]:  # noqa: PLR0911  one return for each kind
    """Kind, type, and text or size of a value."""
    cls = type(value)
    if cls in _LITERALS:
        return {"type": cls.__name__, "kind": "scalar", "text": _literal(value)}
    made: dict[str, Any] = {"type": _name(cls), "kind": "object"}
    if cls in _TEXTS:
        return made | {"kind": "text" if cls is str else "bytes", "size": len(value), "text": _head(value)}
    if _is_secret(cls):
        return made | {"kind": "secret", "text": MASK}
    if cls is dict or (issubclass(cls, dict) and _known(cls) is None):
        return made | {"kind": "mapping", "size": dict.__len__(value)}
    for bases, kind in ((_SEQUENCES, "sequence"), ((set, frozenset), "set")):
        base = next((base for base in bases if issubclass(cls, base)), None)
        if base is not None:
            return made | {"kind": kind, "size": base.__len__(value)}
    if cls.__name__ in _SAID and cls.__module__.partition(".")[0] in sys.stdlib_module_names:
        return made | {"kind": "scalar", "text": shown(str(value))}
    named = _named(value)
    if named is not None:
        return made | named
    shower = _known(cls)
    return made | (shower.brief(value, _SAY) if shower is not None else _of_a_class(value))


def _named(value: Any) -> dict[str, Any] | None:
    """What is known by its name: classes, functions, modules."""
    cls = type(value)
    if issubclass(cls, type):
        return {"kind": "class", "text": _name(value)}
    if cls in _FUNCTIONS:
        inner = value.func if cls is partial else value
        name = (
            inner.__qualname__ if type(inner) in (FunctionType, BuiltinFunctionType) else type(inner).__name__
        )
        return {"kind": "function", "text": shown(name)}
    if issubclass(cls, ModuleType):
        name = ModuleType.__getattribute__(value, "__name__")
        return {"kind": "module", "text": shown(name) if type(name) is str else "?"}
    return None


def _of_a_class(value: Any) -> dict[str, Any]:
    """Enum members, exceptions, subclasses of texts and numbers, objects with fields."""
    cls = type(value)
    if issubclass(cls, Enum):
        return {"kind": "scalar", "text": shown(str(object.__getattribute__(value, "_name_")))}
    if issubclass(cls, BaseException):
        args: tuple[Any, ...] = vars(BaseException)["args"].__get__(value)
        return {"kind": "error", "text": cut(", ".join(_head(arg) for arg in args if type(arg) is str))}
    for base in _TEXTS:
        if issubclass(cls, base):
            size = base.__len__(value)
            return {"kind": "text" if base is str else "bytes", "size": size, "text": _head(base(value))}
    for number in (int, float, complex):
        if issubclass(cls, number):
            return {"kind": "scalar", "text": shown(number.__repr__(value))}
    return {"kind": "model" if declared(cls) is not None else "object"}


def _is_secret(cls: type) -> bool:
    return any(
        (base.__name__ == "Secret" and base.__module__.partition(".")[0] == "perdure")
        or (
            base.__name__ in ("_SecretBase", "SecretStr", "SecretBytes")
            and base.__module__ == "pydantic.types"
        )
        for base in cls.__mro__
    )


def _literal(value: Any) -> str:
    if type(value) is int and value.bit_length() > 8 * SHOWN:
        return f"{'-' if value < 0 else ''}int of {value.bit_length():,} bits"
    return mask(repr(value))


def _head(value: str | bytes | bytearray) -> str:
    """The beginning of a text between quotation marks: masked before it is cut."""
    text = value[:LOOKED_AT]
    said = mask(text if isinstance(text, str) else bytes(text).decode("latin-1"))
    whole = len(value) <= LOOKED_AT and len(said) <= SHOWN - 3
    said = said if whole else said[: SHOWN - 3]
    quoted = repr(said if isinstance(text, str) else said.replace(MASK, "***").encode("latin-1", "replace"))
    return cut(quoted if whole else f"{quoted[:-1]}…{quoted[-1]}")


def _iterated(value: Any) -> Iterator[Any]:
    """The items of a container, by its base's own method."""
    base = next(base for base in (list, tuple, deque, set, frozenset) if issubclass(type(value), base))
    return base.__iter__(value)


# -- objects with fields -----------------------------------------------------------------------------------


def declared(cls: Any) -> list[str] | None:
    """The names of the fields that the class of a dataclass or model declares."""
    for mark in ("__dataclass_fields__", "__pydantic_fields__", "__attrs_attrs__"):
        found = next((vars(base)[mark] for base in cls.__mro__ if mark in vars(base)), None)
        if isinstance(found, dict):
            return [name for name in found if type(name) is str]
        if isinstance(found, tuple):
            return [field.name for field in found]
    struct = sys.modules.get("msgspec")
    return list(cls.__struct_fields__) if struct is not None and issubclass(cls, struct.Struct) else None


def fields_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Fields, or else attributes, of an object: from its `__dict__` and slots, no property being asked."""
    from .rows.edited import slots_of

    cls = type(value)
    slots = slots_of(cls) or {}
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        attributes = {}
    if type(attributes) is not dict:
        attributes = {}
    names = declared(cls)
    if names is None:
        names = [name for name in (*attributes, *slots) if type(name) is str and name[:2] != "__"]
    for name in names:
        if name in attributes:
            yield name, attributes[name]
        elif name in slots:
            try:
                yield name, slots[name].__get__(value)
            except AttributeError:
                continue


def _known(cls: type) -> Shower | None:
    """How objects of a package's class are shown; None where nothing is known of the class."""
    if PACKAGES.isdisjoint(base.__module__.partition(".")[0] for base in cls.__mro__):
        return None
    from .packages.shown import shower_of

    return shower_of(cls)


PACKAGES = frozenset(
    {
        *("numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn", "torch", "PIL", "matplotlib"),
        *("networkx", "xarray", "shapely", "httpx", "requests", "yarl", "pydantic", "http"),
    }
)
"""Packages of which some classes are shown in a way of their own."""


def line(made: dict[str, Any]) -> str:
    """One short line for a preview: `DataFrame 336,776 x 19, float64 14, str 5`, `list of 3`, `'abc…'`."""
    kind = made.get("type", "?")
    if "shape" in made:
        shape = " x ".join(f"{length:,}" for length in made["shape"])
        if "dtypes" in made:
            return ", ".join([f"{kind} {shape}", *(f"{name} {count}" for name, count in made["dtypes"][:4])])
        said = made.get("text") or shape
        return f"{kind} {said}, {made['dtype']}" if shape and "dtype" in made else f"{kind} {said}".rstrip()
    if made.get("kind") in ("class", "function", "module"):
        return f"{made['kind']} {made['text']}"
    if "text" in made:
        plain = kind in ("str", "bytes", "bool", "int", "float", "complex", "NoneType", "ellipsis")
        return made["text"] if plain else f"{kind} {made['text']}".rstrip()
    return f"{kind} of {made['size']:,}" if "size" in made else kind
