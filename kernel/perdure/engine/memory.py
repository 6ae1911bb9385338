"""What is known of a process's memory: a call in which it died twice was usually out of it."""

from __future__ import annotations

from pathlib import Path

from .durations import size_words

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux tells what a container may hold, by version 2 and 1 of its control groups:
https://docs.kernel.org/admin-guide/cgroup-v2.html"""


def held() -> int | None:
    """Bytes that this process holds in memory; None where the system does not tell."""
    import psutil

    try:
        return int(psutil.Process().memory_info().rss)
    except psutil.Error:
        return None


def at_most() -> int:
    """Bytes that processes here may hold: the machine's memory, or less where a container says so."""
    import psutil

    found = [int(psutil.virtual_memory().total)]
    for path in _LIMITS:
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):
            continue  # no such file here, or "max"
    return min(found)


def last_known(count: int | None) -> str:
    """What a sentence says of the memory of a process that died; empty where nothing is known."""
    if count is None:
        return ""
    return f"; it held {size_words(count)} of {size_words(at_most())} when last looked at"
