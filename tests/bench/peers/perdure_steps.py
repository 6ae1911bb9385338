"""Perdure: a workflow that dies behind its last step, so that the next process replays it."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

from bench.peers import subject
from perdure import step, workflow

LATE = (
    *("blake3", "filelock", "fractions", "ormsgpack", "resource"),
    *(
        "perdure.codec.leaf.pickled",
        "perdure.codec.packages.pandas",
        "perdure.store.packing",
        "perdure.store.vault",
    ),
)
"""What a restore imports when it is first needed."""

_times: list[float] = []
_found: list[Any] = []

tiny = step(subject.tiny)
frame = step(subject.frame)


@workflow
def _steps(count: int) -> None:
    call = tiny
    for number in range(count):
        began = time.perf_counter()
        call(number)
        _times.append(time.perf_counter() - began)
    _end()


@workflow
def _frame(name: str) -> None:
    began = time.perf_counter()
    found = frame(name)
    _times.append(time.perf_counter() - began)
    _found.append(found)
    _end()


class _Ended(BaseException):
    """Leaves a body before its end: the run is unfinished."""


def _end() -> None:
    raise _Ended


def _run(body: Any, *args: Any) -> None:
    _times.clear()
    _found.clear()
    with contextlib.suppress(_Ended):
        body(*args)


def opened(folder: str) -> None:
    """A store is there to be used."""
    os.environ["PERDURE_STORE"] = folder
    from perdure.engine.process import the_store

    the_store()


def steps(folder: str, count: int) -> list[float]:
    """Seconds of each step."""
    opened(folder)
    _run(_steps, count)
    return list(_times)


def replay(folder: str, count: int) -> tuple[float, list[float]]:
    """Seconds from the call of the workflow to behind its last step, and of each step."""
    os.environ["PERDURE_STORE"] = folder
    began = time.perf_counter()
    _run(_steps, count)
    return time.perf_counter() - began, list(_times)


def keep(folder: str, name: str) -> float:
    """Seconds of the step that makes the frame."""
    opened(folder)
    _run(_frame, name)
    return _times[0]


def load(folder: str, name: str) -> tuple[float, Any]:
    """Seconds until the frame is there, and the frame."""
    opened(folder)
    _run(_frame, name)
    return _times[0], _found[0]
