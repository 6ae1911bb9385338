"""What a store takes: exact, and without opening a value."""

import pytest

from perdure.store import open_store
from perdure.store.records import Holding
from perdure.store.sizes import Share, needed_by, sizes
from perdure.testing import sample_run, sample_session, sample_value


@pytest.fixture(params=["folder", "memory"])
def any_store(request, folder):
    with open_store(folder if request.param == "folder" else ":memory:") as store:
        yield store


def put(store, run, number, step, *blobs, stream=None):
    names = [store.blobs.put(blob) for blob in blobs]
    value = sample_value(run, number, step=step, stream=stream or b"", buffers=tuple(names), preview={})
    store.journal.write(run, 1, [value])


def test_own_and_shared_bytes_are_told_at_each_level(any_store):
    """Promise 10: what two steps share is neither one's own; what two runs of a workflow share is that one's."""
    store = any_store
    for number, workflow in ((1, "flights"), (2, "flights"), (3, "report")):
        store.journal.claim(sample_run(number, workflow=workflow), sample_session())
    put(store, "r_00000001", 1, "load", b"a" * 100, b"b" * 10)
    put(store, "r_00000001", 2, "fit", b"b" * 10, stream=b"12345")
    put(store, "r_00000002", 3, "load", b"a" * 100, b"c" * 1000)
    put(store, "r_00000003", 4, "", b"d" * 7, b"c" * 1000)
    store.blobs.put(b"garbage")
    found = sizes(store)
    assert (found.blobs, found.unneeded, found.shared) == (100 + 10 + 1000 + 7 + 7, 7, 100 + 10 + 1000)
    assert found.total == found.blobs + store.journal.size()
    flights, report = found.workflows  # a preview of nothing takes a byte
    assert (flights.name, flights.values, flights.own, flights.shared) == ("flights", 3, 110 + 5 + 3, 1000)
    assert report == Share("report", 1, 8, 1000, (Share("r_00000003", 1, 8, 1000, (Share("", 1, 8, 1000),)),))
    second, first = flights.parts
    assert (second.name, second.own, second.shared) == ("r_00000002", 1, 1100)
    assert (first.name, first.own, first.shared) == ("r_00000001", 10 + 5 + 2, 100)
    assert first.parts == (Share("load", 1, 1, 110), Share("fit", 1, 6, 10))


def test_what_a_blob_is_put_together_from_belongs_to_all_that_need_it(store):
    """Promise 2: it is counted with each of them, and collecting keeps it."""

    class Pieced:
        def sources(self, name):
            return {"whole"} if name.startswith("pieces") else set()

    assert needed_by(Pieced(), ["pieces 1", "other"]) == {"pieces 1", "whole", "other"}
    import numpy as np

    rows = np.random.default_rng(0).random((24, 100_000))
    first = store.blobs.put(memoryview(rows))
    rows[3] = 0
    second = store.blobs.put(memoryview(rows))
    assert store.blobs.sources(second) >= {first}
    for number, name in ((1, first), (2, second)):
        run = f"r_{number:08x}"
        store.journal.claim(sample_run(number), sample_session())
        store.journal.write(run, 1, [sample_value(run, number, stream=b"", buffers=(name,), preview={})])
    newer, older = sorted(sizes(store).workflows[0].parts, key=lambda share: -share.own)
    assert (older.own, older.shared) == (1, store.blobs.size(first))
    assert 1 < newer.own < rows.nbytes / 10
    assert newer.shared == older.shared


def test_holdings_are_told_with_their_blobs(any_store):
    any_store.journal.claim(sample_run(), sample_session())
    put(any_store, "r_00000001", 1, "load", b"a", stream=b"123")
    name = any_store.blobs.put(b"a")
    assert any_store.journal.holdings() == [
        Holding("v_0000000000000001", "r_00000001", "load", "value", 4, (name,))
    ]
