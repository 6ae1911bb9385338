"""What a user should know about where store and key lie and whose they are: one calm sentence each."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

from perdure.codec.masking import escaped
from perdure.errors import PerdureError

from .keys import key_file
from .places import place_of
from .store import Store

_TOLD = "told"
"""File in the store's folder: what was said once and need not be said again."""

_SAID: set[Path] = set()
"""The stores of which this process said where they lie, or looked and found a local disk."""


def notices(store: Store) -> list[str]:
    """The sentences that are due for this store. No key is made, and nothing is decoded."""
    if store.path is None:
        return []
    path = key_file()
    found = [_foreign(store, path), lies_badly(store.path)]
    with contextlib.suppress(OSError):
        found += [_once(store.path, notice) for notice in (_apart(store.path, path), _shared(store.path))]
    return [notice for notice in found if notice]


def lies_badly(folder: Path | None) -> str:
    """What to know about where the store lies, once in each process; empty for a local disk."""
    if folder is None or folder in _SAID:
        return ""
    _SAID.add(folder)
    return escaped(place_of(folder).sentence())


def _foreign(store: Store, path: Path) -> str:
    """Values that no key of this user signed: the key is lost, or the store is another's or a shared one."""
    try:
        signed = store.journal.key_ids()
        here = [store.key, *store.key.older] if path.exists() else []
    except PerdureError:
        return ""  # what needs the key or the journal will say what is wrong with it
    foreign = {key: number for key, number in signed.items() if key not in {key.id for key in here}}
    if not foreign:
        return ""
    whose = f"yours is {here[0].id} in {path}" if here else f"there is none in {path}"
    keys = f"key {next(iter(foreign))}" if len(foreign) == 1 else f"keys {', '.join(sorted(foreign))}"
    return escaped(
        f"{sum(foreign.values())} of {sum(signed.values())} values here were signed by {keys}, {whose}: they "
        "are listed but not loaded; set PERDURE_KEY_FILE to the right file, or, if you know who wrote them, "
        "`perdure trust` signs them anew"
    )


def _apart(folder: Path, key: Path) -> str:
    """A container may lose one of two volumes."""
    if _device(folder) == _device(key):
        return ""
    return (
        f"your key ({key}) and this store lie on different volumes: where one of them is thrown away, as in "
        "a container, values can no longer be loaded; PERDURE_KEY_FILE can name a file on the store's volume"
    )


def _shared(folder: Path) -> str:
    if sys.platform == "win32":
        return ""
    status = folder.stat()
    if status.st_uid != os.getuid():
        return (
            "this store belongs to another user; of what it holds, only what your key signed is loaded: "
            "PERDURE_STORE can name a folder of your own"
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return (
            "others can write to this store; of what it holds, only what your key signed is loaded: "
            f"`chmod 700 {folder}` keeps it to yourself"
        )
    return ""


def _device(path: Path) -> int:
    """The volume of a file, or of where it would be made."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.stat().st_dev


def _once(folder: Path, notice: str) -> str:
    """The notice, unless it was given for this store before."""
    told = folder / _TOLD
    before = told.read_text("utf-8").splitlines() if told.exists() else []
    if not notice or notice in before:
        return ""
    with contextlib.suppress(OSError):  # where nothing can be written, it is said again
        told.write_text("\n".join([*before, notice, ""]), "utf-8")
    return notice
