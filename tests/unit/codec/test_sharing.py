"""What is one object stays one object, also between plain containers, pickled leaves and externals."""

import dataclasses
import threading

import numpy as np
import pandas as pd
import pytest

from perdure import codec
from perdure.errors import NotKeepable, NotLoadable


class Model:
    def __init__(self, **attributes):
        vars(self).update(attributes)


@dataclasses.dataclass
class Node:
    next: object = None


class Eager:
    """Looks at its list when it is made, not only later."""

    def __init__(self, items):
        self.items = items
        self.count = len(items)

    def __reduce__(self):
        return Eager, (self.items,)


def again(value):
    return codec.decode(codec.encode(value))


def test_one_object_in_two_places_comes_back_as_one():
    """Promise 3: alike in sharing."""
    for shared in (
        [1],
        {"a": 1},
        {1: 2},
        {1, 2},
        bytearray(b"a"),
        np.zeros(3),
        Node(),
        Model(),
        pd.DataFrame(),
    ):
        made = again({"a": shared, "b": (shared, [shared])})
        assert made["a"] is made["b"][0] is made["b"][1][0]


def test_equal_objects_come_back_apart():
    """Promise 3: nothing is merged."""
    made = again([[1], [1], np.zeros(2), np.zeros(2)])
    assert made[0] is not made[1]
    assert made[2] is not made[3]


def test_cycles_come_back():
    """Promise 3: through lists, dicts, dataclasses, tuples and pickled objects."""
    items = []
    items.append({"items": items})
    made = again(items)
    assert made[0]["items"] is made

    node = Node()
    node.next = [node]
    made = again(node)
    assert made.next[0] is made

    pair = ([], 1)
    pair[0].append(pair)
    made = again(pair)
    assert made[0][0] is made

    model = Model()
    model.all = [model]
    made = again({"m": model, "all": model.all})
    assert made["m"].all is made["all"]
    assert made["all"][0] is made["m"]


def test_a_list_is_shared_between_the_tree_and_a_pickled_object():
    """Promise 3: sharing survives between plain containers and leaves."""
    items, array, text = [1], np.zeros(3), bytearray(b"abc")
    made = again({"items": items, "array": array, "text": text, "m": Model(i=items, a=array, t=text)})
    assert made["m"].i is made["items"]
    assert made["m"].a is made["array"]
    assert made["m"].t is made["text"]


def test_a_pickled_object_never_sees_a_container_that_is_not_whole():
    """Promise 4: never wrong, where an object reads its argument while it is made."""
    items = [1, Model(x=1)]
    made = again({"eager": Eager(items), "items": items})
    assert made["eager"].count == 2
    assert made["eager"].items is made["items"]
    assert made["items"][1].x == 1


def test_names_share_what_they_shared():
    """Promise 4: aliases between the names of a cell stay aliases."""
    items = [1]
    encoded, refused = codec.encode_namespace({"a": items, "b": {"a": items}, "c": Model(items=items)})
    assert refused == {}
    made = codec.decode(encoded)
    assert made["a"] is made["b"]["a"] is made["c"].items


def test_a_name_that_cannot_be_kept_is_left_out_and_the_others_are_kept():
    """Promise 4: refused with the path, which begins with the name."""
    items, model = [1], Model(lock=threading.Lock())
    values = {"a": items, "bad": {"x": [model]}, "worse": (i for i in items), "b": [items], "also": model}
    encoded, refused = codec.encode_namespace(values)
    made = codec.decode(encoded)
    assert list(made) == ["a", "b"]
    assert made["b"][0] is made["a"]
    assert {name: error.path for name, error in refused.items()} == {
        "bad": 'bad["x"][0].lock',
        "worse": "worse",
        "also": "also.lock",
    }
    assert all(isinstance(error, NotKeepable) for error in refused.values())


def test_what_lives_outside_is_referred_to_by_name():
    """Promise 4: names that shared an object with other kept names share it again."""
    table, model = [1, 2], Model()
    model.table = table
    encoded = codec.encode({"t": table, "m": model}, externals={"table": table, "number": 3})
    now = ["another"]
    made = codec.decode(encoded, externals={"table": now})
    assert made["t"] is now
    assert made["m"].table is now
    with pytest.raises(NotLoadable, match="`table`"):
        codec.decode(encoded)


def test_small_constants_are_never_externals():
    """Promise 4: only where it matters which object it is."""
    encoded = codec.encode([3, "text", (1,), None], externals={"n": 3, "s": "text", "none": None})
    assert codec.decode(encoded) == [3, "text", (1,), None]


def test_a_copy_is_by_value_and_shares_nothing():
    """Promise 3: what a caller gets on the first run is what the checkpoint would give."""
    value = {"a": [1], "b": np.zeros(1 << 18)}
    copy = codec.copy_value(value, name="value")
    copy["a"].append(2)
    copy["b"][0] = 1
    assert value["a"] == [1]
    assert value["b"][0] == 0
    with pytest.raises(NotKeepable, match=r"`arg\[0\]`"):
        codec.copy_value([threading.Lock()], name="arg")


def test_large_bytes_are_shared_between_tree_and_leaf():
    """Promise 10: written once."""
    text, buffer = b"x" * (1 << 20), bytearray(1 << 20)
    assert len(codec.encode({"t": text, "m": Model(t=text)}).buffers) == 1
    encoded = codec.encode(Model(a=buffer, b=[buffer, text]))
    assert len(encoded.buffers) == 2
    made = codec.decode(encoded)
    assert made.a is made.b[0]
    assert made.b[1] == text
