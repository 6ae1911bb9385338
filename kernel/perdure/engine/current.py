"""`current()`: where the calling code is."""

from __future__ import annotations

from perdure.errors import NotInRun

from .attempt import Current
from .scope import current_scope

_remote: Current | None = None
"""In a worker process: where the call that it carries out was made."""


def current() -> Current:
    """Where the calling code is, also in helpers that a step calls.

    Raises:
        NotInRun: it is called by no step and no body of a workflow.
    """
    scope = current_scope()
    if scope is None:
        if _remote is not None:
            return _remote
        raise NotInRun(what="current() is for steps and bodies of workflows, and this code")
    attempt = scope.attempt
    if attempt is None:
        return Current(scope.owner.run.id, scope.owner.run.workflow)
    return attempt.current()


def in_worker() -> bool:
    """Whether this is a worker process that carries out a call of another one."""
    return _remote is not None


def set_remote(where: Current | None) -> None:
    """In a worker process: what `current` gives."""
    global _remote  # noqa: PLW0603  a worker carries out one call at a time
    _remote = where
