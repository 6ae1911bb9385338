"""Large buffers on their way to workers: alike ones lie there once, for as long as they are of use."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.engine.executors.parcel import Parcel, received, sent
from perdure.engine.executors.shelf import Shelf


def open_files():
    return len(list(Path("/dev/fd").iterdir()))


def content(shelf, key):
    (view,) = received(shelf.address(key), [key[1]])
    return bytes(view)


def test_alike_buffers_lie_in_one_parcel():
    shelf = Shelf()
    before = open_files()
    first, again, other = shelf.lend(b"a" * 100), shelf.lend(memoryview(b"a" * 100)), shelf.lend(b"b" * 100)
    assert first == again != other
    assert len(shelf) == 2
    assert open_files() == before + 2
    assert content(shelf, first) == b"a" * 100
    assert content(shelf, other) == b"b" * 100


def test_what_is_lent_stays_and_what_is_not_goes():
    shelf = Shelf(limit=1 << 20)
    lent, back = shelf.lend(b"a" * 100), shelf.lend(b"b" * 100)
    shelf.give_back([back])
    assert len(shelf) == 2
    shelf.clear()
    assert len(shelf) == 1
    assert content(shelf, lent) == b"a" * 100


def test_a_buffer_stays_until_its_last_user_gave_it_back():
    shelf = Shelf(limit=0)
    one, two = shelf.lend(b"a" * 100), shelf.lend(b"a" * 100)
    shelf.give_back([one])
    assert content(shelf, two) == b"a" * 100
    shelf.give_back([two])
    assert len(shelf) == 0


def test_the_oldest_that_nobody_uses_go_when_there_are_too_many():
    shelf = Shelf(limit=250)
    keys = [shelf.lend(bytes([number]) * 100) for number in range(4)]
    shelf.give_back(keys[:3])
    assert len(shelf) == 3
    with pytest.raises(KeyError):
        shelf.address(keys[0])
    assert content(shelf, keys[2]) == bytes([2]) * 100
    assert content(shelf, keys[3]) == bytes([3]) * 100


def test_a_parcel_that_is_let_go_leaves_no_file_open():
    before = open_files()
    shelf = Shelf(limit=0)
    shelf.give_back([shelf.lend(b"x" * 100)])
    parcel = Parcel()
    parcel.put([b"1", b"", b"22"])
    parcel.close()
    parcel.close()
    assert open_files() == before


def test_what_does_not_fit_leaves_nothing(monkeypatch):
    before = open_files()
    shelf = Shelf()
    monkeypatch.setattr(Parcel, "put", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(OSError, match="No space"):
        shelf.lend(b"x")
    assert len(shelf) == 0
    assert open_files() == before


def test_parts_come_out_of_a_parcel_as_memory_of_ones_own():
    parcel = Parcel()
    parts = [b"one", b"", b"x" * 10_000, memoryview(b"three")]
    sizes = parcel.put(parts)
    views = received(parcel.address, sizes)
    assert [bytes(view) for view in views] == [bytes(part) for part in parts]
    views[0][:1] = b"O"
    assert bytes(received(parcel.address, sizes)[0]) == b"one"
    parcel.close()
    assert bytes(views[2]) == b"x" * 10_000


def test_an_answer_is_taken_from_where_a_worker_put_it():
    parcel = Parcel()
    sizes = sent(parcel.address, [b"answer", b"y" * 5000])
    taken = parcel.take(sizes)
    parcel.close()
    assert [bytes(view) for view in taken] == [b"answer", b"y" * 5000]
    taken[1][:1] = b"z"
