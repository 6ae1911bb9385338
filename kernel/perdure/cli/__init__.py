"""The command line: one file per command, imported only when it is called.

A module has `add_arguments(parser)` and `run(arguments) -> int`, the exit status. What goes wrong is said
on stderr in the words of the error, without a traceback: 1 for an error of Perdure, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import keyword
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from perdure.errors import PerdureError

COMMANDS: Final = {
    "runs": "list the runs of a store",
    "show": "show one run: its timeline as text, or as HTML",
    "demo": "run a notebook, kill its kernel, and see it pick up",
    "install-kernel": 'install the kernel "Python 3 (Perdure)" for this Python',
    "trust": "sign values of another key with yours, after a question",
    "key": "show your key, put a new one in its place, store values anew with it",
    "resolve": "decide on a call that is in doubt",
    "wake": "end the sleeps of a run before their time",
    "cancel": "end a run, whoever is at work on it",
    "steal": "take a run from the process that has it, so that another may go on",
    "export": "write a run to a file, with all that it needs",
    "import": "bring the runs of a file into a store",
    "check": "look whether all that is kept is whole",
    "du": "show what a store takes on the disk, by workflow, run and step",
    "cache": "list the results that other runs may use, or clear them",
    "gc": "remove what no run needs, and, if asked, old runs",
}


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: reading package metadata costs time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_unused: Any) -> None:
        from importlib.metadata import version

        print(f"perdure {version('perdure')}")
        parser.exit()


def _module(command: str) -> Any:
    name = f"{command}_" if keyword.iskeyword(command) else command.replace("-", "_")
    return importlib.import_module(f".{name}", __name__)


def _parser(command: str | None) -> argparse.ArgumentParser:
    """The parser; only `command` gets its arguments, so that no other command is imported."""
    parser = argparse.ArgumentParser(prog="perdure", description="Durable Jupyter notebooks.")
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    parser.add_argument(
        "--store", metavar="PATH", help="the store to use (default: the nearest .perdure/ upwards)"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == command:
            _module(name).add_arguments(sub)
    return parser


def _command_in(words: Sequence[str]) -> str | None:
    """The first word that is a command, and not the value of an option before it."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == "--store":
            skip = True
        elif not word.startswith("-"):
            return word if word in COMMANDS else None
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0: done, 1: an error of Perdure, 2: wrong usage, 130: interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(_command_in(words))
    arguments = parser.parse_args(words)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        return int(_module(arguments.command).run(arguments))
    except PerdureError as error:
        print(f"perdure: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("perdure: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`perdure runs | head`); without this, Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
