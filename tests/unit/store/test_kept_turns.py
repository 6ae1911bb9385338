"""The values of kept turns: spared while their call is there, and blobs that are put for a while only."""

from __future__ import annotations

import pytest

from perdure.store import failpoints, open_store
from perdure.store.forgetting import Limits
from perdure.store.gc import collect
from perdure.store.kept_turns import LOOP, OVER, call_of, last_kept, slot
from perdure.store.records import NoteRecord
from perdure.testing import sample_call, sample_run, sample_session, sample_value


def test_the_slot_of_a_loop_tells_its_call():
    assert slot("c_0b71d2aa", "train#0") != slot("c_0b71d2aa", "train#1")
    for call in ("c_0b71d2aa", "c_0b71d2aa93f1e00c"):  # as calls were named first, and as they are
        assert call_of(slot(call, "train#0")) == call


def test_the_last_keep_of_a_call_is_that_of_its_newest_loop():
    def note(name, call, at, *, live=True):
        return NoteRecord("r_1", LOOP, name, at, {"id": call, "live": live})

    notes = [
        note("a", "c_1", 1.0),
        note("b", "c_1", 3.0),
        note("c", "c_1", 9.0, live=False),
        note("d", "c_2", 2.0),
    ]
    assert last_kept(notes) == {"c_1": 3.0, "c_2": 2.0}


@pytest.mark.parametrize(("old_versions", "stays"), [(False, True), (True, False)])
def test_a_kept_turn_stays_as_long_as_its_call(old_versions, stays):
    """Promise 2; and promise 10: with the older versions of a step go the turns of their loops."""
    with open_store(":memory:") as store:
        run = sample_run(kind="notebook", state="open")
        epoch = store.journal.claim(run, sample_session())
        old = sample_call(run.id, 1, state="interrupted", code="old", value=None, shown=None, needs=None)
        new = sample_call(run.id, 2, state="done", code="new", value=None, shown=None, needs=None)
        kept = sample_value(run.id, id=slot(old.id, "train#0"), role=LOOP)
        over = sample_value(run.id, id=slot(new.id, "train#0"), role=OVER)
        store.journal.write(run.id, epoch, [old, new, kept, over])
        collect(store, Limits(old_versions=old_versions))
        assert store.journal.value_ids() == ([kept.id] if stays else [])


@pytest.mark.parametrize("size", [100, 9 << 20])
def test_whoever_puts_the_same_bytes_at_the_same_moment_keeps_them(folder, monkeypatch, size):
    """Promise 8: a file that is dated takes the place of none."""
    with open_store(folder) as store, open_store(folder) as other:
        data = bytes([7]) * size
        names = []

        def put_too(step):
            if step == "blob.written" and not names:
                names.append(None)
                names.append(other.blobs.put(data))

        monkeypatch.setattr(failpoints, "hook", put_too)
        name = store.blobs.put(data, dated=1e9)
        monkeypatch.setattr(failpoints, "hook", None)
        assert names == [None, name]
        assert store.blobs.remove([name], before=1e9 + 1) == 0
        assert bytes(other.blobs.get(name)) == data


def test_where_names_cannot_be_given_safely_a_dated_blob_is_one_like_any_other(folder, monkeypatch):
    """Promise 8: it is kept for longer than need be, and collecting finds it."""
    from pathlib import Path

    def refused(*_):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    with open_store(folder) as store:
        name = store.blobs.put(b"data", dated=1e9)
        assert bytes(store.blobs.get(name)) == b"data"
        assert store.blobs.remove([name], before=1e9 + 1) == 0
        assert collect(store).blobs == 1
