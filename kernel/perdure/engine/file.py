"""`File`: a file as a value, known by its path and its content.

1. As an input it counts by its path, as given, and by the content that the file has when it is asked.
2. A kept file comes back as the same path while the file there has the same content; else it is told.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any, final

from perdure.codec.model import Refusal
from perdure.errors import NotLoadable


@final
class File:
    """A file that a step reads or writes: its path with the content that is there.

    Give one to a step, and an edit of the file makes the step run again; return one, and a restore makes sure
    that the file is still there, unchanged. The content itself is not kept.
    """

    __slots__ = ("path",)

    path: str
    """The path, as it was given."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        given = os.fspath(path)
        if not isinstance(given, str):
            raise TypeError(f"a file's path is text, and this is {given!r}")
        object.__setattr__(self, "path", given)

    def open(self, mode: str = "r", **options: Any) -> IO[Any]:
        """Open the file, as the built-in `open` does."""
        return Path(self.path).open(mode, **options)

    def read_text(self, encoding: str = "utf-8") -> str:
        """The file's text."""
        return Path(self.path).read_text(encoding)

    def read_bytes(self) -> bytes:
        """The file's bytes."""
        return Path(self.path).read_bytes()

    def __fspath__(self) -> str:
        return self.path

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a File cannot be changed; make another one with File({self.path!r})")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a File cannot be changed; make another one with File({self.path!r})")

    def __eq__(self, other: object) -> bool:
        return self.path == other.path if isinstance(other, File) else NotImplemented

    def __hash__(self) -> int:
        return hash((File, self.path))

    def __reduce__(self) -> tuple[Any, ...]:
        return File, (self.path,)

    def __repr__(self) -> str:
        return f"File({self.path!r})"

    def __perdure_dump__(self) -> dict[str, str]:
        try:
            return {"path": self.path, "blake3": _content(self.path)}
        except OSError as error:
            raise Refusal(
                self, f"{error}.", "Write the file before it is kept or given to a step."
            ) from error

    @classmethod
    def __perdure_load__(cls, data: dict[str, str]) -> File:
        path = data["path"]
        try:
            found = _content(path)
        except OSError as error:
            raise _changed(path, f"{error}.") from error
        if found != data["blake3"]:
            raise _changed(path, "its content is another one now.")
        return cls(path)


def _content(path: str) -> str:
    """Digest of a file's content; in size and time of change a file may pass as another.

    Raises:
        OSError: there is no such file, or it cannot be read; the message is a sentence.
    """
    from blake3 import blake3

    where = Path(path)
    if where.is_dir():
        raise IsADirectoryError(f"`{path}` is a folder; a File is one file")
    if not where.exists():
        raise FileNotFoundError(f"There is no file `{path}`")
    if not where.is_file():
        raise OSError(f"`{path}` is a pipe or a device; a File is a file whose content stays")
    hasher = blake3()
    hasher.update_mmap(path)
    return hasher.hexdigest()


def _changed(path: str, cause: str) -> NotLoadable:
    return NotLoadable(
        subject=f"File `{path}`",
        cause=cause,
        advice="Put the file back as it was, or make it anew: run its step again with `--redo`.",
    )
