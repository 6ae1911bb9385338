"""One work of one peer in a process of its own: `python -m bench.peers MODULE WORK FOLDER [ARGUMENT]`. Prints JSON."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.imports import Imports

ROUNDS = 3


def steps(peer: Any, folder: str, count: str) -> dict[str, float]:
    """Seconds of a tiny step that runs and is kept."""
    times = sorted(peer.steps(folder, int(count)))
    return {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}


def replay(peer: Any, folder: str, count: str) -> dict[str, float]:
    """Seconds of a fresh process until everything that is recorded was replayed, imports apart."""
    with Imports() as imports:
        whole, times = peer.replay(folder, int(count))
    return {"seconds": whole - imports.seconds, "each": sorted(times)[len(times) // 2]}


def opened(peer: Any, folder: str) -> dict[str, float]:
    """Import and open; the whole process is timed from outside."""
    peer.opened(folder)
    return {}


def frame(peer: Any, folder: str, kind: str) -> dict[str, Any]:
    """What it costs to keep a large frame, to keep it again, and to keep it with a column more."""
    from bench import subjects
    from bench.peers import subject

    value = getattr(subjects, kind)()
    size = int(value.memory_usage(index=False).sum())
    found: dict[str, Any] = {"size": size, "keep": [], "write": [], "synced": [], "copy": []}
    raw = value.select_dtypes("float64").to_numpy().reshape(-1).view("u1")
    for number in range(ROUNDS):
        _settle()
        found["copy"].append(_timed(raw.copy) * size / raw.nbytes)
        for name, synced in (("write", False), ("synced", True)):
            found[name].append(_written(Path(folder) / "raw", raw, synced=synced) * size / raw.nbytes)
        value = getattr(subjects, kind)(number + 1)
        subject.made[f"first-{number}"] = value
        _settle()
        before = _resident("VmRSS")
        found["keep"].append(peer.keep(folder, f"first-{number}"))
        found["memory"] = _resident("VmHWM") - before
    kept = _taken(folder)
    subject.made["again"] = value.copy()
    _settle()
    found["again"], found["again_bytes"] = peer.keep(folder, "again"), _taken(folder) - kept
    kept += found["again_bytes"]
    wider = value.assign(more=value[value.columns[1]] * 2.0).copy()
    subject.made["wider"], found["wider_size"] = wider, int(wider.memory_usage(index=False).sum())
    _settle()
    found["wider"], found["wider_bytes"] = peer.keep(folder, "wider"), _taken(folder) - kept
    return found


def load(peer: Any, folder: str, _kind: str) -> dict[str, float]:
    """Seconds until the frame is back and until its first sums are there; those of a live one."""
    for module in ("pandas", "pyarrow", *getattr(peer, "LATE", ())):  # imports are no part of the cost
        import_module(module)
    seconds, value = peer.load(folder, f"first-{ROUNDS - 1}")
    numbers = value.select_dtypes("float64")
    first = _timed(numbers.sum)
    live = numbers.copy()
    live.sum()
    return {"load": seconds, "sum": first, "live": min(_timed(live.sum) for _ in range(ROUNDS))}


def _timed(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _written(path: Path, data: Any, *, synced: bool) -> float:
    """Seconds of writing these bytes into a new file."""
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        if synced:
            os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    path.unlink()
    return seconds


def _settle() -> None:
    """Nothing is left to collect or to write back, and the high-water mark of memory is set back."""
    gc.collect()
    os.sync()
    Path("/proc/self/clear_refs").write_text("5")


def _resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))


def _taken(folder: str) -> int:
    """Bytes that the folder takes on disk."""
    return sum(path.stat().st_blocks << 9 for path in Path(folder).rglob("*") if path.is_file())


WORKS: dict[str, Callable[..., dict[str, Any]]] = {
    "steps": steps,
    "replay": replay,
    "opened": opened,
    "frame": frame,
    "load": load,
}

if __name__ == "__main__":
    module, work, where, *rest = sys.argv[1:]
    Path(where).mkdir(parents=True, exist_ok=True)
    found = import_module(f"bench.peers.{module}")
    result = WORKS[work](getattr(found, "peer", found), where, *rest)
    print(json.dumps(result), flush=True)
    os._exit(0)  # what a peer does at a normal exit is not measured, and some threads would wait
