"""A value at a glance: at most 4 kB of plain data, made when the value is stored, shown without decoding it.

No `repr` of a user's class is called: it may be slow, fail, or say what is nobody's business.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

MOST = 4000
"""Bytes that a preview may take as msgpack."""

_SHOWN, _ITEMS, _COLUMNS = 60, 12, 24
_LITERAL = (bool, int, float, complex, type(None), type(...))
_SAID = frozenset(
    {"Decimal", "Fraction", "UUID", "datetime", "date", "time", "timedelta", "PosixPath", "range"}
)


def preview(value: Any) -> dict[str, Any]:
    """Type, shape, size and head of a value, as plain data. Never raises."""
    try:
        made = _preview(value, depth=1)
        large = _size(made) > MOST
    except Exception:  # noqa: BLE001  a value that cannot be looked at still has a type
        return {"type": _plain(type(value).__name__)}
    return {name: part for name, part in made.items() if not large or name not in ("items", "columns")}


def _size(made: dict[str, Any]) -> int:
    import ormsgpack

    return len(ormsgpack.packb(made))


def _preview(value: Any, *, depth: int) -> dict[str, Any]:
    cls = type(value)
    made: dict[str, Any] = {"type": _plain(cls.__qualname__)}
    if isinstance(value, type) or cls.__name__ in ("function", "builtin_function_or_method", "module"):
        made["text"] = _plain(getattr(value, "__qualname__", value.__name__))
    elif cls in _LITERAL or (cls.__name__ in _SAID and cls.__module__ in sys.stdlib_module_names):
        made["text"] = _literal(value)
    elif cls in (str, bytes, bytearray):
        made["size"] = len(value)
        made["text"] = _head(value)
    elif isinstance(value, dict | list | tuple | set | frozenset):
        made["size"] = len(value)
        if depth:
            made["items"] = _items(value)
    elif _is_frame(value):
        made |= _frame(value)
    elif hasattr(value, "dtype") and isinstance(getattr(value, "shape", None), tuple):
        made |= {"shape": [int(length) for length in value.shape], "dtype": str(value.dtype)}
        if value.shape == () and cls.__module__ == "numpy":
            made["text"] = _plain(str(value))
    elif isinstance(value, BaseException):
        made["text"] = _plain(", ".join(_head(arg) for arg in value.args if isinstance(arg, str)))
    return made


def _plain(text: str) -> str:
    """Short text that msgpack can hold."""
    cut = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return cut.encode("utf-8", "replace").decode()


def _literal(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 8 * _SHOWN:
        return f"{'-' if value < 0 else ''}int of {value.bit_length():,} bits"
    return _plain(str(value) if type(value).__name__ in _SAID else repr(value))


def _head(value: Any) -> str:
    cut = value[: _SHOWN - 3]
    text = repr(bytes(cut) if type(value) is not str else cut)
    return _plain(f"{text[:-1]}…{text[-1]}" if len(value) > len(cut) else text)


def _items(value: Any) -> list[str]:
    """The first items of a container, one line each."""
    found = []
    for at, item in enumerate(value):
        if at == _ITEMS:
            break
        shown = line(_preview(item, depth=0))
        if isinstance(value, dict):
            shown = f"{shown}: {line(_preview(value[item], depth=0))}"
        found.append(_plain(shown))
    return found


def _is_frame(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, "DataFrame", ()))


def _frame(value: Any) -> dict[str, Any]:
    kinds = Counter(str(dtype) for dtype in value.dtypes)
    columns = [
        [_plain(str(name)), _plain(str(dtype))]
        for name, dtype in zip(value.columns[:_COLUMNS], value.dtypes[:_COLUMNS], strict=True)
    ]
    return {
        "shape": list(value.shape),
        "dtypes": [[_plain(kind), count] for kind, count in kinds.most_common(_ITEMS)],
        "columns": columns,
    }


def line(shown: dict[str, Any]) -> str:
    """One short line for a preview: `DataFrame 336,776 x 19, float64 14, str 5`, `list of 3`, `'abc…'`."""
    kind = shown.get("type", "?")
    if "shape" in shown:
        shape = " x ".join(f"{length:,}" for length in shown["shape"])
        if "dtypes" in shown:
            return ", ".join([f"{kind} {shape}", *(f"{name} {count}" for name, count in shown["dtypes"][:4])])
        said = shown.get("text") or shape
        return f"{kind} {said}, {shown['dtype']}" if shape else f"{kind} {said}"
    if kind in ("function", "type", "module", "builtin_function_or_method"):
        return f"{'function' if 'function' in kind else 'class' if kind == 'type' else kind} {shown['text']}"
    if "text" in shown:
        plain = kind in ("str", "bytes", "bool", "int", "float", "complex", "NoneType", "ellipsis")
        return shown["text"] if plain else f"{kind} {shown['text']}".rstrip()
    return f"{kind} of {shown['size']:,}" if "size" in shown else kind
