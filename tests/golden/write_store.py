"""Writes a golden store with the Perdure that is installed: `PYTHONPATH=tests python -m golden.write_store FOLDER`.

FOLDER becomes `schema-N`: a store in which each table of the journal has rows of every kind, and the key that
signed what is in it. Written once for each schema and never again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

import perdure.notebook
from golden.write import KEY, golden
from perdure import step, workflow
from perdure.engine.process import use_store
from perdure.store import open_store

VALUES = ["plain", "rows", "classes", "text", "array"]
CELLS = [
    "%load_ext perdure\n%workflow flights",
    "%%setup tools\nrate = 3",
    "%%step load\ndata = list(range(5))",
    "%%step total\nprint('text')\ntotal = sum(data) * rate\ntotal",
    "%%step total --replace\nprint('text')\ntotal = sum(data) + rate\ntotal",
    "%%step broken\n1 / 0",
]
tries: list[str] = []


@step(retries=1)
def flaky(name: str) -> str:
    """Succeeds at the second attempt."""
    tries.append(name)
    if tries.count(name) == 1:
        raise ConnectionError("try again")
    return name


@step(kind="effect")
def charge() -> str:
    """Happens once."""
    return "receipt"


@step
def never() -> None:
    """Always fails."""
    raise LookupError("no such thing")


@workflow
def below(name: str) -> str:
    """A child run."""
    return flaky(name)


@workflow
def report() -> list[Any]:
    """Attempts, an effect, a failure that is an outcome, and child runs."""
    done: list[Any] = [below("first"), charge(), flaky("second")]
    try:
        never()
    except LookupError as error:
        done.append(str(error))
    return [*done, flaky("third")]


@workflow
def fails() -> None:
    """A run that failed."""
    charge()
    never()


def cells() -> None:
    """A notebook, run twice: the second time its checkpoints are restored."""
    for _ in range(2):
        shell = InteractiveShell()
        shell.history_manager.enabled = False
        with shell.builtin_trap:
            for source in CELLS:
                shell.run_cell(source)
            perdure.notebook.unload(shell)
        shell.history_manager.end_session()


def main(folder: Path) -> None:
    """Write everything anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "key").write_text(f"{KEY}\n")
    os.environ["PERDURE_KEY_FILE"] = str(folder / "key")
    os.environ["JUPYTER_DATA_DIR"] = str(folder / "user")
    socket.gethostname = lambda: "golden"
    with open_store(folder / "store") as store:
        use_store(store)
        golden(VALUES)
        report()
        report.using(fresh=True)()
        with contextlib.suppress(LookupError):
            fails()
        cells()
        use_store(None)
    here = [*(folder / "store" / "blobs").glob("seen-*"), folder / "store" / "blobs" / "chunks"]
    rests = ("user", "key.lock", "store/.gitignore", "store/locks", "store/journal.lock", "store/reserve")
    for path in [*here, *(folder / rest for rest in rests)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
