"""`perdure install-kernel`: the kernel "Python 3 (Perdure)" for this Python, wherever Jupyter looks."""

from __future__ import annotations

import argparse
import sys

from perdure.errors import KernelNotInstalled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m ipykernel install`."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for you alone (the default)")
    where.add_argument(
        "--sys-prefix",
        action="store_const",
        const=sys.prefix,
        dest="prefix",
        help="into this Python's environment",
    )
    where.add_argument("--prefix", metavar="P", help="into P/share/jupyter/kernels")
    parser.add_argument("--name", default="perdure", metavar="N", help="its name (default: perdure)")


def run(arguments: argparse.Namespace) -> int:
    """Install the kernelspec and say where it is."""
    from perdure.notebook.kernelspec import install, spec

    try:
        place = install(user=arguments.prefix is None, prefix=arguments.prefix, name=arguments.name)
    except (OSError, ValueError) as error:
        raise KernelNotInstalled(name=arguments.name, cause=str(error)) from None
    print(f'Installed the kernel "{spec()["display_name"]}" in {place}')
    return 0
