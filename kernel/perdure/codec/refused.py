"""What is refused, with a sentence each, and the path to it as Python would write it (promise 4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import CellType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

from .model import Refusal

_OPEN = "An open file belongs to this process."
_OPEN_ADVICE = "Keep its path (a pathlib.Path) or its contents, and open it again where it is used."
_LOCK = "A lock or thread belongs to this process."
_LOCK_ADVICE = "Make it in a %%setup cell, which always runs, or inside the step."
_LINK = "A connection belongs to this process."
_LINK_ADVICE = "Make it in a %%setup cell, which always runs, and keep what was read from it."
_LOOP = "It belongs to a running event loop."
_LOOP_ADVICE = "Await it, and keep its result."
_HALF = "A half-run body cannot be stopped and copied."
_HALF_ADVICE = "Keep `list(...)` of what it yields."
_HASH = "The state of a hash cannot be read."
_HASH_ADVICE = "Keep its `.digest()` or `.hexdigest()`."
_WEAK = "A weak reference does not keep what it refers to."
_WEAK_ADVICE = "Keep the object itself, or a plain set or dict of the objects."
_FRAME = "It holds running code."
_FRAME_ADVICE = "Keep the text instead (`traceback.format_exc()`)."

REFUSED: dict[str, tuple[str, str]] = {
    "builtins.generator": (_HALF, _HALF_ADVICE),
    "builtins.async_generator": (_HALF, "Keep `[item async for item in ...]`."),
    "builtins.coroutine": (_HALF, _LOOP_ADVICE),
    **dict.fromkeys(
        [
            *("builtins.set_iterator", "builtins.odict_iterator", "builtins.dict_keyiterator"),
            *(
                "builtins.dict_valueiterator",
                "builtins.dict_itemiterator",
                "builtins.dict_reversekeyiterator",
            ),
            *("builtins.dict_reversevalueiterator", "builtins.dict_reverseitemiterator"),
        ],
        ("It stands in the middle of a set or dict, which has no such places.", "Keep `list(...)` of it."),
    ),
    "weakref.ReferenceType": (_WEAK, _WEAK_ADVICE),
    "weakref.ProxyType": (_WEAK, _WEAK_ADVICE),
    "weakref.CallableProxyType": (_WEAK, _WEAK_ADVICE),
    "_weakrefset.WeakSet": (_WEAK, _WEAK_ADVICE),
    "weakref.WeakKeyDictionary": (_WEAK, _WEAK_ADVICE),
    "weakref.WeakValueDictionary": (_WEAK, _WEAK_ADVICE),
    "builtins.frame": (_FRAME, _FRAME_ADVICE),
    "builtins.traceback": (_FRAME, _FRAME_ADVICE),
    "_io.FileIO": (_OPEN, _OPEN_ADVICE),
    "_io.BufferedReader": (_OPEN, _OPEN_ADVICE),
    "_io.BufferedWriter": (_OPEN, _OPEN_ADVICE),
    "_io.BufferedRandom": (_OPEN, _OPEN_ADVICE),
    "_io.BufferedRWPair": (_OPEN, _OPEN_ADVICE),
    "_io.TextIOWrapper": (_OPEN, _OPEN_ADVICE),
    "tempfile._TemporaryFileWrapper": (_OPEN, _OPEN_ADVICE),
    "mmap.mmap": (_OPEN, _OPEN_ADVICE),
    "_socket.socket": (_LINK, _LINK_ADVICE),
    "ssl.SSLContext": (_LINK, _LINK_ADVICE),
    "sqlite3.Connection": (_LINK, _LINK_ADVICE),
    "sqlite3.Cursor": (_LINK, _LINK_ADVICE),
    "subprocess.Popen": ("A process cannot be copied.", "Keep its output or its return code."),
    "_thread.lock": (_LOCK, _LOCK_ADVICE),
    "_thread.RLock": (_LOCK, _LOCK_ADVICE),
    "_thread._local": (_LOCK, _LOCK_ADVICE),
    "threading.Thread": (_LOCK, _LOCK_ADVICE),
    "threading.Condition": (_LOCK, _LOCK_ADVICE),
    "threading.Event": (_LOCK, _LOCK_ADVICE),
    "threading.Semaphore": (_LOCK, _LOCK_ADVICE),
    "threading.Barrier": (_LOCK, _LOCK_ADVICE),
    "queue.Queue": (_LOCK, "Keep `list(...)` of what it holds."),
    "_queue.SimpleQueue": (_LOCK, "Keep `list(...)` of what it holds."),
    "concurrent.futures._base.Executor": (_LOCK, _LOCK_ADVICE),
    "concurrent.futures._base.Future": (_LOCK, "Keep its `.result()`."),
    "multiprocessing.process.BaseProcess": ("A process cannot be copied.", "Keep its result."),
    "_asyncio.Future": (_LOOP, _LOOP_ADVICE),
    "asyncio.futures.Future": (_LOOP, _LOOP_ADVICE),
    "asyncio.events.AbstractEventLoop": (_LOOP, _LOOP_ADVICE),
    "asyncio.mixins._LoopBoundMixin": (_LOOP, "Make it inside the step."),
    "_hashlib.HASH": (_HASH, _HASH_ADVICE),
    "_hashlib.HMAC": (_HASH, _HASH_ADVICE),
    "_blake2.blake2b": (_HASH, _HASH_ADVICE),
    "_blake2.blake2s": (_HASH, _HASH_ADVICE),
    "ipywidgets.widgets.widget.Widget": (
        "A live widget belongs to this kernel and the page that shows it.",
        "Keep its value (`.value`), and make the widget in a %%setup cell.",
    ),
}
"""A class, by module and name, with the cause and the advice; subclasses are refused likewise."""


def refuse(value: Any) -> None:
    """Pass over what may be kept.

    Raises:
        Refusal: objects of this type, or of one of its bases, are refused.
    """
    for base in type(value).__mro__:
        found = REFUSED.get(f"{base.__module__}.{base.__qualname__}")
        if found is not None:
            raise Refusal(value, *found)


def children(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: C901  one branch for each kind of value
    """The parts of a value that Python can reach, each with what is written behind the value to reach it."""
    if isinstance(value, dict):
        yield from ((f"[{_key(key)}]", item) for key, item in value.items())
        yield from ((f" key {_key(key)}", key) for key in value)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from ((f".{name}", getattr(value, name)) for name in value._fields)
    elif isinstance(value, list | tuple | deque):
        yield from ((f"[{at}]", item) for at, item in enumerate(value))
    elif isinstance(value, set | frozenset):
        yield from ((f" element {at}", item) for at, item in enumerate(value))
    elif isinstance(value, FunctionType):
        names = value.__code__.co_freevars
        yield from (
            (f" variable `{name}`", cell) for name, cell in zip(names, value.__closure__ or (), strict=True)
        )
        yield from ((f" default {at}", item) for at, item in enumerate(value.__defaults__ or ()))
    elif isinstance(value, CellType):
        yield "", value.cell_contents
    if isinstance(value, type | ModuleType):
        return
    yield from ((f".{name}", item) for name, item in (getattr(value, "__dict__", None) or {}).items())
    for base in type(value).__mro__:
        for name, member in vars(base).items():
            if isinstance(member, MemberDescriptorType) and hasattr(value, name):
                yield f".{name}", getattr(value, name)


def _key(key: Any) -> str:
    try:
        text = repr(key)
    except Exception:  # noqa: BLE001  a user's repr may do anything
        text = f"<{type(key).__name__}>"
    return text if len(text) <= _LIMIT else f"{text[:_LIMIT]}…"


_LIMIT = 60
"""Characters of a key that a path shows."""

_LONGEST = 200
"""Characters after which a path is cut."""

_MOST = 200_000
"""Objects that are looked at for a path; a refusal in a larger value names the value itself."""


_FEW = 10_000
"""Objects of a decoded value whose keys are looked for."""

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})


def locate(root: Any, name: str, part: Any) -> str | None:
    """The shortest path from `root`, called `name`, to the very object `part`; None if it is not found."""
    seen = {id(root): root}
    queue: deque[tuple[str, Any]] = deque([(name, root)])
    while queue and len(seen) < _MOST:
        path, value = queue.popleft()
        if value is part:
            return path
        try:
            below = list(children(value))
        except Exception:  # noqa: BLE001, S112  an object that cannot be looked into has no parts
            continue
        for step, item in below:
            if id(item) not in seen:
                seen[id(item)] = item
                queue.append((path + step if len(path) < _LONGEST else f"{path.rstrip('…')}…", item))
    return None


def misplaced(root: Any) -> Any:
    """A set or dict of a decoded value that does not find its own keys, or None.

    A key that lies on a cycle is hashed before it is whole; then it may sit where its hash does not lead.
    """
    seen = {id(root): root}
    queue = deque([root])
    while queue and len(seen) < _FEW:
        value = queue.popleft()
        try:
            if isinstance(value, dict | set | frozenset) and not _finds_its_keys(value):
                return value
            below = [item for _, item in children(value)]
        except Exception:  # noqa: BLE001, S112  an object that cannot be looked into has no parts
            continue
        for item in below:
            if type(item) not in _ATOMS and id(item) not in seen:
                seen[id(item)] = item
                queue.append(item)
    return None


def _finds_its_keys(value: dict[Any, Any] | set[Any] | frozenset[Any]) -> bool:
    """Whether each key is found, and not only by the luck that two hashes lead to the same place.

    A set made from a set or dict takes over the hashes under which the keys were put there; one made from a
    list asks the keys anew.
    """
    keys = list(value)
    return all(key in value for key in keys) and hash(frozenset(value)) == hash(frozenset(keys))


def described(part: Any) -> str:
    """The type of a part, with an article: `a generator`, `an open TextIOWrapper`."""
    cls = type(part)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
