"""Extension types of numpy: arrays of every dtype but object, and scalars.

numpy is never imported by encoding (a value that holds an array has imported it), only by decoding one.
"""

from __future__ import annotations

from typing import Any

from .row import Raw, Row


def _description(dtype: Any) -> Any:
    """The dtype as plain values; None where they do not tell all (metadata, alignment, foreign types)."""
    from numpy.lib.format import descr_to_dtype, dtype_to_descr

    if dtype.hasobject or dtype.kind not in "?biufcSUVmM" or _carries_more(dtype):
        return None
    if dtype.char in "qQ" and dtype.isnative:  # `longlong` looks like `int64`, and is another type
        return dtype.char
    try:
        description = dtype_to_descr(dtype)
        again = descr_to_dtype(description)
    except Exception:  # noqa: BLE001  a dtype that numpy itself cannot describe
        return None
    exact = again == dtype and again.isalignedstruct == dtype.isalignedstruct and again.char == dtype.char
    return description if exact else None


def _carries_more(dtype: Any) -> bool:
    """Whether metadata, or a type of its own for the elements, hangs on the dtype or on one of its fields."""
    if dtype.metadata or (dtype.kind == "V" and dtype.type.__name__ != "void"):
        return True
    if dtype.subdtype is not None:
        return _carries_more(dtype.subdtype[0])
    return any(_carries_more(field[0]) for field in (dtype.fields or {}).values())


def can_describe(value: Any) -> bool:
    """Whether plain values tell all about the dtype."""
    return _description(value.dtype) is not None


def memory(array: Any) -> tuple[str, memoryview]:
    """The order (`C` or `F`) and the bytes of an array; copied only where they are not contiguous."""
    import numpy as np

    order = "C" if array.flags.c_contiguous or not array.flags.f_contiguous else "F"
    if array.size == 0 or array.dtype.itemsize == 0:
        return order, memoryview(b"")
    flat: Any = np.ascontiguousarray(array if order == "C" else array.T).reshape(-1)
    return order, memoryview(flat.view(np.ndarray).view("u1"))


def _array_parts(value: Any) -> tuple[Any, ...]:
    order, view = memory(value)
    return _description(value.dtype), list(value.shape), order, value.flags.writeable, Raw(view)


def _make_array(parts: list[Any]) -> Any:
    import numpy as np
    from numpy.lib.format import descr_to_dtype

    description, shape, order, writeable, data = parts
    dtype = descr_to_dtype(description)
    if type(data) is memoryview:  # out of band: the memory becomes the array's own
        made = np.ndarray(tuple(shape), dtype, buffer=data, order=order)
    else:
        made = (
            np.empty(tuple(shape), dtype, order=order) if data else np.zeros(tuple(shape), dtype, order=order)
        )
        if made.nbytes != len(data):
            raise ValueError(f"an array of shape {shape} cannot have {len(data)} bytes")
        flat = made if order == "C" else made.T
        if data:
            flat.reshape(-1).view("u1")[:] = np.frombuffer(data, "u1")
    made.flags.writeable = writeable
    return made


def scalar_parts(value: Any) -> tuple[Any, ...]:
    """What makes up a scalar: its dtype and its bytes."""
    return _description(value.dtype), value.tobytes()


def make_scalar(parts: list[Any]) -> Any:
    """The scalar that `scalar_parts` took apart."""
    import numpy as np
    from numpy.lib.format import descr_to_dtype

    dtype = descr_to_dtype(parts[0])
    if dtype.itemsize == 0:
        return np.zeros((), dtype)[()]
    if dtype.kind == "U":  # an array would drop the zeros at its end
        return np.str_(parts[1].decode("utf-32-le" if dtype.str[0] == "<" else "utf-32-be", "surrogatepass"))
    if dtype.kind == "S":
        return np.bytes_(parts[1])
    return np.frombuffer(bytearray(parts[1]), dtype)[0]


ARRAY = Row(70, "numpy", "ndarray", _array_parts, _make_array, plain=False, when=can_describe, identity=True)
SCALAR = Row(71, "", "", scalar_parts, make_scalar, plain=False, when=can_describe, identity=True)
