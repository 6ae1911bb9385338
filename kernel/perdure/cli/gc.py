"""`perdure gc`: remove what no run needs, and, if asked, old runs."""

from __future__ import annotations

import argparse

from ._stores import needed_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much may go."""
    parser.add_argument(
        "--keep", type=_count, metavar="N", help="forget all but the newest N finished runs of each workflow"
    )
    parser.add_argument(
        "--older-than",
        type=_age,
        metavar="AGE",
        help="forget runs that finished longer ago, such as 30d; with --keep, the newest N stay all the same",
    )
    parser.add_argument(
        "--max-size",
        type=_size,
        metavar="SIZE",
        help="forget the oldest finished runs until the store fits, such as 5GB; the newest one (or N) of "
        "each workflow stays",
    )
    parser.add_argument(
        "--old-versions",
        action="store_true",
        help="in notebooks' own runs, forget calls that a newer version of their step took the place of",
    )
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be removed")


def run(arguments: argparse.Namespace) -> int:
    """Collect, and tell what went and what stays."""
    from perdure.notebook.disk_use import told
    from perdure.store import open_store
    from perdure.store.forgetting import Limits
    from perdure.store.gc import collect
    from perdure.store.reserve import release
    from perdure_widgets import words

    limits = Limits(
        arguments.keep, arguments.older_than, arguments.max_size, old_versions=arguments.old_versions
    )
    path = needed_store(arguments)
    if not arguments.dry_run:
        release(path)  # opening takes some room, too
    with open_store(path, readonly=arguments.dry_run) as store:
        gone = collect(store, limits, dry_run=arguments.dry_run)
    for line in told(gone, dry_run=arguments.dry_run, max_size=arguments.max_size):
        print(words.plain(line))
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("a number from 0 up is needed")
    return number


def _age(text: str) -> float:
    from perdure.engine.durations import age

    try:
        return age(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _size(text: str) -> int:
    from perdure.store.settings import in_bytes

    try:
        return in_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
