"""`perdure check`: whether all that is kept is whole, and a run's body still tells what its journal tells."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from . import _rehearsed
from ._stores import needed_store

if TYPE_CHECKING:
    from perdure.engine.rehearsal import Rehearsal
    from perdure.store import Store
    from perdure.store.checking import Checked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to look at."""
    parser.add_argument(
        "run",
        nargs="?",
        metavar="RUN|WORKFLOW",
        help="only this run, and those that it needs (default: the whole store)",
    )
    parser.add_argument(
        "--from",
        dest="module",
        metavar="MODULE",
        help="also replay the body of the run, whose workflow this module or file defines, without running "
        "a step: what is missing, extra or changed",
    )
    parser.add_argument(
        "--store",
        nargs="?",
        const=True,
        default=None,
        dest="whole",
        metavar="PATH",
        help="the whole store: this folder's, or the one at PATH",
    )


def run(arguments: argparse.Namespace) -> int:
    """Look, and tell; 1 if something is broken, or has changed."""
    from perdure.store import open_store
    from perdure.store.checking import check
    from perdure.store.related import named_run
    from perdure_widgets import words

    if isinstance(arguments.whole, str):
        arguments.store = arguments.whole
    path = needed_store(arguments)
    with open_store(path, readonly=True) as store:
        if arguments.module is not None:
            return 0 if _rehearsed.told(_named(store, arguments.run, arguments.module)) else 1
        run = None if arguments.whole or arguments.run is None else named_run(store, arguments.run)
        done = check(store, None if run is None else run.id, _tell)
        _tell("")
        print(f"Store {path}\n")
        print(words.plain("\n".join(lines(done))))
        alike = run is None or _rehearsed.unasked(store, run)
    return 0 if done.whole and alike else 1


def _named(store: Store, name: str | None, module: str) -> Rehearsal:
    """Replay the body of the run that is named, as this module defines it."""
    from perdure.errors import NotOne
    from perdure.store.related import named_run

    if name is None:
        raise NotOne(what="`perdure check --from MODULE`", advice="Name a run, or a workflow: `perdure runs`")
    return _rehearsed.rehearsed(store, named_run(store, name), module)


def lines(done: Checked) -> list[str]:
    """What was found."""
    from perdure.codec.masking import escaped
    from perdure_widgets import words

    looked = ", ".join(
        [
            words.counted(done.runs, "run"),
            words.counted(done.values, "value"),
            f"{words.counted(done.blobs, 'blob')} of {words.size(done.bytes)}",
        ]
    )
    told = [f"Looked at {looked}."]
    if done.journal != "ok":
        told += ["The journal is damaged:", *(f"  {line}" for line in escaped(done.journal).splitlines())]
        told.append("Restore the folder from a backup, or move it away to start anew.")
    if done.broken:
        told.append(f"{words.counted(len(done.broken), 'value')} would be refused:")
    for each in done.broken:
        step = f"step `{each.step}`, " if each.step else ""
        whose = f"{each.workflow} {each.run}".rstrip()
        told.append(escaped(f"  {whose}, {step}{each.role}: {each.cause} {each.advice}"))
    if done.whole:
        told.append("All that is needed is whole.")
    if done.foreign:
        told.append(
            f"{words.counted(done.foreign, 'value')} signed by another key: `perdure trust` tells more."
        )
    if done.unused or done.unused_blobs:
        values, blobs = words.counted(done.unused, "value"), words.counted(done.unused_blobs, "blob")
        told.append(f"Nothing refers to {values} and {blobs}, which is no fault.")
    return told


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)
