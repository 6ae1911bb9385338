"""The table of extension types: one row per exact type, found by type when encoding, by tag when decoding."""

from __future__ import annotations

from types import MappingProxyType

from perdure.codec.registry import is_registered

from .arrays import ARRAYS, SCALAR
from .classes import (
    CLASS,
    EXCEPTION,
    FUNCTION,
    MODULE,
    OBJECT_OF_FORMAT_1,
    RECORD_OF_FORMAT_1,
    REGISTERED,
    family,
)
from .derived import DERIVED
from .edited import EDITABLE
from .models import CONSTANTS, GENERIC, MODEL, model_row
from .row import Row, resolve
from .standard import STANDARD
from .streams import STREAMS
from .web import WEB
from .wrappers import WRAPPERS

REF, LEAF, EXTERNAL, BUFFER = 1, 2, 3, 4
"""Tags of the stream itself: an object met before, a pickled one, one that lives outside, a large buffer."""

TABLE: tuple[Row, ...] = (*STANDARD, *STREAMS, *WRAPPERS, *ARRAYS, *CONSTANTS, *WEB)
"""Types that are found by module and name."""

FAMILIES = (
    *(SCALAR, REGISTERED, CLASS, FUNCTION, MODULE, EXCEPTION, MODEL, GENERIC, *EDITABLE),
    *(OBJECT_OF_FORMAT_1, RECORD_OF_FORMAT_1, DERIVED),
)
"""Rows that stand for many types."""

BY_TAG: dict[int, Row] = {row.tag: row for row in (*TABLE, *FAMILIES)}
_NAMELESS = (type(...), type(NotImplemented), MappingProxyType)
"""Types that cannot be found by their name."""

_BY_NAME: dict[str, list[Row]] = {}
for _row in TABLE:
    _BY_NAME.setdefault(_row.name, []).append(_row)


def rows_of(cls: type) -> tuple[Row, ...]:
    """The rows for objects of exactly this type, of which the first that fits counts."""
    if is_registered(cls):
        return (REGISTERED,)
    named = [
        row
        for row in _BY_NAME.get(cls.__name__, ())
        if resolve(row.module, row.name) is cls or cls in _NAMELESS
    ]
    return (*named, *(row for row in (model_row(cls), family(cls)) if row is not None))
