"""Runs by the names that people write, and what belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import NoSuchRun

from .records import RunRecord, ValueRecord

if TYPE_CHECKING:
    from .protocols import Journal
    from .store import Store


def named_run(store: Store, name: str) -> RunRecord:
    """The run with this id, or the newest run of this workflow.

    Raises:
        NoSuchRun: there is none.
    """
    found = store.journal.run(name) or next(iter(store.journal.runs(workflow=name, limit=1)), None)
    if found is None:
        raise NoSuchRun(run=name, path=store.path or ":memory:")
    return found


def related(journal: Journal, run: RunRecord) -> list[RunRecord]:
    """The run with those that it needs to be resumed: what it started, and what it was forked from."""
    found: dict[str, RunRecord] = {}
    waiting = [run]
    while waiting:
        each = waiting.pop()
        if each.id in found:
            continue
        found[each.id] = each
        waiting += journal.children(each.id)
        origin = None if each.forked_from is None else journal.run(each.forked_from)
        if origin is not None:
            waiting.append(origin)
    return list(found.values())


def origins(journal: Journal, run: RunRecord) -> tuple[str, ...]:
    """The runs that this one was forked from, the oldest first."""
    found: list[str] = []
    origin = run.forked_from
    while origin is not None and origin not in found:
        found.append(origin)
        record = journal.run(origin)
        origin = None if record is None else record.forked_from
    return tuple(reversed(found))


def blobs_of(value: ValueRecord) -> tuple[str, ...]:
    """The names of the blobs that a value refers to."""
    return value.buffers if value.stream_blob is None else (value.stream_blob, *value.buffers)
