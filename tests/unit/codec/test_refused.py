"""What cannot be kept is refused with its path, its type and what to do."""

import asyncio
import concurrent.futures
import hashlib
import io
import pickle
import queue
import socket
import sqlite3
import threading

import ipywidgets
import pytest

from perdure import codec
from perdure.errors import BadRegistration, NotKeepable


class Holder:
    def __init__(self, **attributes):
        vars(self).update(attributes)


class Slotted:
    __slots__ = ("session",)


class Unloadable:
    def __reduce__(self):
        return fail, (1,)


def fail(_):
    raise RuntimeError("cannot be made again")


async def coroutine():
    return 1


async def agen():
    yield 1


def things(tmp_path):
    (tmp_path / "f").write_text("x")
    connection = sqlite3.connect(":memory:")
    loop = asyncio.new_event_loop()
    running = coroutine()
    made = [
        (i for i in ()),
        agen(),
        running,
        (tmp_path / "f").open(),
        (tmp_path / "f").open("rb"),
        (tmp_path / "f").open("wb", buffering=0),
        socket.socket(),
        connection,
        connection.cursor(),
        threading.Lock(),
        threading.RLock(),
        threading.Thread(),
        threading.Event(),
        threading.local(),
        queue.Queue(),
        queue.SimpleQueue(),
        concurrent.futures.ThreadPoolExecutor(),
        concurrent.futures.Future(),
        loop.create_future(),
        loop,
        asyncio.Queue(),
        hashlib.sha256(),
        hashlib.blake2b(),
        ipywidgets.IntSlider(),
    ]
    yield from made
    running.close()
    loop.close()
    connection.close()
    for thing in made:
        if isinstance(thing, io.IOBase | socket.socket):
            thing.close()


def test_each_is_refused_in_the_tree_and_inside_an_object(tmp_path):
    """Promise 4: refused with the path to the offending part, its type, and what to do."""
    for thing in things(tmp_path):
        for value, path in [
            (thing, "result"),
            ({"models": [1, 2, Holder(session=thing)]}, "result['models'][2].session"),
        ]:
            with pytest.raises(NotKeepable) as caught:
                codec.encode(value)
            assert caught.value.path == path, thing
            assert type(thing).__qualname__ in caught.value.type
            assert caught.value.advice


def test_a_released_view_and_a_window_are_refused():
    """Promise 4: an alias is not changed into a copy."""
    released = memoryview(bytearray(b"abc"))
    released.release()
    for view in (released, memoryview(bytearray(b"abc"))[1:]):
        with pytest.raises(NotKeepable, match=r"`result\[0\]`"):
            codec.encode([view])


def test_files_in_memory_are_kept():
    """Promise 4: they own their contents."""
    value = io.BytesIO(b"abc")
    value.seek(1)
    assert codec.decode(codec.encode(value)).read() == b"bc"


def test_the_path_goes_through_slots_sets_and_closures():
    """Promise 4: the path is as Python would write it, as far as Python can."""
    slotted, lock = Slotted(), threading.Lock()
    slotted.session = lock
    with pytest.raises(NotKeepable) as caught:
        codec.encode((0, slotted), name="answer")
    assert caught.value.path == "answer[1].session"
    with pytest.raises(NotKeepable) as caught:
        codec.encode({1: lambda: lock})
    assert "variable `lock`" in caught.value.path


def test_what_pickles_but_does_not_load_is_refused_at_once():
    """Promise 4: said when the step finishes for the first time, not after the restart."""
    assert pickle.dumps(Unloadable())
    with pytest.raises(
        NotKeepable, match="pickled but not loaded: RuntimeError: cannot be made again"
    ) as caught:
        codec.encode({"a": [1, Unloadable()]})
    assert caught.value.path == "result['a'][1]"


@pytest.mark.parametrize("depth", [200, 1_000, 20_000])
def test_deep_nesting_is_kept_or_refused(depth):
    """Promise 4: exact or refused, never a RecursionError."""
    value = []
    for _ in range(depth):
        value = [value]
    try:
        made = codec.decode(codec.encode(value))
    except NotKeepable as error:
        assert "nested too deeply" in error.cause  # noqa: PT017  either outcome is lawful
        assert depth > 200
    else:
        for _ in range(depth):
            (made,) = made
        assert made == []


class Half:
    def __perdure_dump__(self):
        return 1


class Kept:
    def __init__(self, value):
        self.value = value
        self.lock = threading.Lock()

    def __perdure_dump__(self):
        return {"value": self.value}

    @classmethod
    def __perdure_load__(cls, data):
        return cls(data["value"])


class Foreign:
    def __init__(self, value):
        self.value = value
        self.lock = threading.Lock()


def test_a_class_may_say_how_it_is_kept():
    """Promise 4: in the tree, and inside a pickled object."""
    shared = [1]
    made = codec.decode(codec.encode({"k": Kept(shared), "s": shared, "h": Holder(k=Kept(2))}))
    assert made["k"].value is made["s"]
    assert made["h"].k.value == 2
    assert codec.digest(Kept(1)) == codec.digest(Kept(1)) != codec.digest(Kept(2))
    with pytest.raises(BadRegistration, match="__perdure_load__"):
        codec.encode(Half())


def test_a_class_of_others_may_be_registered():
    """Promise 4: with both functions or not at all."""
    with pytest.raises(BadRegistration, match="load"):
        codec.register(Foreign, dump=lambda foreign: foreign.value)
    codec.register(Foreign, dump=lambda foreign: foreign.value, load=Foreign)
    assert codec.decode(codec.encode([Foreign(3)]))[0].value == 3
