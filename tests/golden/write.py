"""Writes golden files with the Perdure that is installed: `PYTHONPATH=tests python -m golden.write FOLDER`.

FOLDER becomes `format-N`: a store with one finished run, the key that signed it, and `perdure.dumps` of each
value. Written once for each format and never again: what they prove is that later versions read them.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import perdure
from golden.values import VALUES
from perdure import step, workflow
from perdure.engine.process import use_store

KEY = "60" * 32


@step
def keep(name: str) -> Any:
    """A checkpoint for each value."""
    return bytecode() if name == "bytecode" else VALUES[name]()


@workflow
def golden(names: list[str]) -> dict[str, Any]:
    """A run that keeps each value twice: as that of a step, and in its result."""
    return {name: keep(name) for name in names}


def bytecode() -> Any:
    """What a notebook's function is: pickled by value. Its file name says nothing of this machine."""
    return eval(compile("lambda number: number + 1", "golden", "eval"), globals())


def main(folder: Path) -> None:
    """Write everything anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "key").write_text(f"{KEY}\n")
    os.environ["PERDURE_KEY_FILE"] = str(folder / "key")
    os.environ["JUPYTER_DATA_DIR"] = str(folder / "user")
    socket.gethostname = lambda: "golden"
    from perdure.store import open_store

    with open_store(folder / "store") as store:
        use_store(store)
        golden(list(VALUES))
        golden(["bytecode"])
        use_store(None)
    dumps = folder / "dumps"
    dumps.mkdir()
    for name, make in VALUES.items():
        if name != "long":
            (dumps / name).write_bytes(perdure.dumps(make()))
    (dumps / "bytecode").write_bytes(perdure.dumps(bytecode()))
    for rest in ("user", "key.lock", "store/.gitignore", "store/locks", "store/journal.lock"):
        path = folder / rest
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
