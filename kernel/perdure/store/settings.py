"""What is set for one store: `settings.json` in its folder, over which the environment has the last word."""

from __future__ import annotations

import json
import os
from pathlib import Path

from perdure.errors import StoreError

FILE = "settings.json"
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


def _switched(folder: Path | None, variable: str, name: str) -> bool:
    named = os.environ.get(variable)
    if named:
        if named not in _SWITCH:
            cause = f"{variable} is {named!r}. Set it to 1 or 0."
            raise StoreError(path=str(folder or ":memory:"), cause=cause)
        return _SWITCH[named]
    if folder is None:
        return False
    try:
        found = json.loads((folder / FILE).read_text("utf-8"))
        switch = found.get(name, False)
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError) as error:
        raise StoreError(path=str(folder), cause=f"{FILE} cannot be read: {error}.") from error
    if not isinstance(switch, bool):
        raise StoreError(path=str(folder), cause=f'"{name}" in {FILE} is {switch!r}: write true or false.')
    return switch
