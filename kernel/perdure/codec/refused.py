"""What is refused by its type, with a sentence each (promise 4).

A class is named by the package at the root of its module and by its own name, since packages move their
classes between modules. So nothing has to be imported, and what is not installed costs nothing.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from .model import Refusal
from .registry import is_registered

_SETUP = "Make it in a %%setup cell, which always runs"
_GROUPS: tuple[tuple[str, str, str], ...] = (
    (
        "builtins:generator",
        "A half-run body cannot be stopped and copied.",
        "Keep `list(...)` of what it yields.",
    ),
    (
        "builtins:async_generator",
        "A half-run body cannot be stopped and copied.",
        "Keep `[item async for item in ...]`.",
    ),
    (
        "builtins:coroutine",
        "A half-run body cannot be stopped and copied.",
        "Await it, and keep its result.",
    ),
    (
        """
        builtins:set_iterator builtins:odict_iterator builtins:dict_keyiterator builtins:dict_valueiterator
        builtins:dict_itemiterator builtins:dict_reversekeyiterator builtins:dict_reversevalueiterator
        builtins:dict_reverseitemiterator
        """,
        "It stands in the middle of a set or dict, which has no such places.",
        "Keep `list(...)` of it.",
    ),
    (
        """
        weakref:KeyedRef weakref:WeakMethod weakref:ProxyType weakref:CallableProxyType weakref:finalize
        """,
        "A weak reference does not keep what it refers to.",
        "Keep the object itself, or a plain set or dict of the objects.",
    ),
    (
        "builtins:frame builtins:traceback",
        "It holds running code.",
        "Keep the text instead (`traceback.format_exc()`), or the exception.",
    ),
    (
        "greenlet:greenlet",
        "It holds running code.",
        "Keep its result.",
    ),
    (
        """
        _io:FileIO _io:BufferedReader _io:BufferedWriter _io:BufferedRandom _io:BufferedRWPair
        _io:TextIOWrapper tempfile:_TemporaryFileWrapper tempfile:SpooledTemporaryFile gzip:GzipFile
        bz2:BZ2File lzma:LZMAFile compression:GzipFile compression:BZ2File compression:LZMAFile
        compression:ZstdFile fileinput:FileInput ipykernel:OutStream fsspec:AbstractBufferedFile
        pyarrow:NativeFile pyarrow:ParquetFile pyarrow:ParquetWriter zstandard:ZstdDecompressionReader
        zstandard:ZstdCompressionWriter
        """,
        "A file object belongs to this process.",
        "Keep its path (a pathlib.Path) or its contents, and open it again where it is used.",
    ),
    (
        """
        zipfile:ZipFile zipfile:ZipExtFile zipfile:_ZipWriteFile tarfile:TarFile shelve:Shelf numpy:NpzFile
        pandas:HDFStore pandas:ExcelFile pandas:ExcelWriter pandas:TextFileReader h5py:HLObject
        netCDF4:Dataset netCDF4:Variable
        """,
        "It reads from or writes to an open file, which belongs to this process.",
        "Keep its path (a pathlib.Path) or what was read from it, such as `dict(...)` of its members.",
    ),
    (
        "tempfile:TemporaryDirectory",
        "Its folder is removed with it.",
        "Keep what the files in it hold, or make a folder that stays.",
    ),
    (
        "mmap:mmap multiprocessing:SharedMemory multiprocessing:ShareableList",
        "It is a window on memory that other processes may change.",
        "Keep `bytes(...)` of it, and open it again where it is used.",
    ),
    (
        """
        _csv:reader _csv:writer xml:IterParseIterator xml:iterparse.<locals>.IterParseIterator
        posix:ScandirIterator
        """,
        "It reads or writes as it goes, and stands somewhere in the middle.",
        "Keep `list(...)` of what it gives, or what was written.",
    ),
    (
        """
        socket:socket _socket:socket ssl:SSLObject multiprocessing:_ConnectionBase zmq:Socket zmq:Context
        http:HTTPConnection http:HTTPResponse smtplib:SMTP ftplib:FTP imaplib:IMAP4 poplib:POP3
        socketserver:BaseServer xmlrpc:ServerProxy paramiko:SSHClient paramiko:SFTPClient paramiko:Transport
        websocket:WebSocket websockets:Connection websockets:WebSocketCommonProtocol asyncio:StreamReader
        asyncio:StreamWriter asyncio:BaseTransport kafka:KafkaProducer kafka:KafkaConsumer
        confluent_kafka:Producer confluent_kafka:Consumer pika:Channel pika:BlockingConnection paho:Client
        jupyter_client:KernelClient
        """,
        "A connection belongs to this process.",
        f"{_SETUP}, and keep what was read from it.",
    ),
    (
        "ssl:SSLContext _ssl:_SSLContext",
        "It may hold private keys that cannot be read back.",
        f"{_SETUP}, or inside the step.",
    ),
    (
        """
        sqlite3:Connection sqlite3:Cursor sqlite3:Blob psycopg:BaseConnection psycopg:BaseCursor
        psycopg:Connection psycopg:AsyncConnection psycopg:Cursor psycopg:AsyncCursor psycopg_pool:BasePool
        psycopg2:connection psycopg2:cursor psycopg2:AbstractConnectionPool pymysql:Connection
        pymysql:Cursor MySQLdb:Connection MySQLdb:BaseCursor mysql:MySQLConnectionAbstract
        mysql:MySQLCursorAbstract pyodbc:Connection pyodbc:Cursor oracledb:BaseConnection
        oracledb:BaseCursor duckdb:DuckDBPyConnection duckdb:DuckDBPyRelation _duckdb:DuckDBPyConnection
        _duckdb:DuckDBPyRelation sqlalchemy:Engine sqlalchemy:Connection sqlalchemy:Session
        sqlalchemy:scoped_session sqlalchemy:AsyncEngine sqlalchemy:AsyncConnection sqlalchemy:AsyncSession
        sqlalchemy:Pool sqlalchemy:Result sqlalchemy:Transaction asyncpg:Connection asyncpg:Pool
        aiosqlite:Connection aiosqlite:Cursor redis:Redis redis:ConnectionPool redis:Connection redis:PubSub
        redis:Pipeline pymongo:MongoClient pymongo:AsyncMongoClient pymongo:Database pymongo:Collection
        pymongo:Cursor motor:AgnosticClient motor:AsyncIOMotorClient neo4j:Driver neo4j:Session
        cassandra:Cluster cassandra:Session snowflake:SnowflakeConnection snowflake:SnowflakeCursor
        clickhouse_connect:Client clickhouse_driver:Client elasticsearch:Elasticsearch
        adbc_driver_manager:Connection adbc_driver_manager:Cursor
        """,
        "A connection to a database belongs to this process.",
        f"{_SETUP}, and keep the rows that were read (`.fetchall()`).",
    ),
    (
        """
        httpx:BaseClient httpx:BaseTransport httpx:AsyncBaseTransport httpx2:BaseClient
        aiohttp:ClientSession aiohttp:BaseConnector aiohttp:ClientResponse urllib3:PoolManager
        urllib3:ConnectionPool urllib3:BaseHTTPResponse tornado:AsyncHTTPClient openai:BaseClient
        anthropic:BaseClient botocore:BaseClient boto3:ServiceResource boto3:Session botocore:Session
        grpc:Channel grpc:Server googleapiclient:Resource
        """,
        "A client holds connections that belong to this process.",
        f"{_SETUP}, and keep the responses.",
    ),
    (
        """
        pyspark:SparkSession pyspark:SparkContext pyspark:DataFrame pyspark:RDD ray:ObjectRef
        ray:ActorHandle distributed:Client distributed:Future distributed:Cluster
        """,
        "It stands for work on a cluster, which this process reaches through a session of its own.",
        "Keep what was computed (such as `.toPandas()` or `.result()`), or the path of a file.",
    ),
    (
        """
        playwright:ImplWrapper playwright:ChannelOwner selenium:WebDriver selenium:WebElement
        pyppeteer:Browser pyppeteer:Page
        """,
        "It is driven in a browser that runs beside this process.",
        f"{_SETUP}, and keep what was read from the page (its text, `.content()`, a screenshot).",
    ),
    (
        """
        _thread:lock _thread:RLock threading:Condition threading:Event threading:Semaphore threading:Barrier
        threading:_RLock multiprocessing:SemLock multiprocessing:Event multiprocessing:Condition
        multiprocessing:Barrier filelock:BaseFileLock filelock:BaseAsyncFileLock
        """,
        "Locks, events and their like belong to this process.",
        f"{_SETUP}, or inside the step.",
    ),
    (
        "threading:Thread _thread:_ThreadHandle",
        "A thread belongs to this process.",
        "Join it inside the step, and keep its result.",
    ),
    (
        "_thread:_local sched:scheduler",
        "It belongs to the threads of this process.",
        "Make it inside the step.",
    ),
    (
        """
        queue:Queue _queue:SimpleQueue multiprocessing:Queue multiprocessing:SimpleQueue
        multiprocessing:JoinableQueue
        """,
        "A queue holds locks, which belong to this process.",
        "Keep a list of what it holds.",
    ),
    (
        """
        concurrent:Executor multiprocessing:Pool multiprocessing:BaseManager multiprocessing:BaseProxy
        joblib:MemmappingExecutor
        """,
        "A pool has threads or processes, which cannot be copied.",
        f"{_SETUP}, or inside the step.",
    ),
    (
        "multiprocessing:SynchronizedBase",
        "It lies in memory that other processes may change, behind a lock.",
        "Keep its `.value`, or `list(...)` of it.",
    ),
    (
        "concurrent:Future",
        "It stands for work in this process that may not have ended.",
        "Keep its `.result()`.",
    ),
    (
        "multiprocessing:BaseProcess subprocess:Popen asyncio:Process psutil:Process psutil:Popen",
        "A process cannot be copied.",
        "Keep its output, its return code, or its number (`.pid`).",
    ),
    (
        "_asyncio:Future asyncio:Future",
        "It belongs to a running event loop.",
        "Await it, and keep its result.",
    ),
    (
        """
        asyncio:AbstractEventLoop asyncio:_LoopBoundMixin asyncio:Handle asyncio:Runner asyncio:TaskGroup
        asyncio:Timeout asyncio:AbstractServer tornado:IOLoop anyio:CancelScope
        """,
        "It belongs to a running event loop.",
        "Make it inside the step.",
    ),
    (
        "unittest:NonCallableMock",
        "A mock makes a class of its own each time, and stands for something else.",
        "Keep what it returned or recorded.",
    ),
    (
        "_contextvars:Context _contextvars:Token _contextvars:ContextVar",
        "What it holds depends on the code that is running.",
        "Keep the value of the variable (`.get()`), and make the variable in a %%setup cell.",
    ),
    (
        "select:epoll select:poll select:kqueue select:devpoll selectors:BaseSelector",
        "It watches open files of this process.",
        "Make it inside the step.",
    ),
    (
        """
        _hashlib:HASH _hashlib:HMAC hmac:HMAC _blake2:blake2b _blake2:blake2s _md5:md5 _sha1:sha1
        _sha2:SHA224Type _sha2:SHA256Type _sha2:SHA384Type _sha2:SHA512Type _sha3:sha3_224 _sha3:sha3_256
        _sha3:sha3_384 _sha3:sha3_512 _sha3:shake_128 _sha3:shake_256 blake3:blake3 xxhash:xxh32
        xxhash:xxh64 xxhash:xxh3_64 xxhash:xxh3_128
        """,
        "The state of a hash cannot be read.",
        "Keep its `.digest()` or `.hexdigest()`.",
    ),
    (
        """
        zlib:Compress zlib:Decompress _bz2:BZ2Compressor _bz2:BZ2Decompressor _lzma:LZMACompressor
        _lzma:LZMADecompressor zstandard:ZstdCompressor zstandard:ZstdDecompressor
        zstandard:ZstdCompressionObj zstandard:ZstdDecompressionObj _zstd:ZstdCompressor
        _zstd:ZstdDecompressor
        """,
        "The state of a compressor cannot be read.",
        "Keep the data that went in or came out.",
    ),
    (
        """
        pyexpat:xmlparser xml:XMLParser xml:XMLPullParser lxml:_Element lxml:_ElementTree lxml:XMLParser
        """,
        "The state of a parser in C cannot be read.",
        "Keep the text, or what was read from it.",
    ),
    (
        "re:Match",
        "A match is tied to the search that found it.",
        "Keep `.group()`, `.groupdict()` or `.span()` of it.",
    ),
    (
        "sqlite3:Row",
        "A row leads to the cursor that read it.",
        "Keep `dict(...)` or `tuple(...)` of it.",
    ),
    (
        """
        ctypes:CDLL _ctypes:_Pointer _ctypes:CFuncPtr ctypes:c_void_p ctypes:c_char_p ctypes:c_wchar_p
        cffi:FFI _cffi_backend:_CDataBase _cffi_backend:CData _cffi_backend:Lib _cffi_backend:CLibrary
        """,
        "An address in memory means nothing in another process.",
        "Keep what it points at (such as `.value` or `.contents`), and load libraries in a %%setup cell.",
    ),
    (
        "os:_Environ",
        "It is the environment of this process; a copy would not change it.",
        "Keep `dict(os.environ)`, or the entries that count.",
    ),
    (
        "logging:Handler",
        "It writes to an open file or stream, which belongs to this process.",
        "Set up logging in a %%setup cell; a logger itself is kept by its name.",
    ),
    (
        "ipywidgets:Widget",
        "A live widget belongs to this kernel and the page that shows it.",
        "Keep its value (`.value`), and make the widget in a %%setup cell.",
    ),
    (
        """
        IPython:InteractiveShell IPython:HistoryAccessor ipykernel:Kernel ipykernel:Comm comm:BaseComm
        traitlets:Application
        """,
        "It is a part of the running kernel.",
        "Call `get_ipython()` where it is used.",
    ),
    (
        """
        matplotlib:FigureCanvasBase matplotlib:FigureManagerBase matplotlib:TimerBase matplotlib:RendererAgg
        matplotlib:Widget
        """,
        "It draws on this kernel's screen.",
        "Keep the figure (`.figure`), which gets a canvas of its own.",
    ),
    (
        "matplotlib:Animation",
        "It draws frame by frame on a live canvas.",
        "Keep its film (`.to_jshtml()`, or `.save(...)` and the path).",
    ),
    (
        "tqdm:tqdm rich:Progress rich:Live alive_progress:alive_bar",
        "A progress bar draws on this kernel's screen while something runs.",
        "Keep the items or the count, and make the bar inside the step.",
    ),
    (
        "torch:_BaseDataLoaderIter torch:_BaseDataLoaderIterator",
        "It stands in the middle of a pass over the data.",
        "Keep the DataLoader, and the number of batches that are done.",
    ),
    (
        """
        torch:Stream torch:Event torch:CUDAGraph torch:ProcessGroup torch:Future torch:_RemoteModule
        torch:profile torch:SummaryWriter
        """,
        "It belongs to this process and the devices that it uses.",
        "Make it inside the step.",
    ),
)

REFUSED: dict[str, tuple[str, str]] = {
    name: (cause, advice) for names, cause, advice in _GROUPS for name in names.split()
}
"""A class, by root package and name, with the cause and the advice; subclasses are refused likewise."""

# What every driver of a database has (PEP 249). One in Python is refused by the socket that it holds.
_CONNECTION = frozenset({"cursor", "commit", "rollback", "close"})
_CURSOR = frozenset({"execute", "fetchone", "fetchall", "description"})
_OWN_WAY = ("__reduce__", "__reduce_ex__", "__getstate__")

_found: WeakKeyDictionary[type, tuple[str, str] | None] = WeakKeyDictionary()


def refuse(value: Any) -> None:
    """Pass over what may be kept.

    Raises:
        Refusal: objects of this type, or of one of its bases, are refused.
    """
    cls = type(value)
    try:
        found = _found[cls]
    except KeyError:
        found = _found[cls] = _sentence(cls)
    if found is not None and not is_registered(cls):
        raise Refusal(value, *found)


def _sentence(cls: type) -> tuple[str, str] | None:
    """Cause and advice for objects of a class; None where they are not refused by their type."""
    tried = set[str]()
    for base in cls.__mro__[:-1]:
        root = base.__module__.partition(".")[0]
        found = REFUSED.get(f"{root}:{base.__qualname__}")
        if found is not None:
            # Another's class derived from it that says how it is pickled is taken at its word, and tried.
            return None if tried - {root} else found
        if any(name in vars(base) for name in _OWN_WAY):
            tried.add(root)
    names = {name for base in cls.__mro__[:-1] for name in vars(base)}
    if not cls.__dictoffset__ and (names >= _CONNECTION or names >= _CURSOR):
        return REFUSED["sqlite3:Connection"]
    return None
