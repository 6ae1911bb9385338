"""What every journal must do. The numbers are those of `perdure.store.protocols`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import pytest

from perdure.errors import NotOwner
from perdure.store.protocols import Journal
from perdure.store.records import (
    AttemptRecord,
    NoteRecord,
    Record,
    Reference,
    RestoreRecord,
    ValueRecord,
)

from .beside import BesideContract
from .order import OrderContract
from .records import sample_call, sample_run, sample_session, sample_value
from .threads import in_threads


class JournalContract(BesideContract, OrderContract):
    """The promises of a journal but 5, which needs a process to kill, and is tested where there is one."""

    @pytest.fixture
    def journal(self) -> Journal:
        """The empty journal to be judged."""
        raise NotImplementedError

    def test_what_was_written_comes_back_equal(self, journal: Journal) -> None:
        """Promise 1: after `write` all its records are there, every field as it was."""
        run = sample_run(
            notebook="flights.ipynb", parent="r_0", forked_from="r_1", finished=9.5, error="no \udcff"
        )
        epoch = journal.claim(run, sample_session())
        call = sample_call(run.id, source="text that is not UTF-8: \udcff", key=None)
        attempt = AttemptRecord(call.id, run.id, 1, epoch, "done", 1.0, traceback="line")
        restore = RestoreRecord(run.id, call.id, epoch, 2.0, 0.5, 3.5, reason="unchanged", older_code=True)
        note = NoteRecord(
            run.id, "setup", "first", 3.0, {"source": "import math", "list": [1, 2.5, None, {}]}
        )
        values = [sample_value(run.id, 1), sample_value("", 2, stream=None, stream_blob="cc")]
        journal.write(run.id, epoch, [call, attempt, restore, note, *values])
        assert journal.run(run.id) == replace(run, epoch=epoch)
        assert journal.calls(run.id) == [call]
        assert journal.attempts(run.id) == [attempt]
        assert journal.restores(run.id) == [restore]
        assert journal.notes(run.id) == [note]
        assert [journal.value(value.id) for value in values] == values
        assert journal.value("v_none") is None
        assert journal.run("r_none") is None

    def test_a_write_that_fails_leaves_nothing_of_itself(self, journal: Journal) -> None:
        """Promise 1: a write is one commit, so a bad record keeps the good ones beside it out."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        with pytest.raises(ValueError, match="r_other"):
            journal.write(run.id, epoch, [sample_call(run.id), sample_call("r_other")])
        with pytest.raises(TypeError):
            journal.write(
                run.id, epoch, [sample_call(run.id), NoteRecord(run.id, "k", "n", 1.0, {"a": object()})]
            )
        assert journal.calls(run.id) == []

    def test_a_former_owner_cannot_write(self, journal: Journal) -> None:
        """Promise 2: an older epoch, or one of a run that nobody claimed, is refused and changes nothing."""
        run = sample_run()
        first = journal.claim(run, sample_session())
        second = journal.claim(run, sample_session(pid=2))
        assert second == first + 1
        for owner, epoch in ((run.id, first), (run.id, second + 1), ("r_none", 1)):
            with pytest.raises(NotOwner) as refused:
                journal.write(owner, epoch, [sample_call(owner)])
            assert refused.value.fields == {"run": owner}
        assert journal.calls(run.id) == []
        journal.write(run.id, second, [sample_call(run.id)])
        assert len(journal.calls(run.id)) == 1

    def test_a_run_record_cannot_lower_the_epoch(self, journal: Journal) -> None:
        """Promise 2: the fence is raised by `claim` alone, whatever a run record says."""
        run = sample_run()
        journal.claim(run, sample_session())
        epoch = journal.claim(run, sample_session())
        journal.write(run.id, epoch, [replace(run, state="done", epoch=1)])
        assert journal.run(run.id) == replace(run, state="done", epoch=epoch)

    def test_claiming_a_known_run_changes_its_epoch_alone(self, journal: Journal) -> None:
        """Promise 2: the next owner adds a session, and finds the run as the last one left it."""
        run = sample_run()
        epoch = journal.claim(run, sample_session(pid=1))
        journal.write(run.id, epoch, [replace(run, state="failed", error="why")])
        again = journal.claim(run, sample_session(pid=2))
        assert journal.run(run.id) == replace(run, state="failed", error="why", epoch=again)
        assert [(each.run, each.epoch, each.pid) for each in journal.sessions(run.id)] == [
            (run.id, epoch, 1),
            (run.id, again, 2),
        ]

    def test_a_claim_that_fails_its_check_changes_nothing(self, journal: Journal) -> None:
        """Promise 2: who lost its lock in the meantime does not push the newest owner out."""
        run = sample_run()

        def lost() -> None:
            raise NotOwner(run=run.id)

        with pytest.raises(NotOwner):
            journal.claim(run, sample_session(), lost)
        assert journal.run(run.id) is None
        epoch = journal.claim(run, sample_session(), lambda: None)
        with pytest.raises(NotOwner):
            journal.claim(run, sample_session(pid=2), lost)
        journal.write(run.id, epoch, [sample_call(run.id)])
        assert [each.epoch for each in journal.sessions(run.id)] == [epoch]

    def test_a_new_run_is_the_newest_also_when_the_clock_went_back(self, journal: Journal) -> None:
        """Promise 2: of runs of one workflow, the one that was claimed last is found, and kept."""
        first, second = sample_run(1, key="k", created=100.0), sample_run(2, key="k", created=50.0)
        third = sample_run(3, key="another", created=70.0)
        other = sample_run(4, workflow="other", key="k", created=70.0)
        for run in (first, second, third, other):
            journal.claim(run, sample_session())
        newest = [run.id for run in journal.runs(workflow=first.workflow)]
        assert newest == [third.id, second.id, first.id]
        found = journal.find_run(first.workflow, None, "k")
        assert found is not None
        assert found.id == second.id
        assert found.created > first.created
        assert journal.run(other.id) == replace(other, epoch=1)

    def test_a_commit_tells_that_its_session_was_alive(self, journal: Journal) -> None:
        """Promise 2: `seen` of the owner's session moves with each commit."""
        run = sample_run()
        epoch = journal.claim(run, sample_session(seen=1.5))
        journal.write(run.id, epoch, [])
        assert journal.sessions(run.id)[0].seen > 1.5  # noqa: PLR2004  that of the sample

    def test_writing_the_same_identity_replaces(self, journal: Journal) -> None:
        """Promise 3: a record is put, so the newer one stands in place of the older."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        for state in ("running", "done"):
            call = sample_call(run.id, state=state)
            journal.write(run.id, epoch, [call, AttemptRecord(call.id, run.id, 1, epoch, state, 1.0)])
        assert [call.state for call in journal.calls(run.id)] == ["done"]
        assert [attempt.state for attempt in journal.attempts(run.id)] == ["done"]

    def test_a_record_is_not_shared_with_its_writer(self, journal: Journal) -> None:
        """Promise 3: what a writer does to a dict afterwards does not reach the journal."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        data = {"a": 1}
        journal.write(run.id, epoch, [NoteRecord(run.id, "k", "n", 1.0, data)])
        data["a"] = 2
        journal.notes(run.id)[0].data["a"] = 3
        assert journal.notes(run.id)[0].data == {"a": 1}

    def test_reads_see_acknowledged_writes_from_any_thread(self, journal: Journal) -> None:
        """Promise 4: writers in several threads each read their own write back at once."""
        seen: list[bool] = []

        def work(number: int) -> None:
            run = sample_run(number)
            epoch = journal.claim(run, sample_session())
            for seq in range(1, 11):
                journal.write(run.id, epoch, [sample_call(run.id, seq)], durability="process")
                seen.append(len(journal.calls(run.id)) == seq)

        in_threads([partial(work, number) for number in range(1, 5)])
        assert seen == [True] * 40
        assert len(journal.runs()) == 4  # noqa: PLR2004  one per thread

    def test_lists_are_in_the_order_that_is_promised(self, journal: Journal) -> None:
        """Promise 6: runs newest first, children oldest first, calls by seq, notes by time."""
        for number in (2, 1, 3):
            journal.claim(
                sample_run(number, workflow="other" if number == 1 else "flights"), sample_session()
            )
        for number in (5, 4):
            run = sample_run(number, workflow=f"below {number}", parent="r_00000003", key=f"k{number}")
            journal.claim(run, sample_session())
        ids = [run.id[-1] for run in journal.runs()]
        assert ids == ["5", "4", "3", "2", "1"]
        assert [run.id[-1] for run in journal.runs(limit=2)] == ["5", "4"]
        assert [run.id[-1] for run in journal.runs(workflow="other", limit=9)] == ["1"]
        assert [run.id[-1] for run in journal.children("r_00000003")] == ["4", "5"]
        parent = "r_00000003"
        notes = [
            NoteRecord(parent, kind, name, at)
            for kind, name, at in (("b", "x", 2.0), ("a", "y", 3.0), ("a", "x", 1.0))
        ]
        journal.write(parent, 1, [sample_call(parent, 2), sample_call(parent, 1), *notes])
        assert [call.seq for call in journal.calls(parent)] == [1, 2]
        assert [(note.kind, note.name) for note in journal.notes(parent)] == [
            ("a", "x"),
            ("b", "x"),
            ("a", "y"),
        ]
        assert [note.name for note in journal.notes(parent, "a")] == ["x", "y"]

    def test_a_run_is_found_by_workflow_parent_and_key(self, journal: Journal) -> None:
        """Promise 6: the newest of those that fit, and no other."""
        for number, parent in ((1, None), (2, None), (3, "r_00000001")):
            journal.claim(sample_run(number, parent=parent), sample_session())
        found = [journal.find_run("flights", parent, "k") for parent in (None, "r_00000001", "r_none")]
        assert [run and run.id[-1] for run in found] == ["2", "3", None]
        assert journal.find_run("flights", None, "other") is None

    def test_blob_names_are_those_that_values_refer_to(self, journal: Journal) -> None:
        """Promise 6: streams and buffers, without decoding anything."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        large = sample_value(run.id, 2, stream=None, stream_blob="cc", buffers=("bb", "dd"))
        journal.write(run.id, epoch, [sample_value(run.id, 1), large])
        assert journal.blob_names() == {"aa", "bb", "cc", "dd"}

    def test_values_are_listed_by_run_and_counted_by_key(self, journal: Journal) -> None:
        """Promise 6: the oldest first; no value is decoded."""
        for number in (1, 2):
            run = sample_run(number)
            epoch = journal.claim(run, sample_session())
            mine = [sample_value(run.id, 10 * number + at, created=9.0 - at) for at in (0, 1)]
            journal.write(run.id, epoch, [*mine, sample_value("", 99, key_id="other")])
        ids = [f"v_{number:016x}" for number in (11, 10)]
        assert journal.value_ids("r_00000001") == ids
        assert journal.value_ids("r_none") == []
        assert len(journal.value_ids()) == 5  # noqa: PLR2004  two of each run, and one of none
        assert journal.key_ids() == {"0badcafe": 4, "other": 1}

    def test_values_are_replaced_in_one_commit_if_they_are_as_they_were_read(self, journal: Journal) -> None:
        """Promise 1: whoever owns the run; one that was changed since, or is gone, is passed over."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        values = [sample_value(run.id, number) for number in (1, 2)]
        journal.write(run.id, epoch, values)
        journal.claim(run, sample_session())
        newer = replace(values[0], signature=b"new", stream=None, stream_blob="cc")
        stale = replace(values[1], signature=b"other")
        gone = sample_value(run.id, 3)
        assert journal.replace_values([(values[0], newer), (stale, newer), (gone, gone)]) == 1
        assert journal.value(newer.id) == newer
        assert journal.value(values[1].id) == values[1]
        assert journal.value(gone.id) is None

        def failing() -> Iterator[tuple[ValueRecord, ValueRecord]]:
            yield newer, values[0]
            raise LookupError

        with pytest.raises(LookupError):
            journal.replace_values(failing())
        assert journal.value(newer.id) == newer

    def test_forgetting_takes_all_of_a_run_and_nothing_else(self, journal: Journal) -> None:
        """Promise 1: in one commit; a value that a kept run refers to stays."""
        for number in (1, 2):
            run = sample_run(number)
            epoch = journal.claim(run, sample_session())
            call = sample_call(run.id, value="v_000000000000000b")
            extras: list[Record] = [
                AttemptRecord(call.id, run.id, 1, epoch, "done", 1.0),
                RestoreRecord(run.id, call.id, epoch, 2.0, 0.5, 3.5),
                NoteRecord(run.id, "k", "n", 1.0),
            ]
            values = [sample_value(run.id, 10 * number), sample_value("", 99)]
            shared = [sample_value(run.id, 11), sample_value(run.id, 12)] if number == 1 else []
            done = replace(run, result="v_000000000000000c")
            journal.write(run.id, epoch, [done, call, *extras, *values, *shared])
        journal.forget(["r_00000001", "r_none"])
        gone, kept = "r_00000001", "r_00000002"
        lists: list[Callable[[str], Sequence[Record]]] = [
            journal.calls,
            journal.attempts,
            journal.sessions,
            journal.restores,
            journal.notes,
        ]
        assert [len(each(gone)) for each in lists] == [0] * 5
        assert [len(each(kept)) for each in lists] == [1] * 5
        assert [run.id for run in journal.runs()] == [kept]
        numbers = (0x0A, 0x0B, 0x0C, 0x14, 0x63)
        there = [journal.value(f"v_{number:016x}") is not None for number in numbers]
        assert there == [False, True, True, True, True]

    def test_runs_from_elsewhere_come_with_all_that_is_theirs(self, journal: Journal) -> None:
        """Promise 1: in one commit, without an owner; the next one is the how-manieth it is."""
        run = sample_run(epoch=3, finished=9.5)
        session = sample_session(run=run.id, epoch=3, ended=2.5)
        call, value = sample_call(run.id), sample_value(run.id)
        attempt = AttemptRecord(call.id, run.id, 1, 3, "done", 1.0)
        theirs: list[Record] = [value, run, call, session, attempt]
        journal.add_runs([run.id], lambda: iter(theirs))
        assert (journal.run(run.id), journal.calls(run.id)) == (run, [call])
        assert (journal.sessions(run.id), journal.attempts(run.id)) == ([session], [attempt])
        assert journal.value(value.id) == value
        with pytest.raises(NotOwner):
            journal.write(run.id, 4, [])
        assert journal.claim(run, sample_session()) == 4  # noqa: PLR2004  the next

    def test_a_run_from_elsewhere_takes_the_place_of_a_known_one_only_if_asked(
        self, journal: Journal
    ) -> None:
        """Promise 2: then all that was known of it is gone, and its former owner cannot write."""
        run, other = sample_run(), sample_run(2)
        epoch = journal.claim(run, sample_session())
        journal.write(run.id, epoch, [sample_call(run.id), sample_value(run.id)])
        journal.claim(other, sample_session())
        new: list[Record] = [
            replace(run, state="done", epoch=1),
            sample_call(run.id, 2),
            sample_value(run.id, 2),
        ]
        with pytest.raises(ValueError, match=run.id):
            journal.add_runs([run.id], lambda: new)
        assert [call.seq for call in journal.calls(run.id)] == [1]
        journal.add_runs([run.id], lambda: new, instead=True)
        assert journal.run(run.id) == replace(run, state="done", epoch=epoch + 1)
        assert [call.seq for call in journal.calls(run.id)] == [2]
        assert (journal.value_ids(run.id), journal.sessions(run.id)) == ([sample_value(run.id, 2).id], [])
        assert journal.run(other.id) is not None
        with pytest.raises(NotOwner):
            journal.write(run.id, epoch, [])

    @pytest.mark.parametrize("instead", [False, True])
    def test_what_is_here_is_never_put_over(self, journal: Journal, instead: bool) -> None:  # noqa: FBT001
        """Promise 1: neither by the id of another run's call or value, nor by an error half-way."""
        mine, run = sample_run(), sample_run(2)
        epoch = journal.claim(mine, sample_session())
        call, value = sample_call(mine.id), sample_value(mine.id)
        journal.write(mine.id, epoch, [call, value])

        def fails() -> Iterator[Record]:
            yield run
            raise EOFError

        for bad in (
            replace(call, run=run.id),
            replace(value, run=run.id, signature=b"x"),
            sample_call("r_x"),
        ):
            with pytest.raises(ValueError, match=r"r_x|here already"):
                journal.add_runs([run.id], partial(list, [run, bad]), instead=instead)
        with pytest.raises(EOFError):
            journal.add_runs([run.id], fails, instead=instead)
        assert journal.run(run.id) is None
        assert (journal.calls(mine.id), journal.value(value.id)) == ([call], value)

    def test_a_journal_is_sound_and_closes_twice(self, journal: Journal) -> None:
        """Promise 5: its own check finds nothing."""
        journal.claim(sample_run(), sample_session())
        assert journal.check() == "ok"
        journal.close()
        journal.close()

    def test_forgetting_parts_takes_these_and_nothing_else(self, journal: Journal) -> None:
        """Promise 1: calls with what is theirs, and values, in one commit."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        calls = [sample_call(run.id, seq) for seq in (1, 2)]
        values = [sample_value(run.id, number) for number in (1, 2)]
        attempts = [AttemptRecord(call.id, run.id, 1, epoch, "done", 1.0) for call in calls]
        restores = [RestoreRecord(run.id, call.id, epoch, 2.0, 0.5, 3.5) for call in calls]
        journal.write(run.id, epoch, [*calls, *values, *attempts, *restores])
        journal.forget_parts([calls[0].id, "c_none"], [values[0].id, "v_none"])
        assert journal.calls(run.id) == [calls[1]]
        assert journal.attempts(run.id) == [attempts[1]]
        assert journal.restores(run.id) == [restores[1]]
        assert journal.value_ids() == [values[1].id]

    def test_holdings_tell_what_each_value_takes(self, journal: Journal) -> None:
        """Promise 6: without decoding one; and references tell who needs it."""
        for number in (1, 2):
            run = sample_run(number, inputs="v_0000000000000001")
            epoch = journal.claim(run, sample_session())
            journal.write(run.id, epoch, [run])
        first = sample_value("r_00000001", 1, stream=b"12345", buffers=(), preview={})
        second = sample_value("r_00000002", 2, stream=None, stream_blob="cc", buffers=("aa", "bb"))
        journal.write("r_00000001", 1, [first])
        journal.write("r_00000002", 1, [second])
        found = {holding.value: holding for holding in journal.holdings()}
        assert (found[first.id].bytes, found[first.id].blobs) == (5 + 1, ())
        assert (found[second.id].run, found[second.id].step) == ("r_00000002", second.step)
        assert sorted(found[second.id].blobs) == ["aa", "bb", "cc"]
        journal.write("r_00000002", 1, [sample_call("r_00000002", value=second.id)])
        assert set(journal.references()) == {
            Reference(first.id, "r_00000001"),
            Reference(first.id, "r_00000002"),
            Reference(second.id, "r_00000002", sample_call("r_00000002").id),
        }
        assert journal.compact() == 0
        assert journal.size() >= 0
