"""pyarrow: slices without the memory around them, scalars of every type, and content whatever the chunks.

Nobody writes to a buffer through arrow, but it may lie over the memory of an array of numpy, who may.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import xxhash

from perdure.codec.known import WORTH, place, remembered
from perdure.codec.rows.overlap import window_of

_SPARE = 1 << 16
"""Bytes that a slice may carry beside its own before it is compacted; and a quarter of its own."""

_ROWS = 1 << 18
"""Rows that are read at once for a digest."""


KEPT: dict[str, str] = {
    "pyarrow.Array, pyarrow.ChunkedArray": (
        "type, length and buffers, not copied; a slice leaves behind what is not its own"
    ),
    "pyarrow.Table, pyarrow.RecordBatch": "schema and columns",
    "pyarrow.Scalar": "an array of it alone",
    "pyarrow.Schema, pyarrow.Field, pyarrow.DataType": "names, types and metadata",
    "pyarrow.Buffer": "its bytes; over an array in the same value, the memory of that array",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:
    """The reduced form of a compact array, or of a scalar by an array of it alone, or `NotImplemented`."""
    import pyarrow as pa

    if isinstance(obj, pa.Array):
        compact = compacted(obj)
        return NotImplemented if compact is obj else compact.__reduce_ex__(5)
    if isinstance(obj, pa.Scalar):
        return make_scalar, (pa.repeat(obj, 1),)
    return _over_array(obj) if isinstance(obj, pa.Buffer) else NotImplemented


def _over_array(buffer: Any) -> Any:
    """The form of a buffer that lies over the memory of an array in the same value, or `NotImplemented`."""
    import pyarrow as pa

    cells = _cells_of(buffer)
    found = None if cells is None else window_of(cells, fixed=True)
    return NotImplemented if found is None else (pa.py_buffer, (cells,))


def _cells_of(buffer: Any) -> Any:
    """The memory of a buffer as an array, if it has some in this machine's."""
    import numpy as np

    return np.frombuffer(buffer, "u1") if buffer is not None and buffer.size and buffer.is_cpu else None


def memory(obj: Any) -> Iterator[Any]:
    """The memory of an array, a column or a table, as arrays, one for each buffer."""
    for column in getattr(obj, "columns", [obj]):
        for chunk in getattr(column, "chunks", [column]):
            yield from (cells for cells in map(_cells_of, chunk.buffers()) if cells is not None)


def make_scalar(array: Any) -> Any:
    """The only element of the array."""
    return array[0]


def compacted(array: Any) -> Any:
    """The array itself, or one like it where its buffers hold much that is not its own."""
    import pyarrow as pa

    held = array.get_total_buffer_size()
    if held <= _SPARE:
        return array
    if _is_view(array.type):
        own = _size_of_views(array)
        return _written_out(array).cast(array.type) if held > own * 5 // 4 + _SPARE else array
    if held <= array.nbytes * 5 // 4 + _SPARE:
        return array
    if not pa.types.is_primitive(array.type) or pa.types.is_boolean(array.type):
        lent = [window_of(cells, fixed=True) for cells in memory(array)]
        return pa.concat_arrays([array]) if lent.count(None) == len(lent) else array
    gaps = pa.concat_arrays([array.is_valid()]).buffers()[1] if array.null_count else None
    width = array.type.bit_width // 8
    cells = array.buffers()[1].slice(array.offset * width, len(array) * width)  # the memory itself, no copy
    return pa.Array.from_buffers(array.type, len(array), [gaps, cells])


_VIEW, _INLINE = 16, 12
"""Bytes of a view, and of the longest text that is in its view itself."""


def _size_of_views(array: Any) -> int:
    import numpy as np

    views = np.frombuffer(array.buffers()[1], "i4").reshape(-1, 4)[
        array.offset : array.offset + len(array), 0
    ]
    return _VIEW * len(array) + int(views[views > _INLINE].sum(dtype="i8"))


def _written_out(array: Any) -> Any:
    """An array of views as one of texts, one behind the other."""
    import pyarrow as pa

    return array.cast(pa.large_binary() if array.type == pa.binary_view() else pa.large_string())


def _is_view(kind: Any) -> bool:
    import pyarrow as pa

    return hasattr(pa, "string_view") and kind in (pa.string_view(), pa.binary_view())


def _arrow() -> None:
    """Stands in a digest for what arrow holds."""


def content(obj: Any) -> Any:  # noqa: PLR0911  one return for each kind
    """What stands in a digest for arrow's values; `NotImplemented` for anything else."""
    import pyarrow as pa

    name = type(obj).__name__
    if isinstance(obj, pa.ChunkedArray):
        return _arrow, (name, obj.type, logical(obj.type, obj.chunks))
    if isinstance(obj, pa.Array):
        return _arrow, (name, obj.type, logical(obj.type, [obj]))
    if isinstance(obj, pa.Scalar):
        return _arrow, (name, obj.type, logical(obj.type, [pa.repeat(obj, 1)]))
    if isinstance(obj, pa.Table):
        columns = [logical(column.type, column.chunks) for column in obj.columns]
        return _arrow, (name, obj.schema, obj.num_rows, columns)
    if isinstance(obj, pa.RecordBatch):
        columns = [logical(column.type, [column]) for column in obj.columns]
        return _arrow, (name, obj.schema, obj.num_rows, columns)
    if isinstance(obj, pa.Buffer):
        return _arrow, (name, xxhash.xxh3_128_digest(obj))
    return NotImplemented


def logical(kind: Any, chunks: Iterable[Any], *, ordered: bool = True) -> list[Any]:
    """The content of a column of this type, whatever its chunks, its offsets, and what lies under its nulls.

    Args:
        kind: its type.
        chunks: its arrays.
        ordered: whether the order of a dictionary's values counts.
    """
    held = list(chunks)
    return remembered(lambda: _told(kind, held), lambda: _logical(kind, held, ordered=ordered))


_FEW = 1 << 20
"""Bytes up to which a buffer is hashed to find the hash of all: marks of missing cells, say."""


def _told(kind: Any, chunks: list[Any]) -> tuple[Any, ...] | None:
    """What tells a flat column without a look at it, where its memory tells what lies in it."""
    import pyarrow as pa

    flat = pa.types.is_primitive(kind) or _has_offsets(kind) or _is_view(kind)
    if not flat or sum(chunk.get_total_buffer_size() for chunk in chunks) < WORTH:
        return None
    told = [_memory(buffer) for chunk in chunks for buffer in chunk.buffers()]
    if None in told:
        return None
    return "arrow", str(kind), *((chunk.offset, len(chunk)) for chunk in chunks), *told


def _memory(buffer: Any) -> Any:
    """What lies in a buffer: nothing, stored bytes, or the hash of few; None where that is not known."""
    if buffer is None:
        return ""
    found = place(buffer.address, buffer.address + buffer.size) if buffer.size >= WORTH else None
    return xxhash.xxh3_128_digest(buffer) if found is None and buffer.size < _FEW else found


def _logical(kind: Any, chunks: list[Any], *, ordered: bool) -> list[Any]:
    import pyarrow as pa

    streams = _Streams(ordered=ordered)
    if ordered and "dictionary<" in str(kind):
        chunks = pa.chunked_array(chunks, kind).unify_dictionaries().chunks
    for chunk in chunks:
        for start in range(0, len(chunk), _ROWS):
            streams.feed(chunk.slice(start, _ROWS), "")
    return streams.told()


class _Streams:
    """A hash for each part of a column: its gaps, lengths, bytes, and those of the columns inside it."""

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._hashes: dict[str, Any] = defaultdict(xxhash.xxh3_128)
        self._rows: Counter[str] = Counter()

    def told(self) -> list[Any]:
        """The parts in order, with their lengths and hashes."""
        hashes = [(path, hasher.digest()) for path, hasher in sorted(self._hashes.items())]
        return [sorted(self._rows.items()), hashes]

    def feed(self, array: Any, path: str) -> None:
        """Go on with these rows."""
        import pyarrow as pa

        kind = array.type
        if isinstance(kind, pa.BaseExtensionType):
            return self.feed(array.storage, path)
        if isinstance(kind, pa.RunEndEncodedType):
            import pyarrow.compute as pc

            return self.feed(pc.run_end_decode(array), path)
        if isinstance(kind, pa.DictionaryType) and not self._ordered:
            values = array.dictionary
            return self.feed(
                (_written_out(values) if _is_view(values.type) else values).take(array.indices), path
            )
        if isinstance(kind, pa.DictionaryType):
            if path not in self._rows:
                self.feed(array.dictionary, f"{path}.values")
            return self.feed(array.indices, path)
        gaps = self._gaps(array, path)
        self._rows[path] += len(array)
        if len(array) and not pa.types.is_null(kind):
            self._cells(array, gaps, path)
        return None

    def _gaps(self, array: Any, path: str) -> Any:
        """Note where values are missing."""
        import numpy as np

        if not array.null_count:
            return None
        gaps = array.is_null().to_numpy(zero_copy_only=False)
        self._hashes[f"{path}.gaps"].update(np.flatnonzero(gaps) + self._rows[path])
        return gaps

    def _cells(self, array: Any, gaps: Any, path: str) -> None:
        import pyarrow as pa

        kind = array.type
        if pa.types.is_union(kind):
            self._union(array, path)
        elif pa.types.is_struct(kind):
            for at, part in enumerate(array.flatten()):
                self.feed(part, f"{path}.{at}")
        elif pa.types.is_map(kind):
            items = pa.struct([pa.field("key", kind.key_type), pa.field("value", kind.item_type)])
            self._lists(array.cast(pa.list_(items)), path)
        elif pa.types.is_nested(kind):
            self._lists(array, path)
        elif _has_offsets(kind) or _is_view(kind):
            self._texts(array, gaps, path)
        else:
            self._fixed(array, gaps, path)

    def _lists(self, array: Any, path: str) -> None:
        lengths = array.value_lengths().fill_null(0).cast("int64").to_numpy(zero_copy_only=False)
        self._hashes[f"{path}.lengths"].update(lengths)
        self.feed(array.flatten(), f"{path}.items")

    def _union(self, array: Any, path: str) -> None:
        import numpy as np
        import pyarrow as pa

        codes = array.type_codes.to_numpy()
        self._hashes[f"{path}.kinds"].update(np.ascontiguousarray(codes))
        dense = array.type.mode == "dense"
        for at, code in enumerate(array.type.type_codes):
            mine = codes == code
            part = array.field(at)
            rows = array.offsets.to_numpy()[mine] if dense else np.flatnonzero(mine)
            self.feed(part.take(pa.array(rows)), f"{path}.{at}")

    def _texts(self, array: Any, gaps: Any, path: str) -> None:
        """Lengths and letters."""
        import numpy as np

        if _is_view(array.type):
            array = _written_out(array)
        starts, letters = _letters(array)
        lengths = np.diff(starts)
        if gaps is not None and lengths[gaps].any():  # something is hidden under a gap
            array = array.fill_null(b"" if "binary" in str(array.type) else "")
            starts, letters = _letters(array)
            lengths = np.diff(starts)
        self._hashes[f"{path}.lengths"].update(np.ascontiguousarray(lengths, "i8"))
        self._hashes[path].update(letters[starts[0] : starts[-1]])

    def _fixed(self, array: Any, gaps: Any, path: str) -> None:
        import numpy as np
        import pyarrow as pa

        if pa.types.is_boolean(array.type):
            array = array.cast("uint8")
        width = array.type.bit_width // 8
        memory = np.frombuffer(array.buffers()[1], "u1") if width else np.zeros(0, "u1")
        cells = memory[array.offset * width : (array.offset + len(array)) * width]
        if gaps is not None and width:
            cells = cells.reshape(-1, width).copy()
            cells[gaps] = 0
        self._hashes[path].update(np.ascontiguousarray(cells))


def _has_offsets(kind: Any) -> bool:
    import pyarrow as pa

    asked = (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)
    return any(ask(kind) for ask in asked)


def _letters(array: Any) -> tuple[Any, Any]:
    """Where each text begins, and the bytes of all."""
    import numpy as np

    _, starts, letters = array.buffers()
    width = "i8" if str(array.type).startswith("large_") else "i4"
    found = np.frombuffer(starts, width)[array.offset : array.offset + len(array) + 1]
    return found, memoryview(b"") if letters is None else memoryview(letters)
