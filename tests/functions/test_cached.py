"""A pure step's result may be used by other runs, where the step says so."""

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import step, workflow
from perdure.engine.owner import Owner
from perdure.store.gc import collect
from perdure.testing import HandClock


@step(cache=True)
def embed(text):
    ran(text)
    return {"text": text, "size": [len(text)]}


@workflow
def first(text):
    return embed(text)


@workflow
def second(text):
    found = embed(text)
    found["more"] = True
    return found


def test_another_run_uses_the_result_and_keeps_it_as_its_own(store, calls):
    assert first("day") == {"text": "day", "size": [3]}
    assert second("day") == {"text": "day", "size": [3], "more": True}
    assert taken() == ["day"]
    [call] = calls(second)
    assert call.state == "done"
    assert call.run == store.journal.runs(workflow="second")[0].id
    assert call.reason.startswith(f"cached by run {store.journal.runs(workflow='first')[0].id}")


def test_what_the_first_run_gave_cannot_be_changed_through_the_second(store):
    """Promise 3: a cached result is a copy like any other."""
    first("day")
    second("day")["size"].append("changed")
    assert first.using(fresh=True)("day") == {"text": "day", "size": [3]}


def test_a_step_that_does_not_say_so_shares_nothing():
    @step
    def alone(x):
        ran(x)
        return x

    @workflow
    def body(n):
        return alone(n)

    body(1)
    body.using(fresh=True)(1)
    assert taken() == [1, 1]


def test_other_inputs_and_edited_code_are_computed(store):
    first("day")
    first("night")
    assert taken() == ["day", "night"]

    @step(cache=True, name="embed")
    def edited(text):
        ran("edited")
        return text

    @workflow
    def third(text):
        return edited(text)

    assert third("day") == "day"
    assert taken() == ["edited"]


def test_a_result_that_is_too_old_is_computed_again():
    with HandClock() as clock:

        @step(cache="7d")
        def quote(x):
            ran(x)
            return x

        @workflow
        def body(n, day):
            return quote(n)

        body(1, "mon")
        clock.advance("7d")
        body(1, "tue")
        assert taken() == [1]
        clock.advance("1s")
        body(1, "wed")
        assert taken() == [1]


def test_a_copy_of_a_cached_result_is_no_newer_than_the_result():
    with HandClock() as clock:

        @step(cache="7d")
        def quote(x):
            ran(x)
            return x

        @workflow
        def body(n, day):
            return quote(n)

        body(1, "mon")
        clock.advance("6d")
        body(1, "tue")
        clock.advance("6d")
        body(1, "wed")
        assert taken() == [1, 1]


def test_the_replay_of_a_run_does_not_need_the_run_that_computed(store):
    """Promise 1: what a run has used stays its own, whatever becomes of the other run."""

    @workflow
    def fails(text):
        found = embed(text)
        stumble()
        return found

    first("day")
    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        fails("day")
    taken()
    source = store.journal.runs(workflow="first")[0]
    store.journal.forget([source.id])
    collect(store)
    fails("day")
    assert taken() == []


def test_redo_computes_it_although_it_is_cached():
    first("day")
    first.using(redo="embed")("day")
    assert taken() == ["day", "day"]


def test_a_damaged_or_foreign_result_is_computed_again(store):
    """Promise 8: what does not verify is not loaded; here there is a way out that costs only work."""
    from dataclasses import replace

    first("day")
    run = store.journal.runs(workflow="first")[0]
    [call] = store.journal.calls(run.id)
    value = store.journal.value(call.value)
    owner = Owner.take(store, run)
    store.journal.write(run.id, owner.run.epoch, [replace(value, signature=b"forged")])
    owner.close()
    taken()
    assert second("day")["size"] == [3]
    assert taken() == ["day"]


def test_cleared_results_are_used_no_more(store):
    first("day")
    assert store.journal.uncache("embed") == 1
    second("day")
    assert taken() == ["day", "day"]
