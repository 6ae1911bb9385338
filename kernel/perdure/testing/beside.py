"""What every journal must do beside the records of a run: a part of `JournalContract`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from perdure.errors import NotOwner
from perdure.store.protocols import AlreadyMade, Journal
from perdure.store.records import Reference, Tag

from .records import sample_call, sample_message, sample_run, sample_session, sample_state, sample_value
from .threads import in_threads


class BesideContract:
    """Messages to a run's owner, durable dicts, results that other runs may use, and how changes are told."""

    def test_a_message_stays_until_it_is_dropped(self, journal: Journal) -> None:
        """Promise 10: anybody may leave one, and nothing but that is written."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        before = journal.run(run.id), journal.sessions(run.id)
        first = sample_message(run.id, 2, at=1.0, name="text that is not UTF-8: \udcff")
        second, other = sample_message(run.id, 1, at=2.0), sample_message("r_none", 3, at=0.5)
        for message in (second, first, other):
            journal.post(message)
        assert journal.messages(run.id) == [first, second]
        assert journal.messages() == [other, first, second]
        assert journal.messages("r_unknown") == []
        assert (journal.run(run.id), journal.sessions(run.id), journal.run("r_none")) == (*before, None)
        newer = replace(first, kind="cancel", at=3.0)
        journal.post(newer)
        assert journal.messages(run.id) == [second, newer]
        journal.drop_messages([second.id, "m_none", other.id])
        assert journal.messages() == [newer]
        journal.write(run.id, epoch, [])

    def test_a_message_goes_with_its_run(self, journal: Journal) -> None:
        """Promise 10: forgotten, or replaced by one from elsewhere."""
        for number in (1, 2, 3):
            run = sample_run(number)
            journal.claim(run, sample_session())
            journal.post(sample_message(run.id, number))
        journal.forget(["r_00000001"])
        journal.add_runs(["r_00000002"], lambda: [sample_run(2)], instead=True)
        assert journal.messages() == [sample_message("r_00000003", 3)]

    def test_of_those_who_make_one_run_at_once_one_makes_it(self, journal: Journal) -> None:
        """Promise 11: the others are told which, and nothing of theirs is written."""
        made: list[str] = []
        told: list[str] = []

        def start(number: int) -> None:
            run = sample_run(number)
            try:
                journal.claim(run, sample_session(pid=number), newest="")
                made.append(run.id)
            except AlreadyMade as error:
                told.append(error.run)

        in_threads([partial(start, number) for number in range(1, 9)])
        assert len(made) == 1
        assert told == made * 7
        assert [run.id for run in journal.runs()] == made

    def test_a_run_is_made_if_the_newest_is_the_one_that_was_seen(self, journal: Journal) -> None:
        """Promise 11: of the same workflow, parent and key; a known run is claimed whatever else there is."""
        first, second, third = (sample_run(number) for number in (1, 2, 3))
        assert journal.claim(first, sample_session(), newest="") == 1
        others = [
            sample_run(4, key="another"),
            sample_run(5, parent=first.id),
            sample_run(6, workflow="another"),
        ]
        for other in others:
            assert journal.claim(other, sample_session(), newest="") == 1
        assert journal.claim(second, sample_session(), newest=first.id) == 1
        for seen in (first.id, "", "r_none"):
            with pytest.raises(AlreadyMade) as refused:
                journal.claim(third, sample_session(), newest=seen)
            assert refused.value.run == second.id
        assert journal.run(third.id) is None
        assert journal.sessions(third.id) == []
        assert journal.claim(first, sample_session(), newest="") == 2  # noqa: PLR2004  its next owner
        assert journal.claim(third, sample_session()) == 1

    def test_each_commit_is_told_as_a_change(self, journal: Journal) -> None:
        """Promise 12: of the owner and of anybody else; while nobody commits, it stays the same number."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        call = sample_call(run.id, cached=True, value="v_1")
        works: list[Callable[[], object]] = [
            lambda: journal.claim(sample_run(2), sample_session()),
            lambda: journal.write(run.id, epoch, [call, sample_state(run.id)]),
            lambda: journal.write(run.id, epoch, []),
            lambda: journal.post(sample_message(run.id)),
            lambda: journal.drop_messages([sample_message(run.id).id]),
            lambda: journal.uncache(call.step),
            lambda: journal.forget_parts([call.id], []),
            lambda: journal.add_runs(["r_00000003"], lambda: [sample_run(3)]),
            lambda: journal.forget(["r_00000003"]),
        ]
        seen = [journal.changes()]
        for work in works:
            work()
            seen.append(journal.changes())
        assert len(set(seen)) == len(works) + 1
        assert {journal.changes() for _ in range(3)} == {seen[-1]}

    def test_an_entry_of_a_durable_dict_is_put_replaced_and_deleted(self, journal: Journal) -> None:
        """Promise 13: with the rest of its write, by the run that changed it."""
        run = sample_run()
        epoch = journal.claim(run, sample_session())
        b, a = sample_state(run.id, "b \udcff"), sample_state(run.id, "a", value="v_0000000000000002")
        others = [sample_state(run.id, name="other"), sample_state(run.id, workflow="another")]
        journal.write(run.id, epoch, [sample_call(run.id), b, a, *others, sample_value("", 1)])
        assert journal.states("flights", "counts") == [a, b]
        assert journal.states("flights", "none") == []
        assert journal.all_states() == [others[1], a, b, others[0]]
        newer = replace(a, value="v_0000000000000003", at=9.0)
        journal.write(run.id, epoch, [newer, replace(b, value=None)], durability="later")
        assert journal.states("flights", "counts") == [newer]
        journal.write(run.id, epoch, [replace(b, value=None), replace(newer, workflow="another", value=None)])
        assert journal.all_states() == [newer, others[0]]

    def test_an_entry_is_fenced_by_its_run_and_outlives_it(self, journal: Journal) -> None:
        """Promises 2 and 13: a former owner changes nothing; forgetting the run does not either."""
        run, other = sample_run(1), sample_run(2)
        former = journal.claim(run, sample_session())
        epoch = journal.claim(run, sample_session(pid=2))
        state, value = sample_state(run.id), sample_value("", 1, role="state")
        theirs = replace(state, item="b", value=sample_value(run.id, 2).id)
        journal.write(run.id, epoch, [state, theirs, value, sample_value(run.id, 2), sample_value(run.id, 3)])
        with pytest.raises(NotOwner):
            journal.write(run.id, former, [replace(state, value=None)])
        with pytest.raises(ValueError, match=run.id):
            journal.write(other.id, 1, [state])
        with pytest.raises(ValueError, match=run.id):
            journal.add_runs([run.id], lambda: [sample_run(1), state], instead=True)
        references = {Reference(value.id, ""), Reference(sample_value(run.id, 2).id, "")}
        assert set(journal.references()) == references
        journal.forget([run.id])
        assert journal.all_states() == [state, theirs]
        assert set(journal.references()) == references
        assert journal.value_ids() == [value.id, sample_value(run.id, 2).id]
        journal.add_runs([run.id], lambda: [sample_run(1)])
        journal.add_runs([run.id], lambda: [sample_run(1)], instead=True)
        assert journal.all_states() == [state, theirs]

    def test_a_cached_call_is_found_by_its_parts(self, journal: Journal) -> None:
        """Promise 14: in any run, the newest that is done and has a value, and no other."""
        for number in (1, 2, 3):
            journal.claim(sample_run(number), sample_session())
        kept: dict[str, Any] = {"cached": True, "value": "v_1"}
        old, new, last = (sample_call(f"r_0000000{n}", ended=float(n), **kept) for n in (1, 2, 3))
        bad = [
            sample_call("r_00000001", 2, ended=9.0, value="v_1"),
            sample_call("r_00000001", 3, ended=9.0, cached=True),
            sample_call("r_00000001", 4, ended=9.0, state="failed", **kept),
            sample_call("r_00000001", 5, ended=9.0, code="other", **kept),
            sample_call("r_00000001", 6, ended=8.0, inputs="other", **kept),
            sample_call("r_00000001", 7, ended=7.0, step="other", **kept),
        ]
        parts = old.step, old.inputs, old.code
        assert journal.cached_call(*parts) is None
        journal.write("r_00000001", 1, [old, *bad])
        assert journal.cached_call(*parts) == old
        journal.write("r_00000003", 1, [last], durability="later")
        journal.write("r_00000002", 1, [new])
        assert journal.cached_call(*parts) == last
        assert journal.cached_calls() == [*bad[3:], last, new, old]
        journal.forget(["r_00000003"])
        assert journal.cached_call(*parts) == new
        assert journal.uncache("none") == 0
        assert journal.uncache("other") == 1
        assert journal.cached_calls() == [*bad[3:5], new, old]
        assert journal.uncache() == 6  # noqa: PLR2004  also those without a value
        assert (journal.cached_calls(), journal.cached_call(*parts)) == ([], None)
        assert journal.calls("r_00000002") == [replace(new, cached=False)]

    def test_runs_are_found_by_tags(self, journal: Journal) -> None:
        """Promise 6: those that have all of them; an empty value stands for any."""
        tags = {
            1: (),
            2: (Tag("day", "mon"),),
            3: (Tag("day", "tue"), Tag("late", "")),
            4: (Tag("day", "mon"),),
        }
        for number, given in tags.items():
            run = sample_run(number, tags=given, workflow="other" if number == 4 else "flights")  # noqa: PLR2004
            journal.claim(run, sample_session())

        def found(wanted: dict[str, str], workflow: str | None = None, limit: int | None = None) -> str:
            runs = journal.runs(workflow=workflow, tags=wanted, limit=limit)
            return "".join(run.id[-1] for run in runs)

        assert found({}) == "4321"
        assert found({"day": ""}) == "432"
        assert found({"day": "mon"}) == "42"
        assert found({"day": "mon"}, workflow="flights") == "2"
        assert found({"day": "", "late": ""}) == "3"
        assert found({"late": "x"}) == ""
        assert found({"day": "mon"}, limit=1) == "4"
        assert found({"day": "tue"}, limit=1) == "3"
        assert journal.runs(tags={"day": "tue"})[0].tags == tags[3]
