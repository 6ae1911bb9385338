"""A clock that goes back changes no order, and makes nothing take less than no time."""

import re
import time

import pytest

from functions.witness import ran
from perdure import step, workflow
from perdure.errors import RunOwned
from perdure.store import open_store
from perdure.store.forgetting import Limits
from perdure.store.gc import collect
from perdure.testing import sample_run
from perdure_widgets.rows import read
from perdure_widgets.runs import RunsTable
from perdure_widgets.text import render_text

NEGATIVE = re.compile(r"(?<![\w-])-\d")


@pytest.fixture
def clock(monkeypatch):
    """Moves the clock on the wall by so many seconds; other clocks go on."""
    true, shift = time.time, [0.0]

    def move(seconds):
        shift[0] += seconds

    monkeypatch.setattr(time, "time", lambda: true() + shift[0])
    return move


@step
def double(x):
    ran("double", x)
    return 2 * x


def test_the_newest_run_is_found_though_the_clock_went_back(store, clock):
    """Promise 1: a run that was asked for with `fresh` is the one that goes on."""

    @workflow
    def doubled(x):
        return double(x)

    first = doubled.start(1)
    first.result()
    clock(-3600)
    second = doubled.using(fresh=True).start(1)
    assert second.result() == 2
    assert second.id != first.id
    assert doubled.start(1).id == second.id
    assert store.journal.runs()[0].id == second.id


def test_nothing_takes_less_than_no_time(store, clock):
    """Promise 7: what is drawn of a run in whose middle the clock went back has no negative durations."""

    @step
    def back(x):
        clock(-7200)
        return x

    @workflow
    def tripled(x):
        return double(back(double(x)))

    tripled(1)
    tripled(1)
    run = store.journal.runs()[0]
    assert all(call.took >= 0 for call in store.journal.calls(run.id))
    assert all(restore.saved >= 0 for restore in store.journal.restores(run.id))
    table = RunsTable.read(store.journal).text()
    drawn = render_text(read(store.journal, run.id))
    for text in (table, drawn):
        assert "double" in text or "tripled" in text
        assert not NEGATIVE.search(text)


def test_blobs_of_the_future_are_not_collected_beside_a_process_at_work(tmp_path, clock):
    """Promise 2: a blob that waits for its record was put before the clock went back."""
    with open_store(tmp_path / "store") as store, store.lock(sample_run()):
        name = store.blobs.put(b"waiting")
        clock(-7200)
        assert collect(store).blobs == 0
        assert bytes(store.blobs.get(name)) == b"waiting"


def test_the_owner_of_a_run_is_named_whatever_the_clock_says(tmp_path, clock):
    """Promise 6: since when is told as it was written; the lock decides."""
    with open_store(tmp_path / "store") as store, store.lock(sample_run()):
        clock(-7200)
        with pytest.raises(RunOwned, match=r"since \d{4}-\d\d-\d\d"):
            store.lock(sample_run())


def test_collecting_keeps_the_run_that_was_made_last(store, clock):
    """Promise 2: runs with other inputs, too, stay in the order in which they were made."""

    @workflow
    def doubled(x):
        return double(x)

    runs = []
    for x in range(3):
        runs.append(doubled.start(x))
        runs[-1].result()
        clock(-72000)
    assert [run.id for run in store.journal.runs()] == [run.id for run in reversed(runs)]
    collect(store, Limits(keep=1))
    assert [run.id for run in store.journal.runs()] == [runs[-1].id]
