"""The path to a part of a value, as Python would write it, and what else is found by looking into values."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import CellType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from perdure.codec.packages.kits import ask

from .masking import mask


def children(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a value that Python can reach, each with what is written behind the value to reach it."""
    if isinstance(value, dict):
        yield from ((f"[{_key(key)}]", item) for key, item in value.items())
        yield from ((f" key {_key(key)}", key) for key in value)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from ((f".{name}", getattr(value, name)) for name in value._fields)
    elif isinstance(value, (list, tuple, deque)):
        yield from ((f"[{at}]", item) for at, item in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((f" element {at}", item) for at, item in enumerate(value))
    elif isinstance(value, FunctionType):
        names = value.__code__.co_freevars
        yield from (
            (f" variable `{name}`", cell) for name, cell in zip(names, value.__closure__ or (), strict=True)
        )
        yield from ((f" default {at}", item) for at, item in enumerate(value.__defaults__ or ()))
    elif isinstance(value, CellType):
        yield "", value.cell_contents
    else:
        found = ask(value, "parts")
        yield from () if found is NotImplemented else found
    if isinstance(value, (type, ModuleType)):
        return
    yield from ((f".{name}", item) for name, item in (getattr(value, "__dict__", None) or {}).items())
    for name in _slots(type(value)):
        if hasattr(value, name):
            yield f".{name}", getattr(value, name)


def _slots(cls: type) -> tuple[str, ...]:
    """Names of what objects of a class hold outside their `__dict__`, but for what Python hangs on all."""
    found = _known_slots.get(cls)
    if found is None:
        found = _known_slots[cls] = tuple(
            name
            for base in cls.__mro__
            for name, member in vars(base).items()
            if isinstance(member, MemberDescriptorType) and not name.startswith("__")
        )
    return found


_known_slots: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()


def _key(key: Any) -> str:
    try:
        text = mask(repr(key))
    except Exception:  # noqa: BLE001  a user's repr may do anything
        text = f"<{type(key).__name__}>"
    if type(key) is str and text[0] == "'" and '"' not in text:
        text = f'"{text[1:-1]}"'
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
            if isinstance(value, (dict, set, frozenset)) and not _finds_its_keys(value):
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


_SPELLED = ("http", "ssl", "xml", "mmap", "hmac", "lzma", "h5py", "ftp", "smtp")
"""Names that are said letter by letter, and begin with a vowel then."""


def described(part: Any) -> str:
    """The type of a part, with an article: `a generator`, `an _io.TextIOWrapper`."""
    cls = type(part)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return with_article(name)


def with_article(name: str) -> str:
    """The name of a type, as it is said: `a generator`, `an _io.TextIOWrapper`."""
    said = name.lstrip("_")
    return f"{'an' if said[:1] in {*'aeioAEIO'} or said.startswith(_SPELLED) else 'a'} {name}"
