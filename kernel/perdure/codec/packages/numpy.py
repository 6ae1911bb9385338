"""numpy: exact reduced forms of arrays and scalars, and their content."""

from __future__ import annotations

from typing import Any

import xxhash

from perdure.codec.model import Refusal
from perdure.codec.rows.arrays import can_describe, make_scalar, scalar_parts
from perdure.codec.rows.state import reducing_class


def reduce(obj: Any) -> Any:
    """The reduced form of an array or scalar that pickle would change, or `NotImplemented`."""
    import numpy as np

    if isinstance(obj, np.ndarray):
        return _reduced_array(obj)
    return _reduced_scalar(obj, reducing_class(type(obj))) if isinstance(obj, np.generic) else NotImplemented


def _reduced_array(array: Any) -> Any:
    import numpy as np

    cls: Any = type(array)
    if cls is np.ndarray:
        contiguous = array.flags.c_contiguous or array.flags.f_contiguous
        if array.flags.writeable or (contiguous and not array.dtype.hasobject):
            return NotImplemented
        make, args, state = array.__reduce__()
        return make, args, state, None, None, fill_read_only
    if getattr(array, "_mmap", None) is not None:
        raise Refusal(array, "It is a window on a file.", "Keep its path, or `numpy.array(...)` of it.")
    own: tuple[Any, ...] = (np.ndarray.__reduce__, np.ma.MaskedArray.__reduce__)
    states: tuple[Any, ...] = (np.ndarray.__setstate__, np.ma.MaskedArray.__setstate__)
    if cls.__reduce__ not in own or cls.__setstate__ not in states:
        return NotImplemented
    if cls.__reduce_ex__ is not np.ndarray.__reduce_ex__:
        return NotImplemented
    state = getattr(array, "__dict__", None)
    return make_view, (array.view(np.ndarray), cls, array.dtype), state, None, None, fill_view


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


def fill_read_only(made: Any, state: Any) -> None:
    """Fill an array, then close it."""
    made.__setstate__(state)
    made.flags.writeable = False


def _reduced_scalar(scalar: Any, definer: type | None) -> Any:
    """The reduced form of a scalar that numpy would shorten, or `NotImplemented`.

    Args:
        scalar: of numpy's, or of a class derived from them.
        definer: the class that says how it is pickled.
    """
    if type(scalar).__module__ != "numpy":
        if definer is not None and definer.__module__ == "numpy":
            raise Refusal(
                scalar,
                "numpy pickles an object of a class derived from its scalars as that scalar.",
                "Keep it as a plain scalar, or tell how to keep it with `perdure.register`.",
            )
        return NotImplemented
    if scalar.dtype.kind in "US" or scalar.dtype.char in "qQ":
        return (make_scalar, (list(scalar_parts(scalar)),)) if can_describe(scalar) else NotImplemented
    return NotImplemented


_CHUNK = 1 << 20


def _array() -> None:
    """Stands in a digest for an array."""


def content(obj: Any) -> Any:
    """What stands in a digest for an array; `NotImplemented` for anything else."""
    import numpy as np

    if type(obj) is np.ndarray or type(obj) is np.memmap:
        return _array, array_content(obj)
    if type(obj) is np.ma.MaskedArray and not obj.dtype.hasobject and obj.dtype.names is None:
        mask = np.ma.getmaskarray(obj)
        return _array, (
            "masked",
            np.where(mask, np.zeros((), obj.dtype), obj.data),
            mask,
            obj.fill_value,
            obj.hardmask,
        )
    return NotImplemented


def array_content(array: Any) -> tuple[Any, ...]:
    """dtype, shape and content of an array, in C order whatever order its memory has."""
    dtype = array.dtype
    if dtype.hasobject or dtype.kind == "T":
        return "object", dtype, array.shape, array.ravel().tolist()
    if dtype.names is not None:
        return "fields", str(dtype), array.shape, [(name, array_content(array[name])) for name in dtype.names]
    return "array", dtype.str, array.shape, _content(array)


def _content(array: Any) -> bytes:
    """Hash of the elements, piece by piece where they do not lie in C order."""
    import numpy as np

    hasher = xxhash.xxh3_128()
    if array.size and array.dtype.itemsize:
        flat: Any = array.view(np.ndarray)
        if flat.flags.c_contiguous:
            hasher.update(flat.reshape(-1).view("u1"))
        else:
            rows = max(1, _CHUNK // max(1, flat[:1].nbytes))
            for start in range(0, len(flat), rows):
                piece: Any = np.ascontiguousarray(flat[start : start + rows])
                hasher.update(piece.reshape(-1).view("u1"))
    return hasher.digest()
