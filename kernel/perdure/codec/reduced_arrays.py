"""Exact reduced forms of numpy's arrays and scalars, where numpy's own forget something (promise 4)."""

from __future__ import annotations

from typing import Any

from .arrays import can_describe, make_scalar, scalar_parts
from .model import Refusal


def reduced_array(array: Any) -> Any:
    """The reduced form of an array that pickle would change, or `NotImplemented`."""
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


def reduced_scalar(scalar: Any, definer: type | None) -> Any:
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
