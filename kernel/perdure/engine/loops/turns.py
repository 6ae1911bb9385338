"""A kept turn: where a loop, and the loops around it, stood between two turns, and what their names held."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perdure.codec import Encoded
from perdure.engine import keeping
from perdure.engine.randomness import STATES
from perdure.errors import NotKeepable

_ABOUT = "<turn>"
"""What lies beside the names; no name of a user's looks like it."""
_FORM = 1
_MERSENNE = 3
"""Version of the states of `random` that consist of numbers of 32 bits."""


@dataclass(frozen=True, slots=True)
class Level:
    """One of the loops that run inside each other, the outermost first."""

    site: str
    """Which loop it is among those of its function, and of the turn around it."""
    done: int
    """How many of its turns are done; of a loop around another one, the next is under way."""
    names: Mapping[str, Any] = field(default_factory=dict)
    """What its `keep` names hold."""
    bar: str = ""
    """By what name its bar is known in `Turn.shown`."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What is kept of a loop between two turns."""

    levels: tuple[Level, ...]
    """The loops around it, and last the loop itself."""
    total: int | None
    items: str
    """Digest of the items that are done."""
    code: str
    """Digest of the code that runs the loop."""
    at: float
    random: Mapping[str, Any]
    """The states of random numbers after the turn."""
    start: Mapping[str, Any]
    """The states before the first item was asked for: what shuffles itself does so again."""
    shown: list[dict[str, Any]] = field(default_factory=list)
    """What the cell had shown by then."""

    @property
    def done(self) -> int:
        """How many turns of the loop are done."""
        return self.levels[-1].done

    @property
    def place(self) -> tuple[tuple[str, int], ...]:
        """In which turns of the loops around it the loop runs."""
        return tuple((level.site, level.done) for level in self.levels[:-1])


def encoded(turn: Turn) -> tuple[Encoded, dict[str, NotKeepable]]:
    """A turn as bytes, with one memo for all names; and why, by name, what cannot be kept is left out.

    Large memory is not copied: the bytes are views of it.
    """
    about = {
        "form": _FORM,
        "levels": [[level.site, level.done, list(level.names), level.bar] for level in turn.levels],
        **{name: getattr(turn, name) for name in ("total", "items", "code", "at")},
        **{name: _packed(getattr(turn, name)) for name in ("random", "start")},
        "shown": turn.shown,
    }
    values = {
        _key(at, name): each for at, level in enumerate(turn.levels) for name, each in level.names.items()
    }
    made, refused = keeping.encode_namespace({**values, _ABOUT: about})
    return made, {key.partition(" ")[2]: _renamed(error, key) for key, error in refused.items()}


def _renamed(error: NotKeepable, key: str) -> NotKeepable:
    """The error with the name as it stands in the user's code."""
    name = key.partition(" ")[2]
    told = {field: error.fields[field].replace(key, name) for field in ("path", "more")}
    renamed = NotKeepable(**{**error.fields, **told})
    renamed.__cause__ = error.__cause__
    return renamed


def decoded(made: Encoded, subject: str) -> Turn:
    """The turn as it was; its signature was verified.

    Raises:
        NotLoadable, Damaged, Untrusted: as `keeping.decode`.
    """
    values = keeping.decode(made, subject=subject)
    about = values.pop(_ABOUT)
    levels = tuple(
        Level(site, done, {name: values[_key(at, name)] for name in names if _key(at, name) in values}, bar)
        for at, (site, done, names, bar) in enumerate(about["levels"])
    )
    known: dict[str, Any] = {name: about[name] for name in ("total", "items", "code", "at", "shown")}
    known |= {name: _unpacked(about[name]) for name in ("random", "start")}
    return Turn(levels, **known)


def _packed(states: Mapping[str, Any]) -> dict[str, Any]:
    """The states of random numbers; the hundreds of numbers of Python's own as bytes, which is quicker."""
    found = dict(states)
    version, numbers, *rest = found.get(STATES[0], (0, ()))
    if version == _MERSENNE:
        found[STATES[0]] = (version, struct.pack(f"<{len(numbers)}I", *numbers), *rest)
    return found


def _unpacked(states: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(states)
    version, packed, *rest = found.get(STATES[0], (0, b""))
    if version == _MERSENNE:
        found[STATES[0]] = (version, struct.unpack(f"<{len(packed) // 4}I", packed), *rest)
    return found


def _key(level: int, name: str) -> str:
    return f"{level} {name}"
