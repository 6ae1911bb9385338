"""Records and values as bytes for the way between a kernel and its workers. Nothing of this is kept.

The first part is a head in msgpack, the others are the large buffers of the values, so that they need not be
copied into one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from perdure import codec

Part: TypeAlias = bytes | memoryview


def pack(fields: Mapping[str, Any], values: Mapping[str, codec.Encoded | None]) -> list[Part]:
    """A record of plain fields and of values as parts; buffers are views of what the values hold."""
    import ormsgpack

    buffers: list[memoryview] = []
    packed: dict[str, list[Any]] = {}
    for name, value in values.items():
        if value is not None:
            shapes = [list(buffer.shape or ()) for buffer in value.buffers]
            packed[name] = [value.codec, value.stream, value.packages, value.preview, shapes]
            buffers += value.buffers
    return [ormsgpack.packb([fields, packed]), *(buffer.cast("B") for buffer in buffers)]


def unpack(parts: Sequence[Part]) -> tuple[dict[str, Any], dict[str, codec.Encoded]]:
    """Fields and values again; the values' buffers are the parts, taken over if they are writable."""
    import ormsgpack

    fields, packed = ormsgpack.unpackb(parts[0])
    buffers = iter(parts[1:])
    values = {}
    for name, (kind, stream, packages, preview, shapes) in packed.items():
        own = tuple(memoryview(next(buffers)).cast("B", shape) for shape in shapes)
        values[name] = codec.Encoded(kind, stream, own, packages, preview)
    return fields, values


def as_text(text: str) -> str:
    """The text as it can be sent: halves of characters, which are no text, are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


def size(parts: Sequence[Part]) -> int:
    """Bytes of all parts."""
    return sum(memoryview(part).nbytes for part in parts)
