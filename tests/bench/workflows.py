"""What workflows cost: `make bench-workflows`. Writes a table into docs/benchmarks.md; `--print` only prints it."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench import page
from perdure import sleep, step, workflow
from perdure.engine.process import use_store
from perdure.store import open_store

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PARALLEL, SEQUENCE, PART, ROUNDS = 1_000, 10_000, 1_000, 5
ASLEEP = 10.0
"""Seconds for which a sleeping run is watched."""
Aim = tuple[str, str, bool | None]


@step
async def beside(x):
    return x + 1


@step
def after(x):
    return x + 1


@workflow
async def wide(n, number):
    return len(await asyncio.gather(*(beside(x) for x in range(n))))


@workflow
def long(n, number):
    moments = [time.perf_counter()]
    for x in range(n):
        after(x)
        moments.append(time.perf_counter())
    took.extend(b - a for a, b in itertools.pairwise(moments))
    return number


@workflow
async def waits(seconds):
    await sleep(seconds)


took: list[float] = []


def bare(folder: Path, rows: int) -> float:
    """Seconds for a commit of SQLite that waits for the disk, with a row of 200 bytes and no index."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (x BLOB);")
    began = time.perf_counter()
    for _ in range(rows):
        connection.execute("INSERT INTO t VALUES (zeroblob(200))")
    seconds = (time.perf_counter() - began) / rows
    connection.close()
    return seconds


def parallel(folder: Path) -> tuple[Aim, str]:
    """Parallel trivial steps, each on disk when it is acknowledged."""
    yardstick, ours = [], []
    with open_store(folder / "power", durability="power") as store:
        before = use_store(store)
        for number in range(ROUNDS):
            yardstick.append(bare(Path(tempfile.mkdtemp(dir=folder)), PARALLEL))
            began = time.perf_counter()
            asyncio.run(wide(PARALLEL, number))
            ours.append((time.perf_counter() - began) / PARALLEL)
        use_store(before)
    each, commit = statistics.median(ours), statistics.median(yardstick)
    aim = "1,000 parallel async steps, `power`: at most 1 ms each"
    return (aim, page.spelt(each), each <= 1e-3), page.row(
        ["a bare SQLite commit that waits for the disk", page.spelt(commit), f"{commit / each:.2f}x"]
    )


def sequence(folder: Path) -> list[Aim]:
    """Steps one after the other, and their replay by a fresh owner."""
    with open_store(folder / "process", durability="process") as store:
        before = use_store(store)
        long(SEQUENCE, 0)
        first, last = (statistics.median(part) for part in (took[PART : 2 * PART], took[-PART:]))
        replays = {count: _replayed(count) for count in (SEQUENCE // 10, SEQUENCE)}
        use_store(before)
    few, many = (replays[count] / count for count in (SEQUENCE // 10, SEQUENCE))
    return [
        (
            "10,000 steps in sequence, `process`: the last costs at most 1.2 times the first",
            f"{page.spelt(first)} and {page.spelt(last)}: {last / first:.2f}",
            last / first <= 1.2,
        ),
        (
            "their replay is linear: a step of 10,000 at most 1.2 times one of 1,000",
            f"{page.spelt(few)} and {page.spelt(many)}: {many / few:.2f}",
            many / few <= 1.2,
        ),
    ]


class Unfinished(Exception):  # noqa: N818  it ends a pass, and nothing is wrong
    """Ends a run after its steps, so that the next pass replays them."""


@workflow
def again(n):
    began = time.perf_counter()
    for x in range(n):
        after(x)
    took[:] = [time.perf_counter() - began]
    raise Unfinished


def _replayed(count: int) -> float:
    """Seconds of the body in which all of `count` recorded steps are restored: the best of three passes."""
    found = []
    for _ in range(4):
        try:
            again(count)
        except Unfinished:
            found.append(took[0])
    return min(found[1:])


def asleep(folder: Path) -> Aim:
    """What a sleeping run takes of a core."""
    with open_store(folder / "asleep") as store:
        before = use_store(store)

        async def watched() -> float:
            run = waits.start(ASLEEP + 60)
            await asyncio.sleep(1)
            began = time.process_time()
            await asyncio.sleep(ASLEEP)
            used = (time.process_time() - began) / ASLEEP
            run.wake()
            await run
            return used

        share = asyncio.run(watched())
        use_store(before)
    return "a sleeping run: at most 0.1 % of a core", f"{share * 100:.3f} %", share <= 1e-3


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--folder", type=Path, help="on the disk that is to be measured")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        os.environ["JUPYTER_DATA_DIR"] = str(folder / "user")
        aim, compared = parallel(folder)
        rows = [aim, *sequence(folder), asleep(folder)]
    beside_it = "\n".join([page.row(["beside it", "time", "of a step's"]), page.row(["---"] * 3), compared])
    text = "\n\n".join([page.targets(rows), beside_it, page.conditions(("ipykernel", "ormsgpack", "xxhash"))])
    if asked.print:
        print(text)
    else:
        page.write(PAGE, "workflows", text)
        print(f"{PAGE} is written.", file=sys.stderr)


if __name__ == "__main__":
    main()
