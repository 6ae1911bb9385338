"""What every journal must do about writes that wait, and about order: a part of `JournalContract`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from perdure.errors import NotOwner
from perdure.store.protocols import Journal
from perdure.store.records import AttemptRecord, NoteRecord, Record, RestoreRecord

from .records import sample_call, sample_run, sample_session, sample_value
from .threads import in_threads


class OrderContract:
    """Writes that do not wait are seen at once, in their place, and what they met is told."""

    def test_what_is_written_later_is_seen_at_once(self, journal: Journal) -> None:
        """Promise 4: by each kind of read, from any thread, and before it is committed."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        call = sample_call(run.id)
        records: list[Record] = [
            call,
            AttemptRecord(call.id, run.id, 1, epoch, "done", 1.0),
            RestoreRecord(run.id, call.id, epoch, 2.0, 0.5, 3.5),
            NoteRecord(run.id, "k", "n", 1.0),
            sample_value(run.id, 1),
            replace(run, state="done", epoch=epoch),
        ]
        for record in records:
            journal.write(run.id, epoch, [record], durability="later")
        value = sample_value(run.id, 1)
        looks: list[Callable[[], object]] = [
            lambda: journal.calls(run.id),
            lambda: journal.attempts(run.id),
            lambda: journal.restores(run.id),
            lambda: journal.notes(run.id),
            lambda: [journal.value(value.id)],
            lambda: [journal.run(run.id)],
        ]
        found: dict[int, object] = {}

        def look(at: int) -> None:
            found[at] = looks[at]()

        in_threads([partial(look, at) for at in range(len(looks))])
        assert found == {at: [record] for at, record in enumerate(records)}
        journal.write(run.id, epoch, [sample_value(run.id, 2)], durability="later")
        assert journal.value_ids(run.id) == [value.id, sample_value(run.id, 2).id]

    def test_what_is_written_later_comes_before_what_follows(self, journal: Journal) -> None:
        """Promise 3: of two writes of one record the second stands, however each is written."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        ways = ["later", "process", "later", "later", "power", "later"]
        for number, way in enumerate(ways):
            journal.write(run.id, epoch, [sample_call(run.id, reason=f"{number}")], durability=way)
        assert [call.reason for call in journal.calls(run.id)] == ["5"]
        journal.write(run.id, epoch, [sample_call(run.id, reason="last")], durability="process")
        assert [call.reason for call in journal.calls(run.id)] == ["last"]

    def test_a_later_write_that_was_refused_is_told_by_the_next_one(self, journal: Journal) -> None:
        """Promise 2: once, to its own run, and what that wanted to write is not written."""
        run, other = sample_run(1), sample_run(2)
        former = journal.claim(run, sample_session())
        epoch = journal.claim(run, sample_session(pid=2))
        own = journal.claim(other, sample_session())
        journal.write(run.id, former, [sample_call(run.id, 1)], durability="later")
        journal.write(other.id, own, [sample_call(other.id, 1)], durability="later")
        assert journal.calls(run.id) == []
        journal.write(other.id, own, [sample_call(other.id, 2)])
        with pytest.raises(NotOwner):
            journal.write(run.id, epoch, [sample_call(run.id, 2)])
        journal.write(run.id, epoch, [sample_call(run.id, 3)])
        assert [call.seq for call in journal.calls(run.id)] == [3]
        assert [call.seq for call in journal.calls(other.id)] == [1, 2]
        with pytest.raises(ValueError, match="r_other"):
            journal.write(run.id, epoch, [sample_call("r_other")], durability="later")

    def test_a_later_write_that_was_refused_is_told_by_closing(self, journal: Journal) -> None:
        """Promise 2: where no write came after it."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        journal.write(run.id, epoch + 1, [sample_call(run.id)], durability="later")
        with pytest.raises(NotOwner):
            journal.close()
        journal.close()

    def test_values_are_read_together(self, journal: Journal) -> None:
        """Promise 6: those that are there, whatever else is asked for."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        values = [sample_value(run.id, number) for number in range(1, 1201)]
        journal.write(run.id, epoch, values)
        assert journal.values([value.id for value in values]) == {value.id: value for value in values}
        assert journal.values(["v_none", values[3].id, values[3].id, "'"]) == {values[3].id: values[3]}
        assert journal.values([]) == {}

    def test_order_does_not_rest_on_the_clock(self, journal: Journal) -> None:
        """Promise 6: where it went back, a later attempt at a call, call, or owner still comes later."""
        run = sample_run()
        first = journal.claim(run, sample_session(started=9.0))
        calls = [sample_call(run.id, seq, started=10.0 - seq) for seq in (1, 2)]
        attempts = [AttemptRecord(calls[0].id, run.id, n, first, "failed", 10.0 - n) for n in (1, 2)]
        journal.write(run.id, first, [*reversed(calls), *reversed(attempts)])
        second = journal.claim(run, sample_session(started=2.0))
        last = AttemptRecord(calls[0].id, run.id, 3, second, "done", 1.0)
        restore = [RestoreRecord(run.id, calls[1].id, at, 5.0 - at, 0.5, 3.5) for at in (first, second)]
        journal.write(run.id, second, [last, *reversed(restore)])
        assert journal.calls(run.id) == calls
        assert journal.attempts(run.id) == [*attempts, last]
        assert journal.restores(run.id) == restore
        assert [each.epoch for each in journal.sessions(run.id)] == [first, second]
