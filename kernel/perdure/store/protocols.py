"""What a journal and a blob store promise. Anybody's implementation can be judged by `perdure.testing`.

Journal
1. `write` is one atomic commit: after it returned, all its records are durable; before, none is visible.
2. A write is refused with `NotOwner`, and changes nothing, when its epoch is not the run's newest.
3. Records are put: writing one with the same identity again replaces it.
4. Reads see every acknowledged write, and what this journal is to write later, from any thread, and never
   block a writer of another process.
5. A journal that was killed at any instant opens again with everything that it acknowledged.
6. Listing never decodes a value.
10. A message, which anybody may leave for the owner of any run, is on disk when `post` returned, and stays
    until it is dropped or its run forgotten.
11. Of those who claim a new run of one workflow, parent and key at the same instant, having seen the same
    runs, one makes it.
12. `changes` tells each commit of any process.
13. The entry of a durable dict is written in one commit with the rest of its write, and outlives its run.
14. A call whose result other runs may use is found by its parts until it is uncached or forgotten.

Blobs
7. A blob is named by the BLAKE3 digest of its bytes, born whole, and never changed afterwards.
8. `put` returns after the bytes are durable; putting the same bytes again costs no new space.
9. `get` returns the bytes as they were put, or raises `Damaged`. What was seen to be right need not be looked
   at again while the machine runs, unless that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from .records import (
    AttemptRecord,
    CallRecord,
    Holding,
    MessageRecord,
    NoteRecord,
    Record,
    Reference,
    RestoreRecord,
    RunRecord,
    SessionRecord,
    StateRecord,
    ValueRecord,
)


class AlreadyMade(Exception):  # noqa: N818  not an error of the user: who claims goes on with that run
    """Somebody else made a run of the same workflow, parent and key first."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run
        """The id of that run."""


class Journal(Protocol):
    """The ordered record of runs, with all that is theirs, and of the workflows' durable dicts."""

    def write(
        self, run: str, epoch: int, records: Sequence[Record], *, durability: str | None = None
    ) -> None:
        """Put the records in one commit, as the owner of `run` with `epoch`.

        Values may belong to the run or to none; every other record must be the run's own.
        The session record of (run, epoch), where there is one, gets its `seen` time with a commit, at the
        latest a second after it last did, and with each commit without records.

        Args:
            run: the run that is written for.
            epoch: what `claim` returned.
            records: what to put.
            durability: "power" waits for the disk, "process" survives the death of the process only, "later"
                does not wait at all; None takes the journal's own setting. What is written later is seen by
                this journal's reads at once, and committed before any later write of this process: with the
                next, within a moment, or by `close`. Only a kill before that loses it.

        Raises:
            NotOwner: `epoch` is not the newest of the run.
            StoreBusy, StoreFull, StoreReadOnly, StoreDamaged: nothing was written.
            Either is also raised, and nothing written, where an earlier "later" of this run could not be
            committed: that is told once.
        """

    def claim(
        self,
        run: RunRecord,
        session: SessionRecord,
        check: Callable[[], None] | None = None,
        *,
        newest: str | None = None,
    ) -> int:
        """Make `session`'s process the owner of `run`, which is added when it is new; return the new epoch.

        The epoch fields of both records are ignored and set; of a run that is known, only the epoch and the
        session are written, nothing else. A new run is newer (`created`) than those of its workflow, also
        where the clock went back.

        Args:
            run: the run.
            session: the process that is to own it.
            check: called within the commit, when nobody else can claim: what it raises keeps everything as it
                was. So of those who took a lock and lost it again, none becomes the newest owner.
            newest: the id that `find_run` gave when the caller decided to make this run, empty for none.
                Within the commit it is looked whether that is so still. None: whatever other runs there are.

        Raises:
            AlreadyMade: `run` is new, and another run is found by its workflow, parent and key than `newest`.
                Nothing was written.
        """

    def run(self, run: str) -> RunRecord | None:
        """The run with this id."""

    def runs(
        self,
        *,
        workflow: str | None = None,
        tags: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> list[RunRecord]:
        """Runs, the newest (`created`) first.

        Args:
            workflow: only of this workflow.
            tags: only those that have all of these, each with that value, or with any where it is empty.
            limit: at most so many.
        """

    def find_run(self, workflow: str, parent: str | None, key: str) -> RunRecord | None:
        """The newest run of this workflow, parent and key."""

    def children(self, run: str) -> list[RunRecord]:
        """The runs that were started from this one, the oldest first."""

    def calls(self, run: str) -> list[CallRecord]:
        """All versions of all calls, by `seq`."""

    def attempts(self, run: str) -> list[AttemptRecord]:
        """Of all calls, by epoch, number and start: of one call, in the order in which they were made."""

    def sessions(self, run: str) -> list[SessionRecord]:
        """By epoch."""

    def restores(self, run: str) -> list[RestoreRecord]:
        """By epoch and time."""

    def notes(self, run: str, kind: str | None = None) -> list[NoteRecord]:
        """By time."""

    def post(self, message: MessageRecord) -> None:
        """Leave a message for the owner of its run, in one commit on disk; one with the same id is replaced.

        Anybody may, whoever owns the run, also where there is no such run: only the message is written.

        Raises:
            StoreBusy, StoreFull, StoreReadOnly, StoreDamaged: nothing was written.
        """

    def messages(self, run: str | None = None) -> list[MessageRecord]:
        """By time; of a run, or of all, also of those that are not there."""

    def drop_messages(self, ids: Iterable[str]) -> None:
        """Delete these messages: the owner acted on them. One that is not there is passed over."""

    def changes(self) -> int:
        """A number that is another one, from any look to a later one, if anybody committed in between.

        Anybody: this process through this journal or another one, and any other process. A look costs a few
        microseconds and reads no record: whoever waits for something looks at this, and reads when it is
        another one. It says nothing else: it may be another one although nothing was committed, a higher one
        is not a later one, and those of two journals cannot be compared. What is to be written later counts
        when it is committed.
        """

    def states(self, workflow: str, name: str) -> list[StateRecord]:
        """The entries of a durable dict, by item.

        They are put with `write`, by the run that changed them; one without a value is deleted. A value that
        no entry refers to any more may be gone at once: whoever misses one reads the entries again.
        """

    def all_states(self) -> list[StateRecord]:
        """The entries of all durable dicts, by workflow, name and item."""

    def cached_call(self, step: str, inputs: str, code: str) -> CallRecord | None:
        """The newest (`ended`) call of any run that is `cached` and done, has a value, and these parts."""

    def cached_calls(self) -> list[CallRecord]:
        """All calls that are cached and done and have a value, the newest first."""

    def uncache(self, step: str | None = None) -> int:
        """Take `cached` from the calls of a step, or from all, whoever owns their runs; return how many.

        An owner that puts such a call anew has its say again.
        """

    def value(self, value: str) -> ValueRecord | None:
        """The value with this id."""

    def values(self, ids: Iterable[str]) -> dict[str, ValueRecord]:
        """The values with these ids, by id; one that is not there is left out."""

    def value_ids(self, run: str | None = None) -> list[str]:
        """The ids of all values, or of those of a run, the oldest first."""

    def key_ids(self) -> dict[str, int]:
        """How many values each key signed, by the key's id."""

    def replace_values(self, changes: Iterable[tuple[ValueRecord, ValueRecord]]) -> int:
        """Put values in the place of others with the same id, in one commit, whoever owns their runs.

        Args:
            changes: each value as it was read, and as it is to be. One that was changed or deleted since, by
                its signature, is passed over.

        Returns:
            How many were put.
        """

    def add_runs(
        self, runs: Iterable[str], records: Callable[[], Iterable[Record]], *, instead: bool = False
    ) -> None:
        """Put whole runs that come from elsewhere, with all that is theirs, in one commit on disk.

        Nobody owns them; who owned one before, here or elsewhere, cannot write it.

        Args:
            runs: their ids.
            records: gives them, each of one of these runs; called again where the commit is tried again.
            instead: take the place of those of these runs that are known; else one that is known is refused.

        Raises:
            ValueError: a run, or what carries the id of a call or value, is here already; or a record belongs
                to another run. Nothing was changed.
        """

    def blob_names(self) -> set[str]:
        """The names of all blobs that a value refers to."""

    def holdings(self) -> list[Holding]:
        """What each value takes, and which blobs it needs."""

    def references(self) -> list[Reference]:
        """Which calls, runs and entries of durable dicts refer to which values."""

    def forget(self, runs: Iterable[str]) -> None:
        """Delete these runs with all that is theirs, in one commit.

        Their values go too, but for those that a run which is kept, or a durable dict, refers to. What they
        put into durable dicts stays: that is the workflows'.
        """

    def forget_parts(self, calls: Iterable[str], values: Iterable[str]) -> None:
        """Delete these calls, with their attempts and restores, and these values, in one commit on disk.

        Whoever calls this knows that nothing refers to the values but the calls.
        """

    def compact(self) -> int:
        """Give back the room that deleted records took, where that is worth it; return how many bytes."""

    def size(self) -> int:
        """What the journal takes on the disk."""

    def check(self) -> str:
        """What the journal's own integrity check found: "ok", or what is wrong."""

    def close(self) -> None:
        """Write out what is queued and let go. Twice is fine.

        Raises:
            NotOwner, StoreError: something that was to be written later was not, and no write told it.
        """


class Blobs(Protocol):
    """Content-addressed pieces of bytes."""

    def put(self, data: bytes | memoryview, *, durability: str = "power", dated: float | None = None) -> str:
        """Keep the bytes; return their name (64 hexadecimal digits).

        Args:
            data: contiguous memory; its bytes count in the order in which they lie there. The shape of one
                with several dimensions tells where its rows begin, and may save storing rows again.
            durability: "power" waits for the disk, "process" survives the death of the process only.
            dated: these bytes will soon be removed again. If they are new, they count as put at that time,
                and no other blob is made of them; so `remove`, with `before` a second later, takes them back
                unless anybody put them again.
        """

    def get(self, name: str, *, copy: bool = True, verify: bool = False) -> memoryview:
        """The bytes, writable and private to the caller; one memory for each call.

        Args:
            name: which.
            copy: without it, the view may be read-only.
            verify: hash the bytes, even if they are known to be right.
        """

    def check(self, names: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
        """Hash these blobs, or all; give the name of each that is not right, and what is wrong with it."""

    def sources(self, name: str) -> set[str]:
        """The blobs that this one is put together from, and which must stay as long as it does.

        None of them has sources itself; a blob that is stored as a whole has none.
        """

    def names(self, *, before: float | None = None) -> set[str]:
        """The names of all blobs, or of those last put before that time."""

    def size(self, name: str) -> int:
        """Bytes that this blob takes, without its sources; 0 for one that is not there."""

    def remove(self, names: Iterable[str], *, before: float | None = None) -> int:
        """Delete these, but for those put again since `before`; return the bytes that became free.

        A name that is not there is passed over. Whoever puts one of them at the same moment keeps it.
        """

    def sweep(self, *, before: float | None = None) -> int:
        """Delete what killed writers left half done before that time; return the bytes that became free."""
