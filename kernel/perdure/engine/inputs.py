"""Inputs as parts: name by name, so that a miss can be explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import xxhash

from perdure import codec
from perdure.store.records import Part


def input_part(name: str, value: Any) -> Part:
    """One input, by its content; weak where the content cannot be digested."""
    digest = codec.digest(value)
    return Part(name, digest.hex, digest.weak, _line(value))


def input_parts(values: Mapping[str, Any]) -> tuple[Part, ...]:
    """Inputs in the order of the mapping."""
    return tuple([input_part(name, value) for name, value in values.items()])


def digested(values: Iterable[tuple[str, Any]], *, by_name: tuple[type, ...] = ()) -> tuple[Part, ...]:
    """Inputs by name without previews: enough to find a call again.

    Args:
        values: by name.
        by_name: classes whose code is compared with the step's, and is no input.
    """
    found = []
    for name, value in values:
        digest = codec.digest(value, by_name=by_name)
        found.append(Part(name, digest.hex, digest.weak))
    return tuple(found)


def shown(parts: Iterable[Part], values: Iterable[tuple[str, Any]]) -> tuple[Part, ...]:
    """What `digested` gave for these values, with previews: for a call that runs."""
    pairs = zip(parts, values, strict=True)
    return tuple([Part(part.name, part.digest, part.weak, _line(value)) for part, (_, value) in pairs])


def _line(value: Any) -> str:
    return codec.line(codec.preview(value))


def combined(parts: Iterable[Part]) -> str:
    """One digest over all parts, by name; their order does not count."""
    pairs = sorted([(part.name, part.digest) for part in parts])
    text = "".join([f"{name}\0{digest}\0" for name, digest in pairs])
    return xxhash.xxh3_128_hexdigest(text.encode())


def frozen(encoded: codec.Encoded) -> codec.Encoded:
    """The same value over copies of its large buffers: later changes of the original do not reach it."""
    if not encoded.buffers:
        return encoded
    copies = (memoryview(bytes(buffer)).cast("B", buffer.shape or ()) for buffer in encoded.buffers)
    return replace(encoded, buffers=tuple(copies))
