"""Digests are by content: alike for alike values in any process, different for any change."""

import abc
import array
import collections
import dataclasses
import datetime as dt
import enum
import functools
import os
import subprocess
import sys
import threading
import tracemalloc
import typing

import attrs
import msgspec
import numpy as np
import pandas as pd
import pydantic
import pytest
from sklearn.ensemble import RandomForestRegressor

from perdure import codec

SCRIPT = """
import collections, dataclasses, decimal, enum
import numpy as np, pandas as pd
from perdure import codec

class Colour(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Point:
    x: int
    tags: frozenset

def clean(rows, limit={"a", "b", "c"}):
    '''A docstring.'''
    return [row for row in rows if row in {"x", "y", "z"}]

words = {f"word {i}" for i in range(50)}
frame = pd.DataFrame({"n": np.arange(5.0), "s": ["a", None, "c", "d", "e"], "o": [{1, "q"}, 2, 3, 4, 5]})
for value in [words, {"k": [words, frozenset(words)]}, frame, frame["s"], Point(1, frozenset(words)), {Colour.RED: 1},
              clean, Point, lambda x: x in {"p", "q"}, collections.Counter(words & {"word 1"}), decimal.Decimal("1.0"),
              {1, "a", (2, "b"), None}, ValueError("x", words)]:
    found = codec.digest(value)
    assert not found.weak, found
    made = codec.decode(codec.encode(value))
    assert codec.digest(made) == found, value
    print(found.hex)
"""


def run(tmp_path, text, *, seed="0", name="script.py"):
    script = tmp_path / name
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_digests_are_the_same_in_any_process_and_for_any_hash_seed(tmp_path):
    """Promise 1: an unchanged input is found again."""
    first = run(tmp_path, SCRIPT, seed="1")
    again = run(tmp_path, SCRIPT, seed="4242", name="other.py")
    assert len(first) == 13
    assert first == again
    assert len(set(first)) == len(first)


def test_a_comment_or_docstring_does_not_change_a_function_but_code_does(tmp_path):
    """Promise 1: what counts is what the code does."""
    first = run(tmp_path, SCRIPT)
    commented = run(
        tmp_path, "# a line more\n" + SCRIPT.replace("'''A docstring.'''", "'''Another.'''  # more")
    )
    edited = run(tmp_path, SCRIPT.replace('{"x", "y", "z"}]', '{"x", "y"}]'))
    assert commented == first
    assert [at for at, pair in enumerate(zip(first, edited, strict=True)) if pair[0] != pair[1]] == [6]


LOOK_ALIKES = [
    (1, 1.0),
    (1, True),
    (0.0, -0.0),
    ("a", b"a"),
    ([1], (1,)),
    ([1, 2], [2, 1]),
    ({1}, frozenset({1})),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({"a": 1}, collections.OrderedDict(a=1)),
    ([], None),
    ([[1], [2]], [[1, 2], []]),
    (dt.timedelta(1), dt.timedelta(2)),
    (np.arange(4), np.arange(4.0)),
    (np.arange(4), np.arange(4).reshape(2, 2)),
    (np.arange(4), np.arange(4, dtype=">i8")),
    (np.ones((3, 2)), np.asfortranarray(np.ones((3, 2)))),
    (np.ma.array(np.ones((3, 2))), np.ma.array(np.asfortranarray(np.ones((3, 2))))),
    (np.full((3, 2), None), np.full((3, 2), None, order="F")),
    (np.int64(1), 1),
    (np.array([1, 2], "M8[s]"), np.array([1, 2], "M8[ms]")),
    (pd.Series([1, 2]), pd.Series([1, 2], name="x")),
    (pd.Series([1, 2]), pd.Series([1, 2], index=[1, 2])),
    (pd.Series(["a", None]), pd.Series(["a", ""])),
    (pd.Series(["ab", "c"]), pd.Series(["a", "bc"])),
    (pd.Series([1, None], dtype="Int64"), pd.Series([1, 0], dtype="Int64")),
    (pd.Series(["a"], dtype="category"), pd.Series(["a"], dtype=pd.CategoricalDtype(["a", "b"]))),
    (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [2], "a": [1]})),
    (pd.date_range("2024", periods=3, tz="UTC"), pd.date_range("2024", periods=3)),
    (lambda x: x + 1, lambda x: x + 2),
    (ValueError("a"), ValueError("b")),
    (len, max),
    (int, float),
]


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_look_alikes_differ(one, other):
    """Promise 1: any change is seen; exact types and order count."""
    assert codec.digest(one).hex != codec.digest(other).hex
    assert not codec.digest(one).weak


def frame():
    return pd.DataFrame({"a": np.arange(6.0), "b": np.arange(6.0) * 2, "s": list("abcdef")})


def columnwise():
    made = pd.DataFrame(index=range(6))
    for name, column in frame().items():
        made[name] = column.copy()
    made.index = frame().index
    return made


def hidden(value):
    column = pd.array([1, value, 3], dtype="Int64")
    column[1] = pd.NA
    return column


def text():
    return "some text ".strip()


SAME = {
    "equal texts and one text twice": lambda: ([text()] * 2, [text(), text()]),
    "equal tuples and one tuple twice": lambda: ([(1, "a")] * 2, [(1, text()[:0] + "a"), (1, "a")]),
    "a consolidated frame and its columns": lambda: (frame(), columnwise()),
    "a slice and its copy": lambda: (frame().iloc[::2], frame().iloc[::2].copy()),
    "a column cut out of a longer one": lambda: (pd.Series(list("abc")), pd.Series(list("abcd")).iloc[:3]),
    "what lies under a missing value": lambda: (hidden(7), hidden(8)),
    "a strided array and its copy": lambda: (np.arange(10)[::2], np.arange(10)[::2].copy()),
    "an array in F order, and cut out of a longer one": lambda: (
        np.asfortranarray(np.ones((3, 2))),
        np.asfortranarray(np.ones((6, 2)))[::2],
    ),
    "whether an array may be written": lambda: (np.ones(3), np.broadcast_to(1.0, 3)),
    "sets by another order of adding": lambda: (set("abc"), set("cba")),
    "a view and its array": lambda: (memoryview(b"abc"), memoryview(b"abc")),
}


@pytest.mark.parametrize("name", SAME)
def test_how_a_value_was_built_does_not_count(name):
    """Promise 1: values alike in type, content and order have the same digest."""
    one, other = SAME[name]()
    assert codec.digest(one) == codec.digest(other)
    assert not codec.digest(one).weak


def test_padding_does_not_count():
    """Promise 1: bytes that no one can read are no content."""
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    one, other = np.zeros(3, dtype), np.zeros(3, dtype)
    other.view("u1").reshape(3, 16)[:, 1:8] = 255
    assert codec.digest(one) == codec.digest(other)


def test_frames_and_models_keep_their_digest_through_the_codec():
    """Promise 1: a restored value is the same input as the original."""
    table = frame().assign(
        t=pd.date_range("2024", periods=6, tz="Europe/Paris"),
        c=pd.Categorical(list("xyxyxy")),
        i=pd.array([1, None, 3, 4, 5, 6], dtype="Int64"),
        o=[{1}, (2,), None, "x", 5, [6]],
    )
    table.attrs["source"] = "here"
    table = table.set_index(["s", "c"])
    forest = RandomForestRegressor(5, random_state=0).fit(np.arange(20.0).reshape(-1, 1), np.arange(20.0))
    for value in (table, forest, {"m": forest, "t": table}):
        before = codec.digest(value)
        assert not before.weak
        made = codec.decode(codec.encode(value))
        assert codec.digest(made) == before
    forest.predict(np.zeros((1, 1)))
    assert codec.digest(forest) == codec.digest(codec.decode(codec.encode(forest)))


def test_every_cell_of_a_frame_counts():
    """Promise 1: content is hashed in full, not sampled."""
    before = codec.digest(frame())
    for column, value in (("a", 99.0), ("b", 99.0), ("s", "z")):
        for row in range(6):
            edited = frame()
            edited.loc[row, column] = value
            assert codec.digest(edited) != before


@dataclasses.dataclass
class Node:
    label: str
    next: object = None


def test_cycles_and_endless_sharing_have_a_digest():
    """Promise 1: no value is too tangled."""
    ring = Node(text())
    ring.next = [ring, text()]
    same = Node("some text")
    same.next = [same, "some text"]
    assert codec.digest(ring) == codec.digest(same)
    assert not codec.digest(ring).weak
    tower = [1]
    for _ in range(60):
        tower = [tower, tower]
    assert not codec.digest(tower).weak


def ring(*labels, back=False):
    """The first of nodes that lead around, or to and fro."""
    made = [Node(label) for label in labels]
    for at, node in enumerate(made):
        node.next = made[(at + 1) % len(made)]
        if back:
            node.last = made[at - 1]
    return made[0]


def test_rings_of_another_length_order_or_content_differ():
    """Promise 1: what can be read of a ring counts, also how many objects it runs through."""
    around = ring("a", "a", "a")
    made = [
        *(ring("a"), ring("a", "a"), around, ring("a", "a", "a", "a"), ring("a", "b"), ring("b", "a")),
        *(
            ring("a", "a", "b"),
            ring("a", "b", "a"),
            ring("a", "a", back=True),
            ring("a", "a", "a", back=True),
        ),
        *([around], [around, around], [around, around.next], [around, ring("a", "a", "a")], (around,)),
        [[around]],
    ]
    found = [codec.digest(each) for each in made]
    assert not any(each.weak for each in found)
    assert len({each.hex for each in found}) == len(made)
    assert found[2] == codec.digest(ring("a", "a", "a"))
    assert found == [codec.digest(codec.copy_value(each)) for each in made]


def test_what_cannot_be_changed_may_be_one_object_or_several_in_a_ring():
    """Promise 1: so may what stands above one, or beside it."""
    made = []
    for shared in (True, False):
        around = ring("a", "b")
        one, two = (around, dt.date(2024, 1, 1), "a"), [dt.date(2024, 1, 1)]
        other = (around, dt.date(2024, 1, 1), "a")
        around.inside = [one, one if shared else other, two, two if shared else [dt.date(2024, 1, 1)]]
        above = [around]
        made.append([above, above if shared else [around]])
    assert codec.digest(made[0]) == codec.digest(made[1])
    assert not codec.digest(made[0]).weak


def test_a_long_ring_is_digested_soon():
    """Promise 10: the time grows with the number of its objects, and no stack overflows."""
    labels = ["a"] * 5000
    long = codec.digest(ring(*labels, back=True))
    assert not long.weak
    assert long == codec.digest(ring(*labels, back=True))
    assert long != codec.digest(ring(*labels, "a", back=True))
    assert long != codec.digest(ring(*labels[:-2500], "b", *labels[-2499:], back=True))


def test_a_long_ring_of_plain_lists_is_walked_once():
    """Promise 10: walked anew from each of its members, this one would take minutes."""

    def around(length):
        first = last = [0]
        for _ in range(length):
            last.append([0])
            last = last[1]
        last.append(first)
        return first

    assert codec.digest(around(30_000)) == codec.digest(around(30_000))
    assert codec.digest(around(30_000)) != codec.digest(around(30_001))


def test_a_ring_through_a_set_is_told():
    """Promise 11: what cannot be read by content says why."""

    class Member(Node):
        __hash__ = object.__hash__

    first, second = Node("a"), Member("b")
    first.next, second.next = {second}, first
    found = codec.digest(first)
    assert found.weak
    assert "a ring runs through a set" in found.cause


class Endless:
    def __reduce__(self):
        return Endless, (Endless(), Endless())


def test_an_object_whose_parts_are_made_anew_without_an_end_is_weak(monkeypatch):
    """Promise 1: it comes to an end all the same."""
    monkeypatch.setattr(sys.modules["perdure.codec.digest"], "DEPTH", 1000)
    assert "without an end" in codec.digest([Endless()]).cause


def test_what_cannot_be_read_is_weak_and_stands_by_its_type():
    """Promise 11: it is never dropped, and the cause is told."""
    found = codec.digest([threading.Lock()])
    assert found.weak
    assert "lock" in found.cause
    assert codec.digest([threading.Lock(), 1]).hex == found.hex
    assert codec.digest(i for i in ()).hex != found.hex


def _network(width, *, base=object):
    class Network(base):
        layers = width

        def forward(self, times=width):
            return width * times

    return Network


def _counting(width):
    class Counting:
        def forward(self):
            return width

    return Counting


@pytest.mark.parametrize("make", [_network, _counting], ids=["attribute and default", "closure"])
def test_classes_that_one_function_makes_differ_by_what_they_have_from_it(make):
    """Promise 1: the source of both is the same, what they do is not."""
    assert codec.digest(make(64)) == codec.digest(make(64))
    assert codec.digest(make(64)) != codec.digest(make(128))
    assert codec.digest(make(64)()) != codec.digest(make(128)())
    assert not codec.digest(make(64)()).weak


def _local(kind):
    """A class of a kind, made in a function."""
    if kind == "dataclass":

        @dataclasses.dataclass(slots=True)
        class Local:
            number: int = 1
            items: list = dataclasses.field(default_factory=list)
    elif kind == "enum":

        class Local(enum.Enum):
            ONE = 1
    elif kind == "pydantic":

        class Local(pydantic.BaseModel):
            number: int = 1
    elif kind == "attrs":

        @attrs.define
        class Local:
            number: int = 1
    elif kind == "msgspec":

        class Local(msgspec.Struct):
            number: int = 1
    elif kind == "generic":

        class Local(typing.Generic[typing.AnyStr]):
            @functools.cached_property
            def number(self):
                return 1
    else:

        class Local(abc.ABC):
            @property
            @abc.abstractmethod
            def number(self):
                return super().__hash__()

    return Local


@pytest.mark.parametrize("kind", ["dataclass", "enum", "pydantic", "attrs", "msgspec", "generic", "abstract"])
def test_a_class_that_a_function_makes_has_a_digest_by_content(kind):
    """Promise 1: it is strong, and that of the same class made again."""
    first, again = _local(kind), _local(kind)
    assert not codec.digest(first).weak, codec.digest(first).cause
    assert codec.digest(first) == codec.digest(again)


def test_a_digest_of_an_array_of_the_standard_library_copies_no_memory():
    """Promise 10: what is read is hashed where it lies; type, length and content count."""
    numbers = array.array("d", bytes(16 << 20))
    tracemalloc.start()
    try:
        first = codec.digest(numbers)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert first == codec.digest(array.array("d", bytes(16 << 20)))
    kinds = [array.array(kind, bytes(16)) for kind in "bBhHiIlLqQfd"]
    others = [array.array("d", [0.0, -0.0]), array.array("d"), array.array("q"), array.array("b", b"a")]
    assert len({codec.digest(each).hex for each in [*kinds, *others]}) == len(kinds) + len(others)


class Knot:
    def __init__(self, *parts):
        self.parts = parts


def test_beyond_the_bounds_sharing_does_not_count_either(monkeypatch):
    """Promise 1: alike values are alike however they were built, and however large they are."""
    monkeypatch.setattr(sys.modules["perdure.codec.digest"], "REDUCED", 20)
    day = dt.date(2024, 1, 1)
    shared, apart = (
        Knot([day, {1, (2, day)}]),
        [Knot([dt.date(2024, 1, 1), {1, (2, dt.date(2024, 1, 1))}]) for _ in range(30)],
    )
    assert codec.digest([shared] * 30) == codec.digest(apart)
    other = [*apart[:-1], Knot([day, {1, (3, day)}])]
    assert codec.digest(other) != codec.digest(apart)
    assert not codec.digest(apart).weak


def test_a_value_made_of_itself_over_and_over_takes_no_longer_than_its_parts(monkeypatch):
    """Promise 10: written out, this one would have 2 to the power of 40 objects."""
    monkeypatch.setattr(sys.modules["perdure.codec.digest"], "REDUCED", 10_000)
    one, two = Knot(dt.date(2024, 1, 1)), Knot(dt.date(2024, 1, 1))
    for _ in range(40):
        one, two = Knot((one, one)), Knot((two, two))
    assert codec.digest(one) == codec.digest(two)
    assert codec.digest(one) != codec.digest(Knot((one, two)))
    assert not codec.digest(one).weak


def test_the_digest_does_not_depend_on_where_our_modules_lie():
    """Promise 1: what stands for arrays and frames in a digest is named, wherever it is defined."""
    for value in (np.arange(3.5), pd.DataFrame({"a": [1]}), [memoryview(b"a"), object], ValueError(1)):
        before = codec.digest(value)
        from perdure.codec import forms
        from perdure.codec.packages import numpy as kit

        for function in (forms.named, kit._array):
            function.__module__ = "perdure.elsewhere"
        try:
            assert codec.digest(value) == before
        finally:
            forms.named.__module__, kit._array.__module__ = forms.__name__, kit.__name__
