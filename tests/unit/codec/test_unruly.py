"""Promise 4 for values that do not hold still, or answer questions with errors."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from perdure import codec
from perdure.codec import plain
from perdure.errors import NotKeepable


class Note:
    """Its dump function writes into a list that others hold too."""

    def __init__(self, journal):
        self.journal = journal

    def __perdure_dump__(self):
        self.journal.append((1, 2))
        return "noted"

    @classmethod
    def __perdure_load__(cls, data):
        return cls([data])


def test_a_list_that_a_dump_function_changes_is_kept_as_it_was_met():
    """Promise 4: a tuple that comes later into a list of numbers is not kept as a list."""
    journal = [1.0, 2.0]
    assert codec.copy_value([journal, Note(journal)])[0] == [1.0, 2.0]
    assert journal == [1.0, 2.0, (1, 2)]


def test_a_dict_that_a_dump_function_changes_does_not_end_in_an_error_of_python():
    """Promise 4: only what was there when the dict was met is kept."""
    journal = {"first": 1}
    note = Note([])
    note.journal = type("Into", (), {"append": lambda _self, item: journal.update(late=item)})()
    journal["note"] = note
    assert list(codec.copy_value(journal)) == ["first", "note"]


def test_what_another_thread_adds_between_the_look_and_the_writing_is_not_made_plain():
    """Promise 4: between the two a tuple may come into a plain list."""
    for odd in ((1,), pd.Timestamp(0).date(), type("Text", (str,), {})("a")):
        assert plain._msgpack([1, odd]) is None


def test_values_that_another_thread_changes_keep_their_types():
    """Promise 4: whatever is caught of a list and a dict that change all the time, tuples are tuples."""
    items, named, ended = [], {}, threading.Event()

    def change():
        at = 0
        while not ended.is_set():
            at += 1
            items.append((at,) if at % 3 else at)
            named[str(at % 300)] = (at,) if at % 2 else at
            if at % 500 == 0:
                items.clear()
                named.clear()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(1000):
            found, pairs, _ = codec.copy_value([items, named, (items,)])
            assert {*map(type, found), *map(type, pairs.values())} <= {int, tuple}
    finally:
        ended.set()
        changing.join()
        sys.setswitchinterval(before)


class Unhashable(type):
    """Classes of it have no hash, which Python allows."""

    def __eq__(cls, other):
        return cls is other

    __hash__ = None


class Shy:
    """Answers no question."""

    def __getattribute__(self, name):
        raise LookupError(name)


@pytest.mark.parametrize("cls", [Unhashable("Odd", (), {}), Shy], ids=["class without hash", "shy"])
@pytest.mark.parametrize("place", [lambda odd: odd, lambda odd: [1, {"a": odd}]], ids=["alone", "inside"])
def test_an_object_that_cannot_be_asked_is_refused_with_a_sentence(cls, place):
    """Promise 4: no other error than Perdure's comes out, and neighbours are kept."""
    with pytest.raises(NotKeepable):
        codec.encode(place(cls()))
    kept, refused = codec.encode_namespace({"good": [1, (2,)], "odd": place(cls())})
    assert codec.decode(kept) == {"good": [1, (2,)]}
    assert list(refused) == ["odd"]


class Turncoat:
    """Becomes a number when it is pickled."""

    def __reduce__(self):
        return int, ("5",)


@pytest.mark.parametrize(
    "hold",
    [
        lambda odd: np.array([odd, None], object),
        lambda odd: pd.DataFrame({"a": [1], "b": [odd]}),
        lambda odd: pd.Series([odd], dtype=object),
    ],
    ids=["array", "frame", "series"],
)
def test_a_cell_that_loads_as_something_else_is_refused(hold):
    """Promise 4: cells of arrays and frames are asked too whether they came back equal."""
    with pytest.raises(NotKeepable, match="not equal"):
        codec.encode(hold(Turncoat()))


def test_cells_that_deny_themselves_are_kept():
    """Promise 4: a nan in a cell is no reason to refuse."""
    array = np.array([float("nan"), pd.NA, pd.NaT, np.array([1, 2]), np.float64("nan")], object)
    assert [*map(type, codec.copy_value(array))] == [*map(type, array)]


def test_numpy_is_not_imported_for_values_without_arrays():
    """Packages cost nothing where no value holds anything of them."""
    script = "import sys; from perdure import codec; codec.encode([(1,), {2}]); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_many_arrays_that_share_memory_two_by_two_are_found_by_place(monkeypatch):
    """Promise 10: the time for an array does not grow with the number of places that others share."""
    from perdure.codec.rows import overlap

    looks = []

    class Counted(overlap._Region):
        def __getattribute__(self, name):
            looks.append(name)
            return super().__getattribute__(name)

    monkeypatch.setattr(overlap, "_Region", Counted)
    arrays = [np.arange(8) for _ in range(500)]
    copy = codec.copy_value([(array, array[2:5]) for array in arrays])
    assert all(np.shares_memory(*pair) for pair in copy)
    assert len(looks) < 100 * len(arrays)


def test_a_name_of_its_own_for_what_cannot_be_kept_is_found_without_a_search(monkeypatch):
    """Promise 10: many bad names among many good ones are not looked for in each of these."""
    from perdure.codec import doors

    looked = []
    locate = doors.locate
    monkeypatch.setattr(doors, "locate", lambda *question: (looked.append(question[1]), locate(*question))[1])
    bad = {f"bad {at}": (item for item in ()) for at in range(20)}
    inside = {"inside": [bad["bad 0"]], "good": [1]}
    kept, refused = codec.encode_namespace(bad | inside)
    assert codec.decode(kept) == {"good": [1]}
    assert refused.keys() == {*bad, "inside"}
    assert "`inside[0]`" in str(refused["inside"])
    assert looked.count("good") <= 1
