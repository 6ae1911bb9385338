"""Where the kept turn of a loop lies: in a value with an id of its own, which each later turn takes over.

So a turn takes the place of the one before in one commit, whatever happens meanwhile. No record refers to
such a value: its id begins as that of the call whose code runs the loop, and it stays as long as that does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .records import NoteRecord

LOOP: Final = "loop"
"""Role of the value of a kept turn, and kind of the note that tells of it."""
OVER: Final = "loop over"
"""Role of what takes its place when the loop's call has ended: nothing needs that."""

_DIGITS = 8


def slot(call: str, path: str) -> str:
    """The id of the value in which the turns of a loop are kept.

    Args:
        call: id of the call whose code runs the loop, or another word for the place where it stands.
        path: which of the loops there it is.
    """
    import xxhash

    return f"v_{call.rpartition('_')[2]}{xxhash.xxh3_64_hexdigest(f'{call} {path}'.encode())[:_DIGITS]}"


def call_of(value: str) -> str:
    """The id of the call to whose loop a value with such an id belongs."""
    return f"c_{value.removeprefix('v_')[:-_DIGITS]}"


def last_kept(notes: Iterable[NoteRecord]) -> dict[str, float]:
    """When each call last kept a turn of one of its loops, by the call's id, as these notes tell."""
    found: dict[str, float] = {}
    for note in notes:
        if note.data.get("live"):
            call = str(note.data.get("id"))
            found[call] = max(note.at, found.get(call, 0.0))
    return found
