"""scikit-learn: bunches with their attributes, and trees of neighbours without what they count."""

from __future__ import annotations

import copyreg
from typing import Any

_COUNTED = slice(7, 11)
"""Places in the state of a tree of neighbours that count what was asked of it."""


KEPT: dict[str, str] = {
    "sklearn.base.BaseEstimator": (
        "estimators and pipelines, fitted or not: class and attributes, for this version of scikit-learn"
    ),
    "sklearn.utils.Bunch": "its items and attributes",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:
    """The reduced form of a bunch, which would lose its attributes; `NotImplemented` for anything else."""
    from sklearn.utils import Bunch

    if type(obj) is not Bunch:
        return NotImplemented
    make: Any = copyreg.__newobj__  # type: ignore[attr-defined]
    return make, (Bunch,), dict(vars(obj)), None, iter(dict.items(obj)), fill_bunch


def fill_bunch(made: Any, state: dict[str, Any]) -> None:
    """Give a bunch its attributes, which are no items of it."""
    vars(made).update(state)


def _bunch() -> None:
    """Stands in a digest for a bunch."""


def _tree() -> None:
    """Stands in a digest for a tree of neighbours."""


def content(obj: Any) -> Any:
    """What stands in a digest for a bunch or a tree of neighbours; `NotImplemented` for anything else."""
    from sklearn.utils import Bunch

    if type(obj) is Bunch:
        return _bunch, (), ({name: value for name, value in vars(obj).items() if value}, dict(obj))
    if type(obj).__module__ in ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"):
        state = list(obj.__getstate__())
        state[_COUNTED] = []
        return _tree, (), (type(obj), state)
    return NotImplemented
