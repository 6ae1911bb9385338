"""On what terms a value is encoded: all that is wrong is told, what loads unequal is refused, no pickles."""

from __future__ import annotations

import gc
import threading
from dataclasses import dataclass
from pathlib import Path

import attrs
import numpy as np
import pandas as pd
import pytest

from perdure import codec
from perdure.errors import NotKeepable, Untrusted


class Forgetful:
    """Pickles, loads, and is not what it was."""

    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return self.number == other.number

    __hash__ = None

    def __reduce__(self):
        return Forgetful, (0,)


class Silent(Forgetful):
    """The same, but nothing says when two of it are equal."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __reduce__(self):
        return Silent, (0,)


class Loud(Forgetful):
    def __eq__(self, other):
        raise RuntimeError("no comparison, please")

    __hash__ = None

    def __reduce__(self):
        return Loud, (0,)


@dataclass
class Held:
    part: object


class Unknown:
    def __init__(self, part=None):
        self.part = part


def test_all_parts_that_cannot_be_kept_are_told_at_once():
    """Promise 4: each with its path as Python would write it, its type, the cause and what to do."""
    file = Path(__file__).open()  # noqa: SIM115  it has to be open
    value = {"models": [1, Held(threading.Lock())], "rows": (i for i in ()), "fine": [1, 2], 3: {4: file}}
    with pytest.raises(NotKeepable) as caught:
        codec.encode(value)
    file.close()
    told = str(caught.value)
    assert told.splitlines()[0].startswith('`result["models"][1].part` cannot be kept: it is a _thread.lock.')
    assert '`result["rows"]`: it is a generator.' in told
    assert "`result[3][4]`: it is an _io.TextIOWrapper." in told
    assert caught.value.path == 'result["models"][1].part'
    assert len(caught.value.more.strip().splitlines()) == 2


def test_many_bad_parts_are_told_in_part():
    with pytest.raises(NotKeepable) as caught:
        codec.encode([threading.Lock() for _ in range(100)])
    assert len(caught.value.more.strip().splitlines()) == 7


def test_one_bad_name_tells_all_its_parts_and_its_neighbours_are_kept():
    values = {"good": [1], "bad": [threading.Lock(), 1, (i for i in ())], "worse": {"k": threading.Lock()}}
    encoded, refused = codec.encode_namespace(values)
    assert codec.decode(encoded) == {"good": [1]}
    assert refused["bad"].path == "bad[0]"
    assert "bad[2]" in refused["bad"].more
    assert refused["worse"].path == 'worse["k"]'


@pytest.mark.parametrize("place", [lambda x: x, lambda x: [x], lambda x: {"a": (x, 1)}, Held, Unknown])
def test_what_loads_unequal_is_refused(place):
    """Promise 4: it pickles, it loads, and says itself that it is not what it was."""
    with pytest.raises(NotKeepable, match="not equal"):
        codec.encode(place(Forgetful(3)))
    assert codec.decode(codec.encode(place(Forgetful(0)))) is not None


def test_what_has_no_equality_is_not_judged():
    assert codec.decode(codec.encode(Silent(1))).number == 0
    assert codec.decode(codec.encode(Loud(1))).number == 0


def test_nan_is_no_difference():
    class Local:
        def __init__(self):
            self.numbers = [float("nan")]

        def __eq__(self, other):
            return self.numbers == other.numbers

        __hash__ = None

    assert codec.decode(codec.encode(Local())).numbers[0] != 0


def test_large_values_are_compared_on_request():
    """Above 1 MiB the check costs as much as the checkpoint; `check_all` asks for it."""
    value = [Forgetful(3), bytes(2 << 20)]
    codec.encode(value)
    with pytest.raises(NotKeepable, match="not equal"):
        codec.encode(value, check_all=True)


def test_without_pickles_only_what_needs_one_is_refused():
    """Promise 8: with codec="safe" no pickle is ever made."""
    data = {"a": (1, {2}), "b": Held([1.5]), "c": bytearray(b"x"), "d": Held}
    encoded = codec.encode(data, pickles=False)
    assert codec.decode(encoded, trust="safe") == data
    with pytest.raises(NotKeepable, match='codec="safe"') as caught:
        codec.encode({"x": [1, Unknown()]}, pickles=False)
    assert caught.value.path == 'result["x"][1]'
    loop = [1]
    loop.append((loop,))
    assert codec.decode(codec.encode(loop, pickles=False), trust="safe")[0] == 1


def test_safe_trust_makes_classes_and_unpickles_nothing():
    """Promise 8."""
    encoded = codec.encode([Held(1), Unknown()])
    with pytest.raises(Untrusted, match="nothing is unpickled"):
        codec.decode(encoded, trust="safe")
    assert codec.decode(codec.encode(Held(1)), trust="safe") == Held(1)
    with pytest.raises(Untrusted):
        codec.decode(codec.encode(Held(1)), trust="plain")


def test_classes_made_by_packages_are_asked_too():
    """Promise 4: a kit answers for its package's own classes, not for those of the user."""

    @attrs.define
    class Changing:
        number: int

        def __setstate__(self, state):
            self.number = 0

    with pytest.raises(NotKeepable, match="not equal"):
        codec.encode([Changing(3)])


def test_a_neighbour_that_leads_to_a_bad_part_but_leaves_it_out_is_kept():
    """Promise 4: one bad value does not cost its neighbours."""

    class Careful:
        def __init__(self, lock):
            self.lock, self.name = lock, "n"

        def __getstate__(self):
            return {"name": self.name}

        def __setstate__(self, state):
            self.name = state["name"]

    lock = threading.Lock()
    encoded, refused = codec.encode_namespace({"lock": lock, "careful": Careful(lock)})
    assert list(refused) == ["lock"]
    assert codec.decode(encoded)["careful"].name == "n"


def test_no_copy_is_made_of_what_does_something_when_it_ends(tmp_path):
    """A copy made for a trial ends at once; the live object's file must still be there."""

    class Owner:
        def __init__(self, path):
            self.path = path
            path.touch()

        def __del__(self):
            self.path.unlink()

    owner = Owner(tmp_path / "file")
    for place in (owner, [owner], Held(owner), {"a": (Unknown(owner),)}):
        codec.encode(place)
        gc.collect()
        assert owner.path.exists()


def test_a_bad_cell_of_a_frame_or_array_is_told_with_its_place():
    """Promise 4: the path as Python would write it."""
    lock = threading.Lock()
    frame = pd.DataFrame({"a": [1, 2], "b": [None, lock]})
    array = np.empty((2, 2), object)
    array[1, 0] = {"k": lock}
    series = pd.Series([1, lock], dtype=object)
    for value, path in ((frame, 'x["b"].iloc[1]'), (array, 'x[1, 0]["k"]'), (series, "x.iloc[1]")):
        with pytest.raises(NotKeepable) as caught:
            codec.encode(value, name="x")
        assert caught.value.path == path
