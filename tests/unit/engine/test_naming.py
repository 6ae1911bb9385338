"""Names of steps in one run, without a run."""

from __future__ import annotations

import gc
from types import SimpleNamespace

from perdure import step
from perdure.engine.naming import Names, recorded
from perdure.store.records import NoteRecord


def made(module):
    """A step `fetch` of this module."""

    def fetch():
        pass

    fetch.__module__, fetch.__qualname__ = module, "fetch"
    return step(fetch)


def note(name, module):
    return NoteRecord("r", "step", name, 0.0, {"module": module, "step": "fetch"})


def test_a_name_that_was_given_in_this_process_stays_although_its_step_is_gone():
    """Promise 1: what a function made and threw away recorded calls under it."""
    kept = []
    names = Names((), lambda *given: kept.append(given))
    assert names.of(made(__name__)) == "fetch"
    gc.collect()
    assert names.of(made("json")) == "json.fetch"
    assert kept == [("fetch", __name__, "fetch"), ("json.fetch", "json", "fetch")]


def test_a_name_that_an_earlier_process_gave_is_free_once_its_step_is_gone():
    names = Names([note("fetch", "json")], lambda *_: None)
    assert names.of(made("ast")) == "fetch"
    assert names.of(made("json")) == "json.fetch"


def test_a_module_finds_the_name_that_it_was_given():
    keep = SimpleNamespace(alive=[made("json"), made("ast")])
    names = Names([note("fetch", "json"), note("ast.fetch", "ast")], lambda *_: 1 / 0)
    assert [names.of(each) for each in reversed(keep.alive)] == ["ast.fetch", "fetch"]


def test_a_short_name_means_all_that_end_in_it():
    names = ["fetch", "b.fetch", "Model.fit", "c.Model.fit", "Other.score"]
    notes = [note("fetch", "a")]
    assert recorded("fetch", names, notes) == ["fetch"]
    assert recorded("a.fetch", names, notes) == ["fetch"]
    assert recorded("fit", names, notes) == ["Model.fit", "c.Model.fit"]
    assert recorded("score", names) == ["Other.score"]
    assert recorded("etch", names) == []
