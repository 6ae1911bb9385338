"""Cancelling a run, whoever is at work on it.

1. Where somebody is, a message says so first: it stays until the end of the run is recorded, so that a kill
   in between does not take the run up again.
2. Where nobody is, the run is taken, and recorded as cancelled, with the child runs that it left unfinished.
3. A run that has ended stays as it is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from perdure.errors import RunOwned
from perdure.store.records import MessageRecord

from . import clock
from .cancelling import CANCELLED
from .ending import CANCEL, at_work, drop_cancels
from .owner import Owner

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import RunRecord

ASKED, RECORDED = "asked", "recorded"
"""What came of it: its owner was told, and ends it; nobody was at work on it, and it is cancelled now."""
_STAY = ("done", "open", CANCELLED)


def cancel(store: Store, run: RunRecord, reason: str = "") -> str:
    """Cancel a run.

    Args:
        store: where it is.
        run: the run, as it was last read.
        reason: why, for people.

    Returns:
        `ASKED` or `RECORDED`; else the state in which it was, and stays: `done`, `cancelled`, `open` for a
        notebook's own run, which has no end, or any end that the caller itself is recording.
    """
    record = store.journal.run(run.id) or run
    while record.state not in _STAY and (here := at_work(run.id)) is not None:
        message = _posted(store, run, reason)
        if here.cancel(reason):
            return ASKED
        store.journal.drop_messages([message])
        stays = not here.wait_for_end()
        record = store.journal.run(run.id) or run
        if stays:
            return record.state
    if record.state in _STAY:
        return record.state
    try:
        owner = Owner.take(store, record)
    except RunOwned:
        _posted(store, run, reason)
        return ASKED
    try:
        owner.settle_waits()
        owner.change_run("run_ended", state=CANCELLED, error=reason or CANCELLED, finished=clock.now())
    finally:
        owner.close()
    drop_cancels(store, run.id)
    for child in store.journal.children(run.id):
        if child.state in ("running", "interrupted"):
            cancel(store, child, reason)
    return RECORDED


def _posted(store: Store, run: RunRecord, reason: str) -> str:
    """The id of the message by which the run's owner is told."""
    message = f"m_{os.urandom(8).hex()}"
    store.journal.post(MessageRecord(message, run.id, CANCEL, "", clock.now(), {"reason": reason}))
    return message
