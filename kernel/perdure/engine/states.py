"""The states of runs, calls and attempts, as literal tables of lawful moves.

A *notebook* run is `open` for good: its cells come and go. Any other run is `running` until its body ended.
A call is `running` from its start; a process that dies leaves it so, and the next owner of the run settles
it: `interrupted` for what may simply run again, `in doubt` for an effect of which nobody knows whether it
took place, and for a call in which the process died twice. A call is `waiting` while a sleep, or the pause
before its next attempt, lasts: that outlives the process. `cancelled` is what a person ended: nothing takes
it up again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from perdure.errors import UnlawfulMove

RUN: Final[Mapping[str, frozenset[str]]] = {
    "open": frozenset(),
    "running": frozenset({"done", "failed", "interrupted", "in doubt", "cancelled"}),
    "failed": frozenset({"running", "cancelled"}),
    "interrupted": frozenset({"running", "cancelled"}),
    "in doubt": frozenset({"running", "cancelled"}),
    "cancelled": frozenset({"running"}),
    "done": frozenset({"running"}),
}

CALL: Final[Mapping[str, frozenset[str]]] = {
    "running": frozenset({"done", "failed", "interrupted", "in doubt", "waiting", "cancelled"}),
    "waiting": frozenset({"running", "done", "cancelled"}),
    "failed": frozenset({"running"}),
    "interrupted": frozenset({"running"}),
    "in doubt": frozenset({"running", "done", "failed"}),
    "cancelled": frozenset({"running"}),
    "done": frozenset(),
}

ATTEMPT: Final[Mapping[str, frozenset[str]]] = {
    "running": frozenset({"done", "failed", "interrupted", "cancelled"}),
    "done": frozenset(),
    "failed": frozenset(),
    "interrupted": frozenset(),
    "cancelled": frozenset(),
}


def move(table: Mapping[str, frozenset[str]], what: str, old: str, new: str) -> str:
    """Return `new`, the state after a lawful move.

    Raises:
        UnlawfulMove: the table holds no move from `old` to `new`.
    """
    if new not in table.get(old, frozenset()):
        raise UnlawfulMove(what=what, old=old, new=new)
    return new
