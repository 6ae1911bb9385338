"""Files in memory: contents, position, and what they noticed about line ends."""

from __future__ import annotations

from typing import Any

from .row import Raw, Row

_ENDS = frozenset({"\n", "\r", "\r\n"})


def bytes_parts(value: Any) -> list[Any]:
    """Contents, position, and attributes."""
    # The contents are shared until the stream is written to; an exported buffer would lock it.
    data, position, attributes = value.__getstate__()
    return [data, position, attributes or None]


def _raw_parts(value: Any) -> list[Any]:
    data, *others = bytes_parts(value)
    return [Raw(memoryview(data)), *others]


def make_bytes(data: bytes | memoryview, position: int) -> Any:
    """The stream that `bytes_parts` took apart, without its attributes."""
    import io

    if not isinstance(data, bytes | memoryview):
        raise TypeError("bytes were expected")
    made = io.BytesIO(data)
    made.seek(position)
    return made


def text_parts(value: Any) -> list[Any]:
    """Text, newline mode, position, line ends seen, and attributes."""
    text, newline, position, attributes = value.__getstate__()
    return [text, newline, position, value.newlines, attributes or None]


def make_text(text: str, newline: str | None, position: int, seen: str | tuple[str, ...] | None) -> Any:
    """The stream that `text_parts` took apart, without its attributes."""
    import io

    made: Any = io.StringIO(newline=newline)
    if seen:
        seen = (seen,) if isinstance(seen, str) else seen
        if not _ENDS.issuperset(seen):
            raise ValueError("these are no line ends")
        made.write("x".join(seen))
        made.truncate(made.seek(0))
        made.write(text if newline == "" else text.replace("\n", seen[0]))
        made.seek(position)
    else:
        made.__setstate__((text, newline, position, None))
    return made


def _fill_attributes(made: Any, parts: list[Any]) -> None:
    if parts[0]:
        vars(made).update(parts[0])


def _is_open(value: Any) -> bool:
    return not value.closed


STREAMS: tuple[Row, ...] = (
    Row(
        *(101, "_io", "BytesIO", _raw_parts, lambda parts: make_bytes(*parts), _fill_attributes, 2),
        when=_is_open,
        says="its contents, position and attributes; a closed one is refused",
        types="io.BytesIO",
    ),
    Row(
        *(102, "_io", "StringIO", text_parts, lambda parts: make_text(*parts), _fill_attributes, 4),
        when=_is_open,
        says="its text, position, attributes, and how it ends lines; a closed one is refused",
        types="io.StringIO",
    ),
)
