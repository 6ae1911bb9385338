"""`perdure gc`: remove what no run needs, and, if asked, old runs."""

from __future__ import annotations

import argparse

from ._stores import needed_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much may go."""
    parser.add_argument(
        "--keep", type=_count, metavar="N", help="forget all but the newest N finished runs of each workflow"
    )
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be removed")


def run(arguments: argparse.Namespace) -> int:
    """Collect, and tell what went."""
    from perdure.store import open_store
    from perdure.store.gc import collect
    from perdure_widgets import words

    with open_store(needed_store(arguments), readonly=arguments.dry_run) as store:
        gone = collect(store, keep=arguments.keep, dry_run=arguments.dry_run)
    verb = "Would remove" if arguments.dry_run else "Removed"
    runs, blobs = words.counted(len(gone.runs), "run"), words.counted(gone.blobs, "blob")
    print(words.plain(f"{verb} {runs} and {blobs}: {words.size(gone.bytes)}."))
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("a number from 0 up is needed")
    return number
