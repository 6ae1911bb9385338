"""The items of a loop, counted, and remembered by a digest of those that are done.

The digest tells whether the part that is done is still the same: numbers, texts, dates, paths and tuples of
them count by content; anything else by its type, shape and dtype, because to read it all would cost too much.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Protocol

import xxhash

_PLAIN = frozenset({type(None), bool, int, float, complex, type(...)})
_TEXTS = frozenset({str, bytes})
_NAMED = frozenset({"datetime", "decimal", "fractions", "pathlib", "uuid"})
"""Modules whose objects tell by their `repr` what they are."""
_SHAPED = frozenset({"numpy", "pandas", "polars", "pyarrow", "torch", "scipy", "xarray"})
"""Packages whose objects may be asked for their shape."""
_LONG, _MANY, _DEEP = 4096, 16, 4


class Fewer(Exception):  # noqa: N818  it is turned into an error that names the loop
    """There are fewer items than are done. Its argument tells how many there are."""


class Done(Protocol):
    """The items that were handed out so far."""

    total: int | None
    """How many there are, where that is known."""

    def digest(self) -> str:
        """Digest of those that were handed out."""


class Items:
    """Hands out the items of an iterable one by one.

    Args:
        iterable: what is iterated, once.
    """

    def __init__(self, iterable: Iterable[Any]) -> None:
        self.total = length(iterable)
        self._range = iterable if type(iterable) is range else None
        self._count = 0
        self._hasher = xxhash.xxh3_128()
        self._rest: Iterator[Any] = iter(iterable)

    def skip(self, count: int) -> None:
        """Pass over so many items: those of a range at once, all others by asking for them.

        Raises:
            Fewer: there are not so many.
        """
        if self._range is not None:
            if count > len(self._range):
                raise Fewer(len(self._range))
            self._rest = iter(self._range[count:])
            self._count = count
            return
        for number in range(count):
            try:
                next(self)
            except StopIteration:
                raise Fewer(number) from None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        item = next(self._rest)
        if self._range is None:
            self._hasher.update(told(item).encode("utf-8", "surrogatepass"))
        else:
            self._count += 1
        return item

    def digest(self) -> str:
        """Digest of the items that were handed out."""
        if self._range is None:
            return self._hasher.hexdigest()
        done = self._range[: self._count]
        step = done.step if len(done) > 1 else 0
        return xxhash.xxh3_128_hexdigest(f"range {done.start} {step} {len(done)}".encode())


class AsyncItems:
    """Hands out the items of an asynchronous iterable one by one.

    Args:
        iterable: what is iterated, once.
    """

    def __init__(self, iterable: AsyncIterable[Any]) -> None:
        self.total = length(iterable)
        self._hasher = xxhash.xxh3_128()
        self._rest: AsyncIterator[Any] = aiter(iterable)

    async def skip(self, count: int) -> None:
        """Ask for so many items, and leave them aside.

        Raises:
            Fewer: there are not so many.
        """
        for number in range(count):
            try:
                await self.next()
            except StopAsyncIteration:
                raise Fewer(number) from None

    async def next(self) -> Any:
        """The next item."""
        item = await anext(self._rest)
        self._hasher.update(told(item).encode("utf-8", "surrogatepass"))
        return item

    def digest(self) -> str:
        """Digest of the items that were handed out."""
        return self._hasher.hexdigest()


def length(iterable: object) -> int | None:
    """How many items there are, where the iterable tells."""
    sized: Any = iterable
    try:
        return len(sized)
    except TypeError:
        return None


def told(item: Any, deep: int = 0) -> str:
    """What is remembered of an item: its content where that is short, else its type, shape and dtype."""
    cls = type(item)
    if cls in _PLAIN:
        return f"{item!r};"
    if cls in _TEXTS:
        return f"{item!r};" if len(item) <= _LONG else f"{len(item)} {item[:_LONG]!r};"
    name = f"{cls.__module__}.{cls.__qualname__}"
    if cls in (tuple, list) and deep < _DEEP:
        inside = "".join(told(each, deep + 1) for each in item[:_MANY])
        return f"{name} {len(item)}({inside})"
    package = cls.__module__.partition(".")[0]
    if package in _NAMED:
        return f"{name} {item!r};"
    if package in _SHAPED:
        return f"{name} {_shaped(item)};"
    return f"{name};"


def _shaped(item: Any) -> str:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(item, numpy.generic):
        return repr(item)
    return f"{getattr(item, 'shape', '')} {getattr(item, 'dtype', '')}"
