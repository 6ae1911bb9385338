"""The names of this machine and host: for people to read, and to tell machines apart. They prove nothing."""

from __future__ import annotations

import contextlib
import socket
from functools import cache
from pathlib import Path

_FIRST = "pid:[4026531836]"
"""The namespace of process ids that Linux makes when it starts; containers have others."""


@cache
def host() -> str:
    """This host's name; where process ids are a container's own, with the namespace in which they count.

    Containers may share a name, and the process ids of one mean nothing in another.
    """
    name = socket.gethostname()
    with contextlib.suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
        return name if namespace == _FIRST else f"{name} {namespace}"
    return name


@cache
def machine() -> str:
    """What all containers of a running machine have in common, and no other machine has."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return socket.gethostname()
