"""What is asked of the system about processes: the one place of this room that knows systems apart."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any

_LOOK = 1.0
"""Seconds between two looks whether the kernel is there, where the system cannot be asked to see to that."""


def hold_interrupts_back() -> None:
    """Have this thread, and processes that it starts until they say else, not be interrupted."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def ignore_interrupts() -> None:
    """Have this process ignore interrupts, also those that were held back until now."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def end_with(parent: int) -> None:
    """Have this process end with its parent, whatever it is at then.

    Linux does that as soon as the thread ends that started this process, so that has to be one that lasts:
    https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    """
    if not (sys.platform == "linux" and _killed_by_the_system()):
        threading.Thread(target=_watch, args=(parent,), name="perdure-watch", daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _killed_by_the_system() -> bool:
    set_death_signal = 1
    return bool(ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL, 0, 0, 0) == 0)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


def kill(process: Any) -> None:
    """Kill a child process that is not over, and what it started."""
    import psutil

    if process.exitcode is not None:
        return
    with suppress(psutil.Error):
        found = psutil.Process(process.pid)
        for each in (*found.children(recursive=True), found):
            with suppress(psutil.Error):
                each.kill()


def held(process: Any) -> int | None:
    """Bytes that a process holds; None where that is not told."""
    import psutil

    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.Error:
        return None


def how_it_died(exitcode: int | None) -> str:
    """What a sentence says of the end of a process."""
    if exitcode is None:
        return "how is not known"
    if exitcode >= 0:
        return f"it ended itself with exit code {exitcode}"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = f"signal {-exitcode}"
    if name == "SIGKILL":
        return "it was killed (SIGKILL), probably because memory ran out"
    if name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE"):
        return f"it crashed in compiled code ({name})"
    return f"it was ended by {name}"
