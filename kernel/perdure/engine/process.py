"""The store and the key that this process works with."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from perdure.errors import NotInWorker, StoreError

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.cipher import Cipher
    from perdure.store.keys import Key

    from .owner import Owner

_lock = threading.Lock()
_store: Store | None = None
_parent: Owner | None = None
_carried: list[str] = []
"""Steps whose calls this process carries out for a kernel."""


@contextmanager
def carrying(step: str) -> Iterator[None]:
    """In the block, this process is a worker, which has no store: it carries out a call of this step."""
    _carried.append(step)
    try:
        yield
    finally:
        _carried.remove(step)


def the_store(*, tell: bool = True) -> Store:
    """This process's store, opened when first needed: where PERDURE_STORE points, else the nearest one.

    One that was deleted since is left, and the one that is found then is opened.

    Args:
        tell: warn of a store that lies where it may be damaged; a notebook says so in words of its own.

    Raises:
        NotInWorker: this is a worker process.
    """
    global _store  # noqa: PLW0603  one store per process, by design
    if _carried:
        raise NotInWorker(what="What needs the store (a workflow, its run)", step=_carried[-1])
    with _lock:
        if _store is None or _store.closed or _store.lost:
            from perdure.store import open_store
            from perdure.store.location import find_store

            durability = os.environ.get("PERDURE_DURABILITY", "power")
            if durability not in ("power", "process"):
                cause = f'PERDURE_DURABILITY is {durability!r}. Set it to "power" or "process".'
                raise StoreError(path=str(find_store()), cause=cause)
            _store = open_store(durability=durability)
            if tell:
                _warn(_store)
        return _store


def _warn(store: Store) -> None:
    import warnings

    from perdure.store.notices import lies_badly

    sentence = lies_badly(store.path)
    if sentence:
        warnings.warn(f"Perdure: {sentence}", stacklevel=3)


def use_store(store: Store | None) -> Store | None:
    """Make `store` this process's store (None: the next use opens the usual one); return the one before."""
    global _store
    with _lock:
        before, _store = _store, store
        return before


def parent_owner() -> Owner | None:
    """The owner of the run from which workflows are started that no body starts: the notebook's, if any."""
    return _parent


def set_parent_owner(owner: Owner | None) -> None:
    """Make this owner's run the parent of workflows that no body starts."""
    global _parent  # noqa: PLW0603  one notebook per process
    _parent = owner


def the_key() -> Key:
    """This user's key."""
    from perdure.store.keys import user_key

    return user_key()


def cipher() -> Cipher:
    """What seals and opens with this user's key; sealing and opening need `cryptography`, `mac` does not."""
    from perdure.store.cipher import Cipher

    return Cipher(the_key())
