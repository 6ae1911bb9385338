"""Classes and functions that tell when anything of them is made, called, hashed or compared."""

from __future__ import annotations

import dataclasses
import enum
import typing

TRIPPED: list[str] = []
"""What was done to them since the list was emptied last."""


def sing(*_args: object) -> Canary:
    """Tell that code ran."""
    TRIPPED.append("sing")
    return object.__new__(Canary)


class Canary:
    """Every way in which pickle, copy or a constructor may make it is told."""

    def __new__(cls, *_args: object) -> typing.Self:
        TRIPPED.append("__new__")
        return super().__new__(cls)

    def __init__(self, x: object) -> None:
        TRIPPED.append("__init__")
        self.x = x

    def __reduce__(self) -> tuple[typing.Any, ...]:
        return sing, (1,)

    def __setstate__(self, state: object) -> None:
        TRIPPED.append("__setstate__")

    def __hash__(self) -> int:
        TRIPPED.append("__hash__")
        return 1

    def __eq__(self, other: object) -> bool:
        TRIPPED.append("__eq__")
        return self is other


class Kind(enum.Enum):
    """An enum."""

    A = 1

    @classmethod
    def _missing_(cls, value: object) -> Kind:
        TRIPPED.append("_missing_")
        return cls.A


class Pair(typing.NamedTuple):
    """A named tuple."""

    a: int
    b: int


@dataclasses.dataclass
class Point:
    """A dataclass."""

    x: int
    y: int

    def __post_init__(self) -> None:
        TRIPPED.append("__post_init__")
