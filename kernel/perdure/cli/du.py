"""`perdure du`: what a store takes on the disk, by workflow, run and step."""

from __future__ import annotations

import argparse
import json

from ._stores import needed_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of what, and in which form."""
    parser.add_argument(
        "name", nargs="?", metavar="RUN|WORKFLOW", help="tell this run, or the runs of this workflow, by step"
    )
    parser.add_argument("--json", action="store_true", help="all of it, in bytes, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure, and tell. No value is loaded."""
    from perdure.notebook.disk_use import DiskUse
    from perdure.store import open_store
    from perdure_widgets import words

    with open_store(needed_store(arguments), readonly=True) as store:
        found = DiskUse(store, arguments.name)
    print(json.dumps(found.data(), indent=1) if arguments.json else words.plain(repr(found)))
    return 0
