"""`perdure export`: a run in one file, with all that it needs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ._stores import needed_store

if TYPE_CHECKING:
    from perdure.store.carrying import Exported


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, and where to."""
    parser.add_argument(
        "run", metavar="RUN|WORKFLOW", help="id of a run, or a workflow, whose newest run is taken"
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to write")
    parser.add_argument("--force", action="store_true", help="take the place of a file that is there")


def run(arguments: argparse.Namespace) -> int:
    """Write the file, and tell what is in it; 1 if something had to be left out."""
    from perdure.store import open_store
    from perdure.store.carrying import export
    from perdure_widgets import words

    with open_store(needed_store(arguments), readonly=True) as store:
        done = export(store, arguments.run, arguments.file, force=arguments.force)
        key = store.key.id
    print(words.plain("\n".join(lines(done, key))))
    return 1 if done.left_out else 0


def lines(done: Exported, key: str) -> list[str]:
    """What a person should know about the file."""
    from perdure.codec.masking import escaped
    from perdure_widgets import words

    first, more = done.runs[0], len(done.runs) - 1
    with_more = f" and {words.counted(more, 'run')} that it needs" if more else ""
    what = f"{escaped(first.workflow)} {first.id}{with_more}, {words.counted(done.values, 'value')}"
    told = [f"Wrote {done.path}: {what}, {words.size(done.bytes)}, signed by your key {key}."]
    if done.encrypted:
        told.append(f"{words.counted(done.encrypted, 'value')} in it open with your key only.")
        told.append("Code, names, errors and times can be read by whoever has the file.")
    else:
        told.append("Whoever has the file can read what is in it, code and values: they are not encrypted.")
    if done.at_work:
        told.append(f"At work just now: {', '.join(done.at_work)}; what is recorded so far is in the file.")
    if done.parent is not None:
        told.append(
            f"It was started by {done.parent}, which is not in the file: export that one to go on with it."
        )
    told += [
        f"Left out, because it is damaged: {escaped(f'{value.run} {value.step} ({value.role})')}"
        for value in done.left_out
    ]
    return told
