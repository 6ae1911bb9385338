"""Steps and workflows in a digest: by name where they can be imported, those of a notebook by their code."""

from __future__ import annotations

from typing import Any

from perdure.codec.rows.classes import find
from perdure.codec.rows.row import by_reference

KEPT: dict[str, str] = {
    "steps and workflows": (
        "by module and name; one of the notebook as its function and options, with closure and bound object"
    ),
    "perdure.Run": "its id and workflow; it shows the run as it stands",
    "perdure.File": "its path and the digest of its content, which must still be there when it is loaded",
    "perdure.Secret": "encrypted with your key (needs `perdure[encrypt]`), or refused; shown nowhere",
}
"""Types as a user writes them, and how they are stored, for the reference page."""

_SAYS = ("name", "options", "_choice")


def content(obj: Any) -> Any:
    """What stands for a step, bound or not, or a workflow, or `NotImplemented`."""
    if getattr(type(obj), "__perdure_bound__", False):
        return _bound, (obj.__func__,), (obj.__self__,)
    if not getattr(type(obj), "__perdure_named__", False):
        return NotImplemented
    if obj.__module__ != "__main__" and by_reference(obj):
        return find, (obj.__module__, obj.__qualname__)
    said = {name: vars(obj)[name] for name in _SAYS if name in vars(obj)}
    return _marked, (type(obj).__name__,), (said, obj.__wrapped__)


def _bound() -> None:
    """Stands in the stream for a step with its object."""


def _marked() -> None:
    """Stands in the stream for a step or workflow."""
