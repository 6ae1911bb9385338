"""The bytes that arrays use between two addresses, where they leave much between them unused.

Ten rows of a frame of a million lie in places far from each other, one for each column. Where they and a view
of them are kept on one memory, that memory is these places, one behind the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_SPARE = 1 << 16
"""Unused bytes that are kept along rather than copy the others; and a quarter of those used."""

_MOST = 1 << 18
"""Places in which one array may lie; of more, all between the first and the last is kept."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Places of memory, and where each begins when they are laid one behind the other."""

    starts: Any
    offsets: Any
    size: int

    def place_of(self, array: Any) -> tuple[int, tuple[int, ...]]:
        """Where the array begins then, and its strides."""
        offset, strides, _ = self._placed(array)
        return offset, strides

    def holds(self, array: Any) -> bool:
        """Whether the elements of the array lie then as far from each other as strides can tell."""
        offset, strides, exact = self._placed(array)
        unit = array.dtype.itemsize if array.dtype.hasobject else max(1, array.dtype.alignment)
        even = all(place % unit == 0 for place in (offset, *strides))
        return exact and (even or not array.flags.aligned)

    def _placed(self, array: Any) -> tuple[int, tuple[int, ...], bool]:
        import numpy as np

        outer, _ = _axes(array)
        low, _ = bounds_of(array)
        first = self._offset(np.array([low]))[0]
        strides = list(array.strides)
        for axis in outer:
            step = self._offset(np.array([low + abs(strides[axis])]))[0] - first
            strides[axis] = int(step) if strides[axis] > 0 else -int(step)
        lengths = [array.shape[axis] for axis in outer]
        old = _grid(low, lengths, [abs(array.strides[axis]) for axis in outer])
        new = _grid(int(first), lengths, [abs(strides[axis]) for axis in outer])
        back = sum((array.shape[axis] - 1) * step for axis, step in enumerate(strides) if step < 0)
        return int(first) - back, tuple(strides), bool((self._offset(old) == new).all())

    def _offset(self, addresses: Any) -> Any:
        run = self.starts.searchsorted(addresses, "right") - 1
        return self.offsets[run] + (addresses - self.starts[run])


def runs_of(arrays: Sequence[Any], low: int, high: int) -> Runs | None:
    """What the arrays use of this memory; None where that is most of it, or no strides could tell it."""
    import numpy as np

    pieces = []
    for array in arrays:
        outer, width = _axes(array)
        lengths = [array.shape[axis] for axis in outer]
        if np.prod(lengths, dtype="f8") > _MOST:
            return None
        starts = _grid(bounds_of(array)[0], lengths, [abs(array.strides[axis]) for axis in outer])
        pieces.append(np.stack([starts, starts + width]))
    starts, ends = _merged(np.concatenate(pieces, axis=1))
    lengths = ends - starts
    used = int(lengths.sum())
    spare = 0 if arrays[0].dtype.hasobject else _SPARE + used // 4
    if high - low - used <= spare:
        return None
    found = Runs(starts, np.cumsum(lengths) - lengths, used)
    return found if all(map(found.holds, arrays)) else None


def address_of(array: Any) -> int:
    """Where the first element of the array lies in memory."""
    address: int = array.__array_interface__["data"][0]
    return address


def bounds_of(array: Any) -> tuple[int, int]:
    """The first address of the array's elements, and the one behind its last."""
    low = high = address_of(array)
    for length, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return low, high + array.dtype.itemsize


def _axes(array: Any) -> tuple[list[int], int]:
    """The axes that leave gaps, and how many bytes lie together under them."""
    width = array.dtype.itemsize
    axes = [axis for axis, length in enumerate(array.shape) if length > 1]
    axes.sort(key=lambda axis: abs(array.strides[axis]))
    for at, axis in enumerate(axes):
        if abs(array.strides[axis]) > width:
            return axes[at:], width
        width += (array.shape[axis] - 1) * abs(array.strides[axis])
    return [], width


def _grid(start: int, lengths: Iterable[int], strides: Iterable[int]) -> Any:
    """The places at these distances from each other."""
    import numpy as np

    places: Any = np.array([start], "i8")
    for length, stride in zip(lengths, strides, strict=True):
        places = np.add.outer(places, np.arange(length, dtype="i8") * stride).reshape(-1)
    return places


def _merged(pieces: Any) -> tuple[Any, Any]:
    """Where the places begin and end when those that touch each other are one."""
    import numpy as np

    starts, ends = pieces[:, np.argsort(pieces[0], kind="stable")]
    reach = np.maximum.accumulate(ends)
    first = np.concatenate([[True], starts[1:] > reach[:-1]])
    last = np.concatenate([first[1:], [True]])
    return starts[first], reach[last]
