"""The files of a folder of blobs: where they lie, what is in them, and whether that was seen to be right."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perdure.store.files import folder_held, sync_path

from . import memory
from .hashes import Hashes
from .recipe import SUFFIX, Recipe
from .seen import Seen, fact


class Flaw(Exception):  # noqa: N818  it is turned into an error that names the blob
    """Why a blob cannot be had, as a sentence without its stop."""


@dataclass(frozen=True, slots=True)
class State:
    """The files that a blob was read from, as they were then."""

    name: str
    own: os.stat_result
    sources: tuple[tuple[str, os.stat_result], ...] = ()

    @property
    def whole(self) -> str:
        """The fact that the blob came out right of just these files."""
        return fact(self.name, self.own, *(status for _, status in self.sources))

    @property
    def parts(self) -> list[str]:
        """The facts that each of the files is right by itself, the blob's own first."""
        return [fact(self.name, self.own), *(fact(name, status) for name, status in self.sources)]


class Shelf:
    """The files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen = Seen(folder)
        self.hashes = Hashes(folder)

    def path(self, name: str) -> Path:
        """Where the blob lies as a whole."""
        return self.folder / name[:2] / name

    def recipe_path(self, name: str) -> Path:
        """Where its recipe lies, if it is stored as one."""
        return self.folder / name[:2] / f"{name}{SUFFIX}"

    def read(self, name: str, *, mapping: bool) -> tuple[memoryview, State]:
        """The bytes in memory of their own, not verified; with `mapping`, a large whole blob is mapped.

        Raises:
            Flaw: they cannot be had.
        """
        with _told():
            try:
                with _opened(self.path(name)) as (descriptor, status):
                    view = memory.mapped(descriptor, status.st_size) if mapping else None
                    if view is None:
                        view = memory.fresh(status.st_size)
                        memory.fill(view, descriptor, 0)
                    return view, State(name, status)
            except FileNotFoundError:
                recipe, status = self.recipe(name)
            view = memory.fresh(recipe.size)
            return view, State(name, status, tuple(self._assemble(recipe, view)))

    def recipe(self, name: str) -> tuple[Recipe, os.stat_result]:
        """The recipe of a blob that is not stored as a whole.

        Raises:
            FileNotFoundError: there is none.
            Flaw: it cannot be understood.
        """
        with _opened(self.recipe_path(name)) as (descriptor, status):
            data = memory.fresh(status.st_size)
            memory.fill(data, descriptor, 0)
        try:
            return Recipe.load(bytes(data)), status
        except ValueError as error:
            raise Flaw("the list of its pieces cannot be understood") from error

    def _assemble(self, recipe: Recipe, view: memoryview) -> Iterator[tuple[str, os.stat_result]]:
        for source, placed in recipe.by_source():
            try:
                with _opened(self.path(source)) as (descriptor, status):
                    for at, piece in placed:
                        memory.fill(view[at : at + piece.length], descriptor, piece.offset)
            except FileNotFoundError:
                raise Flaw(f"blob {source[:12]}, of which it has pieces, is missing") from None
            except EOFError:
                raise Flaw(f"blob {source[:12]}, of which it has pieces, is too short") from None
            yield source, status

    def trusts(self, state: State) -> bool:
        """Whether the blob is known to come out right of files in this state."""
        return self.seen.knows(state.whole) or all(map(self.seen.knows, state.parts))

    def is_whole(self, name: str, size: int) -> bool:
        """Whether the blob lies here as a whole, and is as large."""
        try:
            return self.path(name).stat().st_size == size
        except OSError:
            return False

    def holds(self, state: State) -> bool:
        """Whether the whole blob's file is still there as it was in this state, or known to be as good."""
        try:
            now = self.state(state.name)
        except OSError:
            return False
        return (now.own.st_ino, now.own.st_dev) == (state.own.st_ino, state.own.st_dev) and self.trusts(now)

    def state(self, name: str, recipe: Recipe | None = None) -> State:
        """The files of a blob as they are now.

        Raises:
            FileNotFoundError: one of them is not there.
        """
        if recipe is None:
            return State(name, self.path(name).stat())
        sources = tuple((source, self.path(source).stat()) for source, _ in recipe.by_source())
        return State(name, self.recipe_path(name).stat(), sources)

    def note(self, state: State) -> None:
        """Keep in mind that the blob came out right of files in this state."""
        self.seen.note([state.whole, state.parts[0]])

    def matching(self, source: str, views: Sequence[tuple[memoryview, int]]) -> list[bool]:
        """Which of these views hold the bytes that the whole blob has at the offset beside them."""
        try:
            with _opened(self.path(source)) as (descriptor, status):
                held = memory.lent(descriptor, status.st_size)
        except (FileNotFoundError, memory.NotRegular):
            return [False] * len(views)
        return [memory.alike(view, held[offset : offset + len(view)]) for view, offset in views]

    def renew(self, state: State) -> State:
        """Make the files as young as new ones, so that collecting spares them; what is known of them stays.

        Raises:
            FileNotFoundError: one of them is not there any more.
        """
        trusted = self.trusts(state)
        path = self.recipe_path(state.name) if state.sources else self.path(state.name)
        own = self._touch(state.name, path)
        sources = tuple((source, self._touch(source, self.path(source))) for source, _ in state.sources)
        new = State(state.name, own, sources)
        if trusted:
            self.note(new)
        return new

    def _touch(self, name: str, path: Path) -> os.stat_result:
        with folder_held(path.parent, shared=True):  # removing looks once more, alone
            before = path.stat()
            os.utime(path)
            after = path.stat()
        if self.seen.knows(fact(name, before)):
            self.seen.note([fact(name, after)])
        return after

    def sync(self, paths: Iterable[Path]) -> None:
        """Wait until these files, which may have been put without waiting, and their names are on disk."""
        files = list(paths)
        for path in [*files, *dict.fromkeys(path.parent for path in files)]:
            sync_path(path)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, os.stat_result]]:
    with open(path, "rb", buffering=0, opener=memory.open_regular) as file:
        yield file.fileno(), os.fstat(file.fileno())


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the system says into a flaw."""
    try:
        yield
    except FileNotFoundError:
        raise Flaw("it is missing") from None
    except memory.NotRegular:
        raise Flaw("it is a pipe or a device, not a file") from None
    except EOFError:
        raise Flaw("it was cut short") from None
    except OSError as error:
        raise Flaw(f"it cannot be read ({error.strerror})") from error
