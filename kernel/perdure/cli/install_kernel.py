"""`perdure install-kernel`: the kernel "Python 3 (Perdure)" for this Python, wherever Jupyter looks."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from perdure.errors import KernelNotInstalled

from ._kernelspec import DISPLAY_NAME, NAME, write_spec


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
    parser.add_argument("--name", default=NAME, metavar="N", help=f"name of the kernelspec (default: {NAME})")


def run(arguments: argparse.Namespace) -> int:
    """Install the kernelspec and say where it is."""
    from jupyter_client.kernelspec import KernelSpecManager

    with tempfile.TemporaryDirectory() as folder:
        spec = write_spec(Path(folder) / "spec")
        try:
            place = KernelSpecManager().install_kernel_spec(
                str(spec), arguments.name, user=arguments.prefix is None, prefix=arguments.prefix
            )
        except (OSError, ValueError) as error:
            raise KernelNotInstalled(name=arguments.name, cause=str(error)) from None
    print(f'Installed the kernel "{DISPLAY_NAME}" in {place}')
    return 0
