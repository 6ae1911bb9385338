"""Runs from elsewhere, put into a SQLite journal within one transaction.

Ids are random, so what carries one that is here already is the same thing, or was made to look like it: it is
refused, and never put over what is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from .queries import query
from .records import CallRecord, Record, RunRecord, StateRecord, ValueRecord
from .statements import put

if TYPE_CHECKING:
    import sqlite3

_THEIRS = ("run", "sessions", "calls", "attempts", "restores", "notes", "messages", "values_of_run")


def add_runs(
    connection: sqlite3.Connection, runs: frozenset[str], records: Iterable[Record], *, instead: bool
) -> None:
    """Put the records, of these runs only; with `instead`, after what is known of these runs is gone."""
    epochs = {}
    for run in runs:
        known = connection.execute(query("epoch"), {"run": run}).fetchone()
        if known is not None:
            if not instead:
                raise ValueError(f"run {run} is here already")
            epochs[run] = known["epoch"]
            for table in _THEIRS:
                connection.execute(query(f"forget_{table}"), {"run": run})
    for record in records:
        fenced = of_runs(record, runs, epochs)
        if isinstance(fenced, CallRecord | ValueRecord):
            kind = "call" if isinstance(fenced, CallRecord) else "value"
            if connection.execute(query(f"run_of_{kind}"), {"id": fenced.id}).fetchone() is not None:
                raise ValueError(f"{kind} {fenced.id} is here already")
        put(connection, fenced)


def of_runs(record: Record, runs: frozenset[str], epochs: dict[str, int]) -> Record:
    """The record, if it belongs to one of these runs; a run's with an epoch that no owner before had.

    Args:
        record: what is to be put.
        runs: what it may belong to.
        epochs: of those runs whose place is taken, the epoch that they had.
    """
    if not isinstance(record, RunRecord):
        if record.run not in runs or isinstance(record, StateRecord):
            raise ValueError(f"a record of run {record.run!r} is not of the runs to be added")
        return record
    if record.id not in runs:
        raise ValueError(f"run {record.id!r} is not of the runs to be added")
    return replace(record, epoch=max(record.epoch, epochs.get(record.id, -1) + 1))
