"""A blob that is stored as a recipe: which parts of which whole blobs it is put together from.

It never refers to another recipe. Nothing of it is believed before it was checked: it may come from anybody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from .chunks import NAME

SUFFIX = ".pieces"
"""What the file of a recipe is called after the name of its blob."""

FORMAT = 1
"""It is never raised without the journal's version: a Perdure that cannot read a recipe does not know what it
needs, and must not collect in its store."""
MOST_SOURCES = 64
"""Whole blobs that one recipe may need: each is opened, and none can be collected before it."""
_FAR = 1 << 62
"""Bytes that no file has: of more, the system could not even be asked."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a whole blob."""

    source: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """The pieces of a blob, in order."""

    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Bytes of the blob that it describes."""
        return sum(piece.length for piece in self.pieces)

    @property
    def sources(self) -> tuple[str, ...]:
        """The whole blobs that it needs, each once."""
        return tuple(dict.fromkeys(piece.source for piece in self.pieces))

    def by_source(self) -> Iterator[tuple[str, list[tuple[int, Piece]]]]:
        """Each source with its pieces, and where in the blob each of these begins."""
        placed, at = [], 0
        for piece in self.pieces:
            placed.append((at, piece))
            at += piece.length
        placed.sort(key=lambda pair: pair[1].source)
        for source, group in groupby(placed, lambda pair: pair[1].source):
            yield source, list(group)

    def dump(self) -> bytes:
        """As the bytes of its file."""
        number = {source: at for at, source in enumerate(self.sources)}
        pieces = [[number[piece.source], piece.offset, piece.length] for piece in self.pieces]
        return json.dumps({"format": FORMAT, "sources": list(number), "pieces": pieces}).encode()

    @staticmethod
    def load(data: bytes) -> Recipe:
        """The recipe in a file.

        Raises:
            ValueError: there is none.
        """
        try:
            found = json.loads(data)
            if found["format"] != FORMAT:
                raise ValueError(found["format"])
            sources = found["sources"]
            pieces = [Piece(sources[at], offset, length) for at, offset, length in found["pieces"]]
        except (KeyError, TypeError, IndexError, RecursionError) as error:
            raise ValueError(str(error)) from error
        recipe = Recipe(tuple(pieces))
        if not all(map(_well_formed, pieces)) or recipe.size >= _FAR:
            raise ValueError(pieces)
        return recipe


def _well_formed(piece: Piece) -> bool:
    numbers = type(piece.offset) is int and type(piece.length) is int
    named = isinstance(piece.source, str) and NAME.fullmatch(piece.source)
    return bool(named and numbers and 0 <= piece.offset < _FAR and 0 < piece.length < _FAR)


def joined(pieces: Iterable[Piece]) -> Recipe:
    """A recipe in which pieces that follow each other in one source are one."""
    made: list[Piece] = []
    for piece in pieces:
        last = made[-1] if made else None
        if last and last.source == piece.source and last.offset + last.length == piece.offset:
            made[-1] = Piece(last.source, last.offset, last.length + piece.length)
        else:
            made.append(piece)
    return Recipe(tuple(made))
