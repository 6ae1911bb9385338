"""Where stores are: the one of a folder, and those that this user has."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from .failures import system_errors
from .files import TEMPORARY, StillHeld, held, make_private, write_whole
from .places import check_place

FOLDER = ".perdure"
JOURNAL = "journal.db"
IGNORE = ".gitignore"


def find_store(start: Path | None = None) -> Path:
    """The store that is used in a folder, made when there is none.

    PERDURE_STORE, else the nearest `.perdure` upwards from `start` (the current folder), else a new one.
    """
    start = start or Path.cwd()
    return make_store(nearest_store(start) or start.absolute() / FOLDER)


def nearest_store(start: Path | None = None) -> Path | None:
    """The store that a folder has, or None: nothing is made. PERDURE_STORE is the store of every folder."""
    named = os.environ.get("PERDURE_STORE")
    if named:
        return Path(named).expanduser()
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        with contextlib.suppress(OSError):  # a parent that cannot be looked into holds no store of ours
            if (folder / FOLDER).is_dir():
                return folder / FOLDER
    return None


def is_store(folder: Path) -> bool:
    """Whether a store lies in this folder: nothing is opened."""
    return os.path.isfile(folder / JOURNAL)  # noqa: PTH113  a folder that may not be read holds none


def make_store(path: Path) -> Path:
    """Make the folder of a store, private to this user and unseen by git. One that is there is kept.

    Raises:
        StoreMisplaced: there is no store yet, and it would lie where it could not be kept whole.
    """
    with system_errors(path):
        if not (path / JOURNAL).exists():
            check_place(path)
            if not path.is_dir():
                make_private(path)
            if _of_its_own(path):
                write_whole(path / IGNORE, b"*\n")
    return path


def _of_its_own(path: Path) -> bool:
    """Whether nothing else is in the folder: at most what is left of a store whose making was cut short."""
    return all(entry.name == IGNORE or entry.name.startswith(TEMPORARY) for entry in path.iterdir())


def user_folder() -> Path:
    """The folder in which Perdure keeps what is this user's and no store's."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "perdure"


def remember(path: Path) -> None:
    """Add a store to the user's index, as well as can be: without an index, stores work all the same."""
    path = path.absolute()
    if path in known_stores():
        return
    index = user_folder() / "stores.json"
    with contextlib.suppress(OSError, StillHeld):
        make_private(index.parent)
        with held(index.with_name("stores.lock"), seconds=1):
            stores = [str(store) for store in (*known_stores(), path)]
            write_whole(index, json.dumps(stores, indent=1).encode())


def known_stores() -> list[Path]:
    """The user's stores that are still there, the oldest first."""
    try:
        entries = json.loads((user_folder() / "stores.json").read_text("utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(entries, list):
        return []
    stores = [Path(entry) for entry in entries if isinstance(entry, str)]
    return [store for store in stores if is_store(store)]
