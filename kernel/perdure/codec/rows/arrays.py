"""Extension types of numpy: arrays of every dtype but object, their own subclasses, dtypes, and scalars.

numpy is never imported by encoding (a value that holds an array has imported it), only by decoding one.
Strides are no content: an array that has its memory for itself comes back without gaps, its axes in memory in
the same order. One that shares its memory with another array of the same value is kept as a window on it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .dtypes import describe, make_dtype
from .overlap import open_window, window_of
from .row import Raw, Row, named, resolve


def can_describe(value: Any) -> bool:
    """Whether plain values and the bytes in memory tell all."""
    return not value.dtype.hasobject and describe(value.dtype) is not None


def can_describe_texts(value: Any) -> bool:
    """Whether it holds texts of any length (`StringDType`)."""
    return value.dtype.kind == "T" and describe(value.dtype) is not None


def memory(array: Any) -> tuple[str | list[int], memoryview]:
    """The order of the axes in memory (`C`, `F`, or their numbers) and the bytes, copied only from gaps.

    The bytes keep the shape that the axes have in memory: a store may know a row again.
    """
    import numpy as np

    order: str | list[int] = "C" if array.flags.c_contiguous else "F"
    axes = list(range(array.ndim))[:: 1 if order == "C" else -1]
    if not array.flags.forc:
        axes.sort(key=lambda axis: -abs(array.strides[axis]))
        order = axes if axes != sorted(axes) else "C"
    if array.size == 0 or array.dtype.itemsize == 0:
        return order, memoryview(b"")
    turned: Any = np.ascontiguousarray(array.view(np.ndarray).transpose(axes))
    rows = len(turned) if turned.ndim > 1 else 1
    return order, memoryview(turned.reshape(rows, -1).view("u1"))


def array_parts(value: Any) -> tuple[Any, ...]:
    """dtype, shape, order, whether it may be written, and the memory."""
    order, view = memory(value)
    return describe(value.dtype), list(value.shape), order, value.flags.writeable, Raw(view)


def make_array(parts: list[Any]) -> Any:
    """The array that `array_parts` took apart; memory out of band becomes its own."""
    import numpy as np

    description, shape, order, writeable, data = parts
    dtype = _of_bytes(description)
    axes = order if isinstance(order, list) else list(range(len(shape)))[:: 1 if order == "C" else -1]
    lengths = tuple(shape[axis] for axis in axes)
    if type(data) is memoryview:
        flat: Any = np.ndarray(lengths, dtype, buffer=data)
    else:
        flat = np.empty(lengths, dtype) if data else np.zeros(lengths, dtype)
        if flat.nbytes != len(data):
            raise ValueError(f"an array of shape {shape} cannot have {len(data)} bytes")
        if data:
            flat.reshape(-1).view("u1")[:] = np.frombuffer(data, "u1")
    made = flat if order == "C" or flat.ndim < 2 else _turned(flat, axes)  # noqa: PLR2004
    made.flags.writeable = writeable
    return made


def _of_bytes(description: Any) -> Any:
    """The dtype, which must not hold references: no bytes may be taken for an address."""
    dtype = make_dtype(description)
    if dtype.hasobject or dtype.kind == "T":
        raise ValueError(f"bytes cannot be elements of {dtype}")
    return dtype


def _turned(flat: Any, axes: list[int]) -> Any:
    """The array whose axes lie in memory in this order."""
    import numpy as np

    if axes == list(range(flat.ndim))[::-1] and flat.flags.owndata:  # numpy makes these by itself
        made = np.empty(flat.shape[::-1], flat.dtype, order="F")
        made[...] = flat.T
        return made
    return flat.transpose(sorted(range(flat.ndim), key=axes.__getitem__))


def _is_window(value: Any) -> bool:
    return window_of(value) is not None and describe(value.dtype) is not None


def window_parts(value: Any) -> tuple[Any, ...]:
    """The memory that the array shares, and where it lies in there."""
    window = window_of(value)
    assert window is not None
    place = window.offset, describe(value.dtype), list(value.shape), list(window.strides)
    return window.segment, *place, value.flags.writeable


def make_window(parts: list[Any]) -> Any:
    """The array that `window_parts` told."""
    segment, offset, description, shape, strides, writeable = parts
    made = open_window(segment, offset, shape, strides, make_dtype(description))
    if not writeable:
        made.flags.writeable = False
    return made


def texts_parts(value: Any) -> tuple[Any, ...]:
    """dtype, shape, whether it may be written, lengths (-1 where one is missing), and letters."""
    import numpy as np

    texts = [text.encode() if isinstance(text, str) else None for text in value.ravel().tolist()]
    lengths: Any = np.array([-1 if text is None else len(text) for text in texts], "i8")
    joined = memoryview(b"".join(text for text in texts if text is not None))
    shape, writeable = list(value.shape), value.flags.writeable
    return describe(value.dtype), shape, writeable, Raw(memoryview(lengths.view("u1"))), Raw(joined)


def make_texts(parts: list[Any]) -> Any:
    """The array of texts that `texts_parts` took apart."""
    import numpy as np

    description, shape, writeable, lengths, letters = parts
    dtype = make_dtype(description)
    joined, texts, at = bytes(letters), [], 0
    for length in np.frombuffer(lengths, "i8").tolist():
        texts.append(dtype.na_object if length < 0 else joined[at : at + length].decode())
        at += max(0, length)
    made = np.array(texts, dtype).reshape(shape)
    made.flags.writeable = writeable
    return made


def kin_parts(value: Any) -> tuple[Any, ...]:
    """The memory of an array as a plain array, the name of its class, its dtype, and its attributes."""
    import numpy as np

    return value.view(np.ndarray), type(value).__name__, describe(value.dtype), vars(value)


def make_kin(base: Any, name: str, description: Any) -> Any:
    """The memory as an array of a class of numpy's own."""
    return make_view(base, named(import_module(KIN[name]), name), make_dtype(description))


def is_kin(value: Any) -> bool:
    """Whether the array is of a class of numpy's own, with a dtype that plain values tell."""
    cls = type(value)
    return resolve(KIN.get(cls.__name__, ""), cls.__name__) is cls and describe(value.dtype) is not None


def make_view(base: Any, cls: Any, dtype: Any) -> Any:
    """The memory as an array of the class."""
    made = base.view(cls)
    if made.dtype is not dtype and repr(made.dtype) != repr(dtype):
        made.dtype = dtype
    return made


def fill_view(made: Any, state: dict[str, Any]) -> None:
    """Give the array exactly the attributes that it had."""
    vars(made).clear()
    vars(made).update(state)


def scalar_parts(value: Any) -> tuple[Any, ...]:
    """What makes up a scalar: its dtype and its bytes."""
    return describe(value.dtype), value.tobytes()


def make_scalar(parts: list[Any]) -> Any:
    """The scalar that `scalar_parts` took apart."""
    import numpy as np

    dtype = _of_bytes(parts[0])
    if dtype.itemsize == 0:
        return np.zeros((), dtype)[()]
    if dtype.kind == "U":  # an array would drop the zeros at its end
        return np.str_(parts[1].decode("utf-32-le" if dtype.str[0] == "<" else "utf-32-be", "surrogatepass"))
    if dtype.kind == "S":
        return np.bytes_(parts[1])
    return np.frombuffer(bytearray(parts[1]), dtype)[0]


KIN = {"matrix": "numpy", "recarray": "numpy", "MaskedArray": "numpy.ma", "chararray": "numpy.char"}
"""numpy's own classes of arrays, and where they are found whatever its version."""

_WIDTHS = ("8", "16", "32", "64")
_DTYPES = (
    *(f"{kind}{width}" for kind in ("Int", "UInt") for width in _WIDTHS),
    *("Float16", "Float32", "Float64", "Complex64", "Complex128", "LongDouble", "CLongDouble"),
    *("Byte", "UByte", "Short", "UShort", "Int", "UInt", "Long", "ULong", "LongLong", "ULongLong"),
    *("Bool", "Bytes", "Str", "Void", "Object", "DateTime64", "TimeDelta64", "String"),
)
"""Kinds of dtypes: `numpy.dtypes` has a class for each."""

WINDOW = Row(
    *(72, "numpy", "ndarray", window_parts, make_window),
    plain=False,
    when=_is_window,
    identity=True,
    says="arrays that share memory inside one value: the memory once, and for each its place in there",
)
ARRAY = Row(
    *(70, "numpy", "ndarray", array_parts, make_array),
    plain=False,
    when=can_describe,
    identity=True,
    says=(
        "dtype, shape, order of the axes, whether it may be written, and its memory; gaps between strides "
        "are no content; what comes back may not own its memory, so that it cannot be resized in place; "
        "arrays of objects are pickled"
    ),
)
TEXTS = Row(
    *(73, "numpy", "ndarray", texts_parts, make_texts),
    plain=False,
    when=can_describe_texts,
    identity=True,
    says="with `StringDType`, lengths and letters",
)
ARRAYS: tuple[Row, ...] = (
    *(WINDOW, ARRAY, TEXTS),
    *(
        Row(
            *(74, module, name, kin_parts, lambda parts: make_kin(*parts)),
            *(lambda made, parts: fill_view(made, parts[0]), 3),
            plain=False,
            when=is_kin,
            says="its memory as a plain array, then its class and attributes (mask, fill value)",
        )
        for name, module in KIN.items()
    ),
    *(
        Row(
            *(75, "numpy.dtypes", f"{name}DType", lambda dtype: (describe(dtype),)),
            lambda parts: make_dtype(parts[0]),
            plain=False,
            when=lambda dtype: describe(dtype) is not None,
            identity=True,
            says=(
                "its description, with fields, titles, offsets and metadata; one that another package "
                "brings is pickled"
            ),
            types="numpy.dtype",
        )
        for name in _DTYPES
    ),
)
SCALAR = Row(
    *(71, "", "", scalar_parts, make_scalar),
    plain=False,
    when=can_describe,
    identity=True,
    says="every scalar: its dtype and its bytes; one that holds objects is pickled",
    types="numpy.generic",
)
