"""The door in and the door out: values to bytes and back (promises 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from perdure.errors import NotKeepable

from .attempt import Terms, attempt, decoded
from .model import Encoded, Refusal
from .paths import described, locate
from .plain import packed
from .preview import preview

_MOST = 8
"""Parts of one value that are named as not keepable; the others are found once these are mended."""

_IMMUTABLE = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented)}
)
_ATOMS = frozenset({type(None), bool, int, float, str})
_LEVELS = 8
"""Tuples in tuples that are looked through for what could be changed."""
_NOTHING: Mapping[int, str] = {}


def encode(
    value: Any,
    *,
    name: str = "result",
    externals: Mapping[str, Any] | None = None,
    pickles: bool = True,
    check_all: bool = False,
) -> Encoded:
    """The value as bytes, exactly (promise 4). Large memory is not copied: the buffers are views of it.

    Args:
        value: anything.
        name: what it is called in messages.
        externals: objects that live outside the value; it refers to them by name where it meets them.
        pickles: False refuses what nothing but a pickle could keep.
        check_all: load it again and compare, whatever its size; otherwise that is done under 1 MiB.

    Raises:
        NotKeepable: parts of it cannot be kept; path, type and advice for each are in the message.
    """
    return _encode(value, name, Terms(externals or {}, pickles=pickles, check_all=check_all))


def encode_atom(value: Any) -> Encoded | None:
    """A number, a text or nothing as `encode` gives it on any terms, quickly; None for every other value."""
    stream = packed(value, _NOTHING) if type(value) in _ATOMS else None
    return None if stream is None else Encoded("plain", stream, (), {}, preview(value))


def is_fixed(value: Any, levels: int = _LEVELS) -> bool:
    """Whether a value is plain, and nothing in it can be changed, so that it is as good as a copy."""
    cls = type(value)
    if cls in _IMMUTABLE:
        return True
    return cls is tuple and levels > 0 and all(is_fixed(item, levels - 1) for item in value)


def _encode(value: Any, name: str, terms: Terms) -> Encoded:
    try:
        return attempt(value, terms)
    except Refusal as refusal:
        raise _not_keepable(value, name, refusal, terms) from refusal.__cause__


def encode_namespace(
    values: Mapping[str, Any],
    *,
    externals: Mapping[str, Any] | None = None,
    pickles: bool = True,
    check_all: bool = False,
    trial: bool = True,
) -> tuple[Encoded, dict[str, NotKeepable]]:
    """Names and their values as one: what they share stays shared. Decodes to a dict.

    Args:
        values: by name.
        externals: as for `encode`.
        pickles: as for `encode`.
        check_all: as for `encode`.
        trial: False for what is not kept, but sent to a process and decoded there: nothing is loaded here.

    Returns:
        The names that can be kept, and for each of the others why it cannot.
    """
    kept, refused = dict(values), dict[str, NotKeepable]()
    terms = Terms(externals or {}, pickles=pickles, check_all=check_all, preview=trial, trial=trial)
    while True:
        try:
            return attempt(kept, terms), refused
        except Refusal as refusal:
            for name in _culprits(kept, refusal, terms):
                refused[name] = _not_keepable(kept[name], name, refusal, terms)
                del kept[name]


def _culprits(kept: dict[str, Any], refusal: Refusal, terms: Terms) -> list[str]:
    """The names through which the refused part is reached; never empty."""
    # Other names that lead to a part which has a name itself are looked for once it is gone.
    reaching = [name for name, value in kept.items() if value is refusal.part] or [
        name for name, value in kept.items() if locate(value, name, refusal.part)
    ]
    found = [name for name in reaching or kept if _is_refused(kept[name], terms)]
    return found or reaching or list(kept)


def _is_refused(value: Any, terms: Terms) -> bool:
    """Whether a value is refused by itself: one that leads to a bad part may leave it out."""
    try:
        attempt(value, terms)
    except Refusal:
        return True
    return False


def _not_keepable(value: Any, name: str, refusal: Refusal, terms: Terms) -> NotKeepable:
    """The error for a value, with all the parts of it that cannot be kept."""
    refusals = [refusal, *_others(value, refusal, terms)]
    told = {}
    for each in refusals:
        path = locate(value, name, each.part) or name
        told[path, each.cause] = {
            "path": path,
            "type": described(each.part),
            "cause": each.cause,
            "advice": each.advice,
        }
    first, *others = told.values()
    more = "".join("\nNor can `{path}`: it is {type}. {cause} {advice}".format_map(other) for other in others)
    return NotKeepable(**first, more=more)


def _others(value: Any, first: Refusal, terms: Terms) -> list[Refusal]:
    """What else is refused when the parts that are known to be are passed over."""
    found = [first]
    while len(found) < _MOST and found[-1].part is not value:
        aside = {f"refused part {at}": each.part for at, each in enumerate(found)}
        try:
            attempt(value, replace(terms, externals={**terms.externals, **aside}))
        except Refusal as refusal:
            if any(refusal.part is each.part for each in found):
                break
            found.append(refusal)
        else:
            break
    return found[1:]


def decode(encoded: Encoded, *, externals: Mapping[str, Any] | None = None, trust: str = "full") -> Any:
    """The value as it was. Whoever calls this has verified the signature (promise 8).

    Writable buffers become the value's own memory; read-only ones are copied.

    Args:
        encoded: what `encode` gave.
        externals: the objects by the names that `encode` was told.
        trust: "safe" makes objects of classes, but unpickles nothing; "plain" makes built-in values and
            those of the standard library only.

    Raises:
        Damaged: the bytes are malformed.
        NotLoadable: a package, a class or an external is missing; the sentence names it.
        Untrusted: the value needs more trust than was given.
    """
    return decoded(encoded, externals, trust)[0]


def copy_value(value: Any, *, name: str = "value") -> Any:
    """A copy by value, through the codec: alike in type, content, sharing inside, and mutability (promise 3).

    Raises:
        NotKeepable: as `encode`.
    """
    if type(value) in _IMMUTABLE:
        return value
    return decode(_encode(value, name, Terms({}, preview=False)))
