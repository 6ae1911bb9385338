"""`perdure trust`: tell what is not signed by your key, and sign it after a question."""

from __future__ import annotations

import argparse
import sys

from perdure.errors import NotConfirmed

from ._stores import needed_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to sign; with neither, only tell."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "run", nargs="?", metavar="RUN|WORKFLOW", help="sign the values of this run, and of those it started"
    )
    which.add_argument("--all", action="store_true", help="sign the values of the whole store")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Tell, ask, and sign."""
    from perdure.store import open_store
    from perdure.store.trust import sign, survey

    only_tell = arguments.run is None and not arguments.all
    with open_store(needed_store(arguments), readonly=only_tell) as store:
        offer = survey(store, arguments.run)
        print("\n".join(offer.lines()))
        if not offer.values:
            return 0
        if only_tell:
            print("`perdure trust RUN` or `perdure trust --all` signs them after a question.")
            return 0
        question = f"Sign {len(offer.values)} with your key?"
        if not arguments.yes and not confirmed(question, "perdure trust"):
            print("Nothing was signed.")
            return 1
        print(f"Signed {sign(store, offer)}.")
    return 0


def confirmed(question: str, command: str) -> bool:
    """Whether a person says yes.

    Raises:
        NotConfirmed: nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise NotConfirmed(command=command)
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
