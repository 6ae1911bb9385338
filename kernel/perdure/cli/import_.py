"""`perdure import`: the runs of a file, into a store."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.errors import NoStore

from ._stores import chosen_store, tell_place

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.carrying import Imported


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which file, and what to do with runs that are here already."""
    parser.add_argument("file", metavar="FILE", type=Path, help="what `perdure export` wrote")
    parser.add_argument(
        "--replace", action="store_true", help="put the file's runs in the place of those here that differ"
    )
    parser.add_argument("--dry-run", action="store_true", help="only check the file, and tell what is in it")


def run(arguments: argparse.Namespace) -> int:
    """Check the file, add its runs, and tell."""
    from perdure.store.carrying import import_file
    from perdure_widgets import words

    with _target(arguments) as store:
        done = import_file(store, arguments.file, instead=arguments.replace, dry_run=arguments.dry_run)
        print(words.plain("\n".join(lines(done, store.path, dry_run=arguments.dry_run))))
    return 0


def _target(arguments: argparse.Namespace) -> Store:
    """The store of this folder, or the one that was named; made where there is none, for an export."""
    from zipfile import is_zipfile

    from perdure.store import open_store
    from perdure.store.keys import user_key
    from perdure.store.location import FOLDER

    try:
        path = chosen_store(arguments)
    except NoStore as error:
        path = Path(error.path)
        if path.is_dir() and any(path.iterdir()):
            path /= FOLDER  # the folder of a notebook was named
    else:
        path = path or Path.cwd() / FOLDER
    if (arguments.dry_run or not is_zipfile(arguments.file)) and not path.exists():
        store = open_store(":memory:")
        store.key = user_key()
        return store
    new = not path.exists()
    store = open_store(path, readonly=arguments.dry_run)
    if new:
        tell_place(path)
    return store


def lines(done: Imported, store: Path | None, *, dry_run: bool) -> list[str]:
    """What a person should know about what came in."""
    from perdure.codec.masking import escaped
    from perdure_widgets import words

    new = (*done.added, *done.replaced)
    name = f"{escaped(done.run.workflow)} {done.run.id}"
    if not new:
        return [f"{name} is here already, as it is in the file: nothing was changed."]
    verb = "Would import" if dry_run else "Imported"
    more = len(new) - (done.run in new)
    with_more = f" and {words.counted(more, 'run')} that it needs" if more else ""
    into = "" if store is None else f", into {store}"
    told = [f"{verb} {name}{with_more}, {words.counted(done.values, 'value')}{into}."]
    if done.replaced:
        told.append(f"In the place of what was here: {', '.join(run.id for run in done.replaced)}.")
    if not done.yours:
        told.append(f"Key {escaped(done.key)} signed the file, and is not yours.")
    if done.strangers:
        strangers = words.counted(done.strangers.total(), "value")
        loaded = f"loaded after `perdure trust {done.run.id}` only"
        told.append(f"{strangers} signed by a key that is not yours: listed and previewed, {loaded}.")
    if done.encrypted:
        told.append(f"{words.counted(done.encrypted, 'value')} open with the key only that encrypted them.")
    return [*told, *_next(done)]


def _next(done: Imported) -> list[str]:
    """How to go on with it."""
    from perdure.codec.masking import escaped

    if done.run.parent is not None:
        return [f"It was started by {escaped(done.run.parent)}, and is found again where that run is too."]
    workflow = escaped(done.run.workflow)
    if done.next is not None and done.next.id != done.run.id:
        return [
            f"`{workflow}` goes on with {done.next.id} here, which is newer.",
            "For this one, import it into a store of its own: `perdure --store FOLDER import FILE`.",
        ]
    how = f"`%workflow {workflow}`" if done.run.kind == "notebook" else f"`{workflow}`"
    return [f"{how} goes on with it."]
