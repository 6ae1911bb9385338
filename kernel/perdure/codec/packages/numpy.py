"""numpy: exact reduced forms of arrays and scalars, and their content."""

from __future__ import annotations

import pickle
from typing import Any

import xxhash

from perdure.codec.known import WORTH, hash_of, place, remembered
from perdure.codec.model import Refusal
from perdure.codec.rows.arrays import (
    array_parts,
    can_describe,
    can_describe_texts,
    fill_view,
    is_kin,
    kin_parts,
    make_array,
    make_kin,
    make_scalar,
    make_texts,
    make_view,
    make_window,
    scalar_parts,
    texts_parts,
    window_parts,
)
from perdure.codec.rows.dtypes import describe, make_dtype
from perdure.codec.rows.overlap import window_of
from perdure.codec.rows.row import Raw
from perdure.codec.rows.runs import bounds_of
from perdure.codec.rows.state import reducing_class

KEPT: dict[str, str] = {
    "numpy.ndarray": (
        "of objects, or of a class of one's own: its items or its memory, class and attributes; one that "
        "maps a file is refused"
    ),
    "numpy.ufunc": "by its name",
    "numpy.finfo, numpy.iinfo": "its dtype",
    "numpy.poly1d, numpy.polynomial.polynomial.Polynomial, numpy.polynomial.chebyshev.Chebyshev": (
        "its coefficients and attributes"
    ),
    "numpy.random.Generator, numpy.random.RandomState, numpy.random.BitGenerator": (
        "state and seeds; the generator behind `numpy.random.rand` by its name"
    ),
    "numpy.random.SeedSequence": "its entropy, and how many were spawned",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:
    """The reduced form of an array, scalar or dtype that pickle would change, or `NotImplemented`."""
    import numpy as np

    if isinstance(obj, np.ndarray):
        return _reduced_array(obj)
    if isinstance(obj, np.generic):
        return _reduced_scalar(obj, reducing_class(type(obj)))
    if isinstance(obj, np.dtype):
        description = describe(obj)
        return NotImplemented if description is None else (make_dtype, (description,))
    if isinstance(obj, np.random.BitGenerator) and isinstance(obj.seed_seq, np.random.SeedSequence):
        return make_bits, (type(obj), obj.seed_seq), obj.state, None, None, fill_bits
    if isinstance(obj, (np.finfo, np.iinfo)):
        return type(obj), (obj.dtype,)
    if isinstance(obj, (np.nditer, np.flatiter, np.broadcast)):
        raise Refusal(obj, "It stands in the middle of its arrays.", "Keep the arrays themselves.")
    return NotImplemented


def parts(obj: Any) -> Any:
    """The objects in an array of objects, by their places; `NotImplemented` for other arrays."""
    import numpy as np

    if not isinstance(obj, np.ndarray) or obj.dtype != object:
        return NotImplemented
    return ((f"[{', '.join(map(str, place))}]", item) for place, item in np.ndenumerate(obj))


def make_bits(cls: Any, seeds: Any) -> Any:
    """A source of random bits with its seeds, from which others are spawned."""
    return cls(seeds)


def fill_bits(made: Any, state: dict[str, Any]) -> None:
    """Put a source of random bits where it was."""
    made.state = state


def _reduced_array(array: Any) -> Any:
    import numpy as np

    cls: Any = type(array)
    if cls is np.ndarray:
        if window_of(array) is not None and describe(array.dtype) is not None:
            return make_window, (list(window_parts(array)),)
        return reduced_alone(array)
    if getattr(array, "_mmap", None) is not None:
        raise Refusal(array, "It is a window on a file.", "Keep its path, or `numpy.array(...)` of it.")
    own: tuple[Any, ...] = (np.ndarray.__reduce__, np.ma.MaskedArray.__reduce__)
    states: tuple[Any, ...] = (np.ndarray.__setstate__, np.ma.MaskedArray.__setstate__)
    if cls.__reduce__ not in own or cls.__setstate__ not in states:
        return NotImplemented
    if cls.__reduce_ex__ is not np.ndarray.__reduce_ex__:
        return NotImplemented
    if is_kin(array):
        *made, state = kin_parts(array)
        return make_kin, tuple(made), state, None, None, fill_view
    state = getattr(array, "__dict__", None)
    return make_view, (array.view(np.ndarray), cls, array.dtype), state, None, None, fill_view


def reduced_alone(array: Any) -> Any:
    """The reduced form of a plain array, whatever memory it shares with others."""
    if can_describe(array):
        return make_array, (_buffers(array_parts(array)),)
    if can_describe_texts(array):
        return make_texts, (_buffers(texts_parts(array)),)
    if array.flags.writeable:
        return NotImplemented
    make, args, state = array.__reduce__()
    return make, args, state, None, None, fill_read_only


def _buffers(parts: tuple[Any, ...]) -> list[Any]:
    # Not over the view: Python crashes when it clears a cycle with a view that a buffer still uses.
    return [pickle.PickleBuffer(part.view.obj) if type(part) is Raw else part for part in parts]


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
    if scalar.dtype.kind in "USV" or scalar.dtype.char in "qQ":
        return (make_scalar, (list(scalar_parts(scalar)),)) if can_describe(scalar) else NotImplemented
    return NotImplemented


_CHUNK = 1 << 20


def _array() -> None:
    """Stands in a digest for an array."""


def content(obj: Any) -> Any:
    """What stands in a digest for an array; `NotImplemented` for anything else."""
    import numpy as np

    if type(obj) is np.ndarray or type(obj) is np.memmap:
        found = array_content(obj)
        if obj.dtype.hasobject:  # as state, not as arguments: by then an array that holds itself is known
            return _array, found[:3], found[3:]
        return _array, found
    if type(obj) is np.ma.MaskedArray:
        mask = np.ma.getmaskarray(obj)
        cells = array_content(_covered(obj.data, mask))
        return _array, ("masked", cells, _turned(obj.data), mask, obj.fill_value, obj.hardmask)
    if isinstance(obj, np.generic) and obj.dtype.kind in "Vgfc" and type(obj).__module__ == "numpy":
        return _array, ("scalar", array_content(np.asarray(obj)))
    return NotImplemented


def _covered(data: Any, mask: Any) -> Any:
    """A copy of the data without what lies under the mask."""
    import numpy as np

    covered = data.view(np.ndarray).copy()
    if covered.dtype.names is None:
        covered[mask] = None if covered.dtype.hasobject else np.zeros((), covered.dtype)
        return covered
    for name in covered.dtype.names:
        covered[name] = _covered(covered[name], mask[name])
    return covered


def array_content(array: Any) -> tuple[Any, ...]:
    """dtype, shape and content of an array in C order, and the order of its axes where that is another."""
    axes = _turned(array)
    return (*_cells(array), *([axes] if axes else ()))


def _turned(array: Any) -> list[int]:
    """The axes as they lie in memory; empty for C order. Axes of length 1, or repeated, lie nowhere."""
    flags, dtype = array.flags, array.dtype
    if flags.c_contiguous or dtype.kind == "T":
        return []
    axes = [axis for axis, length in enumerate(array.shape) if length > 1 and array.strides[axis]]
    if dtype.hasobject:  # arrays of objects come back in C order, or in Fortran's
        return axes[::-1] if flags.f_contiguous else []
    found = sorted(axes, key=lambda axis: -abs(array.strides[axis]))
    return found if found != axes else []


def _cells(array: Any) -> tuple[Any, ...]:
    dtype = array.dtype
    told = describe(dtype)
    if told is None:
        told = str(dtype)
    if dtype.names is not None:
        return "fields", told, array.shape, [(name, _cells(array[name])) for name in dtype.names]
    if dtype.hasobject or dtype.kind == "T":
        return "object", told, array.shape, array.ravel().tolist()
    return "array", told, array.shape, elements(array)


def elements(array: Any) -> bytes:
    """Hash of the elements in C order; looked for once where they lie in stored memory."""
    if array.nbytes < WORTH:
        return _hashed(array)
    if array.flags.c_contiguous and not _padded(array.dtype):
        return hash_of(*bounds_of(array), lambda: _hashed(array))
    return remembered(lambda: _told(array), lambda: _hashed(array))


def _told(array: Any) -> tuple[Any, ...] | None:
    """What tells the elements without a look at them, where the memory tells what lies in it."""
    found = place(*bounds_of(array))
    return None if found is None else ("array", found, array.dtype.str, array.shape, array.strides)


def _hashed(array: Any) -> bytes:
    """The hash, piece by piece where the elements do not lie in C order."""
    import numpy as np

    hasher = xxhash.xxh3_128()
    if array.size and array.dtype.itemsize:
        flat: Any = np.atleast_1d(array.view(np.ndarray))
        width = _padded(flat.dtype)
        read = slice(_EXTENDED) if flat.dtype.isnative else slice(-_EXTENDED, None)
        if flat.flags.c_contiguous and not width:
            hasher.update(flat.reshape(-1).view("u1"))
        else:
            rows = max(1, _CHUNK // max(1, flat[:1].nbytes))
            for start in range(0, len(flat), rows):
                piece: Any = np.ascontiguousarray(flat[start : start + rows]).reshape(-1).view("u1")
                cells: Any = np.ascontiguousarray(piece.reshape(-1, width)[:, read]) if width else piece
                hasher.update(cells)
    return hasher.digest()


_EXTENDED = 10
"""Bytes of a number of extended precision; those behind them up to its width are no content."""


def _padded(dtype: Any) -> int:
    """Width of the numbers of which only the first bytes count; 0 where all do."""
    import numpy as np

    extended = dtype.char in "gG" and np.finfo(np.longdouble).nmant == 63  # noqa: PLR2004
    return np.dtype(np.longdouble).itemsize if extended else 0
