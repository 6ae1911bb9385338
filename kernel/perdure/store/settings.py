"""What is set for one store: `settings.json` in its folder, over which the environment has the last word."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Literal, TypeVar

from perdure.errors import StoreError

FILE = "settings.json"
Choice = TypeVar("Choice", bound=str)

_SWITCH = {"1": True, "0": False}


def encrypts(folder: Path | None) -> bool:
    """Whether new values of the store in `folder` are encrypted.

    PERDURE_ENCRYPT (1 or 0), else `{"encrypt": true}` in the folder's settings, else not.

    Raises:
        StoreError: neither can be understood: nothing is written in the clear by a slip.
    """
    return _switched(folder, "PERDURE_ENCRYPT", "encrypt")


def allows_network(folder: Path) -> bool:
    """Whether a store may be made in `folder` though it lies on a network.

    PERDURE_NETWORK (1 or 0), else `{"network": true}` in the folder's settings, else not.
    """
    return _switched(folder, "PERDURE_NETWORK", "network")


def restore_mode(folder: Path | None) -> Literal["map", "read"]:
    """How large buffers of the store in `folder` are restored: mapped, or read at once.

    PERDURE_RESTORE, else `{"restore": "read"}` in the folder's settings, else "map".
    """
    return _chosen(folder, "PERDURE_RESTORE", "restore", ("map", "read"))


def verify_mode(folder: Path | None) -> Literal["changed", "full"]:
    """When large buffers are hashed: when they may have changed since they were last, or each time.

    PERDURE_VERIFY, else `{"verify": "full"}` in the folder's settings, else "changed".
    """
    return _chosen(folder, "PERDURE_VERIFY", "verify", ("changed", "full"))


def warn_free(folder: Path | None) -> int | None:
    """With how many free bytes of its disk a store says that room runs out; None where nothing is said.

    PERDURE_WARN_FREE, else `{"warn_free": "2GB"}` in the folder's settings.
    """
    return _sized(folder, "PERDURE_WARN_FREE", "warn_free")


def size_limit(folder: Path | None) -> int | None:
    """How many bytes the store in `folder` may take before that is said; None where nothing is.

    PERDURE_LIMIT, else `{"limit": "20GB"}` in the folder's settings.
    """
    return _sized(folder, "PERDURE_LIMIT", "limit")


def in_bytes(text: str) -> int:
    """The bytes of a size as people write it: `500MB`, `1.5 GB`, `2GiB`, `4096`.

    Raises:
        ValueError: it is none; the sentence says how one is written.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no size: write it like 500MB, 5GB, 1.5GiB")
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** " KMGT".index((found[2] or " ").upper()))


_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)


def _sized(folder: Path | None, variable: str, name: str) -> int | None:
    named = os.environ.get(variable)
    found = named or _found(folder, name, default=None)
    if found is None:
        return None
    try:
        return in_bytes(str(found))
    except ValueError as error:
        where = f"{variable}: {error}." if named else f'"{name}" in {FILE}: {error}.'
        raise StoreError(path=str(folder or ":memory:"), cause=where) from None


def _chosen(folder: Path | None, variable: str, name: str, choices: tuple[Choice, ...]) -> Choice:
    """One of the choices; the first where nothing is said."""
    listed = " or ".join(f'"{choice}"' for choice in choices)
    named = os.environ.get(variable)
    found = named or _found(folder, name, default=choices[0])
    for choice in choices:
        if found == choice:
            return choice
    if named:
        cause = f"{variable} is {named!r}. Set it to {listed}."
    else:
        cause = f'"{name}" in {FILE} is {found!r}: write {listed}.'
    raise StoreError(path=str(folder or ":memory:"), cause=cause)


def _switched(folder: Path | None, variable: str, name: str) -> bool:
    named = os.environ.get(variable)
    if named:
        if named not in _SWITCH:
            cause = f"{variable} is {named!r}. Set it to 1 or 0."
            raise StoreError(path=str(folder or ":memory:"), cause=cause)
        return _SWITCH[named]
    switch = _found(folder, name, default=False)
    if not isinstance(switch, bool):
        raise StoreError(path=str(folder), cause=f'"{name}" in {FILE} is {switch!r}: write true or false.')
    return switch


def _found(folder: Path | None, name: str, *, default: object) -> object:
    """What the folder's settings say."""
    if folder is None:
        return default
    try:
        settings = json.loads((folder / FILE).read_text("utf-8"))
        found: object = settings.get(name, default)
    except FileNotFoundError:
        return default
    except (OSError, ValueError, AttributeError) as error:
        raise StoreError(path=str(folder), cause=f"{FILE} cannot be read: {error}.") from error
    return found
