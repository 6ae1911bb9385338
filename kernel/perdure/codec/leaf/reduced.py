"""Exact reduced forms where pickle's own change something silently (promise 4).

Pickle forgets the attributes of a subclass of `Counter`, `Decimal`, `datetime` or `ndarray`, the flag of a
read-only array and the mask's kind; it reads and fills lists and dicts through methods that a subclass may
change; and a view of a dict becomes a view of a copy. What is made here has none of this.
"""

from __future__ import annotations

import collections
import copyreg
import dataclasses
import gc
import inspect
import types
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from perdure.codec.model import Refusal
from perdure.codec.packages.kits import ask
from perdure.codec.rows.classes import find
from perdure.codec.rows.derived import base_of, derived_parts, fill_derived, make_derived
from perdure.codec.rows.edited import fill_object, is_plain_object, object_parts
from perdure.codec.rows.row import resolve
from perdure.codec.rows.state import fill_attributes, hung_on, reducing_class, set_state

from .standard import reduced_standard

_FORGETFUL = frozenset(
    {
        *("collections.Counter", "collections.defaultdict", "decimal.Decimal", "fractions.Fraction"),
        *("datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta", "random.Random"),
        *(
            "pathlib.PurePath",
            "pathlib._local.PurePath",
            "ipaddress._IPAddressBase",
            "ipaddress._BaseAddress",
        ),
        *("ipaddress.IPv4Address", "ipaddress.IPv6Address", "ipaddress.IPv4Interface"),
        *("ipaddress.IPv6Interface", "zoneinfo.ZoneInfo"),
        *("pandas._libs.tslibs.timestamps._Timestamp", "pandas._libs.tslibs.timedeltas._Timedelta"),
    }
)
"""Classes whose way to be pickled leaves out what a subclass, or a user, hangs on the object."""

_HIDDEN = {
    "random.Random": ("random", "_inst"),
    "numpy.random.mtrand.RandomState": ("numpy.random.mtrand", "_rand"),
}
"""The generators behind `random.random` and `numpy.random.rand`: functions of the module, not objects."""

_GAUSS = "gauss_next"
"""The attribute of a `random.Random` that its state holds already."""

DICT_VIEWS = {
    type(getattr(cls(), name)()): (cls, name)
    for cls in (dict, collections.OrderedDict)
    for name in ("keys", "values", "items")
}


KEPT: dict[str, str] = {
    "views of a dict (`.keys()`, `.values()`, `.items()`)": "the dict that it shows",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduced(obj: Any) -> Any:  # noqa: PLR0911  one return for each kind
    """The reduced form of an object, or `NotImplemented` where pickle's own tells all.

    Raises:
        Refusal: the object cannot be kept as it is.
    """
    cls = type(obj)
    hidden = _HIDDEN.get(f"{cls.__module__}.{cls.__qualname__}")
    if hidden is not None and resolve(*hidden) is obj:
        return find, hidden
    if cls in DICT_VIEWS:
        return make_dict_view, (gc.get_referents(obj.mapping)[0], *DICT_VIEWS[cls])
    if cls is types.MappingProxyType:
        return types.MappingProxyType, (gc.get_referents(obj)[0],)
    standard = reduced_standard(obj)
    if standard is not NotImplemented:
        return standard
    form = ask(obj, "reduce")
    if form is not NotImplemented:
        return form
    if base_of(cls) is not None:
        made, head, *state = derived_parts(obj)
        return make_derived, (made, head), state, None, None, fill_derived
    definer = reducing_class(cls)
    if definer is not None:
        named = f"{definer.__module__}.{definer.__qualname__}"
        return _with_attributes(obj, definer) if named in _FORGETFUL else NotImplemented
    if (dataclasses.is_dataclass(cls) or cls.__module__ == "__main__") and is_plain_object(obj):
        return copyreg.__newobj__, (cls,), object_parts(obj)[1:], None, None, fill_object  # type: ignore[attr-defined]
    _see_state(obj)
    return _own_items(obj)


def _see_state(obj: Any) -> None:
    """Pass over an object whose attributes and slots are where pickle looks for them.

    Raises:
        Refusal: pickle would put them elsewhere, without a word.
    """
    cls = type(obj)
    if cls not in _open_slots:
        _open_slots[cls] = all(
            not isinstance(member, types.MemberDescriptorType) or inspect.getattr_static(cls, name) is member
            for base in cls.__mro__
            for name, member in vars(base).items()
        )
    if not _open_slots[cls]:
        raise Refusal(obj, "A name in its class hides one of its slots.", "Give the slot another name.")
    if type(getattr(obj, "__dict__", None) or {}) is not dict:
        cause = "Its attributes lie in another kind of dict, which would come back as a plain one."
        raise Refusal(obj, cause, "Keep them in a plain dict (`vars(self).update(...)`).")


_open_slots: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


def _with_attributes(obj: Any, definer: type) -> Any:
    attributes = dict(getattr(obj, "__dict__", None) or {})
    if definer.__module__ in ("random", "ipaddress"):
        attributes.pop(_GAUSS, None)
        if definer.__module__ == "ipaddress" and type(obj).__module__ == "ipaddress":
            attributes = hung_on(obj)  # its `__dict__` holds what was computed from the address too
    for base in type(obj).__mro__[: type(obj).__mro__.index(definer)]:
        for name, member in vars(base).items():
            added = base.__module__ != definer.__module__ and isinstance(member, types.MemberDescriptorType)
            if added and hasattr(obj, name):
                attributes[name] = getattr(obj, name)
    form = obj.__reduce_ex__(5)
    if not attributes or isinstance(form, str):
        return NotImplemented
    make, args, state, *items = (*form, None, None, None)[:5]
    return make, args, (state, attributes), *items, fill_attributes


def make_dict_view(mapping: Any, cls: type, name: str) -> Any:
    """A view of the mapping itself."""
    return getattr(cls, name)(mapping)


_READ: dict[type, tuple[str, ...]] = {
    list: ("__iter__", "append", "extend"),
    dict: ("items", "__iter__", "__setitem__"),
    tuple: ("__iter__",),
}


def _own_items(obj: Any) -> Any:
    """List, dict and named tuple classes that change how items are read or put: by the base's own methods."""
    cls = type(obj)
    for base, names in _READ.items():
        if issubclass(cls, base) and any(getattr(cls, name) is not getattr(base, name) for name in names):
            if base is tuple:
                return make_tuple, (cls, list(tuple.__iter__(obj))), getattr(obj, "__dict__", None) or None
            form: tuple[Any, ...] = obj.__reduce_ex__(5)
            make, args, state = (*form, None)[:3]
            items = list(list.__iter__(obj)) if base is list else list(dict.items(obj))
            return make, args, (state, items), None, None, _FILL[base]
    return NotImplemented


def make_tuple(cls: type[tuple[Any, ...]], items: list[Any]) -> Any:
    """A tuple of a class of its own, whose `__new__` may take other arguments."""
    return tuple.__new__(cls, items)


def fill_list(made: list[Any], state: tuple[Any, list[Any]]) -> None:
    """Give a list its attributes and items."""
    set_state(made, state[0])
    list.extend(made, state[1])


def fill_dict(made: dict[Any, Any], state: tuple[Any, list[tuple[Any, Any]]]) -> None:
    """Give a dict its attributes and items."""
    set_state(made, state[0])
    dict.update(made, state[1])


_FILL: dict[type, Callable[..., None]] = {list: fill_list, dict: fill_dict}
