"""The table of extension types: one row per exact type, found by type when encoding, by tag when decoding."""

from __future__ import annotations

from .arrays import ARRAY, SCALAR
from .classes import CLASS, ENUM, EXCEPTION, FUNCTION, INSTANCE, MODULE, RECORD, REGISTERED, family
from .row import Row, resolve
from .standard import STANDARD

REF, LEAF, EXTERNAL, BUFFER = 1, 2, 3, 4
"""Tags of the stream itself: an object met before, a pickled one, one that lives outside, a large buffer."""

TABLE: tuple[Row, ...] = (*STANDARD, ARRAY)
"""Types that are found by module and name."""

FAMILIES = (SCALAR, REGISTERED, CLASS, FUNCTION, MODULE, INSTANCE, ENUM, RECORD, EXCEPTION)
"""Rows that stand for many types."""

BY_TAG: dict[int, Row] = {row.tag: row for row in (*TABLE, *FAMILIES)}
_NAMELESS = (type(...), type(NotImplemented))
"""Types of constants, which cannot be found by their name."""

_BY_NAME: dict[str, list[Row]] = {}
for _row in TABLE:
    _BY_NAME.setdefault(_row.name, []).append(_row)


def rows_of(cls: type) -> tuple[Row, ...]:
    """The rows for objects of exactly this type, of which the first that fits counts."""
    named = [
        row
        for row in _BY_NAME.get(cls.__name__, ())
        if resolve(row.module, row.name) is cls or cls in _NAMELESS
    ]
    kin = family(cls)
    return (*named, kin) if kin is not None else tuple(named)
