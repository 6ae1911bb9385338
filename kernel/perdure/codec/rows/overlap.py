"""Arrays that share memory inside one value: found on a first pass over it, kept as windows on a second.

An array is one object, and its memory another: `a` and `a[:10]` are two arrays, and a change in one shows in
the other. Which arrays overlap is known only when all were met, so a value in which some do is encoded twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from perdure.codec.model import Refusal

from .row import resolve
from .runs import Runs, address_of, bounds_of, runs_of

_T = TypeVar("_T")

_FEW = 32
"""Arrays in one place of memory that are compared pair by pair; more are taken to share some."""


@dataclass(slots=True)
class _Region:
    """Memory that several arrays of a value share: from an address to another, as one array."""

    low: int
    high: int
    segment: Any
    runs: Runs | None
    """What of that memory the segment holds; all of it where this is None."""


class _Met(NamedTuple):
    """An array, the place of its memory, and whether nobody writes through it."""

    low: int
    high: int
    array: Any
    fixed: bool


@dataclass(slots=True)
class _Memory:
    """What is known of the memory of one value."""

    met: dict[int, _Met] = field(default_factory=dict)
    regions: list[_Region] = field(default_factory=list)


_memory: ContextVar[_Memory | None] = ContextVar("perdure_memory", default=None)


def keeping_overlaps(encode: Callable[[], _T]) -> _T:
    """What `encode` gives, in which arrays that share memory do so again (promise 3)."""
    if _memory.get() is not None:  # inside another value
        return encode()
    memory = _Memory()
    with _as_current(memory):
        found = encode()
        memory.regions = list(_regions(memory.met.values()))
        if memory.regions:
            del found  # it may hold copies
            return encode()
        return found


@contextmanager
def _as_current(memory: _Memory) -> Iterator[None]:
    token = _memory.set(memory)
    try:
        yield
    finally:
        _memory.reset(token)


@dataclass(frozen=True, slots=True)
class Window:
    """Where an array lies in another."""

    segment: Any
    offset: int
    strides: tuple[int, ...]


def window_of(array: Any, *, fixed: bool = False) -> Window | None:
    """The memory in which the array is a window, with others or over itself; None where it stands alone.

    Args:
        array: of numpy.
        fixed: whether nobody writes through it, so that it does not matter what it shares with its like.

    Raises:
        Refusal: objects are shared in a way that cannot be told.
    """
    if array.size == 0 or array.dtype.itemsize == 0 or array.dtype.kind == "T":
        return None
    lender = _lender(array)
    if lender is not None:
        return Window(lender, address_of(array) - address_of(_seen(lender)), array.strides)
    memory = _memory.get()
    low, high = bounds_of(array)
    if memory and memory.regions:
        # They lie apart, in order: only the last that begins at the array or before it can hold it.
        region = memory.regions[bisect_right(memory.regions, low, key=lambda each: each.low) - 1]
        if region.low <= low and high <= region.high:
            return None if array is region.segment else _window_in(region, array)
    if memory and not memory.regions:
        memory.met[id(array)] = _Met(low, high, array, fixed)
    if not _over_itself(array):
        return None
    return Window(_segment(array, low, high), address_of(array) - low, array.strides)


def _window_in(region: _Region, array: Any) -> Window:
    if region.runs is None:
        return Window(region.segment, address_of(array) - region.low, array.strides)
    return Window(region.segment, *region.runs.place_of(array))


def open_window(segment: Any, offset: int, shape: Sequence[int], strides: Sequence[int], dtype: Any) -> Any:
    """The array that lies at this place of the segment."""
    import numpy as np

    if not dtype.hasobject and dtype.kind != "T":
        return np.ndarray(tuple(shape), dtype, segment, offset, tuple(strides))
    reach = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
    low, high = (offset + sum(f(0, each) for each in reach) for f in (min, max))
    inside = low >= 0 and high + dtype.itemsize <= segment.nbytes and min(shape, default=1) > 0
    if segment.dtype != dtype or segment.ndim != 1 or not segment.flags.c_contiguous or not inside:
        raise ValueError("a window does not lie in its memory")
    return np.lib.stride_tricks.as_strided(segment[offset // dtype.itemsize :], tuple(shape), tuple(strides))


def _lender(array: Any) -> Any:
    """The bytearray or `array.array` in whose memory the array lies, or None."""
    base = array.base
    while base is not None and hasattr(base, "base"):
        base = base.base
    if type(base) is memoryview:
        base = base.obj
    return base if type(base) is bytearray or type(base) is resolve("array", "array") else None


def _seen(lender: Any) -> Any:
    """The memory of a lender as an array."""
    import numpy as np

    return np.frombuffer(lender, "u1")


def _over_itself(array: Any) -> bool:
    """Whether elements of the array may lie on each other, as in one that was broadcast."""
    if array.flags.forc:
        return False
    reach = array.dtype.itemsize
    for stride, length in sorted(
        (abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1
    ):
        if stride < reach:
            return True
        reach += (length - 1) * stride
    return False


def _regions(met: Iterable[_Met]) -> Iterator[_Region]:
    """The places of memory in which arrays overlap."""
    group: list[_Met] = []
    high = 0
    for each in [*sorted(met, key=lambda one: one[:2]), _Met(1 << 64, 1 << 64, None, fixed=True)]:
        if each.low >= high:
            if _share(group):
                yield _region([one.array for one in group], group[0].low, high)
            group = []
        group.append(each)
        high = max(high, each.high)


def _region(arrays: list[Any], low: int, high: int) -> _Region:
    """The memory that the arrays share, without what none of them uses where that is much."""
    segment = _segment(max(arrays, key=lambda each: each.nbytes), low, high)
    runs = runs_of(arrays, low, high)
    if runs is None:
        return _Region(low, high, segment, None)
    return _Region(low, high, _filled(runs, arrays, segment.dtype), runs)


def _filled(runs: Runs, arrays: list[Any], dtype: Any) -> Any:
    """A segment with the elements of the arrays, each in its place."""
    import numpy as np

    segment: Any = np.zeros(runs.size // dtype.itemsize, dtype)
    for array in arrays:
        cell = dtype if dtype.hasobject else np.dtype(("V", array.dtype.itemsize))
        offset, strides = runs.place_of(array)
        open_window(segment, offset, array.shape, strides, cell)[...] = array.view(np.ndarray).view(cell)
    return segment


def _share(group: list[_Met]) -> bool:
    """Whether any two of the arrays, of which one may be written, have a byte in common."""
    if len(group) < 2 or all(each.fixed for each in group):  # noqa: PLR2004
        return False
    import numpy as np

    shares: Any = np.shares_memory
    if len(group) > _FEW:
        return True
    for at, each in enumerate(group):
        for other in group[:at]:
            try:
                if not (each.fixed and other.fixed) and shares(each.array, other.array, max_work=1000):
                    return True
            except Exception:  # noqa: BLE001  too hard to tell: then they are taken to share
                return True
    return False


class _Bytes:
    """Memory that numpy is told of by its address."""

    def __init__(self, owner: Any, low: int, high: int) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3,
            "data": (low, False),
            "shape": (high - low,),
            "typestr": "|u1",
        }


def _segment(array: Any, low: int, high: int) -> Any:
    """The memory between two addresses, as an array of one dimension over it."""
    import numpy as np

    if not array.dtype.hasobject:
        return np.asarray(_Bytes(array, low, high))
    owner = base = array
    while base is not None:  # numpy puts an object of its own between some windows and their array
        owner = base if isinstance(base, np.ndarray) else owner
        base = getattr(base, "base", None)
    if owner.dtype != array.dtype or array.dtype.kind != "O" or not owner.flags.forc:
        cause = "It shares its objects with another array in a way that cannot be told."
        raise Refusal(array, cause, "Keep copies of the arrays (`.copy()`).")
    start = (low - address_of(owner)) // owner.itemsize
    return owner.view(np.ndarray).ravel("K")[start : start + (high - low) // owner.itemsize]
