"""Extension types of the standard library: all can be made without running anybody's code (promise 4)."""

from __future__ import annotations

import builtins
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from perdure.codec.model import Refusal

from .row import Raw, Row, nothing, pairs, put_pairs, without_attributes
from .state import hung_on

_CASTABLE = frozenset("bBcdefhHiIlLnNPqQ?")


def _std(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def _make(module: str, name: str) -> Any:
    """A `make` that calls the class with the parts; the module is imported when it is needed."""
    return lambda parts: _std(module, name)(*parts)


def _text(tag: int, module: str, name: str) -> Row:
    """A type whose text says all."""
    return Row(
        *(tag, module, name, lambda value: (str(value),), _make(module, name)),
        says="as its text"
        if module != "pathlib"
        else "as its text; a path of the other kind of system loads there only",
    )


def _zone_parts(value: Any) -> tuple[Any, ...]:
    return tuple(value.__getinitargs__())


def _moment_parts(value: Any) -> tuple[Any, ...]:
    return (
        *(value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond),
        *(value.tzinfo, value.fold),
    )


def _time_parts(value: Any) -> tuple[Any, ...]:
    return value.hour, value.minute, value.second, value.microsecond, value.tzinfo, value.fold


def _with_fold(name: str) -> Any:
    return lambda parts: _std("datetime", name)(*parts[:-1], fold=parts[-1])


def _memory(part: Any) -> Any:
    """The part itself; a number would be taken for a length."""
    if not isinstance(part, bytes | memoryview):
        raise TypeError("bytes were expected")
    return part


def _make_fraction(parts: list[Any]) -> Any:
    if list(map(type, parts)) != [int, int]:  # from a text it would compute any power of ten
        raise TypeError("two whole numbers were expected")
    return _std("fractions", "Fraction")(*parts)


def _make_pattern(parts: list[Any]) -> Any:
    with warnings.catch_warnings():  # whoever wrote the pattern has read them
        warnings.simplefilter("ignore")
        return _std("re", "compile")(*parts)


def _make_uuid(parts: list[Any]) -> Any:
    return _std("uuid", "UUID")(bytes=parts[0], is_safe=_std("uuid", "SafeUUID")(parts[1]))


def _make_array(parts: list[Any]) -> Any:
    code, size, order, data = parts
    made = _std("array", "array")(code)
    if made.itemsize != size:
        raise ValueError(f"an array of type {code!r} has other items here")
    made.frombytes(data)
    if order != sys.byteorder:
        made.byteswap()
    return made


def view_parts(value: memoryview) -> tuple[Any, ...]:
    """The object that is viewed, format, shape, and whether it is read-only."""
    try:
        base, form, shape = value.obj, value.format, value.shape or ()
    except ValueError:
        raise Refusal(value, "It was released.", "Keep `bytes(...)` of it before it is released.") from None
    if form not in _CASTABLE or (value.ndim != 1 and 0 in shape):
        raise Refusal(value, "Its format cannot be made again.", "Keep the array that it views instead.")
    whole = value.c_contiguous and value.nbytes == memoryview(base).nbytes
    if type(base) is bytes and not whole:
        base = value.tobytes()
    elif not whole or f"{type(base).__module__}.{type(base).__name__}" not in (
        *("builtins.bytes", "builtins.bytearray", "array.array", "numpy.ndarray"),
    ):
        raise Refusal(
            value,
            "It is a window on a part of another object.",
            "Keep that object, or `bytes(...)` of the window.",
        )
    return base, form, list(shape), value.readonly


def make_view(parts: Sequence[Any]) -> memoryview:
    """The view that `view_parts` took apart."""
    base, form, shape, readonly = parts
    made = memoryview(base).cast("B")
    made = made.cast(form) if len(shape) == 1 else made.cast(form, shape)
    return made.toreadonly() if readonly else made


def _default_parts(value: Any) -> Iterator[Any]:
    yield value.default_factory
    yield from pairs(value)


def _fill_default(made: Any, parts: list[Any]) -> None:
    put_pairs(made, parts[1:])
    made.default_factory = parts[0]


def _make_builtin(parts: list[Any]) -> Any:
    found = getattr(builtins, parts[0])
    if not isinstance(found, type):
        raise TypeError(f"{parts[0]!r} is no built-in type")
    return found


def _is_builtin(value: Any) -> bool:
    return value.__module__ == "builtins" and getattr(builtins, value.__name__, None) is value


STANDARD: tuple[Row, ...] = (
    Row(10, "builtins", "tuple", iter, tuple, says="its items"),
    Row(
        *(11, "builtins", "set", iter, lambda _: set()),
        fill=set.update,
        hashes=True,
        says="its elements; the order in which a set shows them is no content",
    ),
    Row(
        *(12, "builtins", "frozenset", iter, frozenset),
        hashes=True,
        says="its elements; the order in which a set shows them is no content",
    ),
    Row(
        *(13, "builtins", "int"),
        lambda value: (value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True),),
        lambda parts: int.from_bytes(parts[0], "little", signed=True),
        says="past 64 bits, its bytes",
    ),
    Row(
        *(14, "builtins", "complex", lambda value: (value.real, value.imag), _make("builtins", "complex")),
        says="real and imaginary part, to the bit",
    ),
    Row(
        *(15, "builtins", "str"),
        lambda value: (value.encode("utf-8", "surrogatepass"),),
        lambda parts: parts[0].decode("utf-8", "surrogatepass"),
        says="with lone surrogates, its bytes",
    ),
    Row(
        *(16, "builtins", "bytes"),
        *(lambda value: (Raw(memoryview(value)),), lambda parts: bytes(_memory(parts[0]))),
        identity=True,
        says="from 1 MiB on, a buffer of its own",
    ),
    Row(
        *(17, "builtins", "bytearray"),
        *(lambda value: (Raw(memoryview(value)),), lambda parts: bytearray(_memory(parts[0]))),
        identity=True,
        says="its bytes",
    ),
    Row(
        *(18, "builtins", "memoryview", view_parts, make_view),
        identity=True,
        says=(
            "the object that it views, with format and shape; a window on a part of something mutable is "
            "refused"
        ),
    ),
    Row(
        *(19, "builtins", "dict", pairs, lambda _: {}),
        fill=put_pairs,
        hashes=True,
        says="with keys that are no text, its items in their order",
    ),
    Row(
        *(20, "builtins", "range", lambda v: (v.start, v.stop, v.step), lambda parts: range(*parts)),
        says="start, stop and step",
    ),
    Row(
        *(21, "builtins", "slice", lambda v: (v.start, v.stop, v.step), lambda parts: slice(*parts)),
        says="start, stop and step",
    ),
    Row(
        *(22, "builtins", "ellipsis", nothing, lambda _: ...),
        says="by its name, as the one object that it is",
        types="types.EllipsisType",
    ),
    Row(
        *(23, "builtins", "NotImplementedType", nothing, lambda _: NotImplemented),
        says="by its name, as the one object that it is",
        types="types.NotImplementedType",
    ),
    Row(
        *(24, "builtins", "type", lambda value: (value.__name__,), _make_builtin),
        when=_is_builtin,
        says="a built-in class by its name",
    ),
    Row(
        *(30, "collections", "OrderedDict", pairs, lambda _: _std("collections", "OrderedDict")()),
        *(put_pairs,),
        when=without_attributes,
        hashes=True,
        says="its items in their order; one on which attributes hang is pickled with them",
    ),
    Row(
        *(31, "collections", "defaultdict", _default_parts),
        lambda _: _std("collections", "defaultdict")(),
        _fill_default,
        hashes=True,
        says="its factory, then its items",
    ),
    Row(
        *(32, "collections", "Counter", pairs, lambda _: _std("collections", "Counter")()),
        *(put_pairs,),
        when=without_attributes,
        hashes=True,
        says="its items in their order; one on which attributes hang is pickled with them",
    ),
    Row(
        *(33, "collections", "deque", lambda value: (value.maxlen, *value)),
        lambda parts: _std("collections", "deque")((), parts[0]),
        lambda made, parts: made.extend(parts),
        head=1,
        says="`maxlen`, then its items",
    ),
    Row(
        *(34, "types", "SimpleNamespace", lambda value: pairs(vars(value))),
        lambda _: _std("types", "SimpleNamespace")(),
        lambda made, parts: put_pairs(vars(made), parts),
        says="its attributes",
    ),
    _text(40, "decimal", "Decimal"),
    Row(
        *(41, "fractions", "Fraction", lambda value: (value.numerator, value.denominator)),
        _make_fraction,
        says="numerator and denominator",
    ),
    Row(
        *(42, "datetime", "datetime", _moment_parts, _with_fold("datetime")),
        says="its numbers, its zone as an object, and its fold",
    ),
    Row(
        *(43, "datetime", "date", lambda v: (v.year, v.month, v.day), _make("datetime", "date")),
        says="year, month and day",
    ),
    Row(
        *(44, "datetime", "time", _time_parts, _with_fold("time")),
        says="its numbers, its zone as an object, and its fold",
    ),
    Row(
        *(45, "datetime", "timedelta", lambda value: (value.days, value.seconds, value.microseconds)),
        _make("datetime", "timedelta"),
        says="days, seconds and microseconds",
    ),
    Row(
        *(46, "datetime", "timezone", _zone_parts, _make("datetime", "timezone")),
        says="its offset, and its name if it has one",
    ),
    Row(
        *(47, "zoneinfo", "ZoneInfo", lambda value: (value.key,), _make("zoneinfo", "ZoneInfo")),
        # Of a zone past the cache there may be many, which only pickle tells apart.
        when=lambda value: value.key is not None and value.__reduce__()[1][1],
        says=(
            "its key; one that was made past the cache (`no_cache`) is pickled, one read from a file refused"
        ),
    ),
    Row(
        *(48, "uuid", "UUID", lambda value: (value.bytes, value.is_safe.value), _make_uuid),
        says="its 16 bytes, and whether it was made safely",
    ),
    _text(49, "pathlib", "PurePosixPath"),
    _text(50, "pathlib", "PureWindowsPath"),
    _text(51, "pathlib", "PosixPath"),
    _text(52, "pathlib", "WindowsPath"),
    Row(
        *(53, "re", "Pattern", lambda value: (value.pattern, value.flags), _make_pattern),
        says="its text or bytes, and its flags; it is compiled again",
    ),
    _text(54, "ipaddress", "IPv4Address"),
    _text(55, "ipaddress", "IPv6Address"),
    replace(_text(56, "ipaddress", "IPv4Network"), when=lambda value: not hung_on(value)),
    replace(_text(57, "ipaddress", "IPv6Network"), when=lambda value: not hung_on(value)),
    _text(58, "ipaddress", "IPv4Interface"),
    _text(59, "ipaddress", "IPv6Interface"),
    Row(
        *(60, "array", "array"),
        lambda value: (value.typecode, value.itemsize, sys.byteorder, Raw(memoryview(value).cast("B"))),
        *(_make_array,),
        identity=True,
        says="type code and memory",
    ),
)
"""Number, module, name, how to take apart, how to make. Numbers are never used again for another type."""
