"""`perdure cache`: list the results that other runs may use, or clear them after a question."""

from __future__ import annotations

import argparse

from ._stores import needed_store
from .trust import confirmed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of which step, and what becomes of them."""
    parser.add_argument("step", nargs="?", metavar="STEP", help="only the results of this step")
    parser.add_argument("--clear", action="store_true", help="let no other run use them any more")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    """List them; clear them if that is asked for. 1 if there is nothing to clear."""
    from perdure.notebook import caching
    from perdure.store import open_store
    from perdure_widgets import words

    with open_store(needed_store(arguments), readonly=not arguments.clear) as store:
        found = caching.cached(store, arguments.step)
        if not arguments.clear or not found.calls:
            print(words.plain(repr(found)))
            return 1 if arguments.clear else 0
        question = f"Clear {caching.told(found.calls)}?"
        if not arguments.yes and not confirmed(question, "perdure cache --clear"):
            print("Nothing was cleared.")
            return 1
        print(caching.clear(store, arguments.step))
    return 0
