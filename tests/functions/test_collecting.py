"""Collecting beside a run that is at work."""

import time

import pytest

from functions.witness import ran, taken
from perdure import step, workflow
from perdure.engine.events import listeners
from perdure.engine.process import use_store
from perdure.store import open_store
from perdure.store.forgetting import Limits
from perdure.store.gc import collect


@step
def part(number):
    ran(number)
    return bytes([number]) * 300_000


@workflow
def whole(numbers, label):
    return label, [len(part(number)) for number in numbers]


@pytest.fixture(autouse=True)
def store(tmp_path, own_user):
    """A store on a disk."""
    with open_store(tmp_path / ".perdure", durability="process") as opened:
        before = use_store(opened)
        yield opened
        use_store(before)


def test_a_run_that_reuses_others_restores_their_calls_though_they_would_be_forgotten(store, monkeypatch):
    """Promise 1: as long as it is at work; afterwards they go."""
    whole([1, 2, 3], "first")
    assert taken() == [1, 2, 3]
    (first,) = store.journal.runs()
    now, collected = time.time, []

    def collect_later(event):
        if event.kind == "call_restored" and not collected:
            monkeypatch.setattr(time, "time", lambda: now() + 1000)
            collected.append(collect(store, Limits(keep=0)))
            monkeypatch.setattr(time, "time", now)

    remove = listeners.add(collect_later)
    try:
        assert whole.using(reuse=True)([1, 2, 3], "second") == ("second", [300_000] * 3)
    finally:
        remove()
    assert [gone.runs for gone in collected] == [()]
    assert taken() == []
    assert first.id in collect(store, Limits(keep=0)).runs
