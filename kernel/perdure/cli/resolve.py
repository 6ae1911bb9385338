"""`perdure resolve`: decide on a call that is in doubt."""

from __future__ import annotations

import argparse
import ast

from ._stores import needed_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which call, and what becomes of it."""
    parser.add_argument(
        "run", metavar="RUN|WORKFLOW", help="the run, or a workflow, which stands for its newest run"
    )
    parser.add_argument("step", metavar="STEP|CALL", help="the step, or the id of one call of it")
    parser.add_argument(
        "verdict",
        choices=("again", "done", "fail"),
        help="run it again, mark it as done, or as failed",
    )
    parser.add_argument(
        "value",
        nargs="?",
        type=ast.literal_eval,
        help="of one that is done: what it gave, as Python writes it (default None)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Record the decision; the run goes on when it is started again."""
    from perdure.engine import questions
    from perdure.engine.owner import taken
    from perdure.errors import NoSuchStep
    from perdure.store import open_store
    from perdure.store.related import named_run

    with open_store(needed_store(arguments)) as store:
        found = named_run(store, arguments.run)
        with taken(store, found) as owner:
            doubtful = questions.open_calls(owner.history.calls.values(), arguments.step)
            if not doubtful:
                raise NoSuchStep(step=arguments.step, run=found.id, hint=" that is in doubt")
            call = doubtful[-1]
            print(f"{call.step} {questions.resolve(owner, call, arguments.verdict, arguments.value)}")
    return 0
