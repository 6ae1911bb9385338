"""DBOS Transact on SQLite: as it comes, or with WAL and synchronous=NORMAL (BENCH_RELAXED=1)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import sqlalchemy
from dbos import DBOS, SetWorkflowID

from bench.peers import subject

_times: list[float] = []
_found: list[Any] = []
_dying = [True]

tiny = DBOS.step()(subject.tiny)
frame = DBOS.step()(subject.frame)


@DBOS.workflow()
def _steps(count: int) -> None:
    for number in range(count):
        began = time.perf_counter()
        tiny(number)
        _times.append(time.perf_counter() - began)
    if _dying[0]:
        raise _Ended


@DBOS.workflow()
def _frame(name: str) -> None:
    began = time.perf_counter()
    _found.append(frame(name))
    _times.append(time.perf_counter() - began)
    if _dying[0]:
        raise _Ended


class _Ended(BaseException):
    """Leaves a workflow that is still pending."""


if os.environ.get("BENCH_RELAXED"):

    @sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "connect")
    def _relax(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")


def _configured(folder: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder}/system.sqlite"
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "run_admin_server": False,
            "console_log_level": "CRITICAL",
        }
    )


def opened(folder: str) -> None:
    """The library is launched."""
    _configured(folder)
    DBOS.launch()


def steps(folder: str, count: int) -> list[float]:
    """Seconds of each step."""
    opened(folder)
    try:
        with SetWorkflowID("steps"):
            _steps(count)
    except _Ended:
        pass
    return list(_times)


def replay(folder: str, count: int) -> float:
    """Seconds from the launch until the recovered workflow is done."""
    _dying[0] = False
    _configured(folder)
    began = time.perf_counter()
    DBOS.launch()
    DBOS.retrieve_workflow("steps").get_result(polling_interval_sec=0.001)
    return time.perf_counter() - began, list(_times)


def keep(folder: str, name: str) -> float:
    """Seconds of the step that makes the frame."""
    opened(folder)
    try:
        with SetWorkflowID(name):
            _frame(name)
    except _Ended:
        pass
    return _times[-1]


def load(folder: str, name: str) -> tuple[float, Any]:
    """Seconds of the recovered step, and the frame."""
    _dying[0] = False
    opened(folder)
    DBOS.retrieve_workflow(name).get_result(polling_interval_sec=0.001)
    return _times[-1], _found[-1]
