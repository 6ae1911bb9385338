"""Ends of calls whose commit was interrupted while it was waited for (promises 1 and 5)."""

from __future__ import annotations

import contextlib

import pytest

from perdure import step, workflow
from perdure.store.records import CallRecord


@pytest.mark.parametrize("kind", ["pure", "effect"])
def test_an_end_that_was_recorded_counts_although_the_wait_for_it_was_interrupted(
    store, calls, monkeypatch, kind
):
    """Promise 1: an effect is not in doubt then, and nothing runs again."""

    @step(kind=kind)
    def send(x):
        return x

    @step
    def other(x):
        return x

    @workflow
    def body(n):
        with contextlib.suppress(KeyboardInterrupt):
            send(n)
        other(n)
        return send(n)

    write = store.journal.write

    def interrupted(run, epoch, records, **options):
        records = list(records)
        write(run, epoch, records, **options)
        if any(isinstance(record, CallRecord) and record.state == "done" for record in records):
            monkeypatch.undo()
            raise KeyboardInterrupt

    monkeypatch.setattr(store.journal, "write", interrupted)
    body(1)
    assert [call.state for call in calls(body)] == ["done", "done", "done"]
    assert [attempt.state for attempt in store.journal.attempts(calls(body)[0].run)] == ["done"] * 3
