"""Blobs as files of a folder: `ab/<name>`, where `ab` are the first two digits of the name.

A file is born whole and never changed, so it can be mapped: its pages are read when they are used, and a
write to them stays private to the mapping. A large buffer of which most is stored already lies in
`ab/<name>.pieces` instead, as a list of parts of other blobs.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from perdure.errors import AGAIN, Damaged, StoreError

from .blobs.memory import MAPPED, NotRegular, is_mapped
from .blobs.recipe import SUFFIX
from .blobs.shelf import Flaw, Shelf, State
from .failpoints import reached
from .failures import system_errors
from .files import TEMPORARY, folder_held

if TYPE_CHECKING:
    from .blobs.putting import Putting

__all__ = ["MAPPED", "DirectoryBlobs"]

_DIGITS = 64


class DirectoryBlobs:
    """The blobs in `folder`, which is made when the first one is put.

    Args:
        folder: where they lie.
        restore: "map" large blobs, so that only what is used is read; or "read" them at once, for values that
            are going to be overwritten as a whole.
        verify: hash what was not seen to be right since the machine started, or lies in files that "changed"
            since; or hash "full", each time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        restore: Literal["map", "read"] = "map",
        verify: Literal["changed", "full"] = "changed",
    ) -> None:
        self.folder = folder
        self._maps = restore == "map"
        self._verifies = verify == "full"
        self._shelf = Shelf(folder)

    @cached_property
    def _putting(self) -> Putting:
        from .blobs.putting import Putting

        return Putting(self._shelf)

    def put(self, data: bytes | memoryview, *, durability: str = "power", dated: float | None = None) -> str:
        """Keep the bytes; return their name. With "power", they are on disk when this returns.

        Of a memory of two or more dimensions, rows that were stored before are not stored again. What is
        `dated` is stored as a whole.
        """
        with system_errors(self.folder.parent):
            if not self.folder.parent.is_dir():  # it is not made anew for what no journal would refer to
                cause = (
                    "its folder was moved or deleted while it was open. Put it back, or begin in the store "
                    "that is found now: in a notebook with `%workflow NAME`."
                )
                raise StoreError(path=str(self.folder.parent), cause=cause)
            return self._putting.put(data, durable=durability == "power", dated=dated)

    def get(self, name: str, *, copy: bool = True, verify: bool = False) -> memoryview:  # noqa: ARG002
        """The bytes, writable and private to the caller; that costs a mapping nothing, so `copy` is the same.

        They are verified if that is asked for, or was not done for these files since the machine started.
        """
        try:
            # What is hashed because it is asked for is read, so that nobody changes it after the look.
            view, state = self._shelf.read(name, mapping=self._maps and not verify)
        except Flaw as flaw:
            raise _damaged(name, str(flaw)) from flaw.__cause__
        if verify or self._verifies or not self._shelf.trusts(state):
            self._verify(view, state)
        if is_mapped(view) and not self._verifies:
            from .blobs import untouched

            untouched.note(view, name, partial(self._shelf.holds, state), self._shelf.hashes)
        return view

    def _verify(self, view: memoryview, state: State) -> None:
        from .blobs.hashing import name_of

        if name_of(view) == state.name:
            self._shelf.note(state)
            return
        self._shelf.seen.revoke([state.whole, state.parts[0]])  # so that putting the right bytes mends it
        bad = [source for source, _ in self.check(source for source, _ in state.sources)]
        origin = f"; blob {bad[0][:12]}, of which it has pieces, is damaged" if bad else ""
        raise _damaged(state.name, f"its {len(view)} bytes are not those that were stored{origin}")

    def check(self, names: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
        """Hash these blobs, or all; give those that are not right, each with what is wrong with it."""
        for name in sorted(self.names() if names is None else names):
            try:
                self.get(name, verify=True)
            except Damaged as error:
                yield name, error.cause

    def sources(self, name: str) -> set[str]:
        """The whole blobs that this one is put together from; none if it is whole itself, or not there.

        Raises:
            StoreError: the system does not let it be read. That it has none would make garbage of them.
        """
        if self._shelf.path(name).exists():
            return set()
        try:
            return set(self._shelf.recipe(name)[0].sources)
        except (FileNotFoundError, NotADirectoryError, NotRegular, Flaw):
            return set()
        except OSError as error:
            cause = f"{error}. Nobody can tell what these pieces need. Make it readable, then try again"
            raise StoreError(path=str(self.folder.parent), cause=cause) from error

    def names(self, *, before: float | None = None) -> set[str]:
        """The names of all blobs, or of those last put before that time."""
        put: dict[str, float] = defaultdict(float)
        for path in self._files():
            name = path.name.removesuffix(SUFFIX)
            if len(name) == _DIGITS:
                put[name] = max(put[name], 0.0 if before is None else _modified(path))
        return {name for name, at in put.items() if before is None or at < before}

    def size(self, name: str) -> int:
        """Bytes that this blob itself takes, without those of its sources; 0 if it is not there."""
        return sum(map(_size, self._paths(name)))

    def remove(self, names: Iterable[str], *, before: float | None = None) -> int:
        """Delete these, but for those put again since `before`; return the bytes that became free."""
        freed = 0
        with system_errors(self.folder.parent):
            for digits, group in groupby(sorted(names), lambda name: name[:2]):
                with contextlib.suppress(FileNotFoundError):  # no folder, no blobs
                    freed += self._remove(self.folder / digits, group, before)
        return freed

    def _remove(self, folder: Path, names: Iterable[str], before: float | None) -> int:
        # Who puts one of them again now has either made it young already, or finds it gone and writes it.
        with folder_held(folder, shared=False):
            paths = [path for name in names for path in self._paths(name)]
            return sum(_remove(path) for path in paths if before is None or _modified(path) < before)

    def sweep(self, *, before: float | None = None) -> int:
        """Delete temporary files of killed writers; return the bytes that became free."""
        left = [path for path in self._files() if path.name.startswith(TEMPORARY)]
        left += self.folder.glob(f"{TEMPORARY}*")
        with system_errors(self.folder.parent):
            freed = sum(_unlink(path) for path in left if before is None or _modified(path) < before)
            if self.folder.is_dir():
                self._putting.tidy(self.names())
                self._shelf.seen.tidy()
                self._shelf.hashes.tidy(self.names())
        return freed

    def _files(self) -> Iterator[Path]:
        for folder in self.folder.glob("??"):
            if folder.is_dir():
                yield from folder.iterdir()

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self._shelf.path(name), self._shelf.recipe_path(name)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()  # it went away just now


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _remove(path: Path) -> int:
    freed = _unlink(path)
    if freed:
        reached("blob.removed")
    return freed


def _unlink(path: Path) -> int:
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size


def _damaged(name: str, cause: str) -> Damaged:
    return Damaged(subject=f"blob {name[:12]}", cause=f"{cause}.", advice=AGAIN)
