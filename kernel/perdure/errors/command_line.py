"""The command line."""

from __future__ import annotations

from .base import PerdureError


class NoStore(PerdureError):
    """There is no store at {path}.
    Name one with `--store`, or go to the folder of a notebook that uses Perdure."""

    path: str


class NotInstalled(PerdureError):
    """`perdure {command}` needs the package `{package}`, which is not installed.
    Install it with `pip install 'perdure[{extra}]'`."""

    command: str
    package: str
    extra: str


class NotConfirmed(PerdureError):
    """`{command}` asks first, and nobody can be asked here: nothing was done.
    Look at what it tells, then add `--yes`."""

    command: str


class NotOne(PerdureError):
    """{what} is about one run, and none is named.
    {advice}."""

    what: str
    advice: str


class NotImported(PerdureError):
    """`{module}` could not be imported: {cause}
    Go to the folder from which it is imported, or name its file."""

    module: str
    cause: str


class KernelNotInstalled(PerdureError):
    """The kernel `{name}` could not be installed: {cause}
    Choose another place with `--user`, `--sys-prefix` or `--prefix`."""

    name: str
    cause: str


class DemoFailed(PerdureError):
    """The demo did not do what it should: {cause}
    {advice}"""

    cause: str
    advice: str


class PageNotWritten(PerdureError):
    """The page could not be written to {path}: {cause}.
    Name another file with `--html FILE`."""

    path: str
    cause: str
