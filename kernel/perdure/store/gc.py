"""Collecting what no run needs any more.

1. A run that is unfinished or held by a live process is never forgotten, nor what a kept one was forked from.
2. A blob that a value refers to is never removed. While a process is at work, nor is one that it may have put
   just now and not yet recorded.
3. A collection that is killed leaves a store that is whole, with some garbage left.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from .failures import system_errors
from .files import TEMPORARY
from .records import RunRecord
from .store import Store

GRACE = 3600.0
"""Seconds for which a blob may wait for its record."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed, or would be."""

    runs: tuple[str, ...]
    blobs: int
    bytes: int
    """Of the blobs. With `dry_run`, those of runs that would be forgotten are not counted."""


def collect(store: Store, *, keep: int | None = None, dry_run: bool = False) -> Collected:
    """Remove blobs that no value refers to, and, with `keep`, older finished runs before that.

    Args:
        store: the store; no run of it gets a new owner in the meantime.
        keep: how many finished runs of each workflow stay, the newest ones; None keeps all.
        dry_run: only tell.
    """
    start = time.time()
    with store.locks.still() as owners:
        owned = {owner.run for owner in owners}
        before = start - GRACE if owned else None
        gone = [] if keep is None else _forgettable(store.journal.runs(), keep, owned)
        if gone and not dry_run:
            store.journal.forget(gone)
            store.locks.forget(gone)
        # The folder is listed first: what is put and recorded between the two is then in neither or in both.
        garbage = store.blobs.names(before=before)
        garbage -= store.journal.blob_names()
        if dry_run:
            return Collected(tuple(gone), len(garbage), sum(map(store.blobs.size, garbage)))
        freed = store.blobs.remove(garbage) + store.blobs.sweep(before=before)
        if store.path is not None and not owned:
            _sweep_journal(store.path)
        return Collected(tuple(gone), len(garbage), freed)


def _forgettable(runs: list[RunRecord], keep: int, owned: set[str]) -> list[str]:
    """The runs that nobody needs, each with the runs that were started from it."""
    known = {run.id: run for run in runs}
    trees: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        trees[_root(run, known)].append(run)
    kept = {
        root for root, tree in trees.items() if any(run.finished is None or run.id in owned for run in tree)
    }
    counts: dict[str, int] = defaultdict(int)
    for run in runs:  # the newest first
        if run.id in trees and run.finished is not None:
            counts[run.workflow] += 1
            if counts[run.workflow] <= keep:
                kept.add(run.id)
    waiting = list(kept)
    while waiting:
        for run in trees[waiting.pop()]:
            origin = known.get(run.forked_from or "")
            root = None if origin is None else _root(origin, known)
            if root is not None and root not in kept:
                kept.add(root)
                waiting.append(root)
    return [run.id for root, tree in trees.items() if root not in kept for run in tree]


def _root(run: RunRecord, known: dict[str, RunRecord]) -> str:
    """The run from which this one was started in the end."""
    seen = {run.id}
    while run.parent in known and run.parent not in seen:
        run = known[run.parent]
        seen.add(run.id)
    return run.id


def _sweep_journal(folder: Path) -> None:
    """Delete what was left of journals whose making was killed."""
    with system_errors(folder):
        for path in folder.glob(f"{TEMPORARY}*"):
            path.unlink(missing_ok=True)
