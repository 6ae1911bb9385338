"""The law of collecting: whatever goes, what stays opens, and what was told is what went."""

import os
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from perdure import codec
from perdure.store import open_store
from perdure.store.forgetting import Limits
from perdure.store.gc import collect, size
from perdure.store.records import Place, RestoreRecord
from perdure.store.sizes import sizes
from perdure.testing import sample_call, sample_run, sample_session

CONTENTS = [bytes([number]) * 40_000 + os.urandom(260_000) for number in range(4)]
"""Few, so that runs share blobs; each lies in one."""

a_call = st.tuples(
    st.integers(0, 3), st.sampled_from(["pure", "effect"]), st.integers(0, 1), st.sampled_from(["a", "b"])
)
a_run = st.fixed_dictionaries(
    {
        "workflow": st.sampled_from(["x", "y"]),
        "state": st.sampled_from(["open", "done", "done", "failed", "running", "in doubt"]),
        "parent": st.none() | st.integers(0, 5),
        "forked_from": st.none() | st.integers(0, 5),
        "calls": st.lists(a_call, max_size=3),
        "owned": st.sampled_from([False, False, False, True]),
        "restored": st.none() | st.integers(0, 5),
    }
)
limits = st.builds(
    Limits,
    keep=st.none() | st.integers(0, 2),
    older_than=st.none() | st.sampled_from([0.0, 5.0]),
    max_size=st.none() | st.integers(0, 2_000_000),
    old_versions=st.booleans(),
)


def make(store, runs):
    """Make these runs with their values; give the locks of those that are owned."""
    now, locks = time.time(), []
    for number, told in enumerate(runs):
        earlier = {
            name: f"r_{told[name]:08x}" if told[name] is not None and told[name] < number else None
            for name in ("parent", "forked_from", "restored")
        }
        run = sample_run(
            number,
            workflow=told["workflow"],
            kind="notebook" if told["state"] == "open" else "cell",
            state=told["state"],
            key=str(number % 2),
            parent=earlier["parent"],
            forked_from=earlier["forked_from"],
            finished=now - 2 * number if told["state"] in ("done", "failed", "in doubt") else None,
        )
        epoch = store.journal.claim(run, sample_session(started=float(number)))
        result = store.vault.seal(codec.encode(CONTENTS[number % 4]), Place(run.id, role="result"))
        records = [result, replace(run, result=result.id)]
        if earlier["restored"]:
            records.append(RestoreRecord(run.id, earlier["restored"], epoch, number + 0.5, 0.1, 0.2))
        for seq, (content, kind, code, step) in enumerate(told["calls"], 1):
            value = store.vault.seal(codec.encode(CONTENTS[content]), Place(run.id, step, "1f"))
            call = sample_call(run.id, seq, step=step, kind=kind, code=str(code), value=value.id, key=None)
            records += [value, call]
        store.journal.write(run.id, epoch, records)
        if told["owned"]:
            locks.append(store.lock(run))
    store.blobs.put(b"garbage" * 1000)
    return locks


def opens(store):
    """Whether all that calls and runs refer to comes back."""
    for run in store.journal.runs():
        places = [(run.result, Place(run.id, role="result"))]
        places += [(call.value, Place(run.id, call.step, "1f")) for call in store.journal.calls(run.id)]
        for value, place in places:
            codec.decode(store.vault.unseal(store.journal.value(value), place, subject="it"))
    return True


@pytest.fixture(autouse=True)
def own_user(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.delenv("PERDURE_KEY_FILE", raising=False)


@pytest.mark.parametrize("kind", ["memory", "folder"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=st.lists(a_run, max_size=6), limits=limits, young=st.booleans())
def test_after_any_collection_all_that_stays_opens_and_what_was_told_is_what_went(kind, runs, limits, young):
    """Promise 2: of every run that is kept, whatever the limits; runs that are owned or unfinished are kept."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(folder if kind == "folder" else ":memory:", durability="process") as store,
    ):
        locks = make(store, runs)
        if not young and kind == "folder":
            for path in Path(folder, "blobs").rglob("*"):
                with suppress(OSError):
                    os.utime(path, (1, 1))
        before, held = store.blobs.names(), {lock.owner.run for lock in locks}
        bytes_before = sum(map(store.blobs.size, before))
        told = collect(store, limits, dry_run=True)
        assert store.blobs.names() == before
        done = collect(store, limits)
        if kind == "memory" or limits.max_size is None:  # a journal's log grows by itself
            assert done == told
        left = {run.id for run in store.journal.runs()}
        assert left == {f"r_{number:08x}" for number in range(len(runs))} - set(done.runs)
        assert held <= left
        assert {f"r_{n:08x}" for n, run in enumerate(runs) if run["state"] in ("running", "in doubt")} <= left
        assert opens(store)
        assert done.bytes == bytes_before - sum(map(store.blobs.size, store.blobs.names()))
        assert kind == "folder" or done.left == size(store)
        assert sizes(store).unneeded == done.waiting
        again = collect(store, replace(limits, max_size=None, keep=None, older_than=None))
        assert (again.runs, again.calls, again.blobs) == ((), 0, 0)
        for lock in locks:
            lock.release()
