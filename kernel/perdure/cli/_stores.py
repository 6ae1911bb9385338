"""Which store a command is about. Nothing is made by looking."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from perdure.errors import NoStore


def chosen_store(arguments: argparse.Namespace) -> Path | None:
    """The store that was named, else the one of this folder; None where there is none.

    Raises:
        NoStore: a store was named (`--store` or PERDURE_STORE), and is not there.
    """
    from perdure.store.location import FOLDER, is_store, nearest_store

    if arguments.store is None:
        path = nearest_store()
    else:
        path = Path(arguments.store).expanduser()
        if not is_store(path) and is_store(path / FOLDER):
            path = path / FOLDER  # the folder of the notebook was named
    if path is None:
        return None
    if is_store(path):
        tell_place(path)
        return path
    if arguments.store is None and path.name == FOLDER:
        return None  # a folder in which nothing was kept yet
    raise NoStore(path=path)


def tell_place(path: Path) -> None:
    """Say where the store lies, if that is a danger to it; on stderr, apart from what was asked for."""
    from perdure.store.notices import lies_badly

    sentence = lies_badly(path)
    if sentence:
        print(f"perdure: {sentence}", file=sys.stderr)


def needed_store(arguments: argparse.Namespace) -> Path:
    """The same, for commands that cannot do without.

    Raises:
        NoStore: there is none.
    """
    path = chosen_store(arguments)
    if path is None:
        raise NoStore(path=Path.cwd())
    return path
