"""Canonical forms of what pickle would write by identity, by place, or in an order that is no content."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable
from typing import Any

import xxhash

from perdure.codec.leaf.functions import tree_of
from perdure.codec.leaf.reduced import DICT_VIEWS, reduced
from perdure.codec.packages.models import reduce_class
from perdure.codec.rows.exceptions import exception_content, made_empty, make_exception, own_form
from perdure.codec.rows.row import by_reference, resolve


def subset() -> None:
    """Stands in the stream for a set of a class of its own."""


def _function() -> None:
    """Stands in the stream for a function by its code."""


def _class() -> None:
    """Stands in the stream for a class by its code."""


def named() -> None:
    """Stands in the stream for what is known by its name."""


def _cell() -> None:
    """Stands in the stream for a closure's cell."""


def _view() -> None:
    """Stands in the stream for a memoryview."""


def _reduce_function(function: types.FunctionType) -> Any:
    if function.__module__ != "__main__" and by_reference(function):
        return NotImplemented  # pickle writes its module and name
    code = tree_of(function) or code_parts(function.__code__)
    state = (function.__defaults__, function.__kwdefaults__, function.__closure__)
    return _function, (code,), (*state, function.__dict__) if function.__dict__ else state


def code_parts(code: types.CodeType) -> tuple[Any, ...]:
    """What bytecode does, without where it was written."""
    constants = tuple(
        code_parts(constant) if isinstance(constant, types.CodeType) else constant
        for constant in code.co_consts
    )
    arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return "code", code.co_code, code.co_exceptiontable, constants, arguments, names


def _reduce_class(cls: type) -> Any:
    generic = reduce_class(cls)
    if generic is not NotImplemented:
        return generic
    if cls.__module__ != "__main__" and by_reference(cls):
        return NotImplemented  # pickle writes its module and name
    from .syntax import definition_tree, tree_digest

    tree = definition_tree(cls)
    bases = tuple(base for base in cls.__bases__ if base is not object)
    # Of a class that a function makes, the source tells the names only of what it has from that function.
    body = _body(cls) if tree is None or "<locals>" in cls.__qualname__ else tree_digest(tree)
    return _class, (cls.__qualname__, body, bases)


def _body(cls: type) -> dict[str, Any]:
    """What a class without a source defines, without what Python adds."""
    body = {name: member for name, member in vars(cls).items() if not _is_machinery(name, member)}
    if issubclass(cls, enum.Enum):
        members = {name: member._value_ for name, member in cls.__members__.items()}
        body = {
            name: member for name, member in body.items() if not (name in members or name.startswith("_"))
        }
        return body | members
    return dict(sorted(body.items()))  # pickled by value, a class defines the same in another order


def _is_machinery(name: str, member: Any) -> bool:
    return name in _MACHINERY or isinstance(member, types.GetSetDescriptorType | types.MemberDescriptorType)


_MACHINERY = frozenset(
    f"__{name}__"
    for name in ("doc", "module", "firstlineno", "static_attributes", "slotnames", "dict", "weakref")
) | {
    "_abc_impl",
    *(f"__pydantic_{name}__" for name in ("core_schema", "validator", "serializer", "parent_namespace")),
}
"""What Python and packages add to a class, or make of the rest of it."""


def _reduce_cell(cell: types.CellType) -> Any:
    try:
        return _cell, (), (cell.cell_contents,)
    except ValueError:
        return _cell, ()


def _reduce_exception(error: BaseException) -> Any:
    if not made_empty(type(error)):
        make, args, (*state, _) = own_form(error)
        return make, args, state
    made, group, *state = exception_content(error)
    return make_exception, (made, group), state


def _reduce_property(value: property) -> Any:
    return named, ("property", value.fget, value.fset, value.fdel)


REDUCERS: dict[type, Callable[[Any], Any]] = {
    types.FunctionType: _reduce_function,
    types.CellType: _reduce_cell,
    types.CodeType: lambda code: (_function, code_parts(code)),
    types.ModuleType: lambda module: (named, (module.__name__,)),
    **{kind: (lambda view: (named, (type(view).__name__, list(view)))) for kind in DICT_VIEWS},
    types.MappingProxyType: lambda value: (named, ("mappingproxy", dict(value))),
    memoryview: lambda value: (_view, (value.format, value.shape, value.readonly, value.tobytes())),
    property: _reduce_property,
    staticmethod: lambda value: (named, ("staticmethod", value.__func__)),
    classmethod: lambda value: (named, ("classmethod", value.__func__)),
}


AS_PICKLED = frozenset(
    {("datetime", "datetime"), ("datetime", "date"), ("datetime", "time"), ("datetime", "timedelta")}
    | {("datetime", "timezone"), ("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID")}
)
"""Types whose pickle is canonical, and which hold nothing else. A class of this name elsewhere is another."""


KINDS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (type, _reduce_class),
    (BaseException, _reduce_exception),
)


def exact_form(obj: Any) -> Any:
    """The form in which the leaf takes an object apart, where that is canonical, or else one that is."""
    if type(obj) is resolve("array", "array"):  # pickle would copy its memory, several times
        return named, ("array", obj.typecode, len(obj), xxhash.xxh3_128_digest(obj))
    form = reduced(obj)
    if isinstance(obj, resolve("pathlib", "PurePath") or ()) and (
        form is NotImplemented or form[0] is type(obj)
    ):
        # Pickle writes a path as it was spelled, such as with two slashes or in several pieces.
        return type(obj), (str(obj),), *(() if form is NotImplemented else form[2:5])
    # A function that fills the object stands for no content, and need not be pickled.
    return form if form is NotImplemented else form[:5]
