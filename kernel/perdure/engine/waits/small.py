"""`now`, `uuid4`, `random`: what they give is recorded, so that a replay sees it again.

In the body of a workflow they are calls of the run. In a step, and outside every run, they are plain.
"""

from __future__ import annotations

import os
import random as _random
import uuid
from datetime import UTC, datetime

from perdure.engine import clock
from perdure.engine.scope import in_body

from .asking import noted


def now() -> datetime:
    """The time, aware and in UTC: on a replay, what it was when the run first came here."""
    scope = in_body()
    if scope is None:
        return datetime.fromtimestamp(clock.now(), UTC)
    # As a text: it is kept without a pickle in a tenth of the time, and a preview shows it.
    return datetime.fromisoformat(
        noted(scope, "perdure.now", lambda: datetime.fromtimestamp(clock.now(), UTC).isoformat())
    )


def uuid4() -> uuid.UUID:
    """A random UUID: on a replay, the one that it was when the run first came here."""
    scope = in_body()
    if scope is None:
        return uuid.uuid4()
    return uuid.UUID(noted(scope, "perdure.uuid4", lambda: str(uuid.uuid4())))


def random() -> float:
    """A random number from 0 up to, but not including, 1: on a replay, the same.

    It does not touch the state of Python's own `random`.
    """
    scope = in_body()
    if scope is None:
        return _own.random()
    found: float = noted(scope, "perdure.random", _own.random)
    return found


_own = _random.Random()  # noqa: S311  as Python's own, which it leaves alone
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_own.seed)
