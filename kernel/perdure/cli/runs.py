"""`perdure runs`: the runs of a store, the newest first."""

from __future__ import annotations

import argparse
from typing import Final

from ._stores import chosen_store

_DEFAULT: Final = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which of them."""
    parser.add_argument("workflow", nargs="?", help="only the runs of this workflow")
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="only those that have this tag, with this value if one is given; may be given several times",
    )
    parser.add_argument(
        "--limit", type=int, default=_DEFAULT, metavar="N", help=f"at most N (default: {_DEFAULT})"
    )


def run(arguments: argparse.Namespace) -> int:
    """List the runs of this folder's store; where there is none, say which stores there are."""
    path = chosen_store(arguments)
    if path is None:
        return _list_stores()

    from perdure.engine.plans import sought
    from perdure.store import open_store
    from perdure_widgets.runs import RunsTable

    with open_store(path, readonly=True) as store:
        table = RunsTable.read(
            store.journal, workflow=arguments.workflow, tags=sought(arguments.tag), limit=arguments.limit
        )
    print(f"Store {path}\n")
    print(table.text())
    return 0


def _list_stores() -> int:
    from perdure.store.location import known_stores

    stores = known_stores()
    if not stores:
        print("There is no store here, and none is known. Run a `%%step` cell to make one.")
        return 0
    print("There is no store here. Known stores:\n")
    for store in stores:
        print(f"  {store}")
    print("\n`perdure --store PATH runs` lists the runs of one.")
    return 0
