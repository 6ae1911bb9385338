"""`perdure wake`: end the sleeps of a run before their time."""

from __future__ import annotations

import argparse

from ._stores import needed_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, and which of its sleeps."""
    parser.add_argument(
        "run", metavar="RUN|WORKFLOW", help="the run, or a workflow, which stands for its newest run"
    )
    parser.add_argument("call", nargs="?", metavar="CALL", help="the id of one sleep (default: all)")


def run(arguments: argparse.Namespace) -> int:
    """Tell whoever is at work on the run; 1 if nothing sleeps there."""
    from perdure.engine.waits.waking import wake
    from perdure.store import open_store
    from perdure.store.related import named_run
    from perdure_widgets import words

    with open_store(needed_store(arguments)) as store:
        found = named_run(store, arguments.run)
        woken = wake(store, found.id, arguments.call)
        if not woken:
            print(f"Nothing sleeps in run {found.id} of `{found.workflow}`.")
            return 1
        when = "now" if store.owner(found.id) else "when it goes on: nobody is at work on it"
        verb = "ends" if woken == 1 else "end"
        print(f"{words.counted(woken, 'sleep')} of run {found.id} of `{found.workflow}` {verb} {when}.")
    return 0
