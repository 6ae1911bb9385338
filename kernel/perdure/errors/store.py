"""What is wrong with a store, its place, its keys."""

from __future__ import annotations

from .base import PerdureError


class StoreError(PerdureError):
    """The store at {path} cannot be used: {cause}"""

    path: str


class StoreReadOnly(StoreError):
    """The store at {path} is read-only, so nothing can be kept there.
    Make the folder writable, or set PERDURE_STORE to a folder that is."""


class StoreFull(StoreError):
    """There is no room left for the store at {path}; what was kept before is whole.
    Free some space (`perdure gc` removes what no run needs), or set PERDURE_STORE to a larger disk."""


class StoreBusy(StoreError):
    """The store at {path} was locked by another process for {seconds:g} s; nothing was written.
    Close the program that holds it (`perdure gc` at work, or another that has `journal.db` open), then try again."""

    seconds: float


class StoreTooNew(StoreError):
    """The store at {path} was written by a newer Perdure (schema {found}, this version reads up to {known}).
    Upgrade with `pip install --upgrade perdure`, or set PERDURE_STORE to another folder."""

    found: int
    known: int


class StoreDamaged(StoreError):
    """The journal of the store at {path} is damaged: {cause}. It was left untouched.
    Restore the folder from a backup, or move it away to start anew."""

    cause: str


class StoreMisplaced(StoreError):
    """No store was made at {path}: {cause}
    {advice}"""

    cause: str
    advice: str


class StoreForked(StoreError):
    """The store at {path} was opened before this process was forked, and cannot be used in the child.
    Call steps from the parent, or open the store again in the child."""


class BadKey(PerdureError):
    """The signing key {path} cannot be used, so no value is kept or loaded: {cause}
    {advice}"""

    path: str
    cause: str
    advice: str


class NeedsPackage(PerdureError):
    """{what} needs the package `{package}`, which is not installed.
    Install it with `pip install 'perdure[{extra}]'`."""

    what: str
    package: str
    extra: str
