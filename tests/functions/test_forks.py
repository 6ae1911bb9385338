"""What a fork takes over from the run that it came from, in whatever state that was left (promises 1 and 5)."""

from __future__ import annotations

import re

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import Run, step, workflow
from perdure.engine import questions
from perdure.engine.owner import taken as owned
from perdure.errors import EffectFailed
from perdure.store import open_store

KILLED = """
import os, signal, sys
from perdure import Run, step, workflow

@step(kind="effect")
def charge(order):
    with open("charged", "a") as log:
        print(order, file=log)
    if os.path.exists("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return "receipt"

@workflow
def pay(order):
    return charge(order)

@workflow
def shop(order):
    return pay(order) if sys.argv[2] == "child" else charge(order)

print(shop(1) if sys.argv[1] == "start" else Run.of("shop").fork().result())
"""


@pytest.mark.parametrize("where", ["body", "child"])
def test_a_fork_of_a_killed_run_asks_about_its_effect(tmp_path, script, where):
    """Promise 5: the run was not settled yet, and the effect may have taken place."""
    (tmp_path / "deadly").touch()
    script(KILLED, "start", where, fails=True)
    (tmp_path / "deadly").unlink()
    for _ in range(2):
        told = "\n".join(script(KILLED, "fork", where, fails=True))
        assert "InDoubt: Effect `charge` is in doubt" in told
        assert re.search("`perdure resolve r_[0-9a-f]+ charge again`", told), (
            "what a plain script's user types"
        )
    assert (tmp_path / "charged").read_text().split() == ["1"]


def test_what_a_person_decides_about_the_effect_holds_for_the_fork(tmp_path, script, monkeypatch):
    """Promise 5."""
    monkeypatch.setenv("PERDURE_STORE", str(tmp_path / "store"))
    (tmp_path / "deadly").touch()
    script(KILLED, "start", "body", fails=True)
    script(KILLED, "fork", "body", fails=True)
    with open_store(tmp_path / "store") as store, owned(store, store.journal.runs()[0]) as owner:
        [call] = questions.open_calls(owner.history.calls.values(), "charge")
        questions.resolve(owner, call, "done", "by hand")
    assert script(KILLED, "start", "body") == ["by hand"]
    assert script(KILLED, "fork", "body") == ["by hand"]
    assert (tmp_path / "charged").read_text().split() == ["1"]


@step(kind="effect")
def charge(order):
    ran("charge", order)
    stumble()
    return "receipt"


@step
def note(text):
    return text


@workflow
def shop(order):
    try:
        return charge(order)
    except OSError as error:
        return note(str(error))


@pytest.fixture
def refused():
    """A finished run whose effect failed, which its body caught."""
    bad_luck(OSError("card refused"))
    assert shop(1) == "card refused"
    assert taken() == [("charge", 1)]
    return Run.of("shop")


def test_a_failure_that_the_body_caught_is_an_outcome_for_a_fork_too(refused):
    """Promise 5: the effect does not run again."""
    assert refused.fork().result() == "card refused"
    assert taken() == []


def test_a_failure_that_ends_a_fork_is_tried_again_there_and_stays_where_it_was_caught(store, refused):
    """Promise 1: the edited body lets the error through."""

    @workflow(name="shop")
    def edited(order):
        return charge(order)

    before = store.journal.calls(refused.id)
    with pytest.raises(OSError, match="card refused"):
        edited(1)
    assert taken() == []
    assert edited(1) == "receipt"
    assert taken() == [("charge", 1)]
    assert store.journal.calls(refused.id) == before


@step(kind="effect")
def unsure(order):
    ran("unsure", order)
    stumble()
    return "receipt"


def test_an_effect_that_a_person_marked_as_failed_fails_in_a_fork_too(store):
    """Promise 5: what a person decided stands."""

    @workflow
    def body(order):
        return unsure(order)

    bad_luck(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        body(1)
    run = store.journal.runs()[0]
    with owned(store, run) as owner:
        [call] = questions.open_calls(owner.history.calls.values(), "unsure")
        questions.resolve(owner, call, "fail")
    with pytest.raises(EffectFailed):
        Run.of(run.id).fork().result()
    assert taken() == [("unsure", 1)]
