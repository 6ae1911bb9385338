"""What a %%step cell read from unmarked cells: kept with it, so that `%resume` alone brings back what works.

Imports are kept by name, functions and classes by their source, small values by value; so are classes that no
class statement made. Put back is what is not there.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.engine import keeping
from perdure.engine.code.source import analyse
from perdure.errors import NotKeepable, NotLoadable

from .namespace import is_code, is_notebook_class, is_users

if TYPE_CHECKING:
    from perdure.engine.code.source import CellNames
    from perdure.store.records import Part

    from .session import Session

SMALL = 64 * 1024
"""Values of unmarked cells up to this many bytes are kept with the step that read them."""


# -- kept ------------------------------------------------------------------------------------------------


def keep(
    session: Session, names: CellNames, parts: Iterable[Part], states: Mapping[str, Any], source: str
) -> codec.Encoded | None:
    """What the cell read from unmarked cells; None where that is nothing.

    The states of random numbers at the cell's end lie beside it, where they can be had without its outputs.

    Args:
        session: the notebook's session.
        names: what the cell's code reads.
        parts: the inputs and the code that the call was found by.
        states: of random numbers.
        source: the cell, where functions or classes of it are made again by it: it is signed here, and the
            one in the record is not.
    """
    namespace = session.namespace
    waiting = [*names.reads, *(part.name for part in parts)]
    seen: set[str] = set()
    imports: dict[str, list[str]] = {}
    sources: dict[str, str] = {}
    classes: dict[str, Any] = {}
    values: dict[str, Any] = {}
    objects: dict[str, Any] = {}
    while waiting:
        name = waiting.pop()
        if name in seen or name not in namespace or not is_users(name) or session.maker(name) is not None:
            continue
        seen.add(name)
        value = namespace[name]
        if is_notebook_class(name, value) and not _source(session, name, value):
            classes[name] = value
            continue
        if not is_code(value):
            kind = _kept_as(name, value)
            if kind is not None:
                (values if kind == "plain" else objects)[name] = value
            continue
        where = _importable(name, value)
        if where is not None:
            imports[name] = where
        elif text := _source(session, name, value):
            sources[name] = text
            waiting += analyse(ast.parse(text)).reads
    found = {
        "imports": imports,
        "sources": sources,
        "values": values,
        "classes": _sealed(classes, by_value=True),
        "objects": _sealed(objects),
        "states": dict(states),
        "source": source,
    }
    return keeping.encode(found, name="needs") if any(found.values()) else None


def _importable(name: str, value: Any) -> list[str] | None:
    """Module and attribute from which a module, function or class of a package is imported."""
    if isinstance(value, ModuleType):
        return [value.__name__, ""]
    module, qualified = getattr(value, "__module__", None), getattr(value, "__qualname__", name)
    if isinstance(module, str) and module != "__main__" and "." not in qualified:
        return [module, qualified]
    return None


def _source(session: Session, name: str, value: Any) -> str:
    """The source of one of the notebook's functions or classes, or nothing where it cannot be found."""
    if name in session.written:
        return session.written[name]
    try:
        return textwrap.dedent(inspect.getsource(getattr(value, "__wrapped__", value)))
    except (OSError, TypeError):
        return ""


def _kept_as(name: str, value: Any) -> str | None:
    """The codec of a value that can be kept in a few bytes; None for others."""
    if sys.getsizeof(value, 0) > SMALL:
        return None
    try:
        encoded = keeping.encode(value, name=name)
    except NotKeepable:
        return None
    return encoded.codec if encoded.size <= SMALL else None


def _sealed(values: Mapping[str, Any], *, by_value: bool = False) -> dict[str, Any]:
    """Values as a value inside: it is decoded once the classes of its objects are there."""
    if not values:
        return {}
    encoded, _ = keeping.encode_namespace(values, by_value=values if by_value else ())
    return {
        "codec": encoded.codec,
        "stream": encoded.stream,
        "buffers": [bytes(buffer) for buffer in encoded.buffers],
        "packages": encoded.packages,
    }


# -- put back --------------------------------------------------------------------------------------------


def put(session: Session, found: Mapping[str, Any], subject: str) -> None:
    """Put back what the cell read from unmarked cells, where it is not there.

    What needs something that nobody kept stays away: whoever uses it is told by a NameError.
    """
    if not found:
        return
    namespace, compiler = session.namespace, session.shell.compile
    for name, (module, attribute) in found["imports"].items():
        if name not in namespace:
            imported = importlib.import_module(module)
            namespace[name] = getattr(imported, attribute) if attribute else imported
    _add(namespace, found["values"])
    missing = {name: source for name, source in found["sources"].items() if name not in namespace}
    waiting: list[Callable[[], bool]] = [
        _definition(compile(source, compiler.cache(source), "exec", dont_inherit=True), namespace)
        for source in missing.values()
    ]
    waiting += [
        _values(found[part], namespace, subject) for part in ("classes", "objects") if found.get(part)
    ]
    while waiting:
        left = [works for works in waiting if not works()]
        if len(left) == len(waiting):
            return
        waiting = left


def _add(namespace: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        namespace.setdefault(name, value)


def _definition(code: CodeType, namespace: dict[str, Any]) -> Callable[[], bool]:
    """Runs a definition; tells whether all that it needs was there."""

    def works() -> bool:
        try:
            exec(code, namespace)  # noqa: S102  the notebook's own code
        except NameError:
            return False
        return True

    return works


def _values(kept: Mapping[str, Any], namespace: dict[str, Any], subject: str) -> Callable[[], bool]:
    """Adds values; tells whether the classes of all of them were there."""
    buffers = tuple(memoryview(buffer) for buffer in kept["buffers"])
    encoded = codec.Encoded(kept["codec"], kept["stream"], buffers, kept["packages"], {})

    def works() -> bool:
        try:
            _add(namespace, keeping.decode(encoded, subject=subject))
        except NotLoadable:
            return False
        return True

    return works
