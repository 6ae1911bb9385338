"""Values that cannot be kept, digested, trusted or loaded."""

from __future__ import annotations

from .base import PerdureError


class NotKeepable(PerdureError):
    """`{path}` cannot be kept: it is {type}. {cause}
    {advice}{more}"""

    path: str
    type: str
    cause: str
    advice: str
    more: str
    """What else in the value cannot be kept, a line for each part; empty where that was all."""


class NotDigestible(PerdureError, TypeError):
    """The value has no digest: it is {type}. {cause}
    Give what it was made from (a path, a query, its settings), which has one."""

    type: str
    cause: str


class Untrusted(PerdureError):
    """{subject} is not loaded: {cause}
    {advice}"""

    subject: str
    cause: str
    advice: str


class Damaged(PerdureError):
    """{subject} is damaged and was not loaded: {cause}
    {advice}"""

    subject: str
    cause: str
    advice: str


class NotLoadable(PerdureError):
    """{subject} was kept but cannot be loaded here: {cause}
    {advice}"""

    subject: str
    cause: str
    advice: str


class BadRegistration(PerdureError):
    """`{name}` cannot be registered: {cause}
    Give both: a dump function that returns keepable data, and a load function that makes the object from it."""

    name: str
    cause: str
