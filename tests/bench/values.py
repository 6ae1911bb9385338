"""The codec beside others, in one run: `make bench-values`. Writes the tables into docs/benchmarks.md.

`python -m bench.values --print` only prints them; `--only TEXT` takes the values with this in their names.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from bench import page
from bench.contenders import contenders
from bench.memory import extra
from bench.subjects import SUBJECTS
from bench.timing import Cells, measured

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PACKAGES = (
    *("ormsgpack", "cloudpickle", "xxhash", "numpy", "pandas", "pyarrow", "scikit-learn", "torch"),
    *("joblib", "dask", "langgraph-checkpoint"),
)
NUMERIC, MIXED = "800 MB frame, numeric", "mixed frame, 700 MB"
Aim = tuple[str, str, bool | None]


def aims(tables: dict[str, Cells], memory: dict[tuple[str, str, str], int | None]) -> list[Aim]:
    """The targets of the codec, against what was measured."""
    plain, frame = "10 kB plain dicts", NUMERIC
    ours, theirs = (_both(tables, plain, name) for name in ("Perdure", "pickle"))
    hashed, joblib = (_seconds(tables, frame, name, "digest") for name in ("Perdure", "joblib"))
    found = [
        _ratio("10 kB plain dicts: encode + decode at most 2.5 times C pickle", ours, theirs, 2.5),
        _time(f"{frame}: digest in at most 50 ms", hashed, 50e-3),
        _times_slower(f"{frame}: joblib.hash at least 10 times slower", joblib, hashed, 10),
        _time("tiny dict: digest in at most 5 us", _seconds(tables, "tiny dict", "Perdure", "digest"), 5e-6),
        _time(f"{plain}: digest in at most 150 us", _seconds(tables, plain, "Perdure", "digest"), 150e-6),
    ]
    for subject, limit in ((NUMERIC, 32), (MIXED, 128)):
        sizes = [memory.get(("Perdure", act, subject)) for act in ("encode", "digest")]
        whole = None if None in sizes else max(size for size in sizes if size is not None) / 1e6
        text = "" if whole is None else f"{whole:.1f} MB"
        aim = f"{subject}: at most {limit} MB of extra memory at the peak"
        found.append((aim, text, None if whole is None else whole <= limit))
    return found


def _seconds(tables: dict[str, Cells], subject: str, name: str, act: str) -> float | None:
    cell = tables.get(subject, {}).get((name, act))
    return None if cell is None else cell.seconds


def _both(tables: dict[str, Cells], subject: str, name: str) -> float | None:
    one, two = (_seconds(tables, subject, name, act) for act in ("encode", "decode"))
    return None if one is None or two is None else one + two


def _ratio(aim: str, ours: float | None, theirs: float | None, limit: float) -> Aim:
    if ours is None or theirs is None:
        return aim, "", None
    return (
        aim,
        f"{page.spelt(ours)} against {page.spelt(theirs)}: {ours / theirs:.2f}",
        ours / theirs <= limit,
    )


def _times_slower(aim: str, theirs: float | None, ours: float | None, limit: float) -> Aim:
    if ours is None or theirs is None:
        return aim, "", None
    return aim, f"{theirs / ours:.1f}", theirs / ours >= limit


def _time(aim: str, ours: float | None, limit: float) -> Aim:
    return (aim, "", None) if ours is None else (aim, page.spelt(ours), ours <= limit)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    began, tables, every = time.monotonic(), dict[str, Cells](), contenders()
    chosen = [one for one in SUBJECTS if asked.only in one.name and (not one.needs or find_spec(one.needs))]
    memory: dict[tuple[str, str, str], int | None] = {}
    for subject in chosen:
        tables[subject.name] = measured(subject.make(), every, subject.rounds)
        print(f"{time.monotonic() - began:4.0f} s  {subject.name}", file=sys.stderr, flush=True)
    frames = [one.name for one in chosen if one.name in (NUMERIC, MIXED)]
    for subject_name in frames:
        for contender in every:
            for act in ("encode", "digest"):
                if getattr(contender, act) is not None:
                    memory[contender.name, act, subject_name] = extra(contender.name, act, subject_name)
        print(f"{time.monotonic() - began:4.0f} s  memory, {subject_name}", file=sys.stderr, flush=True)
    names = [contender.name for contender in every]
    parts = [page.targets(aims(tables, memory)), page.times(tables, names), page.memory(memory, frames)]
    text = "\n\n".join([*parts, page.conditions(PACKAGES)])
    if asked.print or asked.only:
        print(text)
    else:
        page.write(PAGE, "values", text)


if __name__ == "__main__":
    main()
