"""`perdure cancel`: end a run, whoever is at work on it."""

from __future__ import annotations

import argparse
import threading
from typing import TYPE_CHECKING

from ._stores import needed_store

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import RunRecord

_PATIENCE = 15.0
"""Seconds in which the process that is at work on a run ends it, if it can at all."""
_LOOK = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, and why."""
    parser.add_argument(
        "run", metavar="RUN|WORKFLOW", help="the run, or a workflow, which stands for its newest run"
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; it is kept with the run")


def run(arguments: argparse.Namespace) -> int:
    """Have the run cancelled, and tell what came of it; 1 where it goes on for now."""
    from perdure.engine.cancels import ASKED, RECORDED, cancel
    from perdure.store import open_store
    from perdure.store.related import named_run

    with open_store(needed_store(arguments)) as store:
        found = named_run(store, arguments.run)
        named = f"Run {found.id} of `{found.workflow}`"
        came = cancel(store, found, arguments.reason)
        if came == ASKED:
            came = _ended(store, found, arguments.reason)
        if came in (RECORDED, "ended"):
            print(f"{named} is cancelled.")
            return 0
        if came == ASKED:
            print(f"{named} was asked to end, and its process has not done so yet.")
            return 1
        print(f"{named} {_SAID.get(came, f'ended before: it is {came}')}. Nothing was changed.")
    return 0


_SAID = {
    "open": "is a notebook's own, which has no end: cancel the runs that its cells began",
    "cancelled": "is cancelled already",
}


def _ended(store: Store, run: RunRecord, reason: str) -> str:
    """Wait until the owner of the run ended it: `ended`, or what came of it otherwise."""
    from perdure.engine.cancels import ASKED, cancel

    pause = threading.Event()
    for _ in range(int(_PATIENCE / _LOOK)):
        record = store.journal.run(run.id)
        if record is None or record.state == "cancelled":
            return "ended"
        if store.owner(run.id) is None:  # it ended otherwise, or its process died meanwhile
            return cancel(store, record, reason)
        pause.wait(_LOOK)
    return ASKED
