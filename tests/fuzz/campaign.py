"""Many specimens in some processes, each confined: `python -m fuzz.campaign --count 1000000`.

Prints the seed first, so that every failure can be made again, and the count last. `--only NUMBER` judges one
specimen of a seed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fuzz import judge

SLICE = 10_000
"""Specimens for one process; of every eighth slice each allocation is counted."""


def judged(seed: str, first: int, count: int) -> tuple[int, list[dict[str, Any]]]:
    """How many specimens of a slice were judged, and the failures; a process that dies is one of them."""
    failures: list[dict[str, Any]] = []
    done, end = 0, first + count
    while first < end:
        with tempfile.NamedTemporaryFile() as notes:
            notes.write(first.to_bytes(8, "little"))
            notes.flush()
            traced = str(int(first // SLICE % 8 == 0))
            command = [
                sys.executable,
                "-m",
                "fuzz.judge",
                seed,
                str(first),
                str(end - first),
                notes.name,
                traced,
            ]
            ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment())
            lines = [json.loads(line) for line in ended.stdout.splitlines()]
            if ended.returncode == 0:
                return done + lines.pop()["judged"], failures + lines
            at = int.from_bytes(Path(notes.name).read_bytes(), "little")
        failures += [
            *lines,
            {
                "number": at,
                "fault": f"the process ended with {ended.returncode}",
                "told": ended.stderr[-2000:],
            },
        ]
        if ended.returncode > 0:  # not by a signal: the judge itself is broken
            return done, failures
        done, first = done + at + 1 - first, at + 1
    return done, failures


def environment() -> dict[str, str]:
    """What the judges find: this folder, and one hash seed for all."""
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONHASHSEED": "0"}


def campaign(seed: str, count: int, processes: int) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The slices of a campaign, as they are finished."""
    starts = range(0, count, SLICE)
    with ThreadPoolExecutor(processes) as pool:
        yield from pool.map(lambda first: judged(seed, first, min(SLICE, count - first)), starts)


def new_seed() -> str:
    """A seed that nobody had before."""
    return os.urandom(6).hex()


def main() -> int:
    """Run a campaign; 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2_000_000)
    parser.add_argument("--seed", default=new_seed())
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--only", type=int)
    asked = parser.parse_args()
    megabytes = judge.ROOM >> 20
    print(f"seed {asked.seed}; {judge.SECONDS} s of processor time and {megabytes} MiB for each", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PERDURE_KEY_FILE"] = str(Path(folder) / "key")
        if asked.only is None:
            done, failed = _told(asked.seed, asked.count, asked.processes)
        else:
            done, failures = judged(asked.seed, asked.only, 1)
            failed = len(failures)
            print(*map(json.dumps, failures), sep="\n")
    print(f"{done:,} specimens of seed {asked.seed} were judged; {failed} failed.")
    return 1 if failed or done < (asked.count if asked.only is None else 1) else 0


def _told(seed: str, count: int, processes: int) -> tuple[int, int]:
    """How many specimens of a campaign were judged and how many failed; its course is printed."""
    began, done, failed = time.monotonic(), 0, 0
    for number, failures in campaign(seed, count, processes):
        done, failed = done + number, failed + len(failures)
        for failure in failures:
            print(json.dumps(failure), flush=True)
        if done % 100_000 < SLICE:
            print(f"{done:,} judged, {failed} failed, {time.monotonic() - began:.0f} s", flush=True)
    return done, failed


if __name__ == "__main__":
    sys.exit(main())
