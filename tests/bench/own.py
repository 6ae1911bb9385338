"""What only Perdure does, each in a process of its own: `python -m bench.own WORK FOLDER`. Prints JSON."""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.imports import Imports

RECORDED = 100_000
RUNS = 1_000
COMMITS = 20_000
ROUNDS = 5


def listing(folder: str) -> dict[str, float]:
    """Seconds of `%load_ext perdure` in a folder whose store holds many steps, and of listing many runs."""
    from IPython.core.interactiveshell import InteractiveShell

    from perdure.store import open_store
    from perdure_widgets.runs import RunsTable

    shell = InteractiveShell.instance()
    os.environ["PERDURE_STORE"] = folder
    with contextlib.redirect_stdout(io.StringIO()), Imports() as imports:
        loading = _timed(lambda: shell.run_line_magic("load_ext", "perdure"))
    with open_store(Path(folder), readonly=True) as store:
        times = [
            _timed(lambda: RunsTable.read(store.journal, workflow=None, limit=RUNS).text())
            for _ in range(ROUNDS)
        ]
        listed = len(store.journal.runs(limit=RUNS))
    apart = imports.seconds  # they do not grow with the store
    return {"load_ext": loading - apart, "imports": apart, "list": statistics.median(times), "runs": listed}


def many(folder: str) -> dict[str, float]:
    """Make a store with many steps in one run, and many runs beside it; the seconds of a step on average."""
    from bench.peers import perdure_steps, subject
    from perdure import step, workflow

    os.environ["PERDURE_DURABILITY"] = "process"
    times = perdure_steps.steps(folder, RECORDED)
    tiny = step(subject.tiny)

    @workflow
    def small(number: int) -> int:
        return tiny(number)

    for number in range(RUNS):
        small(number)
    tenth = RECORDED // 10
    return {"first": statistics.median(times[:tenth]), "last": statistics.median(times[-tenth:])}


def reading(folder: str) -> dict[str, float]:
    """Seconds that a `%%step` cell which only reads a frame of 200 MB takes over the same cell without."""
    import numpy as np
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    os.environ["PERDURE_STORE"] = folder
    shell = InteractiveShell.instance()
    body = "total = float(df['a'].sum())"
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_line_magic("load_ext", "perdure")
        rows = np.random.default_rng(1).standard_normal((2_500_000, 10))
        _cell(shell, "%workflow reading")
        shell.user_ns["df"] = pd.DataFrame(rows, columns=list("abcdefghij"))
        _cell(shell, f"%%step first\n{body}")
        before = _taken(folder)
        marked, plain = [], []
        for number in range(ROUNDS):
            plain.append(_timed(lambda: _cell(shell, body)))
            marked.append(_timed(lambda number=number: _cell(shell, f"%%step read{number}\n{body}")))
    return {
        "over": statistics.median(marked) - statistics.median(plain),
        "bytes": (_taken(folder) - before) / ROUNDS,
    }


def _cell(shell: Any, source: str) -> None:
    """Run a cell, which must not fail."""
    shell.run_cell(source).raise_error()


def _stream(folder: str, ready: Any, stop: Any) -> None:
    from perdure.store import open_store

    with open_store(Path(folder)) as store:
        ready.set()
        while not stop.is_set():
            store.blobs.put(os.urandom(32 << 20), durability="power")


def latency(folder: str) -> dict[str, float]:
    """Seconds of a commit ("process") while another process keeps storing large values."""
    from perdure.store import open_store
    from perdure.testing import sample_call, sample_run, sample_session

    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    with open_store(Path(folder), durability="process") as store:
        run = sample_run()
        epoch = store.journal.claim(run, sample_session())
        beside = context.Process(target=_stream, args=(folder, ready, stop))
        beside.start()
        ready.wait()
        times = []
        for seq in range(COMMITS):
            call = sample_call(run.id, seq)
            began = time.perf_counter()
            store.journal.write(run.id, epoch, [call])
            times.append(time.perf_counter() - began)
        stop.set()
        beside.join()
    times.sort()
    return {"p50": times[COMMITS // 2], "p999": times[COMMITS * 999 // 1000], "max": times[-1]}


def _timed(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _taken(folder: str) -> int:
    """Bytes of what was stored; the journal's room that is not used yet is not counted."""
    from perdure.store import open_store

    with open_store(Path(folder)) as store:
        values = [store.journal.value(value) for value in store.journal.value_ids()]
        blobs = sum(map(store.blobs.size, store.journal.blob_names()))
    return blobs + sum(len(value.stream or b"") for value in values if value is not None)


WORKS: dict[str, Callable[[str], dict[str, float]]] = {
    "many": many,
    "listing": listing,
    "reading": reading,
    "latency": latency,
}

if __name__ == "__main__":
    print(json.dumps(WORKS[sys.argv[1]](sys.argv[2])), flush=True)
