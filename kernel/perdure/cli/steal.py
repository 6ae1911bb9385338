"""`perdure steal`: take a run from the process that has it, so that another may go on."""

from __future__ import annotations

import argparse

from ._stores import needed_store
from .trust import confirmed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run."""
    parser.add_argument(
        "run", metavar="RUN|WORKFLOW", help="the run, or a workflow, which stands for its newest run"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Tell who has the run, ask, and take it."""
    from perdure.engine.owner import Owner
    from perdure.errors import RunOwned
    from perdure.store import open_store
    from perdure.store.related import named_run

    with open_store(needed_store(arguments)) as store:
        found = named_run(store, arguments.run)
        try:
            store.lock(found).release()
        except RunOwned as refusal:
            print(str(refusal).splitlines()[0])
        else:
            print(f"Run {found.id} of `{found.workflow}` is free: nobody has it, and any kernel may take it.")
            return 0
        question = "Take it from there? What runs there now is not kept, and an effect may be in doubt."
        if not arguments.yes and not confirmed(question, "perdure steal"):
            print("Nothing was taken.")
            return 1
        Owner.take(store, found, steal=True).close()
        print(f"Run {found.id} is free now: the next kernel that asks for it goes on with it.")
    return 0
