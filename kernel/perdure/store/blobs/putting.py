"""How bytes become a blob: written once, or not at all where they are there, or as pieces of what is there.

1. A name is given out only after its bytes were hashed, and written or found.
2. Bytes count as there only if their file was seen to be right, or was compared just now. Of memory that is a
   file's own, untouched, the name is known without a look.
3. A recipe refers to bytes that were compared, of whole blobs that were made young, and is written last.
4. What is dated has its date before it has its name, and takes the place of nothing: whoever puts the same
   bytes afterwards makes it young.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perdure.store.files import make_private, newborn, write_whole

from . import memory
from .chunks import CHUNK, Index, cut, digest, row_length, spread
from .hashing import Hashing, name_of
from .ledger import Ledger
from .recipe import MOST_SOURCES, Piece, Recipe, joined
from .shelf import Flaw, Shelf

PIECED = 8 << 20
"""Bytes from which on a buffer is hashed beside the write, and stored as pieces if half of it is known. Of a
smaller one, all must be: one small file then takes the place of a larger one."""

_Place = tuple[str, int] | None


class Putting:
    """Puts blobs on a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._index = Index(Ledger(shelf.folder / "chunks"))

    def put(self, data: bytes | memoryview, *, durable: bool, dated: float | None = None) -> str:
        """Keep the bytes; return their name."""
        view = memory.plain(data)
        make_private(self._shelf.folder)
        lying = self._lying(view)
        if lying is not None and self._there(lying, [view], view, durable=durable):
            return lying
        if dated is not None:
            return self._put_dated(view, dated, durable=durable)
        if view.nbytes >= PIECED:
            return self._put_large(view, cut(view, row_length(data)), durable=durable)
        name = name_of(view)
        if not self._there(name, [view], view, durable=durable):
            chunks = cut(view, row_length(data)) if view.nbytes >= CHUNK else []
            self._put_small(name, view, chunks, durable=durable)
        return name

    def _lying(self, view: memoryview) -> str | None:
        """The whole blob that is mapped here, if nobody wrote to it: its bytes need not be looked at."""
        if view.nbytes < memory.MAPPED:
            return None
        from .untouched import place_of

        place = place_of(memory.address(view), view.nbytes)
        if place is None or place.offset or not self._shelf.is_whole(place.name, view.nbytes):
            return None
        return place.name

    def tidy(self, present: set[str]) -> None:
        """Forget the chunks of blobs that are gone."""
        self._index.tidy(present)

    def _put_dated(self, view: memoryview, dated: float, *, durable: bool) -> str:
        """Store it as a whole with this date, unknown to those who look for pieces."""
        name = name_of(view)
        if not self._there(name, [view], view, durable=durable):
            with newborn(self._shelf.folder, step="blob") as file:
                file.write([view], early=durable)
                new = file.settle_new(self._place(name), dated, durable=durable)
            if new:
                self._shelf.note(self._shelf.state(name))
            else:  # somebody put it just now, or what is there is damaged
                return self.put(view, durable=durable)
        return name

    def _put_small(self, name: str, view: memoryview, chunks: Sequence[memoryview], *, durable: bool) -> None:
        if chunks:
            self._index.refresh()
        digests = [digest(chunk) for chunk in chunks]
        found = [self._index.find(known) for known in digests]
        if None not in found and self._put_pieces(
            name, chunks, self._compared(chunks, found), durable=durable
        ):
            return
        write_whole(self._place(name), view, durable=durable, step="blob")
        self._shelf.note(self._shelf.state(name))
        self._index.add(name, zip(map(len, chunks), digests, strict=True))

    def _put_large(self, view: memoryview, chunks: list[memoryview], *, durable: bool) -> str:
        self._index.refresh()
        sample = [self._index.find(digest(chunk)) for chunk in spread(chunks)]
        if 2 * (len(sample) - sample.count(None)) < len(sample):
            return self._put_whole(chunks, view, durable=durable)
        digests = [digest(chunk) for chunk in chunks]
        found = [self._index.find(known) for known in digests]
        if None not in found:  # nothing changed, or something was left out
            name = name_of(view)
            if self._there(name, [view], view, durable=durable):
                return name
            pieces = self._compared(chunks, found)
        else:
            with Hashing([view], digests=False) as hashing:
                pieces = self._compared(chunks, found)
                name = hashing.name()
            if self._there(name, [view], view, durable=durable):
                return name
        if not self._put_pieces(name, chunks, pieces, durable=durable):
            self._put_whole(chunks, view, durable=durable)
        return name

    def _compared(self, chunks: Sequence[memoryview], found: Sequence[_Place]) -> list[_Place]:
        """The places at which the chunks really are."""
        by_source: dict[str, list[int]] = {}
        for at, place in enumerate(found):
            if place is not None:
                by_source.setdefault(place[0], []).append(at)
        real: list[_Place] = [None] * len(chunks)
        for source, numbers in by_source.items():
            views = [(chunks[at], place[1]) for at in numbers if (place := found[at])]
            for at, same in zip(numbers, self._shelf.matching(source, views), strict=True):
                real[at] = found[at] if same else None
        return real

    def _put_pieces(
        self, name: str, chunks: Sequence[memoryview], places: Sequence[_Place], *, durable: bool
    ) -> bool:
        """Store a recipe, and what is new as a whole blob; False where all is better stored as a whole."""
        size = sum(map(len, chunks))
        known = sum(len(chunk) for chunk, place in zip(chunks, places, strict=True) if place)
        sources = dict.fromkeys(place[0] for place in places if place)
        enough = 2 * known >= size if size >= PIECED else 0 < known == size
        damaged = self._shelf.path(name).exists()  # what is there as a whole comes first
        if not enough or len(sources) >= MOST_SOURCES or damaged:
            return False
        try:
            for source in sources:
                self._shelf.renew(self._shelf.state(source))
        except FileNotFoundError:  # it was collected just now
            return False
        new = [chunk for chunk, place in zip(chunks, places, strict=True) if place is None]
        added = self._put_whole(new, None, durable=durable) if new else ""
        recipe = _recipe(chunks, places, added)
        if durable:
            self._shelf.sync(map(self._shelf.path, sources))
        self._place(name)
        write_whole(self._shelf.recipe_path(name), recipe.dump(), durable=durable, step="recipe")
        self._shelf.note(self._shelf.state(name, recipe))
        return True

    def _put_whole(self, chunks: list[memoryview], view: memoryview | None, *, durable: bool) -> str:
        """Write the chunks as one blob while they are hashed; `view` is all of them where that is one memory.

        Without a view, a blob that is there as a recipe does not do.
        """
        with newborn(self._shelf.folder, step="blob") as file, Hashing(chunks) as hashing:
            file.write(chunks, early=durable)
            name = hashing.name()
            if not self._there(name, chunks, view, durable=durable):
                file.settle(self._place(name), durable=durable)
                self._shelf.note(self._shelf.state(name))
            self._index.add(name, zip(map(len, chunks), hashing.digests(), strict=True))
        return name

    def _there(
        self, name: str, chunks: Sequence[memoryview], view: memoryview | None, *, durable: bool
    ) -> bool:
        """Whether the blob is there already and right; it is then as young, and as durable, as a new one."""
        shelf, path = self._shelf, self._shelf.path(name)
        recipe: Recipe | None = None
        try:
            if not path.exists():
                recipe, _ = shelf.recipe(name)
                path = shelf.recipe_path(name)
            state = shelf.state(name, recipe)
            if not shelf.trusts(state):
                if not (self._pieces_hold(recipe, view) if recipe else self._holds(name, chunks)):
                    return False
                shelf.note(state)
            if recipe and view is None:
                return False
            shelf.renew(state)
        except (FileNotFoundError, Flaw, memory.NotRegular, EOFError):
            return False
        if durable:
            shelf.sync([*(shelf.path(source) for source, _ in state.sources), path])
        return True

    def _holds(self, name: str, chunks: Sequence[memoryview]) -> bool:
        """Whether the whole blob consists of just these chunks."""
        views, at = [], 0
        for chunk in chunks:
            views.append((chunk, at))
            at += len(chunk)
        return self._shelf.path(name).stat().st_size == at and all(self._shelf.matching(name, views))

    def _pieces_hold(self, recipe: Recipe, view: memoryview | None) -> bool:
        """Whether the pieces make just these bytes."""
        return (
            view is not None
            and recipe.size == len(view)
            and all(
                all(
                    self._shelf.matching(
                        source, [(view[at : at + piece.length], piece.offset) for at, piece in placed]
                    )
                )
                for source, placed in recipe.by_source()
            )
        )

    def _place(self, name: str) -> Path:
        """Where the blob is going to lie, in a folder that is there."""
        path = self._shelf.path(name)
        make_private(path.parent)
        return path


def _recipe(chunks: Sequence[memoryview], places: Sequence[_Place], added: str) -> Recipe:
    """The recipe of the chunks; those without a place follow each other in the blob `added`."""
    pieces, at = [], 0
    for chunk, place in zip(chunks, places, strict=True):
        if place is None:
            pieces.append(Piece(added, at, len(chunk)))
            at += len(chunk)
        else:
            pieces.append(Piece(*place, len(chunk)))
    return joined(pieces)
