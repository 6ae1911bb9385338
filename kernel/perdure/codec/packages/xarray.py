"""xarray: arrays and datasets in memory, without the file that they were read from."""

from __future__ import annotations

from typing import Any

from perdure.codec.model import Refusal
from perdure.codec.rows.state import reducing_class

KEPT: dict[str, str] = {
    "xarray.DataArray, xarray.Dataset, xarray.Variable, xarray.DataTree": (
        "values, dimensions, coordinates, indexes, `attrs` and `encoding`; one whose values still lie in "
        "a file is refused"
    ),
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:
    """The reduced form of an object of xarray, without the file that is open behind it.

    Raises:
        Refusal: its values lie in the file, and are read when they are needed.
    """
    import xarray as xr

    if isinstance(obj, xr.Variable) and not isinstance(obj, xr.IndexVariable) and _lies_in_file(obj):
        cause = "Its values lie in an open file, and are read when they are needed."
        raise Refusal(obj, cause, "Call `.load()` first, or keep the path of the file.")
    if reducing_class(type(obj)) is not None:
        return NotImplemented
    # As pickle has it: xarray's classes declare slots again that their bases have, and leave the first empty.
    form: Any = obj.__reduce_ex__(5)
    if not isinstance(obj, (xr.DataArray, xr.Dataset)) or obj._close is None:  # noqa: SLF001
        return form
    make, args, state = form[:3]
    return make, args, (state[0], state[1] | {"_close": None})


def _lies_in_file(variable: Any) -> bool:
    return not variable._in_memory and variable.chunks is None  # noqa: SLF001


def _array() -> None:
    """Stands in a digest for an array or a dataset."""


def content(obj: Any) -> Any:
    """What stands in a digest for a variable, array, dataset or tree of them; else `NotImplemented`."""
    import xarray as xr

    cls: Any = type(obj)
    if isinstance(obj, xr.Variable):
        data = obj.to_index() if isinstance(obj, xr.IndexVariable) else obj._data  # noqa: SLF001
        return _array, (), (cls, obj.dims, data, obj.attrs, obj.encoding)
    if isinstance(obj, xr.DataArray):
        coords = dict(obj._coords)  # noqa: SLF001
        return _array, (), (cls, obj.name, obj.variable, coords, dict(obj._indexes))  # noqa: SLF001
    if isinstance(obj, xr.Dataset):
        parts = dict(obj._variables), sorted(map(repr, obj._coord_names)), dict(obj._indexes)  # noqa: SLF001
        return _array, (), (cls, *parts, obj.attrs, obj.encoding)
    if isinstance(obj, xr.DataTree):
        nodes = [(node.path, node.to_dataset(inherit=False)) for node in obj.root.subtree]
        return _array, (), (cls, obj.path, obj.root.name, nodes)
    return NotImplemented
