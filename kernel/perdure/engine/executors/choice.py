"""The choice of an executor, as users write it."""

from __future__ import annotations

from concurrent.futures import Executor


def checked(executor: str | Executor | None) -> str | Executor | None:
    """The executor as it was given.

    Raises:
        ValueError: it is none.
    """
    if executor in (None, "thread", "process") or isinstance(executor, Executor):
        return executor
    raise ValueError(
        f'executor={executor!r} is neither "thread", "process" nor a concurrent.futures.Executor'
    )


def named(executor: str | Executor | None) -> str:
    """The executor's name for the record of an attempt; empty for a thread of this process."""
    if executor is None or executor == "thread":
        return ""
    return executor if isinstance(executor, str) else type(executor).__name__
