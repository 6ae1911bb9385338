"""numpy's dtypes as plain values: a text, or a list that begins with a word. Exact, or not told at all."""

from __future__ import annotations

from typing import Any

_FIELDS, _ITEMS, _CLASS, _NOTED, _TEXT = "fields", "items", "class", "noted", "text"
_KINDS = frozenset("?biufcSUVmMO")


def describe(dtype: Any) -> Any:
    """The dtype as plain values; None where they do not tell all, as for types of other packages."""
    import numpy as np

    try:
        if dtype.kind in _KINDS and np.dtype(dtype.char) is dtype and dtype.char not in "qQ":
            return dtype.str
        found = _describe(dtype)
        return found if _alike(make_dtype(found), dtype) else None
    except (TypeError, ValueError):  # what numpy itself cannot make again
        return None


def _describe(dtype: Any) -> Any:
    import numpy as np

    simple = dtype.kind in _KINDS and dtype.names is None and dtype.subdtype is None and not dtype.metadata
    if simple and dtype.type.__module__ == "numpy":
        text: str = dtype.str
        # `longlong` looks like `int64`, and is another type.
        return text if np.dtype(text).char == dtype.char else text[0] + dtype.char
    if dtype.metadata:
        return [_NOTED, _describe(_without_notes(dtype)), dict(dtype.metadata)]
    if dtype.kind == "T":
        return [_TEXT, dtype.coerce, *([dtype.na_object] if hasattr(dtype, "na_object") else [])]
    if dtype.subdtype is not None:
        return [_ITEMS, _describe(dtype.subdtype[0]), list(dtype.shape)]
    if dtype.kind == "V" and dtype.type is not np.void:
        plain = np.dtype((np.void, dtype)) if dtype.names is None else np.dtype(_form(dtype))
        return [_CLASS, dtype.type, _describe(plain)]
    if dtype.names is not None:
        form = _form(dtype)
        formats = [_describe(each) for each in form["formats"]]
        titles = form.get("titles")
        return [
            *(_FIELDS, form["names"], formats, form["offsets"], titles, form["itemsize"]),
            dtype.isalignedstruct,
        ]
    raise TypeError(f"{dtype} is not one of numpy's own")


def _form(dtype: Any) -> Any:
    """The fields as numpy takes them; records, notes and alignment aside."""
    fields = [dtype.fields[name] for name in dtype.names]
    form: dict[str, Any] = {
        "names": list(dtype.names),
        "formats": [field[0] for field in fields],
        "offsets": [field[1] for field in fields],
        "itemsize": dtype.itemsize,
    }
    if any(len(field) > 2 for field in fields):  # noqa: PLR2004  the third is a title
        form["titles"] = [field[2] if len(field) > 2 else None for field in fields]  # noqa: PLR2004
    return form


def _without_notes(dtype: Any) -> Any:
    import numpy as np

    if dtype.names is not None:
        plain: Any = np.dtype(_form(dtype), align=dtype.isalignedstruct)
        return plain if dtype.type is np.void else np.dtype((dtype.type, plain))
    if dtype.subdtype is not None:
        return np.dtype(dtype.subdtype)
    return np.dtype(dtype.str[0] + dtype.char if dtype.char in "qQ" else dtype.str)


def make_dtype(found: Any) -> Any:  # noqa: PLR0911  one return for each form
    """The dtype that `describe` told."""
    import numpy as np

    if isinstance(found, str):
        return np.dtype(found)
    word = found[0] if isinstance(found, list) and found else None
    if word == _NOTED:
        return np.dtype(make_dtype(found[1]), metadata=found[2])
    if word == _TEXT:
        return np.dtypes.StringDType(coerce=found[1], **({"na_object": found[2]} if found[2:] else {}))
    if word == _ITEMS:
        return np.dtype((make_dtype(found[1]), tuple(found[2])))
    if word == _CLASS:
        return np.dtype((found[1], make_dtype(found[2])))
    if word == _FIELDS:
        _, names, formats, offsets, titles, itemsize, aligned = found
        form = {"names": names, "formats": [make_dtype(each) for each in formats], "offsets": offsets}
        more: Any = {"itemsize": itemsize, **({} if titles is None else {"titles": titles})}
        return np.dtype(form | more, align=aligned)
    from numpy.lib.format import descr_to_dtype  # as the first version of this format told it

    return descr_to_dtype(found)


def _alike(one: Any, other: Any) -> bool:
    """Whether two dtypes are alike in all that can be asked of them."""
    facts = ("char", "str", "type", "itemsize", "alignment", "isalignedstruct", "names", "shape", "metadata")
    if any(getattr(one, fact) != getattr(other, fact) for fact in facts):
        return False
    if one.kind == "T":
        return type(one) is type(other) and one.coerce == other.coerce and repr(one) == repr(other)
    if one.names is not None:
        pairs = ((one.fields[name], other.fields[name]) for name in one.names)
        return all(_alike(a[0], b[0]) and a[1:] == b[1:] for a, b in pairs)
    return one.subdtype is None or _alike(one.base, other.base)
