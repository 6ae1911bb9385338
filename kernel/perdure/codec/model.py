"""What an encoded value is made of, and the signal by which a part of a value is refused."""

from __future__ import annotations

from typing import Any

from perdure.frozen import frozen

LARGE = 1 << 20
"""Memory of this many bytes or more travels out of band."""

TREE, PLAIN = 1, 2
"""The two forms of a stream: a tree of tagged lists with its leaves, or a plain value as it is."""

LONG = 64
"""Text and bytes longer than this are written once, however often they occur."""


@frozen
class Encoded:
    """A value as bytes (promise 4: exact, or refused before it became one of these)."""

    codec: str
    """`plain`: loading constructs builtins and the standard library's types only. `full`: it may construct
    classes of the user or of packages, or unpickle."""
    stream: bytes
    """msgpack: `[TREE, tree, leaves, number of buffers that belong to the tree]`, or `[PLAIN, value]`."""
    buffers: tuple[memoryview, ...]
    """Large memory, out of band, as bytes: in one dimension, or in two where it has rows. Views of live
    memory after `encode`; `decode` takes writable views over, and copies read-only ones."""
    packages: dict[str, str]
    """Versions of the packages whose classes lie in it."""
    preview: dict[str, Any]
    """At most 4 kB of msgpack; shows the value without decoding it."""
    needs: frozenset[str] = frozenset()
    """Names of the notebook that it needs where it is decoded, with what its functions read of them, and
    whether it needs what was registered. Known of what was encoded in this process."""

    @property
    def size(self) -> int:
        """Bytes of stream and buffers."""
        return len(self.stream) + sum(view.nbytes for view in self.buffers)


class Refusal(Exception):  # noqa: N818  a signal inside the codec; the door turns it into NotKeepable
    """A part of a value cannot be kept. Carries the part itself, so that the path to it can be found."""

    def __init__(self, part: Any, cause: str, advice: str) -> None:
        super().__init__(cause)
        self.part = part
        self.cause = cause
        self.advice = advice


class Tag:
    """The mark at the head of a tagged list, as read back from msgpack."""

    __slots__ = ("number",)

    def __init__(self, number: int, _data: bytes) -> None:
        self.number = number
