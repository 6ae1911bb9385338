"""What the system or SQLite could not do, as an error that says what happened and what to do next."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly

from .files import limited

if TYPE_CHECKING:
    import sqlite3

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def from_system(error: OSError, path: Path | str) -> StoreError:
    """The error to raise for a failure of the file system under the store at `path`."""
    if error.errno in _FULL:
        return StoreFull(path=str(path))
    if error.errno in _READ_ONLY:
        return StoreReadOnly(path=str(path))
    if error.errno in _NO_LOCKS:
        cause = (
            f"{error.strerror}. What it lies on does not know what Perdure needs, locks of files above all.\n"
            "Set PERDURE_STORE to a folder on a local disk."
        )
        return StoreError(path=str(path), cause=cause)
    return StoreError(path=str(path), cause=str(error))


def from_sqlite(error: sqlite3.Error, path: Path | str, seconds: float) -> StoreError:
    """The error to raise for a failure of the journal of the store at `path`."""
    import sqlite3

    code = getattr(error, "sqlite_errorcode", None) or 0
    # SQLite calls only "no space" full; a limit on file sizes reaches it as a failed write.
    limit = code in (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE) and limited()
    match code & 0xFF:
        case _ if limit:
            return StoreFull(path=str(path))
        case sqlite3.SQLITE_FULL:
            return StoreFull(path=str(path))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreBusy(path=str(path), seconds=seconds)
        case sqlite3.SQLITE_READONLY:
            return StoreReadOnly(path=str(path))
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreDamaged(path=str(path), cause=str(error))
        case _:
            return StoreError(path=str(path), cause=str(error))


@contextlib.contextmanager
def system_errors(path: Path | str) -> Iterator[None]:
    """Raise failures of the file system as errors of the store at `path`."""
    try:
        yield
    except OSError as error:
        raise from_system(error, path) from error
