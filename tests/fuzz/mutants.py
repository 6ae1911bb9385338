"""How specimens are altered: bits and bytes, the tree of msgpack, frames of zstd, and the parts of a dump."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import ormsgpack
import zstandard

from fuzz import specimens
from fuzz.specimens import Specimen

_ZSTD = b"\x28\xb5\x2f\xfd"
_FRAME = 1 << 20
"""Frames that say that they hold more are left as they are."""
_BOMB = zstandard.compress(bytes(256 << 20), 1)
_NUMBERS = (0, 1, -1, 2, 3, 7, 64, 255, 10**6, 2**31, 2**53, 2**62, 2**63 - 1, 2**64 - 1, -(2**31), -(2**63))
_TEXTS = (
    *(
        "",
        "x",
        "\0",
        "x" * 65,
        "1e999999999",
        "9" * 5000,
        "sNaN",
        "-Infinity",
        "../../etc/passwd",
        "Europe/Paris",
    ),
    *(
        "((a*)*)*",
        "(?:" * 400 + ")" * 400,
        "[a-\U0010ffff]{1,65535}",
        "os",
        "system",
        "__main__",
        "__class__",
        "d",
        "u",
    ),
    *("eval", "type", "object", "list", "10.0.0.0/8", "::1", "fuzz.canary", "Canary", "sing"),
)
_BYTES = (b"", b"\0", b"\xff" * 8, b"\x80" * 16, b"x" * 65, b"\x80\x05cos\nsystem\n.", bytes(1000))


class Mark:
    """An extension type of msgpack: its number and what is in it."""

    __slots__ = ("data", "tag")

    def __init__(self, tag: int, data: bytes = b"") -> None:
        self.tag = tag
        self.data = data


def unpacked(data: bytes) -> Any:
    """The tree in these bytes."""
    return ormsgpack.unpackb(data, ext_hook=Mark)


def packed(tree: Any) -> bytes:
    """The tree as bytes."""
    return ormsgpack.packb(tree, default=lambda mark: ormsgpack.Ext(mark.tag & 127, mark.data))


class Mutator:
    """Specimens from a seed and a number: the same ones in every process."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._streams = specimens.streams()
        self.dumps = specimens.dumps()
        shared: list[Any] = []
        # Of the form of a stream nothing is known here but what can be seen in it.
        self._ref: int = unpacked(_stream([shared, shared]))[1][1][0].tag
        self._holding = [unpacked(_stream(value))[1][0].tag for value in ((1,), {1}, frozenset({1}), {1: 1})]
        self._tags = sorted({mark for stream in self._streams for mark in _tags(stream)})
        self._ways: tuple[tuple[int, Callable[[random.Random], Specimen]], ...] = (
            *((20, self._altered_bytes), (50, self._altered_tree), (5, self._tower), (5, self._junk)),
            *((2, self._noise), (18, self._altered_dump)),
        )

    def specimen(self, number: int) -> Specimen:
        """The specimen of this number."""
        chance = random.Random(f"{self._seed}:{number}")
        (way,) = chance.choices([way for _, way in self._ways], [weight for weight, _ in self._ways])
        return way(chance)

    # -- streams ---------------------------------------------------------------------------------------------

    def _altered_bytes(self, chance: random.Random) -> Specimen:
        data = spoilt(chance, chance.choice(self._streams), chance.choice(self._streams))
        return _stream_of(chance, data, "bytes")

    def _altered_tree(self, chance: random.Random) -> Specimen:
        header = unpacked(chance.choice(self._streams))
        return _stream_of(chance, self._repacked(chance, header), "tree")

    def _repacked(self, chance: random.Random, tree: Any) -> bytes:
        """The tree after some changes, packed; too deep a one as bytes that were altered."""
        holder = [tree]
        before = packed(tree)
        for _ in range(chance.randint(1, 4)):
            self._change(chance, holder)
        try:
            return packed(holder[0])
        except (ormsgpack.MsgpackEncodeError, TypeError):
            return spoilt(chance, before, before)

    def _change(self, chance: random.Random, holder: list[Any]) -> None:
        """One change at one place of the tree."""
        container, key = chance.choice(_places(holder))
        node = container[key]
        way = chance.randrange(8)
        if type(node) is Mark:
            container[key] = Mark(chance.choice(self._tags) if way < 6 else chance.randrange(128))
        elif way == 0:
            container[key] = self._node(chance, 3)
        elif way == 1:
            container[key] = [Mark(self._ref), chance.choice((*range(12), *_NUMBERS))]
        elif way == 2:
            donor = [unpacked(chance.choice(self._streams))]
            source, at = chance.choice(_places(donor))
            container[key] = source[at]
        elif way == 3:
            for _ in range(chance.choice((1, 2, 60, 100, 240))):
                node = [Mark(chance.choice(self._tags)), node] if chance.random() < 0.3 else [node]
            container[key] = node
        elif type(node) is list and node:
            _rearrange(chance, node)
        else:
            container[key] = _other(chance, node)

    def _tower(self, chance: random.Random) -> Specimen:
        """Objects that hold the one before twice: small in the stream, endless for whoever walks through."""
        tags = [
            chance.choice(chance.choice((self._holding, self._tags))) for _ in range(chance.randint(1, 2))
        ]
        floors: list[Any] = [[Mark(tags[0]), 1]]
        for number in range(1, chance.choice((5, 30, 80, 400))):
            twice = [[Mark(self._ref), number]] * chance.randint(1, 3)
            floors.append([Mark(chance.choice(tags)), *twice] if chance.random() < 0.9 else twice)
        top = [
            Mark(chance.choice((*self._holding, *tags))),
            *[[Mark(self._ref), len(floors)]] * chance.randint(1, 3),
        ]
        header = unpacked(self._streams[0])
        header[1] = [*floors, top]
        return _stream_of(chance, packed(header), "tower")

    def _junk(self, chance: random.Random) -> Specimen:
        header = unpacked(self._streams[0])
        header[1] = self._node(chance, 6)
        if chance.random() < 0.2:
            header[chance.randrange(len(header))] = self._node(chance, 2)
        return _stream_of(chance, packed(header), "junk")

    def _node(self, chance: random.Random, depth: int) -> Any:
        way = chance.random()
        if depth == 0 or way < 0.3:
            return _other(chance, chance.choice((None, True, 0, 0.5, "", b"")))
        children = [self._node(chance, depth - 1) for _ in range(chance.randrange(5))]
        if way < 0.4:
            return {chance.choice(_TEXTS): child for child in children}
        return children if way < 0.5 else [Mark(chance.choice(self._tags)), *children]

    def _noise(self, chance: random.Random) -> Specimen:
        return _stream_of(chance, chance.randbytes(chance.randrange(200)), "noise")

    # -- dumps -----------------------------------------------------------------------------------------------

    def _altered_dump(self, chance: random.Random) -> Specimen:
        data = chance.choice(self.dumps)
        if chance.random() < 0.3:
            return Specimen("loads", spoilt(chance, data, chance.choice(self.dumps)), how="dump: bytes")
        holder = [unpacked(data[8:])]
        places = [(box, key) for box, key in _places(holder) if type(box[key]) is bytes]
        if chance.random() < 0.8:
            box, key = chance.choice(places)
            box[key] = self._altered_part(chance, box[key])
            if type(box) is dict and chance.random() < 0.5:  # a size that is told beside it, told anew
                box.update({name: 2**40 for name, part in box.items() if type(part) is int})
            return Specimen("loads", data[:8] + packed(holder[0]), how=f"dump: {key}")
        return Specimen("loads", data[:8] + self._repacked(chance, holder[0]), how="dump: parts")

    def _altered_part(self, chance: random.Random, part: bytes) -> bytes:
        """A part of a dump: a frame of zstd inside or outside, a tree, or bytes."""
        if part[:4] == _ZSTD:
            way = chance.randrange(3)
            if way == 0:
                return _BOMB
            if way == 1:
                return spoilt(chance, part, _BOMB)
            inner = zstandard.decompress(part, max_output_size=_FRAME)
            return zstandard.compress(self._altered_part(chance, inner), 1)
        try:
            tree = unpacked(part)
        except ValueError:
            return spoilt(chance, part, part)
        return self._repacked(chance, tree)


def _stream(value: Any) -> bytes:
    from perdure import codec

    return codec.encode(value).stream


def _tags(data: bytes) -> list[int]:
    holder = [unpacked(data)]
    return [box[key].tag for box, key in _places(holder) if type(box[key]) is Mark]


def _places(holder: list[Any]) -> list[tuple[Any, Any]]:
    """Every place of a tree as container and index or key, at most some hundred."""
    found: list[tuple[Any, Any]] = [(holder, 0)]
    for box, key in found:
        node = box[key]
        if type(node) is list:
            found += [(node, at) for at in range(min(len(node), 50))]
        elif type(node) is dict:
            found += [(node, at) for at in list(node)[:50]]
        if len(found) > 600:
            break
    return found


def _rearrange(chance: random.Random, node: list[Any]) -> None:
    way, at = chance.randrange(4), chance.randrange(len(node))
    if way == 0:
        del node[at]
    elif way == 1:
        node.insert(at, node[chance.randrange(len(node))])
    elif way == 2:
        other = chance.randrange(len(node))
        node[at], node[other] = node[other], node[at]
    else:
        node += node[at:]


def _other(chance: random.Random, node: Any) -> Any:
    """Another atom, as a rule of the same kind."""
    if chance.random() < 0.2:
        node = chance.choice((None, 0, 0.5, "", b""))
    if type(node) is int:
        return chance.choice(_NUMBERS) if chance.random() < 0.7 else min(node + chance.randint(-3, 3), 2**63)
    if type(node) is str:
        return chance.choice(_TEXTS)
    if type(node) is bytes:
        return chance.choice(_BYTES) if chance.random() < 0.5 else spoilt(chance, node, node)
    return chance.choice((None, True, False, 0.0, float("nan"), float("-inf"), 1e308))


def _stream_of(chance: random.Random, data: bytes, how: str) -> Specimen:
    buffers = tuple(bytes(chance.choice((0, 1, 8, 16, 4096))) for _ in range(chance.randrange(3)))
    return Specimen("decode", data, buffers, chance.choice(("plain", "plain", "full")), how)


def spoilt(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Bytes with some bits turned, bytes replaced, cut, taken out, doubled, or spliced with others."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(made) + 1)
        way = chance.randrange(6)
        if way == 0 and at < len(made):
            made[at] ^= 1 << chance.randrange(8)
        elif way == 1 and at < len(made):
            made[at] = chance.choice((0, 1, 0x7F, 0x80, 0x90, 0xC1, 0xC6, 0xD4, 0xDD, 0xDF, 0xFF))
        elif way == 2:
            del made[at:]
        elif way == 3:
            del made[at : at + chance.randint(1, 8)]
        elif way == 4:
            made[at:at] = made[at : at + chance.randint(1, 60)]
        else:
            made[at:] = other[chance.randrange(len(other) + 1) :]
    return bytes(made)
