"""What loading a value changed because its class was edited since: told, never passed over."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class ClassEdited(UserWarning):
    """A class has other fields now than when an object of it was kept."""


_open: ContextVar[dict[str, None] | None] = ContextVar("perdure_notes", default=None)


@contextmanager
def collected() -> Iterator[dict[str, None]]:
    """Collect what is noted inside the block, each sentence once, in order, instead of warning."""
    found: dict[str, None] = {}
    token = _open.set(found)
    try:
        yield found
    finally:
        _open.reset(token)


def note(sentence: str) -> None:
    """Tell a sentence: to who collects, else as a warning."""
    found = _open.get()
    if found is None:
        warnings.warn(sentence, ClassEdited, stacklevel=2)
    else:
        found[sentence] = None
