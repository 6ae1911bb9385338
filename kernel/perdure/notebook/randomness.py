"""The states of `random` and `numpy.random`: no inputs of a cell, but part of what it leaves behind.

After a step they are what they were at its recorded end, whether it ran or was restored, so that what is
drawn later is the same.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from perdure import codec

STATES: Final[tuple[str, str]] = ("<random>", "<numpy.random>")
"""Under these names the states lie among the outputs; no name of a user's looks like them."""


def states() -> dict[str, Any]:
    """The states as plain values, of the modules that are loaded."""
    found: dict[str, Any] = {}
    if "random" in sys.modules:
        found[STATES[0]] = sys.modules["random"].getstate()
    if "numpy.random" in sys.modules:
        kind, keys, *rest = sys.modules["numpy.random"].get_state()
        found[STATES[1]] = (kind, keys.tobytes(), *rest) if kind == "MT19937" else None
    return {name: state for name, state in found.items() if state is not None}


def state_digest(state: Any) -> str:
    """Digest of a state; empty for one that is not there."""
    return "" if state is None else codec.digest(state).hex


def put(name: str, state: Any) -> None:
    """Set one state."""
    if name == STATES[0]:
        import random

        random.setstate(state)
    else:
        import numpy as np

        kind, keys, *rest = state
        np.random.set_state((kind, np.frombuffer(keys, dtype=np.uint32), *rest))  # noqa: NPY002  the legacy state
