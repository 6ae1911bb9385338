"""The store beside others, in one run: `make bench-store`. Writes the tables into docs/benchmarks.md.

Every cell is a process of its own, in a folder of its own. `python -m bench.store --print` only prints the
tables; `--only TEXT` takes the contenders with this in their names.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import page

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
STEPS = 1_000
OPENINGS = 5
LIMIT = 900.0
"""Seconds after which a cell is given up."""

_COMPILED = Path(tempfile.gettempdir()) / f"perdure-bench-{os.getpid()}"
"""Where the processes keep what they compiled."""

Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entrant:
    """One peer with one setting."""

    name: str
    module: str
    survives: str
    """What a result survives once it was acknowledged."""
    settings: Mapping[str, str] = field(default_factory=dict)
    large: bool = True
    """Whether it takes part with large frames in this setting."""


POWER, PROCESS = "power loss", "process"
ENTRANTS = (
    Entrant("Perdure", "perdure_steps", POWER),
    Entrant("Perdure, process", "perdure_steps", PROCESS, {"PERDURE_DURABILITY": "process"}),
    Entrant("DBOS", "dbos_steps", POWER),
    Entrant("DBOS, WAL + NORMAL", "dbos_steps", PROCESS, {"BENCH_RELAXED": "1"}, large=False),
    Entrant("LangGraph", "langgraph_tasks", POWER),
    Entrant("joblib.Memory", "joblib_memory", PROCESS),
    Entrant("marimo", "marimo_cache", PROCESS),
    Entrant("diskcache", "diskcache_memoize", PROCESS),
    Entrant("cloudpickle", "cloudpickle_file", PROCESS),
    Entrant("cloudpickle, fsync", "cloudpickle_file", POWER, {"BENCH_SYNC": "1"}),
)


class Cells:
    """What was measured, by entrant and work; what failed is told by its last line."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[tuple[str, str], Found] = {}

    def measure(self, entrant: Entrant, work: str, argument: str = "", *, place: str = "") -> Found:
        """Let a process do the work; its findings, or `{"failed": why}`."""
        folder = self._root / (place or work) / entrant.module / entrant.name.replace(" ", "-")
        arguments = [arg for arg in (entrant.module, work, str(folder), argument) if arg]
        began = time.perf_counter()
        found = _spawned("bench.peers", arguments, entrant.settings)
        found.setdefault("process", time.perf_counter() - began)
        self._found[entrant.name, f"{work} {argument}".strip()] = found
        return found

    def get(self, name: str, work: str, what: str) -> float | None:
        """A figure, its median where it was measured several times; None where it was not."""
        found = self._found.get((name, work), {}).get(what)
        return statistics.median(found) if isinstance(found, list) else found

    def names(self) -> list[str]:
        """The entrants of which anything was measured."""
        return list(dict.fromkeys(name for name, _ in self._found))

    def raw(self, work: str, what: str) -> float | None:
        """What a raw write (`write`, `synced`) or a `copy` of as many bytes took in the same processes."""
        times = [
            time for (_, one), found in self._found.items() if one == work for time in found.get(what, ())
        ]
        return statistics.median(times) if times else None

    def failure(self, name: str, work: str) -> str:
        """Why there is no figure."""
        return str(self._found.get((name, work), {}).get("failed", ""))

    def put(self, name: str, work: str, found: Found) -> None:
        """Take in what was measured elsewhere."""
        self._found[name, work] = found


def _spawned(module: str, arguments: list[str], settings: Mapping[str, str]) -> Found:
    # What is installed is compiled; what is developed here would be at each start, if nobody kept it.
    ours = ("PERDURE_", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env=environment
            | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONPYCACHEPREFIX": str(_COMPILED)}
            | settings,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took over {LIMIT:.0f} s"}
    if done.returncode or not done.stdout.strip():
        errors = re.findall(r"^(?:\w+\.)*(\w+(?:Error|Exception)\b)(.*)", done.stderr, re.MULTILINE)
        name, told = errors[-1] if errors else ("no output", "")
        print(f"{module} {arguments}: {name}{told}", file=sys.stderr, flush=True)
        return {"failed": name}
    found: Found = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _small(cells: Cells, entrants: list[Entrant]) -> None:
    """Tiny steps, their replay, and the opening."""
    for entrant in entrants:
        cells.measure(entrant, "steps", str(STEPS), place="steps")
        cells.measure(entrant, "replay", str(STEPS), place="steps")
        times = [cells.measure(entrant, "opened", place="open").get("process") for _ in range(OPENINGS)]
        cells.put(entrant.name, "opened", {"process": times})


def _large(cells: Cells, entrants: list[Entrant], kinds: tuple[str, ...], root: Path) -> None:
    """Frames, one entrant after the other; what they stored is deleted at once."""
    for kind in kinds:
        for entrant in entrants:
            if entrant.large:
                cells.measure(entrant, "frame", kind, place=kind)
                cells.measure(entrant, "load", kind, place=kind)
                shutil.rmtree(root / kind, ignore_errors=True)


def _alone(cells: Cells, root: Path) -> None:
    """What only Perdure does."""
    for work, place in (
        ("many", "many"),
        ("listing", "many"),
        ("reading", "reading"),
        ("latency", "latency"),
    ):
        cells.put("Perdure", work, _spawned("bench.own", [work, str(root / place)], {}))
    perdure = Entrant("Perdure, process", "perdure_steps", PROCESS)
    for count in (100, 100_000):
        place = root / f"replay-{count}"
        if count == 100_000:
            place = root / "many"
        else:
            _spawned("bench.peers", [perdure.module, "steps", str(place), str(count)], perdure.settings)
        found = _spawned("bench.peers", [perdure.module, "replay", str(place), str(count)], perdure.settings)
        cells.put("Perdure", f"replay {count}", found)


def tables(cells: Cells, entrants: list[Entrant]) -> Iterator[str]:
    """The tables of the page, as Markdown."""
    from bench import store_page

    yield store_page.aims(cells)
    yield store_page.small(cells, entrants)
    yield store_page.large(cells, [entrant for entrant in entrants if entrant.large])


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--folder", help="where the stores of the benchmark go, on the disk that is measured")
    asked = parser.parse_args()
    entrants = [entrant for entrant in ENTRANTS if asked.only in entrant.name]
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="perdure-bench-") as folder:
        root = Path(folder)
        cells = Cells(root)
        _small(cells, entrants)
        if any(entrant.name == "Perdure" for entrant in entrants):
            _alone(cells, root)
        _large(cells, entrants, ("numeric", "mixed"), root)
    shutil.rmtree(_COMPILED, ignore_errors=True)
    text = "\n\n".join([*tables(cells, entrants), page.conditions(PACKAGES)])
    if asked.print or asked.only:
        print(text)
    else:
        page.write(PAGE, "store", text)


PACKAGES = (
    *("dbos", "langgraph", "langgraph-checkpoint-sqlite", "joblib", "marimo", "diskcache", "cloudpickle"),
    *("numpy", "pandas", "pyarrow"),
)

if __name__ == "__main__":
    main()
