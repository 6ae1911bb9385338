"""LangGraph's functional API with SqliteSaver (WAL, synchronous=FULL), every write awaited (`durability="sync"`)."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.func import entrypoint, task

from bench.peers import subject

_found: list[Any] = []
_dying = [True]

tiny = task(subject.tiny)
frame = task(subject.frame)


class _Ended(Exception):  # noqa: N818  no error
    """Leaves a workflow before its end."""


def _steps(count: int) -> int:
    for number in range(count):
        tiny(number).result()
    if _dying[0]:
        raise _Ended
    return count


def _frame(name: str) -> int:
    _found.append(frame(name).result())
    if _dying[0]:
        raise _Ended
    return 1


def opened(folder: str) -> SqliteSaver:
    """A saver is there to be used."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(f"{folder}/checkpoints.sqlite", check_same_thread=False)
    saver = SqliteSaver(connection, serde=JsonPlusSerializer(pickle_fallback=True))
    saver.setup()
    return saver


def _run(folder: str, body: Any, thread: str, given: Any) -> float:
    flow = entrypoint(checkpointer=opened(folder))(body)
    began = time.perf_counter()
    with contextlib.suppress(_Ended):
        flow.invoke(given, {"configurable": {"thread_id": thread}}, durability="sync")
    return time.perf_counter() - began


def steps(folder: str, count: int) -> list[float]:
    """Seconds of a step, on average: it writes beside the caller."""
    return [_run(folder, _steps, "steps", count) / count]


def replay(folder: str, count: int) -> tuple[float, list[float]]:
    """Seconds until the workflow is done, and of a step on average."""
    _dying[0] = False
    whole = _run(folder, _steps, "steps", None)
    return whole, [whole / count]


def keep(folder: str, name: str) -> float:
    """Seconds of the workflow that makes the frame."""
    return _run(folder, _frame, name, name)


def load(folder: str, name: str) -> tuple[float, Any]:
    """Seconds of the workflow that finds the frame, and the frame."""
    _dying[0] = False
    return _run(folder, _frame, name, None), _found[-1]
