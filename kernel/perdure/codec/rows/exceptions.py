"""Exceptions with all that hangs on them: pickle alone loses cause, context and notes (promise 4).

Of a traceback is kept what it prints. No `__init__` runs when an exception is made again.
"""

from __future__ import annotations

from types import MemberDescriptorType
from typing import Any
from weakref import WeakKeyDictionary

from .state import set_state
from .traces import make_trace, trace_parts

_HEAP_TYPE = 1 << 9
_ARGS: Any = vars(BaseException)["args"]
"""A class may show other `args` than those that it was made with."""


_TRACE = -1
"""Stands among the slots in place of a position: what follows is the traceback."""


def _members(cls: type) -> list[tuple[int, str]]:
    """The slots of a class, in C or in Python, as (position among its bases, name)."""
    return [
        (position, name)
        for position, base in enumerate(cls.__mro__)
        for name, member in vars(base).items()
        if (isinstance(member, MemberDescriptorType) and base is not BaseException)
        or (base is OSError and name == "characters_written")
    ]


def _slot(cls: type, position: int, name: str) -> Any:
    return vars(cls.__mro__[position])[name]


def exception_parts(error: BaseException) -> list[Any]:
    """Class, message and members (of a group), then all the rest as plain values, with the traceback last."""
    trace = [_TRACE, "", trace_parts(error.__traceback__)] if error.__traceback__ is not None else []
    return [*exception_content(error), *trace]


def exception_content(error: BaseException) -> list[Any]:
    """The same without the traceback: what counts in a digest."""
    cls = type(error)
    group = isinstance(error, BaseExceptionGroup)
    slots = []
    for position, name in _members(cls):
        if group and name in ("message", "exceptions"):
            continue
        try:
            value = _slot(cls, position, name).__get__(error)
        except AttributeError:
            continue
        # In C, None is what an unset member reads as; to set it is not the same: `OSError` would show it.
        if value is not None or cls.__mro__[position].__flags__ & _HEAP_TYPE:
            slots += [position, name, value]
    return [
        *(cls, (error.message, list(error.exceptions)) if group else None),  # type: ignore[attr-defined]
        *(_ARGS.__get__(error), vars(error), error.__cause__, error.__context__, error.__suppress_context__),
        *slots,
    ]


def make_exception(cls: type[BaseException], group: Any = None) -> BaseException:
    """An empty exception of the class; a group is made with its members, which cannot be changed later."""
    if group is not None:
        return BaseExceptionGroup.__new__(cls, *group)  # type: ignore[type-var]
    base: Any = next(base for base in cls.__mro__ if not base.__flags__ & _HEAP_TYPE)
    made: BaseException = base.__new__(cls)
    return made


def made_empty(cls: type[BaseException]) -> bool:
    """Whether an exception of this class can be made empty. Some in C are made in their own way only."""
    found = _made_empty.get(cls)
    if found is None:
        try:
            found = issubclass(cls, BaseExceptionGroup) or make_exception(cls) is not None
        except TypeError:
            found = False
        _made_empty[cls] = found
    return found


_made_empty: WeakKeyDictionary[type[BaseException], bool] = WeakKeyDictionary()


def own_form(error: BaseException) -> tuple[Any, ...]:
    """The reduced form of an exception that is made in its own way, with what pickle forgets of it."""
    make, args, state = (*error.__reduce_ex__(5), None)[:3]
    trace = None if error.__traceback__ is None else trace_parts(error.__traceback__)
    around = (vars(error), error.__cause__, error.__context__, error.__suppress_context__)
    return make, args, (state, *around, trace)


def fill_around(error: BaseException, parts: tuple[Any, ...]) -> None:
    """Put back what `own_form` gave as the state."""
    state, attributes, cause, context, suppress, trace = parts
    set_state(error, state)
    vars(error).update(attributes)
    _put_around(error, cause, context, suppress)
    if trace is not None:
        _put(error, "__traceback__", make_trace(trace))


def fill_exception(error: BaseException, parts: list[Any]) -> None:
    """Put back what `exception_parts` gave after the first two parts."""
    args, attributes, cause, context, suppress, *slots = parts
    _ARGS.__set__(error, args)
    for at in range(0, len(slots), 3):
        if slots[at] == _TRACE:
            _put(error, "__traceback__", make_trace(slots[at + 2]))
        else:
            _slot(type(error), slots[at], slots[at + 1]).__set__(error, slots[at + 2])
    vars(error).update(attributes)
    _put_around(error, cause, context, suppress)


def _put_around(error: BaseException, cause: Any, context: Any, suppress: Any) -> None:
    _put(error, "__cause__", cause)
    _put(error, "__context__", context)
    _put(error, "__suppress_context__", suppress)


def _put(error: BaseException, name: str, value: Any) -> None:
    """Set what every exception has, whatever the class allows: a frozen dataclass allows nothing."""
    vars(BaseException)[name].__set__(error, value)
