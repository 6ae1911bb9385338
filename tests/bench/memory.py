"""How much memory a contender takes beside the value: `python -m bench.memory CONTENDER ENCODE_OR_DIGEST SUBJECT`.

A process of its own for each cell. The high-water mark of resident memory is set back when the value is made; what
it rises by is printed in bytes. Linux only.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

from bench.contenders import contenders
from bench.subjects import SUBJECTS

_PROCESS = Path("/proc/self")


def extra(contender: str, act: str, subject: str) -> int | None:
    """Bytes at the peak beside the value, measured in a process of its own; None where that failed."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory", contender, act, subject],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    return int(done.stdout) if done.returncode == 0 else None


def _resident(name: str) -> int:
    lines = (_PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))


def main(contender: str, act: str, subject: str) -> None:
    """Print the bytes of one cell."""
    find = {one.name: one for one in contenders()}[contender]
    one = next(one for one in SUBJECTS if one.name == subject)
    work = getattr(find, act)
    value = one.make()
    work(value.head(1000))  # what has to be imported is no part of the cost
    gc.collect()
    (_PROCESS / "clear_refs").write_text("5")
    before = _resident("VmRSS")
    made = work(value)
    print(_resident("VmHWM") - before)
    del made


if __name__ == "__main__":
    main(*sys.argv[1:])
