"""Arrays that share memory inside one value: found on a first pass over it, kept as windows on a second.

An array is one object, and its memory another: `a` and `a[:10]` are two arrays, and a change in one shows in
the other. Which arrays overlap is known only when all were met, so a value in which some do is encoded twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from perdure.codec.model import Refusal

from .row import resolve

_T = TypeVar("_T")

_FEW = 32
"""Arrays in one place of memory that are compared pair by pair; more are taken to share some."""


@dataclass(slots=True)
class _Region:
    """Memory that several arrays of a value share: from an address to another, as one array."""

    low: int
    high: int
    segment: Any


@dataclass(slots=True)
class _Memory:
    """What is known of the memory of one value."""

    met: dict[int, tuple[int, int, Any]] = field(default_factory=dict)
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
        return encode() if memory.regions else found


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


def window_of(array: Any) -> Window | None:
    """The memory in which the array is a window, with others or over itself; None where it stands alone.

    Raises:
        Refusal: objects are shared in a way that cannot be told.
    """
    if array.size == 0 or array.dtype.itemsize == 0 or array.dtype.kind == "T":
        return None
    lender = _lender(array)
    if lender is not None:
        return Window(lender, _address(array) - _address(_seen(lender)))
    memory = _memory.get()
    low, high = _bounds(array)
    if memory and memory.regions:
        # They lie apart, in order: only the last that begins at the array or before it can hold it.
        region = memory.regions[bisect_right(memory.regions, low, key=lambda each: each.low) - 1]
        if region.low <= low and high <= region.high:
            return None if array is region.segment else Window(region.segment, _address(array) - region.low)
    if memory and not memory.regions:
        memory.met[id(array)] = low, high, array
    return Window(_segment(array, low, high), _address(array) - low) if _over_itself(array) else None


def open_window(segment: Any, offset: int, shape: list[int], strides: list[int], dtype: Any) -> Any:
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


def _address(array: Any) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _bounds(array: Any) -> tuple[int, int]:
    """The first address of the array's elements, and the one behind its last."""
    low = high = _address(array)
    for length, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return low, high + array.dtype.itemsize


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


def _regions(met: Iterable[tuple[int, int, Any]]) -> Iterator[_Region]:
    """The places of memory in which arrays overlap."""
    ordered = sorted(met, key=lambda each: each[:2])
    group: list[Any] = []
    low = high = 0
    for start, end, array in [*ordered, (1 << 64, 1 << 64, None)]:
        if start >= high:
            if _share(group):
                owner = max(group, key=lambda each: each.nbytes)
                yield _Region(low, high, _segment(owner, low, high))
            group, low, high = [], start, end
        group.append(array)
        high = max(high, end)


def _share(group: list[Any]) -> bool:
    """Whether any two of the arrays have a byte in common."""
    if len(group) < 2:  # noqa: PLR2004  none has another beside it
        return False
    import numpy as np

    shares: Any = np.shares_memory
    if len(group) > _FEW:
        return True
    for at, array in enumerate(group):
        for other in group[:at]:
            try:
                if shares(array, other, max_work=1000):
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
    start = (low - _address(owner)) // owner.itemsize
    return owner.view(np.ndarray).ravel("K")[start : start + (high - low) // owner.itemsize]
