"""The states of `random`, `numpy.random` and torch: no inputs of a step, but part of what code leaves behind.

After a `%%step` cell they are what they were at its recorded end, and where a loop goes on what they were
after the kept turn, so that what is drawn later is the same.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from perdure import codec

STATES: Final[tuple[str, str, str]] = ("<random>", "<numpy.random>", "<torch.random>")
"""Under these names the states lie among the outputs of a cell; no name of a user's looks like them."""


def states() -> dict[str, Any]:
    """The states as plain values, of the modules that are loaded."""
    found: dict[str, Any] = {}
    if "random" in sys.modules:
        found[STATES[0]] = sys.modules["random"].getstate()
    if "numpy.random" in sys.modules:
        kind, keys, *rest = sys.modules["numpy.random"].get_state()
        found[STATES[1]] = (kind, keys.tobytes(), *rest) if kind == "MT19937" else None
    if "torch.random" in sys.modules:
        found[STATES[2]] = sys.modules["torch.random"].get_rng_state().numpy().tobytes()
    return {name: state for name, state in found.items() if state is not None}


def state_digest(state: Any) -> str:
    """Digest of a state; empty for one that is not there."""
    return "" if state is None else codec.digest(state).hex


def put(name: str, state: Any) -> None:
    """Set one state."""
    if name == STATES[0]:
        import random

        random.setstate(state)
    elif name == STATES[1]:
        import numpy as np

        kind, keys, *rest = state
        np.random.set_state((kind, np.frombuffer(keys, dtype=np.uint32), *rest))  # noqa: NPY002  the legacy state
    else:
        import torch

        torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
