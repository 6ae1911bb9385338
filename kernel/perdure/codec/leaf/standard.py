"""Exact reduced forms of the standard library's objects that pickle changes, warns of, or cannot take."""

from __future__ import annotations

import functools
import gc
import io
import itertools
import random
import struct
from collections.abc import Callable
from typing import Any, cast

from perdure.codec.model import Refusal
from perdure.codec.rows.state import fill_attributes
from perdure.codec.rows.streams import bytes_parts, make_bytes, make_text, text_parts

from .iterators import reduced_iterator
from .weak import reduced_weak

_PARTIAL: Any = functools.partial


def _reduce_stream(parts: Callable[[Any], list[Any]], make: Callable[..., Any]) -> Callable[[Any], Any]:
    def reduce(stream: Any) -> Any:
        if stream.closed:
            return NotImplemented  # pickle says what is wrong with it
        *made, attributes = parts(stream)
        return make, tuple(made), (None, attributes), None, None, fill_attributes

    return reduce


def _reduce_count(count: Any) -> Any:
    # A count in small steps of one holds its place where nobody sees it, but shows it.
    # From Python 3.12 on its type is among what it refers to.
    *start, step = (part for part in gc.get_referents(count) if part is not itertools.count)
    return itertools.count, (*(start or [int(repr(count)[len("count(") : -1])]), step)


def _reduce_repeat(repeat: Any) -> Any:
    *_, item = gc.get_referents(repeat)
    try:
        return itertools.repeat, (item, cast("Any", repeat).__length_hint__())
    except TypeError:  # it has no end
        return itertools.repeat, (item,)


_FORMS: dict[type, Callable[[Any], Any]] = {
    io.BytesIO: _reduce_stream(bytes_parts, make_bytes),
    io.StringIO: _reduce_stream(text_parts, make_text),
    itertools.count: _reduce_count,
    itertools.repeat: _reduce_repeat,
    random.SystemRandom: lambda value: (
        *(random.SystemRandom, (), (None, vars(value)), None, None, fill_attributes),
    ),
    struct.Struct: lambda value: (struct.Struct, (value.format,)),
}


KEPT: dict[str, str] = {
    "random.Random, random.SystemRandom": (
        "class, state and attributes; the generator behind `random.random` by its name"
    ),
    "decimal.Context": "its settings and flags",
    "itertools.count, itertools.repeat": "where it stands",
    "other iterators of itertools": (
        "what it goes over, as far as this Python tells (up to 3.13); one that was advanced is refused"
    ),
    "iterators of lists, tuples, ranges, deques, texts and bytes": (
        "what it goes over; one that was advanced is refused, and so are those of sets and dicts"
    ),
    "enumerate, filter, map, reversed, zip": "what it goes over; one that was advanced is refused",
    "operator.attrgetter, operator.itemgetter, operator.methodcaller": "what it asks for",
    "string.Template": "its attributes",
    "types.GenericAlias, types.UnionType, typing.Generic[...]": (
        "what it is made of: `list[int]`, `int | None`, `Annotated[...]`"
    ),
    "methods of built-in objects": "the object and the name",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduced_standard(obj: Any) -> Any:
    """The reduced form of such an object, or `NotImplemented`.

    Raises:
        Refusal: the object cannot be kept as it is.
    """
    cls = type(obj)
    own = _FORMS.get(cls)
    if own is not None:
        return own(obj)
    if isinstance(obj, _PARTIAL) and cls.__reduce__ is _PARTIAL.__reduce__:
        made, args, state = obj.__reduce__()
        return made, args, (*state[:3], state[3] or None)  # it may have attributes, and none of them
    iterator = reduced_iterator(obj)
    if iterator is not NotImplemented:
        return iterator
    if isinstance(obj, io.StringIO) and not obj.closed and obj.newlines is not None:
        raise Refusal(
            obj,
            "It has seen line ends, which pickle forgets for a class derived from StringIO.",
            "Keep its text (`.getvalue()`) and its position (`.tell()`).",
        )
    return reduced_weak(obj)
