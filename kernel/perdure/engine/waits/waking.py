"""Waking: a sleep is ended before its moment, from another cell, another process, or the command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from perdure.engine import clock
from perdure.engine.inbox import inbox
from perdure.store.records import MessageRecord

if TYPE_CHECKING:
    from perdure.store import Store


def wake(store: Store, run: str, call: str | None = None) -> int:
    """End the sleeps of a run now, or the one that is this call; how many that were.

    Where the run is at work in this process they have ended when this returns, elsewhere within a second;
    where nobody is at work on it, they have when it goes on.
    """
    owner = inbox.owner(run)
    if owner is not None:
        return owner.wake(call)
    asleep = [
        each.id
        for each in store.journal.calls(run)
        if each.state == "waiting" and each.kind == "wait" and call in (None, each.id)
    ]
    for name in asleep:
        store.journal.post(MessageRecord(f"m_{os.urandom(8).hex()}", run, "wake", name, clock.now()))
    return len(asleep)
