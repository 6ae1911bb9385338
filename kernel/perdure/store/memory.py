"""A journal and blobs that live in this process only: twins of the real ones, for tests and trials."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from perdure.errors import AGAIN, Damaged, NotOwner, PerdureError

from .addition import of_runs
from .blobs.memory import plain
from .memory_reads import MemoryReads
from .protocols import AlreadyMade
from .records import (
    CallRecord,
    MessageRecord,
    Record,
    RunRecord,
    SessionRecord,
    StateRecord,
    ValueRecord,
    created_after,
)
from .rows import TABLES, owned, to_row


class MemoryJournal(MemoryReads):
    """A journal without a file. It keeps rows, as the real ones do, so that records are never shared."""

    def __init__(self) -> None:
        super().__init__()
        self._failed: dict[str, PerdureError] = {}

    def write(
        self, run: str, epoch: int, records: Sequence[Record], *, durability: str | None = None
    ) -> None:
        """Put the records at once, as the owner of `run` with `epoch`; nothing here outlives the process."""
        rows = [(type(each), to_row(each)) for each in owned(run, epoch, records)]
        with self._commit():
            error = self._failed.pop(run, None)
            if error is not None:
                raise error
            known = self.run(run)
            if known is None or known.epoch != epoch:
                if durability != "later":
                    raise NotOwner(run=run)
                self._failed[run] = NotOwner(run=run)
                return
            for kind, row in rows:
                self._put(kind, row)
            session = self._tables["sessions"].get((run, epoch))
            if session is not None:
                session["seen"] = time.time()

    def claim(
        self,
        run: RunRecord,
        session: SessionRecord,
        check: Callable[[], None] | None = None,
        *,
        newest: str | None = None,
    ) -> int:
        """Make the session's process the owner of `run`; return the new epoch."""
        with self._commit():
            if check is not None:
                check()
            if newest is not None and self.run(run.id) is None:
                found = self.find_run(run.workflow, run.parent, run.key)
                if found is not None and found.id != newest:
                    raise AlreadyMade(found.id)
            runs = self._select(RunRecord, workflow=run.workflow)
            last = max((each.created for each in runs), default=None)
            known = self.run(run.id) or replace(created_after(run, last), epoch=0)
            epoch = known.epoch + 1
            self._put(RunRecord, to_row(replace(known, epoch=epoch)))
            self._put(SessionRecord, to_row(replace(session, run=run.id, epoch=epoch)))
            return epoch

    @contextlib.contextmanager
    def _commit(self) -> Iterator[None]:
        """What is done in this block is seen as a whole, and counted."""
        with self._lock:
            self._commits += 1
            yield

    def _put(self, kind: type, row: dict[str, Any]) -> None:
        table = TABLES[kind]
        identity = tuple(row[name] for name in table.identity)
        if kind is StateRecord and row["value"] is None:
            self._tables[table.name].pop(identity, None)
        else:
            self._tables[table.name][identity] = row

    def post(self, message: MessageRecord) -> None:
        """Leave a message for the owner of its run."""
        row = to_row(message)
        with self._commit():
            self._put(MessageRecord, row)

    def drop_messages(self, ids: Iterable[str]) -> None:
        """Delete these messages: the owner acted on them."""
        with self._commit():
            for each in ids:
                self._tables["messages"].pop((each,), None)

    def uncache(self, step: str | None = None) -> int:
        """Let no other run use the results of a step, or of any; return how many those were."""
        with self._commit():
            rows = [
                row for row in self._tables["calls"].values() if row["cached"] and step in (None, row["step"])
            ]
            for row in rows:
                row["cached"] = 0
            return len(rows)

    def replace_values(self, changes: Iterable[tuple[ValueRecord, ValueRecord]]) -> int:
        """Put values in the place of others with the same id, at once."""
        with self._commit():
            known = [(self.value(before.id), before, after) for before, after in changes]
            rows = [
                to_row(after)
                for found, before, after in known
                if found is not None and found.signature == before.signature
            ]
            for row in rows:
                self._put(ValueRecord, row)
            return len(rows)

    def add_runs(
        self, runs: Iterable[str], records: Callable[[], Iterable[Record]], *, instead: bool = False
    ) -> None:
        """Put whole runs that come from elsewhere, with all that is theirs, at once."""
        wanted = frozenset(runs)
        with self._commit():
            before = {name: dict(rows) for name, rows in self._tables.items()}
            try:
                self._add_runs(wanted, records(), instead=instead)
            except BaseException:
                self._tables = before
                raise

    def _add_runs(self, runs: frozenset[str], records: Iterable[Record], *, instead: bool) -> None:
        known = {run: here.epoch for run in runs if (here := self.run(run)) is not None}
        if known and not instead:
            raise ValueError(f"run {min(known)} is here already")
        self._forget(known)
        for record in records:
            fenced = of_runs(record, runs, known)
            table, row = TABLES[type(fenced)], to_row(fenced)
            if isinstance(fenced, CallRecord | ValueRecord) and (fenced.id,) in self._tables[table.name]:
                raise ValueError(f"{fenced.id} is here already")
            self._put(type(fenced), row)

    def _forget(self, runs: Container[str], *, kept: type | None = None) -> None:
        """Delete what belongs to these runs, but for records of one kind. A durable dict belongs to none."""
        for kind, table in TABLES.items():
            if kind not in (kept, StateRecord):
                owner = "id" if kind is RunRecord else "run"
                rows = self._tables[table.name].items()
                self._tables[table.name] = {key: row for key, row in rows if row[owner] not in runs}

    def forget_parts(self, calls: Iterable[str], values: Iterable[str]) -> None:
        """Delete these calls, with their attempts and restores, and these values, at once."""
        gone = {"calls": set(calls), "stored_values": set(values)}
        gone |= {"attempts": gone["calls"], "restores": gone["calls"]}
        with self._commit():
            for table, ids in gone.items():
                name = "call" if table in ("attempts", "restores") else "id"
                kept = {key: row for key, row in self._tables[table].items() if row[name] not in ids}
                self._tables[table] = kept

    def forget(self, runs: Iterable[str]) -> None:
        """Delete these runs with all that is theirs, but for values that a kept run refers to."""
        gone = set(runs)
        with self._commit():
            self._forget(gone, kept=ValueRecord)
            known = {run.id for run in self._select(RunRecord)}
            used = {reference.value for reference in self.references()}
            self._tables["stored_values"] = {
                key: row
                for key, row in self._tables["stored_values"].items()
                if row["run"] in known or row["run"] == "" or row["id"] in used
            }

    def close(self) -> None:
        """Nothing is queued and nothing is held; what went wrong with a later write is told."""
        with self._lock:
            if self._failed:
                raise self._failed.popitem()[1]


class MemoryBlobs:
    """Blobs without files."""

    def __init__(self) -> None:
        self._blobs: dict[str, tuple[bytes, float]] = {}

    def put(
        self,
        data: bytes | memoryview,
        *,
        durability: str = "power",  # noqa: ARG002  nothing here outlives the process
        dated: float | None = None,
    ) -> str:
        """Keep the bytes; return their name."""
        from blake3 import blake3

        kept = bytes(plain(data))
        name = blake3(kept).hexdigest()
        new = dated is not None and name not in self._blobs
        self._blobs[name] = (kept, dated if new and dated is not None else time.time())
        return name

    def get(self, name: str, *, copy: bool = True, verify: bool = False) -> memoryview:  # noqa: ARG002
        """The bytes; with `copy`, writable and private to the caller."""
        try:
            data, _ = self._blobs[name]
        except KeyError:
            raise Damaged(
                subject=f"blob {name[:12]}",
                cause="it is missing.",
                advice=AGAIN,
            ) from None
        return memoryview(bytearray(data) if copy else data)

    def check(self, names: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
        """Nothing but what is missing can be wrong."""
        return ((name, "it is missing.") for name in names or () if name not in self._blobs)

    def sources(self, name: str) -> set[str]:  # noqa: ARG002  each is whole
        """None."""
        return set()

    def names(self, *, before: float | None = None) -> set[str]:
        """The names of all blobs, or of those last put before that time."""
        return {name for name, (_, at) in self._blobs.items() if before is None or at < before}

    def size(self, name: str) -> int:
        """Bytes of this blob, 0 if it is not there."""
        return len(self._blobs[name][0]) if name in self._blobs else 0

    def remove(self, names: Iterable[str], *, before: float | None = None) -> int:
        """Delete these, but for those put again since `before`; return the bytes that became free."""
        gone = self.names(before=before).intersection(names)
        return sum(len(self._blobs.pop(name)[0]) for name in gone)

    def sweep(self, *, before: float | None = None) -> int:  # noqa: ARG002  there is nothing to sweep
        """Nothing is left behind: 0 bytes."""
        return 0
