"""A run's body is replayed against its journal: what is missing, extra or changed, without a step that runs."""

from __future__ import annotations

import asyncio
import functools

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import sleep, step, workflow
from perdure.engine.drift import replay
from perdure.errors import PerdureError


@step
def load(x):
    ran("load", x)
    return [x]


@step
def fit(data):
    ran("fit", data)
    return sum(data)


@step(kind="effect")
def send(score):
    ran("send", score)
    return "sent"


@step
async def item(x):
    ran("item", x)
    return x * x


@workflow
def child(x):
    return load(x)


SPACE = {
    "load": load, "fit": fit, "send": send, "item": item, "child": child, "workflow": workflow, "sleep": sleep,
    "stumble": stumble, "asyncio": asyncio,
}  # fmt: skip


def body_of(source, kind="def"):
    """A workflow `body(n)` with these lines."""
    space = dict(SPACE)
    lines = "\n".join(f"    {line}" for line in source.splitlines())
    exec(f"@workflow\n{'async ' if kind == 'async' else ''}def body(n):\n{lines}", space)
    return space["body"]


def run(body, *args):
    found = body(*args)
    return asyncio.run(awaited(found)) if body.is_async else found


async def awaited(found):
    return await found


@pytest.fixture
def replayed(store):
    """What a replay of the newest run of `body` tells; nothing has changed, and no step has run."""

    def of(body):
        record = store.journal.runs(workflow="body")[0]
        before = [dict(table) for table in store.journal._tables.values()]
        taken()
        found = replay(store, record, functools.partial(body.__wrapped__, 1), is_async=body.is_async)
        assert taken() == []
        assert [dict(table) for table in store.journal._tables.values()] == before
        assert store.owner(record.id) is None
        return found

    return of


def told(found):
    return [(call.kind, call.step) for call in found.calls]


BODY = """data = load(n)
score = fit(data)
return send(score), child(n)"""


def test_a_body_that_is_as_it_was_makes_the_calls_that_are_recorded(replayed):
    body = body_of(BODY)
    run(body, 1)
    found = replayed(body)
    assert told(found) == [("restore", "load"), ("restore", "fit"), ("restore", "send"), ("restore", "child")]
    assert (found.drifted, found.unreached, found.error) == ([], 0, "")
    assert found.calls[0].inputs == "1"


def test_a_call_that_is_not_recorded_is_extra_and_what_lies_beyond_is_not_reached(replayed):
    run(body_of(BODY), 1)
    found = replayed(body_of(BODY.replace("score = fit(data)", "score = fit([load(7), 1])")))
    assert told(found) == [("restore", "load"), ("extra", "load")]
    assert found.unreached == 3


def test_a_call_that_would_run_again_is_changed_with_its_reason(replayed):
    run(body_of(BODY), 1)
    found = replayed(body_of(BODY.replace("fit(data)", "fit([*data, 5])")))
    assert told(found) == [("restore", "load"), ("changed", "fit")]
    assert "`data` changed: list of 1 → list of 2" in found.drifted[0].why
    assert found.unreached == 2


def test_a_recorded_call_that_is_not_made_is_missing(replayed):
    """Also where a later call ends the replay; and an effect is asked about, as it would be."""
    run(body_of(BODY), 1)
    found = replayed(body_of("data = load(n)\nscore = 1\nreturn send(score), child(n)"))
    assert told(found)[-1] == ("missing", "fit")
    assert [call.kind for call in found.drifted] == ["missing"]
    found = replayed(body_of("data = load(n)\nscore = 2\nreturn send(score), child(n)"))
    assert told(found) == [("restore", "load"), ("ask", "send")]
    assert found.calls[-1].why.startswith("Effect `send` was not run")


def test_no_except_of_the_body_goes_on_with_something_else(replayed):
    run(body_of(BODY), 1)
    found = replayed(
        body_of(
            "try:\n    data = load(n + 1)\nexcept Exception:\n    data = [1]\nreturn send(fit(data)), child(n)"
        )
    )
    assert told(found) == [("changed", "load")]


def test_branches_beside_a_call_that_would_run_go_on(replayed):
    source = "return await asyncio.gather(*[two(x) for x in range(4)])"
    define = "async def two(x):\n    return [await item(x), await item({})]\n"
    run(body_of(define.format("x + 10") + source, "async"), 1)
    found = replayed(body_of(define.format("x + (10 if x != 1 else 20)") + source, "async"))
    assert told(found).count(("restore", "item")) == 7
    [drifted] = found.drifted
    assert (drifted.kind, drifted.inputs) == ("changed", "21")


def test_maps_and_futures_are_looked_up_too(replayed):
    source = "first = item.submit(9)\nfound = await item.map([1, 2, {}])\nreturn found, await first"
    run(body_of(source.format(3), "async"), 1)
    assert replayed(body_of(source.format(3), "async")).drifted == []
    found = replayed(body_of(source.format(4), "async"))
    assert sorted(told(found)) == [("changed", "item"), *[("restore", "item")] * 3]


def test_what_was_not_finished_runs_and_is_no_drift(replayed):
    body = body_of("found = load(n)\nstumble()\nfit(found)\nreturn await sleep('10h')", "async")
    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        run(body, 1)
    bad_luck(ValueError("once"))
    found = replayed(body)
    assert (told(found), found.error) == ([("restore", "load")], "ValueError: once")
    assert found.drifted == []


def test_a_caught_failure_is_replayed(replayed):
    source = """try:
    found = fit([n, "text"])
except TypeError as error:
    found = str(error)
return load(len(found))"""
    body = body_of(source)
    run(body, 1)
    found = replayed(body)
    assert told(found) == [("restore", "fit"), ("restore", "load")]
    assert found.drifted == []


def test_a_child_whose_code_was_edited_is_changed(replayed):
    def version(last):
        space = dict(SPACE)
        exec(f"@workflow\ndef inner(n):\n    return load(n) + [{last}]", space)
        SPACE["inner"] = space["inner"]

    version(1)
    body = body_of("return inner(n)")
    run(body, 1)
    version(2)
    found = replayed(body_of("return inner(n)"))
    assert told(found) == [("changed", "inner")]
    assert found.calls[0].why == "code of `inner` changed"


def test_a_body_that_cannot_be_replayed_tells_its_error(replayed):
    body = body_of("return load(n)")
    run(body, 1)
    found = replayed(body_of("raise LookupError(n)"))
    assert found.error == "LookupError: 1"
    assert not issubclass(LookupError, PerdureError)
