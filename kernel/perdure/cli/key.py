"""`perdure key`: the key that signs, a new one in its place, and values stored anew with it."""

from __future__ import annotations

import argparse
import sys

from ._stores import chosen_store, needed_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=("show", "rotate", "resign"),
        default="show",
        help="show (default), rotate: put a new key in front of the older ones, resign: store anew what an "
        "older key signed",
    )
    parser.add_argument("--resign", action="store_true", help="with rotate: resign afterwards")


def run(arguments: argparse.Namespace) -> int:
    """Show or change the key."""
    from perdure.store.keys import rotate_key

    if arguments.action == "show":
        return _show(arguments)
    store = needed_store(arguments) if arguments.resign or arguments.action == "resign" else None
    if arguments.action == "rotate":
        key = rotate_key()
        older = f"{len(key.older)} older, which still open what they signed"
        print(f"Your key is now {key.id}, in {key.path}; {older}.")
    if store is None:
        return 0

    from perdure.store import open_store
    from perdure.store.trust import resign

    with open_store(store) as opened:
        done, failed = resign(opened, _tell)
    print(f"Stored {done} anew in {store}.")
    if failed:
        print(f"{failed} could not be opened and stay as they were.", file=sys.stderr)
    return 1 if failed else 0


def _show(arguments: argparse.Namespace) -> int:
    from perdure.store import open_store
    from perdure.store.keys import key_file, user_key

    if not key_file().exists():
        print(f"There is no key yet; the first value that is kept makes {key_file()}.")
        return 0
    key = user_key()
    print(f"Your key is {key.id}, in {key.path}.")
    path = chosen_store(arguments)
    signed: dict[str, int] = {}
    if path is not None:
        with open_store(path, readonly=True) as store:
            signed = store.journal.key_ids()
            print(f"Store {path}: {'encrypted' if store.encrypted else 'not encrypted'}.")
    for name in dict.fromkeys([key.id, *(older.id for older in key.older), *signed]):
        whose = "current" if name == key.id else "older" if key.known(name) else "not yours"
        print(f"  {name}  {whose}, signed {signed.get(name, 0)} values here")
    return 0


def _tell(done: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} values", end="", file=sys.stderr, flush=True)
