"""Changes of one place, by type: what a digest must see in a value of the table.

Each takes a value made anew and gives a changed one: the same object where it can be changed, else another. What is
not for the value at hand, such as the first row of an empty frame, gives `NOT_HERE` or raises.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import fractions
import functools
import ipaddress
import itertools
import random
import re
import struct
import sys
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any

NOT_HERE = object()
MARK = ("changed", 1)
Change = Callable[[Any], Any]


def _into(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value, after something was done to it in place."""
    change(value)
    return value


def _cell(value: Any) -> Any:
    """One element of an array is another; all bits of it, for what can be no number."""
    import numpy as np

    made = value.copy(order="K")
    if not made.size:
        return NOT_HERE
    at = (0,) * made.ndim
    if made.dtype.hasobject and made.dtype.names is None:
        made[at] = MARK
    elif made.dtype.kind == "T":
        made[at] = "changed"
    elif made.dtype.names:
        name = next(name for name in made.dtype.names if made.dtype[name].itemsize and made[name].size)
        made[name] = _cell(np.asarray(made[name]))
    elif made.dtype.char in "gG":  # they have bytes that are no content
        made[at] = 2.5
    elif made.dtype.itemsize:
        cells = np.ascontiguousarray(made.view(np.ndarray)).reshape(-1).view("u1")
        cells[1 if made.dtype.itemsize > 1 else 0] ^= 1
        made = cells.view(made.dtype).reshape(made.shape)
    else:
        return NOT_HERE
    return made


def _scalar(value: Any) -> Any:
    import numpy as np

    return _cell(np.array([value], value.dtype))[0]


def _turned(value: Any) -> Any:
    """The same elements with the axes in another order in memory."""
    import numpy as np

    if (
        not value.flags.c_contiguous
        or sum(length > 1 for length in value.shape) < 2
        or value.dtype.kind == "T"
    ):
        return NOT_HERE
    return np.array(value, order="F")


def _frame_cell(frame: Any) -> Any:
    """One cell of the first column, whatever the type of the column."""
    column = frame.iloc[:, 0]
    made = frame.copy()
    made.isetitem(0, _column_cell(column))
    return made


def _column_cell(column: Any) -> Any:
    import pandas as pd

    made = column.copy()
    made.iloc[0] = pd.NA if not pd.isna(made.iloc[0]) else made.iloc[-1]
    return made if repr(made.iloc[0]) != repr(column.iloc[0]) else NOT_HERE


def _first_last(items: dict[Any, Any]) -> Any:
    """The first item of a dict comes last."""
    if len(items) < 2:
        return NOT_HERE
    key = next(iter(items))
    items[key] = items.pop(key)
    return items


def _attr(name: str, item: Any) -> Change:
    return lambda value: _into(value, lambda each: setattr(each, name, item))


def _tensor_cell(tensor: Any) -> Any:
    import torch

    if tensor.is_meta or tensor.is_quantized or tensor.layout != torch.strided or not tensor.numel():
        return NOT_HERE
    made = tensor.detach().clone().resolve_conj().resolve_neg().contiguous()
    with torch.no_grad():
        made.reshape(-1).view(torch.uint8)[0] ^= 1
    return made


def _parameter(module: Any) -> Any:
    import torch

    with torch.no_grad():
        next(iter(module.parameters())).add_(1)
    return module


def _polars_list(dtype: Any) -> Any:
    import polars as pl

    return pl.List(dtype)


def _shift(geometry: Any) -> Any:
    import shapely

    return shapely.transform(geometry, lambda points: points + 1) if not geometry.is_empty else NOT_HERE


def _pixel(image: Any) -> Any:
    image.load()
    before = image.getpixel((0, 0))
    image.putpixel(
        (0, 0), tuple(255 - part for part in before) if isinstance(before, tuple) else 200 - before
    )
    return image if image.getpixel((0, 0)) != before else NOT_HERE


def _another_member(member: enum.Enum) -> Any:
    return next((each for each in type(member) if each is not member), NOT_HERE)


def _of_error(name: str, item: Any) -> Change:
    """What every exception has, also one that lets nobody set it."""
    return lambda error: _into(error, lambda each: vars(BaseException)[name].__set__(each, item))


def _first_field(value: Any) -> Any:
    return value._replace(**{value._fields[0]: MARK})


BY_TYPE: dict[str, dict[str, Change]] = {
    "builtins.bool": {"the other": lambda v: not v, "an int": int},
    "builtins.int": {"one more": lambda v: v + 1, "minus": lambda v: -v if v else NOT_HERE},
    "builtins.float": {"minus": lambda v: -v, "another": lambda v: 2.5 if v != 2.5 else 1.5},
    "builtins.complex": {"another": lambda v: complex(v.real, 9.5)},
    "builtins.str": {"one more": lambda v: v + "\0", "bytes": lambda v: v.encode("utf-8", "surrogatepass")},
    "builtins.bytes": {"one more": lambda v: v + b"\0", "can be changed": bytearray},
    "builtins.bytearray": {"one more": lambda v: _into(v, lambda w: w.append(0)), "cannot be changed": bytes},
    "builtins.memoryview": {"as bytes": bytes, "another": lambda v: memoryview(bytes(v) + b"\0")},
    "builtins.list": {
        "one more": lambda v: _into(v, lambda w: w.append(MARK)),
        "one less": lambda v: _into(v, lambda w: w.pop()),
        "a tuple": tuple,
        "the first": lambda v: _into(v, lambda w: w.__setitem__(0, MARK)),
    },
    "builtins.tuple": {"one more": lambda v: (*v, MARK), "a list": list},
    "builtins.dict": {
        "one more": lambda v: _into(v, lambda w: w.__setitem__("changed", MARK)),
        "one less": lambda v: _into(v, lambda w: w.pop(next(iter(w)))),
        "one item": lambda v: _into(v, lambda w: w.__setitem__(next(iter(w)), MARK)),
        "in another order": _first_last,
    },
    "builtins.set": {"one more": lambda v: _into(v, lambda w: w.add(MARK)), "frozen": frozenset},
    "builtins.frozenset": {"one more": lambda v: v | {MARK}, "a set": set},
    "builtins.range": {"longer": lambda v: range(v.start, v.stop + v.step, v.step)},
    "builtins.slice": {"another end": lambda v: slice(v.start, 77, v.step)},
    "builtins.BaseException": {
        "arguments": _of_error("args", (MARK,)),
        "a note": lambda v: _into(v, lambda w: w.add_note("changed")),
        "the cause": _of_error("__cause__", KeyError("another")),
        "the context": _of_error("__context__", KeyError("another")),
        "an attribute": _attr("changed", MARK),
    },
    "builtins.list, derived": {"one more": lambda v: _into(v, lambda w: list.append(w, MARK))},
    "builtins.dict, derived": {"one more": lambda v: _into(v, lambda w: _put(w, "changed", 1))},
    "builtins.str, derived": {"one more": lambda v: type(v)(str(v) + "x")},
    "array.array": {
        "one more": lambda v: _into(v, lambda w: w.append(w[0])),
        "one less": lambda v: v[1:] if v else NOT_HERE,
    },
    "collections.OrderedDict": {
        "order": lambda v: _into(v, lambda w: w.move_to_end(next(iter(w)))) if len(v) > 1 else NOT_HERE
    },
    "collections.defaultdict": {"the factory": _attr("default_factory", tuple)},
    "collections.deque": {
        "one more": lambda v: _into(v, lambda w: w.appendleft(MARK)) if v.maxlen != 0 else NOT_HERE,
        "the limit": lambda v: collections.deque(v, (v.maxlen or 8) + 1),
    },
    "collections.ChainMap": {"another map": lambda v: _into(v, lambda w: w.maps.append({}))},
    "types.MappingProxyType": {"one more": lambda v: types.MappingProxyType({**v, "changed": 1})},
    "enum.Enum": {"another": _another_member},
    "decimal.Decimal": {"minus": lambda v: v.copy_negate(), "another": lambda v: decimal.Decimal("7.10")},
    "decimal.Context": {"precision": _attr("prec", 9)},
    "fractions.Fraction": {"one more": lambda v: fractions.Fraction(v + 1)},
    "random.Random": {
        "used once": lambda v: (
            _into(v, lambda w: w.random()) if type(v) is not random.SystemRandom else NOT_HERE
        )
    },
    "datetime.datetime": {
        "a microsecond": lambda v: v.replace(microsecond=77),
        "fold": lambda v: v.replace(fold=1 - v.fold) if type(v) is dt.datetime else NOT_HERE,
        "the zone": lambda v: v.replace(tzinfo=dt.timezone(dt.timedelta(minutes=7))),
    },
    "datetime.date": {
        "another day": lambda v: v.replace(day=28),
        "an earlier year": lambda v: v.replace(year=1999),
    },
    "datetime.time": {
        "a microsecond": lambda v: v.replace(microsecond=77),
        "fold": lambda v: v.replace(fold=1 - v.fold),
    },
    "datetime.timedelta": {"less": lambda v: v - dt.timedelta(microseconds=1)},
    "datetime.timezone": {"a name": lambda v: dt.timezone(v.utcoffset(None), "changed")},
    "uuid.UUID": {"another": lambda v: uuid.UUID(int=v.int ^ 1, is_safe=v.is_safe)},
    "pathlib.PurePath": {"a part more": lambda v: v / "changed"},
    "re.Pattern": {
        "the text": lambda v: re.compile(v.pattern + v.pattern[:1], v.flags & ~re.UNICODE),
        "the flags": lambda v: re.compile(v.pattern, (v.flags & ~re.UNICODE) ^ re.MULTILINE),
    },
    "ipaddress._BaseAddress": {"the next": lambda v: ipaddress.ip_address(int(v) + 1)},
    "ipaddress._BaseNetwork": {"narrower": lambda v: next(v.subnets())},
    "urllib.parse._ResultMixinBase": {"fragment": lambda v: v._replace(fragment=type(v.fragment)())},
    "string.Template": {"the text": _attr("template", "changed")},
    "struct.Struct": {"the format": lambda v: struct.Struct(v.format + "b")},
    "io.BytesIO": {
        "the position": lambda v: _into(v, lambda w: w.seek(w.tell() + 1)),
        "the content": lambda v: _into(v, lambda w: (at := w.tell(), w.seek(0), w.write(b"\7"), w.seek(at))),
    },
    "io.StringIO": {
        "the position": lambda v: _into(v, lambda w: w.seek(w.tell() + 1)),
        "the content": lambda v: _into(v, lambda w: (at := w.tell(), w.seek(0), w.write("\7"), w.seek(at))),
    },
    "functools.partial": {"one more": lambda v: functools.partial(v.func, *v.args, MARK, **v.keywords)},
    "numpy.ndarray": {
        "one element": _cell,
        "a dimension more": lambda v: v[None],
        "one less": lambda v: v[1:] if v.ndim and len(v) else NOT_HERE,
        "the order of the axes": lambda v: _turned(v) if type(v).__name__ == "ndarray" else NOT_HERE,
    },
    "numpy.ma.MaskedArray": {"the mask": lambda v: _into(v, lambda w: w.__setitem__(0, _masked()))},
    "numpy.generic": {"another": _scalar},
    "numpy.dtype": {"in a field": lambda v: sys.modules["numpy"].dtype([("a", v)])},
    "numpy.random.Generator": {"used once": lambda v: _into(v, lambda w: w.random())},
    "numpy.random.RandomState": {"used once": lambda v: _into(v, lambda w: w.random_sample())},
    "numpy.random.BitGenerator": {"used once": lambda v: _into(v, lambda w: w.random_raw())},
    "numpy.random.SeedSequence": {"a child": lambda v: _into(v, lambda w: w.spawn(1))},
    "pandas.DataFrame": {
        "one cell": _frame_cell,
        "the name of a column": lambda v: v.set_axis([*v.columns[:-1], "changed"], axis=1),
        "the index": lambda v: v.set_axis([*range(100, 100 + len(v))]),
        "the name of the index": lambda v: v.rename_axis("changed"),
        "the order of rows": lambda v: v.iloc[::-1] if len(v) > 1 else NOT_HERE,
        "the order of columns": lambda v: v.iloc[:, ::-1] if v.shape[1] > 1 else NOT_HERE,
        "a column less": lambda v: v.iloc[:, 1:] if v.shape[1] else NOT_HERE,
        "the dtype of a column": lambda v: v.assign(changed=1).astype({"changed": "i2"}),
        "attrs": lambda v: _into(v, lambda w: w.attrs.__setitem__("changed", 1)),
    },
    "pandas.Series": {
        "one cell": _column_cell,
        "the name": lambda v: v.rename("changed"),
        "the index": lambda v: v.set_axis([*range(100, 100 + len(v))]),
        "dtype": lambda v: v.astype(object) if v.dtype != object else NOT_HERE,
        "attrs": lambda v: _into(v, lambda w: w.attrs.__setitem__("changed", 1)),
    },
    "pandas.Index": {
        "names": lambda v: v.set_names(["changed"] * v.nlevels),
        "one less": lambda v: v[1:] if len(v) else NOT_HERE,
    },
    "pandas.api.extensions.ExtensionArray": {
        "one less": lambda v: v[1:],
        "dtype": lambda v: v.astype(object),
        "the order": lambda v: v[::-1],
    },
    "pandas.Timestamp": {
        "later": lambda v: v + _pandas("Timedelta")(7),
        "no zone": lambda v: v.tz_localize(None) if v.tz else NOT_HERE,
    },
    "pandas.Timedelta": {"longer": lambda v: v + _pandas("Timedelta")(7, "s")},
    "pandas.Period": {"the next": lambda v: v + 1},
    "pandas.Interval": {"closed": lambda v: _pandas("Interval")(v.left, v.right, "neither")},
    "pyarrow.Array": {
        "one less": lambda v: v[1:] if len(v) else NOT_HERE,
        "one null": lambda v: (
            _arrow().concat_arrays([_arrow().nulls(1, v.type), v[1:]]) if v[0].is_valid else NOT_HERE
        ),
    },
    "pyarrow.ChunkedArray": {"one less": lambda v: v[1:] if len(v) else NOT_HERE},
    "pyarrow.Scalar": {"null": lambda v: _arrow().scalar(None, v.type) if v.is_valid else NOT_HERE},
    "pyarrow.Table": {
        "one row less": lambda v: v[1:] if len(v) else NOT_HERE,
        "a name": lambda v: v.rename_columns(["changed", *v.column_names[1:]]),
        "metadata": lambda v: v.replace_schema_metadata({"changed": "1"}),
    },
    "pyarrow.RecordBatch": {
        "one row less": lambda v: v[1:],
        "metadata": lambda v: v.replace_schema_metadata({"changed": "1"}),
    },
    "pyarrow.Schema": {
        "metadata": lambda v: v.with_metadata({"changed": "1"}),
        "one less": lambda v: v.remove(0),
    },
    "pyarrow.Field": {
        "the name": lambda v: v.with_name("changed"),
        "metadata": lambda v: v.with_metadata({"changed": "1"}),
        "nullable": lambda v: v.with_nullable(not v.nullable),
    },
    "pyarrow.DataType": {"in a list": lambda v: _arrow().list_(v)},
    "pyarrow.Buffer": {"one less": lambda v: v.slice(1)},
    "polars.Series": {
        "the name": lambda v: v.rename("changed"),
        "one less": lambda v: v[1:] if len(v) else NOT_HERE,
        "one null": lambda v: v[:-1].extend_constant(None, 1) if len(v) and v[-1] is not None else NOT_HERE,
    },
    "polars.DataFrame": {
        "a name": lambda v: v.rename({v.columns[0]: "changed"}) if v.width else NOT_HERE,
        "one row less": lambda v: v[1:] if v.height else NOT_HERE,
        "a column more": lambda v: v.with_row_index("changed"),
        "dtype": lambda v: v.with_row_index("changed").cast({"changed": int}),
    },
    "polars.LazyFrame": {"a step more": lambda v: v.head(1)},
    "polars.Expr": {"the name": lambda v: v.alias("changed")},
    "polars.DataType": {"in a list": _polars_list},
    "torch.Tensor": {
        "one element": _tensor_cell,
        "a dimension more": lambda v: v.detach()[None],
        "requires_grad": lambda v: v.detach().clone().requires_grad_(not v.requires_grad),
    },
    "torch.nn.Module": {"one parameter": _parameter, "training": lambda v: v.train(not v.training)},
    "torch.Generator": {"used once": lambda v: _into(v, lambda w: w.manual_seed(99))},
    "torch.optim.Optimizer": {
        "a setting": lambda v: _into(v, lambda w: w.param_groups[0].__setitem__("lr", 0.77))
    },
    "scipy.sparse._base._spbase": {
        "one element": lambda v: _into(v, lambda w: w.__setitem__((0, 1), 0 if w.dtype == bool else 9)),
        "the shape": lambda v: _into(v, lambda w: w.resize(9, 9)),
        "dtype": lambda v: v.astype("f4"),
        "the format": lambda v: v.tocoo() if v.format != "coo" else v.tocsr(),
    },
    "sklearn.base.BaseEstimator": {"a fitted attribute": _attr("changed_", 1)},
    "PIL.Image.Image": {
        "one pixel": _pixel,
        "info": lambda v: _into(v, lambda w: w.info.__setitem__("changed", 1)),
    },
    "matplotlib.figure.Figure": {
        "a title": lambda v: _into(v, lambda w: w.axes[0].set_title("changed")),
        "its size": lambda v: _into(v, lambda w: w.set_size_inches(5, 5)),
    },
    "networkx.Graph": {
        "a node": lambda v: _into(v, lambda w: w.add_node("changed")),
        "an edge": lambda v: _into(v, lambda w: w.add_edge("changed", "too")),
        "an attribute": lambda v: _into(v, lambda w: w.graph.__setitem__("changed", 1)),
        "an attribute of a node": lambda v: (
            _into(v, lambda w: w.nodes[next(iter(w))].__setitem__("changed", 1)) if len(v) else NOT_HERE
        ),
        "an attribute of an edge": lambda v: (
            _into(v, lambda w: w.edges[next(iter(w.edges))].__setitem__("changed", 1))
            if v.number_of_edges()
            else NOT_HERE
        ),
    },
    "xarray.DataArray": {
        "one element": lambda v: v + 1,
        "attrs": lambda v: v.assign_attrs(changed=1),
        "the name": lambda v: v.rename("changed"),
        "a coordinate": lambda v: v.assign_coords(x=[1, 2, 3]),
    },
    "xarray.Dataset": {
        "attrs": lambda v: v.assign_attrs(changed=1),
        "a variable more": lambda v: v.assign(changed=1),
    },
    "xarray.Variable": {
        "one element": lambda v: v + 1,
        "attrs": lambda v: _into(v, lambda w: w.attrs.__setitem__("changed", 1)),
    },
    "xarray.DataTree": {"attrs": lambda v: _into(v, lambda w: w.attrs.__setitem__("changed", 1))},
    "shapely.Geometry": {"elsewhere": _shift, "srid": lambda v: sys.modules["shapely"].set_srid(v, 77)},
    "httpx.URL": {"fragment": lambda v: v.copy_with(fragment="changed")},
    "httpx.QueryParams": {"one more": lambda v: v.add("changed", 1)},
    "httpx.Headers": {"one more": lambda v: _into(v, lambda w: w.__setitem__("changed", "1"))},
    "httpx.Cookies": {"one more": lambda v: _into(v, lambda w: w.set("changed", "1"))},
    "httpx.Request": {
        "method": _attr("method", "changed"),
        "a header": lambda v: _into(v, lambda w: w.headers.__setitem__("changed", "1")),
    },
    "httpx.Response": {
        "status": _attr("status_code", 599),
        "a header": lambda v: _into(v, lambda w: w.headers.__setitem__("changed", "1")),
        "the body": _attr("_content", b"changed"),
    },
    "requests.Response": {
        "status": _attr("status_code", 599),
        "the body": _attr("_content", b"changed"),
        "a header": lambda v: _into(v, lambda w: w.headers.__setitem__("changed", "1")),
    },
    "requests.PreparedRequest": {"method": _attr("method", "changed"), "the body": _attr("body", b"changed")},
    "requests.structures.CaseInsensitiveDict": {
        "one more": lambda v: _into(v, lambda w: w.__setitem__("changed", 1))
    },
    "http.cookiejar.CookieJar": {"one less": lambda v: _into(v, lambda w: w.clear())},
    "http.cookiejar.Cookie": {"the value": _attr("value", "changed")},
    "yarl.URL": {"fragment": lambda v: v.with_fragment("changed")},
    "torch.Size": {"one more": lambda v: type(v)([*v, 1])},
    "torch.utils.data.DataLoader": {"a setting": _attr("timeout", 9)},
    "functools.partialmethod": {"arguments": _attr("args", (MARK,))},
    "zoneinfo.ZoneInfo": {"another": lambda v: type(v)("Asia/Tokyo" if v.key != "Asia/Tokyo" else "UTC")},
    "shapely.STRtree": {"one less": lambda v: type(v)(v.geometries[:1])},
    "numpy.poly1d": {"a coefficient": lambda v: v + 1},
    "numpy.polynomial.chebyshev.Chebyshev": {"a coefficient": lambda v: v + 1},
    "pandas.DateOffset": {"twice": lambda v: v * 2},
    "pandas.CategoricalDtype": {"ordered": lambda v: type(v)(v.categories, not v.ordered)},
    "pandas.IntervalDtype": {"closed": lambda v: type(v)(v.subtype, "neither")},
    "multidict.MutableMultiMapping": {"one more": lambda v: _into(v, lambda w: w.add("changed", 1))},
    "perdure.engine.secret.Secret": {
        "the text": lambda v: type(v)(v.reveal() + ("x" if isinstance(v.reveal(), str) else b"x"))
    },
}
"""By the type, and the types derived from it; those of Python itself only for the very type, where it is built in."""

ATTRIBUTES = {"values", "builtins", "types", "collections", "pydantic", "__main__"}
"""Roots of the modules of classes whose objects' attributes are all content."""


def _put(items: Any, key: Any, item: Any) -> None:
    """Set an item of a dict, whatever its class makes of it."""
    (collections.OrderedDict if isinstance(items, collections.OrderedDict) else dict).__setitem__(
        items, key, item
    )


def _masked() -> Any:
    import numpy as np

    return np.ma.masked


def _pandas(name: str) -> Any:
    import pandas as pd

    return getattr(pd, name)


def _arrow() -> Any:
    import pyarrow as pa

    return pa


def _resolved(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(sys.modules.get(module), name, None)


def changes(value: Any) -> Iterator[tuple[str, Change]]:
    """The changes for a value, by name."""
    cls = type(value)
    if isinstance(value, type | types.ModuleType | types.FunctionType) or value is sys.modules["pandas"].NaT:
        return
    if isinstance(value, enum.Enum):
        yield from BY_TYPE["enum.Enum"].items()
        return
    for name, found in BY_TYPE.items():
        path, derived, _ = name.partition(", derived")
        kind = _resolved(path)
        if derived and cls is not kind and isinstance(value, kind) and not hasattr(value, "tocsr"):
            yield from found.items()
            continue
        exactly = path.startswith("builtins.") and kind is not BaseException
        if cls is kind or (not exactly and isinstance(value, kind or ())):
            yield from found.items()
    yield from _of_any_class(value)


def _of_any_class(value: Any) -> Iterator[tuple[str, Change]]:
    """Changes for what is known by its bases alone: attributes, fields, and where a count stands."""
    cls = type(value)
    if hasattr(value, "_replace") and isinstance(value, tuple):
        yield "a field", _first_field
    if cls in (itertools.count, itertools.repeat) and repr(value) != "repeat([1])":
        yield "one step on", lambda each: _into(each, next)
    if cls.__module__.partition(".")[0] in ATTRIBUTES and not hasattr(value, "_mgr"):
        for name in _names(value):
            yield f"attribute {name}", functools.partial(_changed_attribute, name)


def _names(value: Any) -> list[str]:
    slots = [
        name
        for base in type(value).__mro__
        for name, member in vars(base).items()
        if isinstance(member, types.MemberDescriptorType)
        and base.__module__.partition(".")[0] in ATTRIBUTES - {"builtins"}
    ]
    fields = [*getattr(type(value), "__struct_fields__", ())]
    named = dict.fromkeys([*getattr(value, "__dict__", ()), *slots, *fields])
    return [
        name
        for name in named
        if hasattr(value, name) and not name.endswith(("_cached_hash", "_cached_hash__"))
    ]


def _changed_attribute(name: str, value: Any) -> Any:
    try:
        if hasattr(type(value), "__struct_fields__"):
            sys.modules["msgspec"].structs.force_setattr(value, name, MARK)
        else:
            object.__setattr__(value, name, MARK)
    except (AttributeError, TypeError):
        return NOT_HERE
    return value
