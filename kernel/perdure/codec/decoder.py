"""From the tree back to the value. On hostile bytes too it raises Perdure's errors only (promise 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from perdure.codec.rows.row import Row
from perdure.codec.rows.table import BUFFER, BY_TAG, EXTERNAL, LEAF, REF
from perdure.errors import Damaged, NotLoadable, PerdureError, Untrusted

from .model import LONG, TREE, Tag

_MISSING = object()
_HEAVY = 1_000_000
_NUMBERS = frozenset({type(None), bool, float, int})
_ATOMS = _NUMBERS | {str, bytes}

Loader = Callable[[bytes, Sequence[memoryview], Sequence[memoryview], Callable[[Any], Any]], list[Any]]


class Malformed(ValueError):  # noqa: N818  a signal inside the codec
    """The tree does not have the form that the encoder gives it."""


class Decoder:
    """One value being made: all nodes are numbered, the leaves unpickled, then the tree is built.

    The objects of the tree to which leaves refer hold no leaves themselves, so they are whole when a leaf
    sees them. The encoder sees to that: where it cannot, it pickles the value as one leaf.
    """

    def __init__(
        self,
        stream: bytes,
        buffers: Sequence[memoryview],
        externals: Mapping[str, Any] | None,
        load: Loader | None,
        *,
        classes: bool,
    ) -> None:
        """`load` unpickles leaves; without it, none are. Without `classes`, only what is plain is made."""
        import ormsgpack

        header = ormsgpack.unpackb(stream, ext_hook=Tag)
        if type(header) is not list or not header or header[0] != TREE:
            raise Malformed("it is not of a form that this version knows")
        _, self._root, self._pickle, count = header
        self._buffers, self._leaf_buffers = buffers[:count], buffers[count:]
        self._externals = externals or {}
        self._load = load
        self._classes = classes
        self._nodes: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._made: list[Any] = []
        self._making: set[int] = set()
        self._weights: dict[int, int] = {}
        self.leaves: list[Any] = []
        """The pickled parts, once they were loaded."""

    def value(self) -> Any:
        """The value, whole."""
        self._index(self._root)
        self._made = [_MISSING] * len(self._nodes)
        if self._pickle is not None:
            if self._load is None:
                raise self._untrusted("a pickled part")
            self.leaves = self._load(self._pickle, self._leaf_buffers, self._buffers, self._outer)
        return self._build(self._root)

    # -- numbering: in pre-order, as the encoder counted ----------------------------------------------------

    def _index(self, node: Any) -> None:
        """Number the node and those below."""
        kind = type(node)
        if kind is str or kind is bytes:
            if len(node) > LONG:
                self._nodes.append(node)
        elif (kind is list or kind is dict) and _tag(node) != REF:
            self._numbers[id(node)] = len(self._nodes)
            self._nodes.append(node)
            for child in node if kind is list else node.values():
                if type(child) not in _NUMBERS:
                    self._index(child)

    # -- building --------------------------------------------------------------------------------------------

    def _outer(self, name: Any) -> Any:
        """What a pickled leaf refers to: an external by its name, an object of the tree by its number."""
        return self._external(name) if isinstance(name, str) else self._object(name)

    def _build(self, node: Any) -> Any:
        kind = type(node)
        if kind is list or kind is dict:
            if _tag(node) == REF:
                return self._object(_position(node, self._nodes))
            return self._object(self._numbers[id(node)])
        if kind is Tag:
            raise Malformed("a tag stands where a value should")
        return node

    def _object(self, number: int) -> Any:
        made = self._made[number]
        if made is _MISSING:
            node = self._nodes[number]
            if type(node) is str or type(node) is bytes:
                return node
            tag = _tag(node)
            if tag is None:
                made = self._made[number] = node
                self._untangle(node)
            else:
                made = self._tagged(node, number, tag)
        return made

    def _untangle(self, node: Any) -> None:
        """Make the parts of a list or dict in their places: unpacking made it, and it is nobody else's."""
        for at, child in node.items() if type(node) is dict else enumerate(node):
            if type(child) not in _ATOMS:
                node[at] = self._build(child)

    def _tagged(self, node: Any, number: int, tag: int) -> Any:
        """The object that a tagged list stands for."""
        if number in self._making:
            raise Malformed("a cycle runs through an object that is made in one go")
        self._making.add(number)
        if tag <= BUFFER:
            made = self._made[number] = self._mark(node, tag)
            return made
        row = _row(tag)
        if not row.plain and not self._classes:
            raise self._untrusted("an object of a class")
        if row.fill is None:
            made = self._made[number] = row.make(self._parts(node, row, 1))
            if self._load is None:
                self._weights[number] = 1 + sum(map(self._weight, node))
        else:
            made = self._made[number] = row.make([self._build(part) for part in node[1 : 1 + row.head]])
            row.fill(made, self._parts(node, row, 1 + row.head))
        return made

    def _mark(self, node: Any, tag: int) -> Any:
        """What a mark of the stream stands for."""
        if tag == LEAF:
            return self.leaves[_position(node, self.leaves)]
        if tag == EXTERNAL:
            return self._external(node[1])
        return self._buffers[_position(node, self._buffers)]

    def _parts(self, node: Any, row: Row, start: int) -> list[Any]:
        parts = [part if type(part) in _ATOMS else self._build(part) for part in node[start:]]
        # A tuple of twice the same tuple, and so on, is small in the stream and takes for ever to hash.
        if self._load is None and row.hashes and any(self._weight(part) > _HEAVY for part in node[start:]):
            raise Malformed("a key in it is too large")
        return parts

    def _weight(self, node: Any) -> int:
        """How many objects hashing the node looks at."""
        if type(node) is not list:
            return 1
        number = node[1] if _tag(node) == REF else self._numbers[id(node)]
        return self._weights.get(number, 1)

    # -- what is not in the stream --------------------------------------------------------------------------

    def _external(self, name: Any) -> Any:
        if name not in self._externals:
            raise NotLoadable(
                subject=f"`{name}`",
                cause="the value refers to it, and it is not here.",
                advice=f"Run the cell that makes `{name}` first, or run the step again with `--redo`.",
            )
        return self._externals[name]

    def _untrusted(self, what: str) -> Untrusted:
        given = "safe" if self._classes else "plain"
        made = "nothing is unpickled" if self._classes else "only built-in values are made"
        return Untrusted(
            subject="The value",
            cause=f'it holds {what}, and with trust="{given}" {made}.',
            advice="Load it as signed, with the key of who wrote it.",
        )


def _tag(node: Any) -> int | None:
    """The number of the tag that makes a list a tagged one."""
    if type(node) is list and node and type(node[0]) is Tag:
        return node[0].number
    return None


def _row(tag: int) -> Row:
    row = BY_TAG.get(tag)
    if row is None:
        raise Malformed(f"type {tag} is not known to this version")
    return row


def _position(node: list[Any], among: Sequence[Any]) -> int:
    at = node[1]
    if type(at) is not int or not 0 <= at < len(among):
        raise Malformed(f"it refers to part {at!r}, which is not there")
    return at


def malformed(error: BaseException) -> PerdureError:
    """The error for bytes that no encoder wrote."""
    cause = str(error) or type(error).__name__
    return Damaged(subject="A stored value", cause=f"{cause}.", advice="Run the step that made it again.")
