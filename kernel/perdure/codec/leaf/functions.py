"""Functions of the notebook: their code and state are kept; their globals they find again in the notebook.

1. A function that comes back sees the notebook's globals as they are when it is called.
2. Its source comes back with it: `inspect.getsource` and tracebacks show it, and its digest stays.
3. Another version of Python compiles the source again, where the function closes over nothing.
4. A bound method is bound again to what its object's class defines under its name.
"""

from __future__ import annotations
import __future__

import ast
import importlib.util
import inspect
import linecache
import marshal
import sys
import textwrap
import types
import weakref
from collections.abc import Iterator
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from perdure.codec.notebook import note_function, notebook
from perdure.errors import NotLoadable

Source = tuple[str, int, str, int, bool]
"""File name, first line, text, flags of the compiler, and whether the code closes over variables."""

KEPT: dict[str, str] = {
    "functions and lambdas of the notebook": (
        "bytecode, source, defaults, closure and attributes; it sees the globals of the notebook as they "
        "are when it is called; another Python compiles the source again, but refuses a function that "
        "closes over variables"
    ),
    "bound methods": "the object and the name, by which its class is asked again",
    "code objects": "bytecode of this version of Python, with its source",
}
"""Types as a user writes them, and how they are stored, for the reference page."""

_FLAGS = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)

_remembered: WeakKeyDictionary[FunctionType, str] = WeakKeyDictionary()

_found: dict[int, tuple[weakref.ref[types.CodeType], Source]] = {}
"""By identity: code that is alike may stand in two files."""

_told: dict[str, list[str]] = {}
"""The lines of files that are known from stored functions alone."""

_UNKNOWN = "...\n"
"""Stands for a line that no stored function holds; unlike an empty one it ends the function above it."""


def tree_of(function: FunctionType) -> str | None:
    """Digest of the tree in which the function was written; None where that is not known."""
    known = _remembered.get(function)
    if known is None:
        from perdure.codec.syntax import definition_tree, tree_digest

        tree = definition_tree(function)
        if tree is None:
            return None
        known = _remembered[function] = tree_digest(tree)
    return known


def remember_tree(function: FunctionType, tree: Any) -> None:
    """A function that was made from stored code keeps the digest of its source."""
    if isinstance(tree, str):
        _remembered[function] = tree


# -- functions -------------------------------------------------------------------------------------------


def reduce_function(function: FunctionType) -> Any:
    """The reduced form of a function of the notebook; `NotImplemented` for others."""
    main = notebook()
    if main is None or function.__globals__ is not vars(main):
        return NotImplemented
    note_function(function)
    state = {
        "defaults": function.__defaults__,
        "kwdefaults": function.__kwdefaults__,
        "annotations": function.__annotations__,
        "doc": function.__doc__,
        "module": function.__module__,
        "qualname": function.__qualname__,
        "dict": function.__dict__,
        "tree": tree_of(function),
    }
    if getattr(function, "__type_params__", ()):
        state["type_params"] = function.__type_params__  # type: ignore[attr-defined]
    made = (function.__code__, function.__name__, function.__closure__)
    return make_function, made, state, None, None, fill_function


def make_function(code: types.CodeType, name: str, closure: tuple[types.CellType, ...] | None) -> Any:
    """A function over the globals of the notebook as it is now."""
    return FunctionType(code, vars(notebook() or sys.modules["__main__"]), name, None, closure)


def fill_function(function: FunctionType, state: dict[str, Any]) -> None:
    """Put back what hangs on a function."""
    function.__defaults__ = state["defaults"]
    function.__kwdefaults__ = state["kwdefaults"]
    function.__annotations__ = state["annotations"]
    function.__doc__ = state["doc"]
    function.__module__ = state["module"]
    function.__qualname__ = state["qualname"]
    if "type_params" in state:
        function.__type_params__ = state["type_params"]  # type: ignore[attr-defined]
    function.__dict__.update(state["dict"])
    remember_tree(function, state["tree"])


def reduce_cell(cell: types.CellType) -> Any:
    """The reduced form of a closure's cell: functions that share it share it again."""
    try:
        contents: tuple[Any, ...] = (cell.cell_contents,)
    except ValueError:
        contents = ()
    return types.CellType, (), contents, None, None, fill_cell


def fill_cell(cell: types.CellType, contents: tuple[Any, ...]) -> None:
    """Put the contents into a closure's cell, if it had any."""
    for value in contents:
        cell.cell_contents = value


def reduce_method(method: types.MethodType) -> Any:
    """The reduced form of a bound method: by its name, where that is how the object's class knows it."""
    name, owner = getattr(method.__func__, "__name__", ""), method.__self__
    for base in (*type(owner).__mro__, *(owner.__mro__ if isinstance(owner, type) else ())):
        if name in vars(base):
            found = vars(base)[name]
            found = found.__func__ if isinstance(found, classmethod) else found
            if found is method.__func__:
                return bound_method, (owner, name)
            break
    return NotImplemented


def bound_method(owner: Any, name: str) -> Any:
    """The method of an object, as its class defines it now.

    Raises:
        NotLoadable: the class has no such method any more.
    """
    try:
        return getattr(owner, name)
    except AttributeError as error:
        cls = (owner if isinstance(owner, type) else type(owner)).__qualname__
        raise NotLoadable(
            subject=f"Method `{cls}.{name}`",
            cause=f"`{cls}` does not define it any more.",
            advice="Put the method back, or run the step again with `--redo`.",
        ) from error


# -- code and its source ---------------------------------------------------------------------------------


def reduce_code(code: types.CodeType) -> Any:
    """The reduced form of code: its bytecode, with the text that it was compiled from where that is known."""
    return load_code, (importlib.util.MAGIC_NUMBER, marshal.dumps(code), code.co_name, _source(code))


def load_code(magic: bytes, data: bytes, name: str = "", source: Source | None = None) -> Any:
    """The code of a function.

    Raises:
        NotLoadable: it was compiled by another version of Python, and cannot be compiled again.
    """
    if source is not None:
        _tell(*source[:3])
    if magic == importlib.util.MAGIC_NUMBER:
        return marshal.loads(data)  # noqa: S302  signed, as the pickle around it
    code = None if source is None else _compiled(name, source)
    if code is None:
        raise NotLoadable(
            subject=f"Function `{name}`" if name else "A function",
            cause="it was kept as the bytecode of another version of Python.",
            advice=f"Run the step again under Python {sys.version_info[0]}.{sys.version_info[1]}.",
        )
    return code


def _source(code: types.CodeType) -> Source | None:
    """The lines in which code stands, if they are known and can be the ones; looked for until found."""
    key = id(code)
    known = _found.get(key)
    if known is not None:
        return known[1]
    source = _looked_up(code)
    if source is not None:
        _found[key] = weakref.ref(code, lambda _: _found.pop(key, None)), source
    return source


def _looked_up(code: types.CodeType) -> Source | None:
    first = code.co_firstlineno
    lines = linecache.getlines(code.co_filename)[first - 1 :]
    if not lines or not _may_begin(lines[0], code.co_name):
        return None
    try:
        block = inspect.getblock(lines)
    except (SyntaxError, IndexError, ValueError):  # a fragment, such as a lambda inside a call
        block = lines[: _last_line(code) - first + 1]
    flags = code.co_flags & _FLAGS
    return code.co_filename, first, "".join(block), flags, bool(code.co_freevars)


def _may_begin(line: str, name: str) -> bool:
    if name == "<lambda>":
        return "lambda" in line
    return f"def {name}" in line or line.lstrip().startswith("@")


def _last_line(code: types.CodeType) -> int:
    return max(line for _, _, line in code.co_lines() if line is not None)


def _tell(file: str, first: int, text: str) -> None:
    """Make a function's lines known under the name of its file, unless that file is known itself."""
    lines = _told.get(file)
    if lines is None or linecache.getlines(file) is not lines:
        if linecache.getlines(file):
            return
        lines = _told[file] = []
    added = text.splitlines(keepends=True)
    lines.extend([_UNKNOWN] * (first - 1 + len(added) - len(lines)))
    lines[first - 1 : first - 1 + len(added)] = added
    linecache.cache[file] = (sum(map(len, lines)), None, lines, file)


def _compiled(name: str, source: Source) -> types.CodeType | None:
    """The code compiled from its text; None where the text alone does not tell it."""
    file, first, text, flags, closes = source
    if closes:
        return None
    try:
        tree = ast.parse(textwrap.dedent(text))
        ast.increment_lineno(tree, first - 1)
        whole = compile(tree, file, "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    found = [code for code in _codes(whole) if code.co_name == name]
    outermost = [code for code in found if code in whole.co_consts]
    found = outermost or found
    return found[0] if len(found) == 1 and not found[0].co_freevars else None


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)
