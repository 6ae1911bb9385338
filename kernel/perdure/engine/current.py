"""`current()`: where the calling code is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from perdure.errors import NotInRun

from .attempt import Current
from .scope import current_scope

_sent: ContextVar[Current | None] = ContextVar("perdure_sent", default=None)
"""In a worker process: where the call was made that it carries out."""


def current() -> Current:
    """Where the calling code is, also in helpers that a step calls.

    Raises:
        NotInRun: it is called by no step and no body of a workflow.
    """
    scope = current_scope()
    if scope is None:
        sent = _sent.get()
        if sent is not None:
            return sent
        raise NotInRun(what="current() is for steps and bodies of workflows, and this code")
    attempt = scope.attempt
    if attempt is None:
        return Current(scope.owner.run.id, scope.owner.run.workflow)
    return attempt.current()


def in_worker() -> bool:
    """Whether the calling code belongs to a call that a worker process carries out, away from the run."""
    return _sent.get() is not None


@contextmanager
def sent_from(where: Current) -> Iterator[None]:
    """In the block, which carries out a call in a worker process, `current` gives where the call was made."""
    token = _sent.set(where)
    try:
        yield
    finally:
        _sent.reset(token)
