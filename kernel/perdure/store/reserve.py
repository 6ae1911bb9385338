"""A little room that is put aside while there is plenty: on a full disk, forgetting begins with it.

What is forgotten has to be noted on the disk before anything of it is removed, and that takes some room.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from .files import write_whole

NAME = "reserve"
SIZE = 1 << 20
_PLENTY = 16 * SIZE


def put_aside(folder: Path) -> None:
    """Put room aside in a store's folder, if that is not done and the disk has plenty."""
    path = folder / NAME
    with contextlib.suppress(OSError):  # it is a help, and never in the way
        if not path.exists() and shutil.disk_usage(folder).free >= _PLENTY:
            write_whole(path, os.urandom(SIZE), durable=False)  # zeros may take no room at all


def release(folder: Path) -> None:
    """Give the room up if the disk has less than that left."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(folder).free < SIZE:
            (folder / NAME).unlink(missing_ok=True)
