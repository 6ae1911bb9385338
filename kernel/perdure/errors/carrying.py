"""Runs in files."""

from __future__ import annotations

from .base import PerdureError


class NotExported(PerdureError):
    """{path} was not written: {cause}
    {advice}"""

    path: str
    cause: str
    advice: str


class NotImportable(PerdureError):
    """{path} was not imported, and nothing was changed: {cause}
    {advice}"""

    path: str
    cause: str
    advice: str


class RunDiffers(PerdureError):
    """Run {run} of `{workflow}` is here already, last at work {here}, and is not as in {path} ({there}).
    Nothing was changed. Add `--replace` to have the file's in its place, or take another store (`--store`)."""

    run: str
    workflow: str
    path: str
    here: str
    there: str
