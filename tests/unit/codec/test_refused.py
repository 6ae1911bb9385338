"""What cannot be kept is refused with its path, its type and what to do."""

import array
import asyncio
import bz2
import collections
import concurrent.futures
import contextvars
import csv
import ctypes
import gzip
import hashlib
import hmac
import http.client
import io
import itertools
import logging
import lzma
import mmap
import multiprocessing
import os
import pickle
import queue
import re
import sched
import select
import selectors
import socket
import sqlite3
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import types
import weakref
import zipfile
import zlib
from xml.etree.ElementTree import XMLParser
from xml.parsers.expat import ParserCreate

import pytest

from perdure import codec
from perdure.codec.refused import REFUSED
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


def begun(made):
    next(made)
    return made


def unawaited():
    made = coroutine()
    weakref.finalize(made, made.close)
    return made


def framed():
    return sys._getframe()


def traced():
    try:
        fail(1)
    except RuntimeError as error:
        return error.__traceback__


def row():
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    return connection.execute("select 1 as a").fetchone()


def on_a_loop(make):
    async def inside():
        return make()

    return asyncio.run(inside())


def closed(file):
    file.close()
    return file


def widget(name):
    import ipywidgets

    return getattr(ipywidgets, name)()


def anywidget(_folder):
    from anywidget import AnyWidget

    return AnyWidget()


def httpx_client(name):
    import httpx

    return getattr(httpx, name)()


def canvas():
    from matplotlib.figure import Figure

    return Figure().canvas


def animation():
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

    made = FuncAnimation(Figure(), print, frames=2)
    made._draw_was_started = True  # matplotlib warns of one that is never drawn
    return made


def bar():
    from tqdm import tqdm

    return tqdm([1], disable=True)


def batches():
    from torch.utils.data import DataLoader

    return iter(DataLoader([1, 2]))


def shell():
    from IPython.core.interactiveshell import InteractiveShell

    return InteractiveShell()


def npz(folder):
    import numpy as np

    np.savez(folder / "a.npz", a=np.ones(2))
    return np.load(folder / "a.npz")


def arrow_file(folder):
    import pyarrow as pa

    return pa.OSFile(str(folder / "f"))


class Indexed:
    def __len__(self):
        return 2

    def __getitem__(self, at):
        return range(2)[at]


ITERATORS = {
    "iterator of a list": lambda: iter([1, 2]),
    "iterator of a tuple": lambda: iter((1, 2)),
    "iterator of a text": lambda: iter("ab"),
    "iterator of a text past ascii": lambda: iter("a\xe4"),
    "iterator of bytes": lambda: iter(b"ab"),
    "iterator of a bytearray": lambda: iter(bytearray(b"ab")),
    "iterator of an array": lambda: iter(array.array("b", [1, 2])),
    "iterator of a deque": lambda: iter(collections.deque([1, 2])),
    "iterator by index": lambda: iter(Indexed()),
    "reversed list": lambda: reversed([1, 2]),
    "reversed tuple": lambda: reversed((1, 2)),
    "reversed deque": lambda: reversed(collections.deque([1, 2])),
    "enumerate": lambda: enumerate([1, 2]),
    "filter": lambda: filter(None, [1, 2]),
    "map": lambda: map(abs, [1, 2]),
    "map of a map": lambda: map(abs, map(abs, [1, 2])),
    "zip": lambda: zip([1, 2], [1, 2], strict=True),
    "accumulate": lambda: itertools.accumulate([1, 2]),
    "accumulate of nothing": lambda: itertools.accumulate(itertools.count(), lambda *_: None, initial=None),
    "chain": lambda: itertools.chain([1], [2]),
    "chain from one iterable": lambda: itertools.chain.from_iterable([[1], [2]]),
    "combinations": lambda: itertools.combinations([1, 2], 1),
    "compress": lambda: itertools.compress([1, 2], [1, 1]),
    "cycle": lambda: itertools.cycle([1, 2]),
    "dropwhile": lambda: itertools.dropwhile(bool, [0, 1]),
    "filterfalse": lambda: itertools.filterfalse(bool, [0, 0]),
    "groupby": lambda: itertools.groupby([1, 2]),
    "islice": lambda: itertools.islice([1, 2], 2),
    "islice of a count": lambda: itertools.islice(itertools.count(), 2),
    "pairwise": lambda: itertools.pairwise([1, 2, 3]),
    "permutations": lambda: itertools.permutations([1, 2]),
    "product": lambda: itertools.product([1, 2]),
    "starmap": lambda: itertools.starmap(pow, [(1, 2), (1, 2)]),
    "takewhile": lambda: itertools.takewhile(bool, [1, 1]),
    "tee": lambda: itertools.tee([1, 2])[0],
    "zip_longest": lambda: itertools.zip_longest([1, 2], [1]),
}
"""Iterators that can be advanced once, and have more to give. A range's tells on 3.11 alone that it was advanced."""

THINGS = {
    "generator": lambda _: (i for i in ()),
    "asynchronous generator": lambda _: agen(),
    "coroutine": lambda _: unawaited(),
    "iterator of a dict, half used": lambda _: begun(iter({"a": 1, "b": 2})),
    **{f"{name}, half used": lambda _, make=make: begun(make()) for name, make in ITERATORS.items()},
    "iterator of a set": lambda _: iter({1, 2}),
    "frame": lambda _: framed(),
    "traceback": lambda _: traced(),
    "file of text": lambda folder: (folder / "f").open(),
    "file of bytes": lambda folder: (folder / "f").open("rb"),
    "file to write": lambda folder: (folder / "g").open("wb"),
    "file to read and write": lambda folder: (folder / "g").open("w+b"),
    "file without a buffer": lambda folder: (folder / "g").open("wb", buffering=0),
    "file, closed": lambda folder: closed((folder / "f").open()),
    "file of gzip": lambda folder: gzip.open(folder / "g", "wb"),  # noqa: SIM115
    "file of bz2": lambda folder: bz2.open(folder / "g", "wb"),  # noqa: SIM115
    "file of lzma": lambda folder: lzma.open(folder / "g", "wb"),  # noqa: SIM115
    "file of zip": lambda folder: zipfile.ZipFile(folder / "g", "w"),
    "file of tar": lambda folder: tarfile.open(folder / "g", "w"),  # noqa: SIM115
    "file, temporary": lambda _: tempfile.NamedTemporaryFile(),  # noqa: SIM115  # noqa: SIM115
    "file, temporary, spooled": lambda _: tempfile.SpooledTemporaryFile(),  # noqa: SIM115
    "folder, temporary": lambda _: tempfile.TemporaryDirectory(),
    "file of numpy arrays": npz,
    "file of pyarrow": arrow_file,
    "standard output": lambda _: sys.__stdout__,
    "directory, half read": os.scandir,
    "csv reader": lambda _: csv.reader([]),
    "csv writer": lambda _: csv.writer(io.StringIO()),
    "mmap": lambda _: mmap.mmap(-1, 10),
    "socket": lambda _: socket.socket(),
    "file of a socket": lambda _: socket.socket().makefile("rb"),
    "pipe": lambda _: multiprocessing.Pipe()[0],
    "HTTP connection": lambda _: http.client.HTTPConnection("localhost"),
    "ssl context": lambda _: ssl.create_default_context(),
    "sqlite3 connection": lambda _: sqlite3.connect(":memory:"),
    "sqlite3 cursor": lambda _: sqlite3.connect(":memory:").cursor(),
    "sqlite3 row": lambda _: row(),
    "httpx client": lambda _: httpx_client("Client"),
    "httpx asynchronous client": lambda _: httpx_client("AsyncClient"),
    "httpx transport": lambda _: httpx_client("HTTPTransport"),
    "lock": lambda _: threading.Lock(),
    "re-entrant lock": lambda _: threading.RLock(),
    "condition": lambda _: threading.Condition(),
    "event": lambda _: threading.Event(),
    "semaphore": lambda _: threading.BoundedSemaphore(),
    "barrier": lambda _: threading.Barrier(2),
    "lock of multiprocessing": lambda _: multiprocessing.Lock(),
    "event of multiprocessing": lambda _: multiprocessing.Event(),
    "condition of multiprocessing": lambda _: multiprocessing.Condition(),
    "barrier of multiprocessing": lambda _: multiprocessing.Barrier(2),
    "lock of asyncio": lambda _: asyncio.Lock(),
    "event of asyncio": lambda _: asyncio.Event(),
    "semaphore of asyncio": lambda _: asyncio.Semaphore(),
    "condition of asyncio": lambda _: asyncio.Condition(),
    "queue of asyncio": lambda _: asyncio.Queue(),
    "thread": lambda _: threading.Thread(),
    "timer": lambda _: threading.Timer(1, print),
    "thread-local data": lambda _: threading.local(),
    "scheduler": lambda _: sched.scheduler(),
    "queue": lambda _: queue.PriorityQueue(),
    "simple queue": lambda _: queue.SimpleQueue(),
    "queue of multiprocessing": lambda _: multiprocessing.Queue(),
    "pool of threads": lambda _: concurrent.futures.ThreadPoolExecutor(),
    "pool of processes": lambda _: concurrent.futures.ProcessPoolExecutor(),
    "value of multiprocessing": lambda _: multiprocessing.Value("i"),
    "array of multiprocessing": lambda _: multiprocessing.Array("i", 2),
    "future": lambda _: concurrent.futures.Future(),
    "future of asyncio": lambda _: on_a_loop(lambda: asyncio.get_running_loop().create_future()),
    "task": lambda _: on_a_loop(lambda: asyncio.create_task(asyncio.sleep(0))),
    "task group": lambda _: asyncio.TaskGroup(),
    "event loop": lambda _: on_a_loop(asyncio.get_running_loop),
    "process": lambda _: multiprocessing.Process(),
    "subprocess": lambda _: subprocess.Popen(["true"]),
    "context variable": lambda _: contextvars.ContextVar("a"),
    "context": lambda _: contextvars.copy_context(),
    "selector": lambda _: selectors.DefaultSelector(),
    "poll": lambda _: select.poll(),
    "hash": lambda _: hashlib.sha256(),
    "hash of blake2": lambda _: hashlib.blake2b(),
    "hash with a key": lambda _: hmac.new(b"k", b"", "sha256"),
    "compressor": lambda _: zlib.compressobj(),
    "decompressor": lambda _: zlib.decompressobj(),
    "compressor of bz2": lambda _: bz2.BZ2Compressor(),
    "compressor of lzma": lambda _: lzma.LZMACompressor(),
    "parser of xml": lambda _: ParserCreate(),
    "parser of ElementTree": lambda _: XMLParser(),
    "match": lambda _: re.match("a", "a"),
    "library of ctypes": lambda _: ctypes.CDLL(None),
    "function of ctypes": lambda _: ctypes.CDLL(None).printf,
    "pointer of ctypes": lambda _: ctypes.pointer(ctypes.c_int(1)),
    "address of ctypes": lambda _: ctypes.c_void_p(1),
    "environment": lambda _: os.environ,
    "log handler": lambda _: logging.StreamHandler(),
    "widget": lambda _: widget("IntSlider"),
    "output widget": lambda _: widget("Output"),
    "anywidget": anywidget,
    "shell": lambda _: shell(),
    "canvas": lambda _: canvas(),
    "animation": lambda _: animation(),
    "progress bar": lambda _: bar(),
    "torch batches, half used": lambda _: batches(),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "f").write_text("x")
    return tmp_path


def refused(value, **more):
    with pytest.raises(NotKeepable) as caught:
        codec.encode(value, **more)
    return caught.value


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", THINGS)
def test_each_is_refused_in_the_tree_and_inside_an_object(name, folder):
    """Promise 4: refused with the path to the offending part, its type, one cause and what to do."""
    thing = THINGS[name](folder)
    nested = Holder(session=thing)
    for value, path in [
        (thing, "result"),
        ({"models": [1, 2, nested]}, 'result["models"][2].session'),
        ((thing,), "result[0]"),
    ]:
        error = refused(value)
        assert error.path == path
        assert type(thing).__qualname__ in error.type
        for sentence in (error.cause, error.advice):
            assert re.fullmatch(r"[A-Z`].*[.)]", sentence), sentence
        assert "Pickling it failed" not in error.cause
        assert str(error).startswith(f"`{path}` cannot be kept: it is a")


NAMES = """
    psycopg.Connection psycopg.Cursor psycopg2.extensions.connection psycopg2.extensions.cursor
    pymysql.connections.Connection pymysql.cursors.Cursor duckdb.duckdb.DuckDBPyConnection
    _duckdb.DuckDBPyConnection sqlalchemy.engine.base.Engine sqlalchemy.engine.base.Connection
    sqlalchemy.orm.session.Session asyncpg.connection.Connection redis.client.Redis
    pymongo.synchronous.mongo_client.MongoClient aiohttp.client.ClientSession botocore.client.BaseClient
    boto3.resources.base.ServiceResource grpc.Channel openai._base_client.BaseClient
    pyspark.sql.session.SparkSession pyspark.sql.dataframe.DataFrame distributed.client.Client
    distributed.client.Future ray._raylet.ObjectRef selenium.webdriver.remote.webdriver.WebDriver
    playwright._impl._impl_to_api_mapping.ImplWrapper h5py._hl.base.HLObject netCDF4._netCDF4.Dataset
    paramiko.client.SSHClient kafka.producer.kafka.KafkaProducer torch.cuda.streams.Stream
    zmq.sugar.socket.Socket psutil.Process blake3.blake3 cffi.api.FFI
"""


@pytest.mark.parametrize("name", ITERATORS)
def test_a_refused_iterator_was_not_moved(name):
    """Promise 4: what is refused is the user's as it was; unused, it is kept where Python tells what it is over."""
    whole, rest = list(itertools.islice(ITERATORS[name](), 3)), begun(ITERATORS[name]())
    refused([rest])
    if name != "groupby":  # its groups are alike in nothing
        assert list(itertools.islice(rest, 2)) == whole[1:3]
    if name != "pairwise":
        assert type(codec.copy_value([ITERATORS[name]()])[0]) is type(rest)


def test_an_iterator_over_an_advanced_one_is_refused_by_its_own_name():
    """Promise 4: the path to what the user has in hand."""
    for over in (
        *(lambda it: enumerate(map(abs, it)), lambda it: itertools.chain([1], it), lambda it: zip([1], it)),  # noqa: B905
        *(itertools.chain.from_iterable, itertools.cycle, lambda it: itertools.tee(it)[0]),
    ):
        value = over(begun(iter([1, 2])))
        error = refused({"rows": value})
        assert error.path == 'result["rows"]'
        assert error.type.split()[1] in (f"itertools.{type(value).__name__}", type(value).__name__)
        assert error.cause == "It was advanced, and stands in the middle of a pass."


@pytest.mark.parametrize("name", NAMES.split())
def test_what_packages_connect_to_is_refused_by_name(name):
    """Promise 4: also where the package would let itself be pickled, and for classes derived from its own."""
    module, _, qualname = name.rpartition(".")
    base = types.new_class(qualname, exec_body=lambda body: body.update(__module__=module))
    derived = type("Mine", (base,), {})
    for cls in (base, derived):
        error = refused({"models": [1, 2, Holder(session=cls())]})
        assert error.path == 'result["models"][2].session'
        assert cls.__qualname__ in error.type
        assert error.advice


def test_a_driver_in_c_is_known_by_its_methods():
    """Promise 4: as PEP 249 names them, whatever the package is called."""

    class Driver:
        __slots__ = ()
        cursor = commit = rollback = close = None

    assert "database" in refused([Driver()]).cause


def test_the_sentences_are_whole():
    """Promise 4: each says why and what to do, in sentences that end, and names no class twice."""
    assert len(REFUSED) > 150
    for name, (cause, advice) in REFUSED.items():
        assert re.fullmatch(r"[\w.<>]+:[\w.<>]+", name), name
        assert cause.endswith("."), name
        assert advice.endswith("."), name


def test_one_bad_value_does_not_cost_its_neighbours():
    """Promise 4: several at once are each told with their own path, and the others are kept."""
    lock, shared = threading.Lock(), [1]
    values = {
        "good": {"a": shared},
        "locked": [Holder(lock=lock)],
        "also": shared,
        "file": {"hash": hashlib.sha256()},
        "both": (lock, (i for i in ())),
    }
    encoded, found = codec.encode_namespace(values)
    kept = codec.decode(encoded)
    assert list(kept) == ["good", "also"]
    assert kept["good"]["a"] is kept["also"]
    assert {name: error.path for name, error in found.items()} == {
        "locked": "locked[0].lock",
        "file": 'file["hash"]',
        "both": "both[0]",
    }


def test_a_class_with_a_way_of_its_own_is_tried():
    """Promise 4: a thread that says how it is pickled is kept as it says."""
    made = codec.copy_value([Worker(3)])[0]
    assert type(made) is Worker
    assert made.number == 3


class Worker(threading.Thread):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def __reduce__(self):
        return Worker, (self.number,)


def test_loggers_and_modules_are_kept_by_name():
    """Promise 4: what they hold is not kept, and is found again in the process that loads."""
    value = [logging.getLogger("a.b"), os.path, logging]
    assert all(one is two for one, two in zip(codec.copy_value(value), value, strict=True))


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
    assert caught.value.path == 'result["a"][1]'


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
