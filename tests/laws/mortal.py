"""Lives that end by a real SIGKILL: each is forked, over a store in a folder.

Usage: mortal.py, then a line of JSON on stdin for each life: {"folder", "tree", "seed", "death", "fails"}, or
{"folder"} for the decisions of a person. Each is answered by a line: what the life came to, and at how many points
it could have died.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from laws.lives import KILLED, decide_all, live
from laws.perform import body
from laws.stage import Stage, Witness
from perdure.engine.process import use_store
from perdure.store import failpoints, open_store
from perdure.testing import HandClock
from perdure.testing.clock import START

for name in (
    "engine.calls",
    "engine.execution",
    "engine.parallel",
    "engine.waits",
    "store.sqlite",
    "store.vault",
):
    importlib.import_module(f"perdure.{name}")


class MortalStage(Stage):
    """It dies where it is, with all its threads."""

    def reached(self, _: str = "") -> None:
        """A point at which the process may die."""
        self.points += 1
        if self.points == self.death:
            os.kill(os.getpid(), signal.SIGKILL)


def carry_out(told: dict[str, Any]) -> list[Any]:
    """One life, in the process that lives it."""
    folder = Path(told["folder"])
    os.environ["JUPYTER_DATA_DIR"] = str(folder / "user")
    witness = Witness(folder / "witness")
    with open_store(folder / "store") as store:
        use_store(store)
        if "tree" not in told:
            return [decide_all(store, witness), 0]
        with HandClock(witness.time or START) as clock:
            stage = MortalStage(witness, clock, told["seed"], told["death"], fails_at_end=told["fails"])
            failpoints.hook = stage.reached
            return [live(stage, body, pickle.loads(bytes.fromhex(told["tree"]))), stage.points]


def answer(told: dict[str, Any]) -> str:
    """What a life came to, lived in a process of its own."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        try:
            said = json.dumps(carry_out(told))
        except BaseException:  # noqa: BLE001  whatever it is, it is told
            said = json.dumps(["trouble", traceback.format_exc()])
        os.write(into, said.encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as file:
        said = file.read()
    status = os.waitpid(child, 0)[1]
    return json.dumps([KILLED, 0]) if os.WIFSIGNALED(status) else said


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(answer(json.loads(line)) + "\n")
        sys.stdout.flush()
