"""`perdure export`: a run in one file, with all that it needs."""

from __future__ import annotations

import argparse
from pathlib import Path

from ._stores import needed_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, and where to."""
    parser.add_argument(
        "run", metavar="RUN|WORKFLOW", help="id of a run, or a workflow, whose newest run is taken"
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to write")
    parser.add_argument("--force", action="store_true", help="take the place of a file that is there")


def run(arguments: argparse.Namespace) -> int:
    """Write the file, and tell what is in it; 1 if something had to be left out."""
    from perdure.notebook.carried import told
    from perdure.store import open_store
    from perdure.store.carrying import export
    from perdure_widgets import words

    with open_store(needed_store(arguments), readonly=True) as store:
        done = export(store, arguments.run, arguments.file, force=arguments.force)
        key = store.key.id
    print(words.plain("\n".join(told(done, key))))
    return 1 if done.left_out else 0
