"""Names, as people write them in notebooks."""

from __future__ import annotations

from .base import PerdureError


class UndefinedName(PerdureError):
    """`{name}` is not defined: {where} reads it, and no cell has made it{hint}.
    Run the cell that makes `{name}` first, or `%resume` to bring back what is kept."""

    name: str
    where: str
    hint: str


class DuplicateStep(PerdureError):
    """There are two steps named `{step}` in this notebook: {first} and {second}.
    Give one of them another name, or, if this cell takes the other's place, {instead}."""

    step: str
    first: str
    second: str
    instead: str


class NotKept(PerdureError):
    """`{name}` is not here: step `{step}` made it, {type}, and could not keep it. {cause}
    To make it again now, run its cell with `%%step {step} --redo`."""

    name: str
    step: str
    type: str
    cause: str
