"""The outcome of a run that another process is at work on, or was."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from perdure.errors import NoResult, RunCancelled, RunFailed
from perdure.store.records import Place, RunRecord

from . import keeping
from .cancelling import CANCELLED
from .stored import unsealed

if TYPE_CHECKING:
    from perdure.store import Store

LOOK = 1.0
"""Seconds between two looks at the journal."""


def outcome(store: Store, run: str, workflow: str) -> Any:
    """Wait as long as anybody is at work on a run; then its result, as it was kept, or its error.

    Raises:
        RunFailed, RunCancelled: how it ended.
        NoResult: it is not done, and nobody is at work on it.
    """
    seen, pause = None, threading.Event()
    while True:
        changes = store.journal.changes()
        if changes != seen:
            seen, record = changes, store.journal.run(run)
            if record is None or record.state in ("done", "failed", CANCELLED):
                return _recorded(store, record, run, workflow)
        if record is None or store.owner(run) is None:
            newest = store.journal.run(run)
            if newest is None or newest.state != "done":  # it may have ended just before it was let go
                raise NoResult(run=run, workflow=workflow, state=_state(newest))
            return _recorded(store, newest, run, workflow)
        pause.wait(LOOK)


def state(store: Store, run: str) -> str:
    """The state of a run, looked at now: `interrupted` where its process died, before that is recorded."""
    record = store.journal.run(run)
    if record is None or record.state != "running" or store.owner(run) is not None:
        return "forgotten" if record is None else record.state
    return _state(store.journal.run(run))  # it may have ended just before it was let go


def _state(record: RunRecord | None) -> str:
    if record is None:
        return "forgotten"
    return "interrupted" if record.state == "running" else record.state


def _recorded(store: Store, record: RunRecord | None, run: str, workflow: str) -> Any:
    if record is None or (record.state == "done" and record.result is None):
        raise NoResult(run=run, workflow=workflow, state=_state(record))
    if record.state == "failed":
        raise RunFailed(run=run, workflow=workflow, error=record.error or "")
    if record.state == CANCELLED:
        reason = "" if record.error in (None, CANCELLED) else str(record.error)
        raise RunCancelled(run=run, workflow=workflow, reason=reason, why=f": {reason}" if reason else "")
    assert record.result is not None
    subject = f"The result of run {run} of `{workflow}`"
    encoded = unsealed(store, record.result, Place(run, role="result"), subject)
    return keeping.decode(encoded, subject=subject)
