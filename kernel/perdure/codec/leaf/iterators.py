"""Iterators: kept as long as nobody advanced them, then refused (decision 17).

What an iterator goes over is asked of its own `__reduce__`, which moves nothing. Python has that for those of
itertools up to 3.13, and from 3.12 on warns of it, here in silence; on later ones they are refused.
"""

from __future__ import annotations

import array
import collections
import itertools
import warnings
from collections.abc import Callable
from typing import Any

from perdure.codec.model import Refusal


class _Indexed:
    """Anything that `reversed` and `iter` go through by its items."""

    def __len__(self) -> int:
        return 0

    def __getitem__(self, at: int) -> Any:
        raise IndexError(at)


def _at_index(form: Any) -> bool:
    """From Python 3.12 on that of a range has no index: what is left of it is a range."""
    return bool(form[2:] and form[2])


def _at_index_from_end(form: Any) -> bool:
    return bool(form[2:]) and form[2] != len(form[1][0]) - 1


def _at_argument(form: Any) -> bool:
    return bool(form[1][1])


def _never(_form: Any) -> bool:
    """By itself: what it goes over tells."""
    return False


def _with_state(form: Any) -> bool:
    return len(form) > 2  # noqa: PLR2004  function, arguments, state


def _chain(form: Any) -> bool:
    source, *current = form[2] if form[2:] else ((),)
    chained = _form(source)[1][0] if type(source) is type(iter(())) else ()
    return bool(current) or _is_begun(source) or any(map(_is_begun, chained))


def _tee(form: Any) -> bool:
    data, index = form[2]
    over, seen, _ = _form(data)[1]
    return bool(index or seen) or _is_begun(over)


_OVER: tuple[Any, ...] = (
    *([], (), "a", "\xe4", b"", bytearray(), range(0), range(2**70), array.array("b"), _Indexed()),
)
_REVERSED_DEQUE: type[Any] = type(reversed(collections.deque()))
_BEGUN: dict[type, Callable[[Any], bool]] = {
    **{type(iter(each)): _at_index for each in _OVER},
    type(reversed([])): _at_index_from_end,
    type(reversed(_Indexed())): _at_index_from_end,
    type(iter(collections.deque())): _at_argument,
    _REVERSED_DEQUE: _at_argument,
    **dict.fromkeys((enumerate, filter, map, zip), _never),
    **dict.fromkeys((itertools.compress, itertools.filterfalse, itertools.starmap), _never),
    itertools.zip_longest: _never,
    itertools.accumulate: lambda form: form[0] is not itertools.accumulate or form[2:] not in ((), (None,)),
    itertools.chain: _chain,
    itertools.cycle: lambda form: bool(form[2][0] or form[2][1]),
    itertools.dropwhile: _at_index,
    itertools.islice: _at_index,
    itertools.takewhile: _at_index,
    itertools.product: _with_state,
    itertools.permutations: _with_state,
    itertools.combinations: _with_state,
    itertools.combinations_with_replacement: _with_state,
    itertools.groupby: _with_state,
    type(itertools.tee(())[0]): _tee,
}
"""Iterators, and how their reduced form tells that they were advanced."""

_ADVICE = "Keep what it goes over and the position, or `list(...)` of it."


def reduced_iterator(iterator: Any) -> Any:
    """The reduced form of an iterator that was not advanced; `NotImplemented` for anything else.

    Raises:
        Refusal: it was advanced, or this Python tells nothing of it.
    """
    cls = type(iterator)
    begun = _BEGUN.get(cls)
    if begun is None and (cls.__module__ != "itertools" or cls is type):
        return NotImplemented
    try:
        form = _form(iterator)
    except TypeError:
        cause = "This Python does not tell what it goes over, nor where it stands."
        raise Refusal(iterator, cause, _ADVICE) from None
    if begun is not None and _is_begun(iterator):
        raise Refusal(iterator, "It was advanced, and stands in the middle of a pass.", _ADVICE)
    if cls is _REVERSED_DEQUE:  # its class has a name under which it is not found
        return reversed, form[1][:1]
    return (
        (*form[:3], None, None, set_position) if _with_state(form) and cls.__module__ == "itertools" else form
    )


def _form(iterator: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return iterator.__reduce__()


def _is_begun(iterator: Any) -> bool:
    """Whether it was advanced, or another that it takes its items from."""
    begun = _BEGUN.get(type(iterator))
    if begun is None:
        return False
    form = _form(iterator)
    return begun(form) or any(map(_is_begun, form[1]))


def set_position(iterator: Any, state: Any) -> None:
    """Put an iterator where it stood, without the warning that newer Pythons give."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        iterator.__setstate__(state)
