"""Which module of this folder knows a class: found by the packages that its bases come from.

Such a module, a *kit*, may define

- `reduce(obj)`: the form in which the pickle leaf takes the object apart (as `__reduce_ex__` gives it, with
  large memory as `pickle.PickleBuffer`), where the package's own form loses something or copies memory;
- `content(obj)`: the form that stands for the object in a digest: alike for alike contents, however laid out;
- `alone(obj)`: true where that takes long to find, so that it is looked for once, wherever the object stands;
- `show(obj)`: what a preview says of it, as plain data beside its type;
- `parts(obj)`: the objects in it that Python can reach, each with what is written behind it to reach them.

Each answers `NotImplemented` for what it leaves to others, and may raise `Refusal`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary

KITS: dict[str, str] = {
    "numpy": "numpy",
    "pandas": "pandas",
    "PIL": "pillow",
    "dask": "dask",
    "matplotlib": "matplotlib",
    "mpl_toolkits": "matplotlib",
    "networkx": "networkx",
    "scipy": "scipy",
    "sklearn": "sklearn",
    "torch": "torch",
    "xarray": "xarray",
    "polars": "polars",
    "pyarrow": "pyarrow",
    "attr": "models",
    "msgspec": "models",
    "pydantic": "models",
    "functools": "functools",
    "http": "web",
    "httpx": "web",
    "multidict": "web",
    "perdure": "own",
    "requests": "web",
}
"""The package at the root of a class's module, and the module of this folder that knows it."""


KEPT: dict[str, str] = {
    "shapely.Geometry": "its well-known binary, as shapely writes it, with its SRID",
    "shapely.STRtree": "its geometries",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


class _Kit(Protocol):
    """What `KITS` leads to; each of the functions may be missing."""


_of: WeakKeyDictionary[type, tuple[_Kit, ...]] = WeakKeyDictionary()


def kits_of(cls: type) -> tuple[_Kit, ...]:
    """The kits for objects of this class, that of the nearest base first."""
    found = _of.get(cls)
    if found is None:
        roots = dict.fromkeys(base.__module__.partition(".")[0] for base in cls.__mro__)
        if hasattr(cls, "__attrs_attrs__"):  # attrs leaves its mark on a class in place of a base
            roots["attr"] = ""
        found = _of[cls] = tuple(_kit(KITS[root]) for root in roots if root in KITS)
    return found


def _kit(name: str) -> _Kit:
    return cast("_Kit", import_module(f"{__package__}.{name}"))


def ask(obj: Any, question: str) -> Any:
    """The first answer of a kit to one of these questions about the object, or `NotImplemented`."""
    for answer in _answers(obj, question):
        if answer is not NotImplemented:
            return answer
    return NotImplemented


def _answers(obj: Any, question: str) -> Iterator[Any]:
    for kit in kits_of(type(obj)):
        asked = getattr(kit, question, None)
        if asked is not None:
            yield asked(obj)
