"""Plain values: the builtins."""

from __future__ import annotations

import array
import struct

from values.alike import alike
from values.sample import Sample


def _nan(bits):
    return struct.unpack("d", struct.pack("Q", bits))[0]


def _cyclic_list():
    made = [1]
    made.append(made)
    return made


def _cyclic_dict():
    made = {"a": 1}
    made["self"] = [made]
    return made


def _shared():
    inner = [1]
    return {"a": inner, "b": (inner, inner), 3: {"c": inner}}


def _deep():
    made = []
    for at in range(120):
        made = [made] if at % 3 else ({"k": made},)
    return made


def same_view(before, after):
    assert type(before) is type(after)
    assert (before.format, before.shape, before.readonly) == (after.format, after.shape, after.readonly)
    assert before.tobytes() == after.tobytes()
    alike(
        before.obj if before.readonly is False else bytes(before),
        after.obj if before.readonly is False else bytes(after),
    )


SAMPLES = [
    Sample("None", lambda: None),
    Sample("bool", lambda: True),
    Sample("bool, false", lambda: False),
    Sample("int", lambda: 7),
    Sample("int, the smallest in 64 bits", lambda: -(2**63)),
    Sample("int, the largest in 64 bits", lambda: 2**64 - 1),
    Sample("int past 64 bits", lambda: -(10**100)),
    Sample("int just past 64 bits", lambda: 2**64),
    Sample("int just past 64 bits, negative", lambda: -(2**63) - 1),
    Sample("int of 100,000 bits", lambda: 3**63093),
    Sample("float", lambda: 0.1),
    Sample("float, minus zero", lambda: -0.0),
    Sample("float, infinite", lambda: float("-inf")),
    Sample("float, subnormal", lambda: 5e-324),
    Sample("float nan", lambda: float("nan")),
    Sample("float nan with a payload", lambda: _nan(0x7FF8_0000_0000_BEEF)),
    Sample("float nan, negative", lambda: _nan(0xFFF8_0000_0000_0001)),
    Sample("complex", lambda: complex(1, -2)),
    Sample("complex, minus zero and nan", lambda: complex(-0.0, _nan(0x7FF8_0000_0000_0007))),
    Sample("complex, minus zeros", lambda: complex(-0.0, -0.0)),
    Sample("str", lambda: "naïve"),
    Sample("str, empty", lambda: ""),
    Sample("str, NUL", lambda: "a\0b\0"),
    Sample("str, lone surrogates", lambda: "\ud800x\udfff"),
    Sample("str, two lone surrogates that would make a pair", lambda: "\ud83d\ude00"),
    Sample("str, long, a lone surrogate", lambda: "x" * 200 + "\udc80"),
    Sample("str, every plane", lambda: "a\xe9\u4e2d\ufffe\U0001f600\U000f0000\U0010ffff"),
    Sample("str, 65 characters", lambda: "y" * 65),
    Sample("str of 2 MiB", lambda: "0123456789abcdé" * 140_000),
    Sample("bytes", lambda: b"\0\xff"),
    Sample("bytes, empty", lambda: b""),
    Sample("bytes of 64", lambda: bytes(range(64))),
    Sample("bytes of 2 MiB", lambda: b"\1\2" * (1 << 20)),
    Sample("bytearray", lambda: bytearray(b"abc")),
    Sample("bytearray, empty", bytearray),
    Sample("bytearray of 2 MiB", lambda: bytearray(b"ab" * (1 << 20))),
    Sample("memoryview", lambda: memoryview(b"abc"), same_view),
    Sample("memoryview, writable", lambda: memoryview(bytearray(b"abc")), same_view),
    Sample(
        "memoryview, closed over a bytearray", lambda: memoryview(bytearray(b"abc")).toreadonly(), same_view
    ),
    Sample("memoryview, empty", lambda: memoryview(b""), same_view),
    Sample(
        "memoryview, format and shape",
        lambda: memoryview(bytearray(range(48))).cast("I", [2, 3, 2]),
        same_view,
    ),
    Sample("memoryview, format of one item", lambda: memoryview(bytes(4)).cast("f"), same_view),
    Sample("memoryview of an array", lambda: memoryview(array.array("d", [1.5, 2.5])), same_view),
    Sample(
        "memoryview of an array as bytes", lambda: memoryview(array.array("h", [1, 2])).cast("B"), same_view
    ),
    Sample("list", lambda: [1, "a", [None]]),
    Sample("list, empty", list),
    Sample("list of numbers", lambda: [1.0, None, -0.0, True, float("nan")]),
    Sample("list with a cycle", _cyclic_list),
    Sample("list, deep", _deep),
    Sample("tuple", lambda: (1, (2, [3]), ())),
    Sample("tuple, empty", lambda: ()),
    Sample("tuple of what can be hashed", lambda: (1, ("a", None), 2.5)),
    Sample("dict", lambda: {"b": 1, "a": [2]}),
    Sample("dict, empty", dict),
    Sample("dict with other keys", lambda: {(1, "a"): 1, None: 2, 1.5: 3, frozenset({1}): 4}),
    Sample(
        "dict with keys of every plain type",
        lambda: {
            "": 0,
            "\ud800": 1,
            "k" * 100: 2,
            b"x": 3,
            2**70: 4,
            -1: 5,
            1.5: 6,
            2j: 7,
            True: 8,
            None: 9,
            ...: 10,
            NotImplemented: 11,
            range(3): 12,
            (1, (2,)): 13,
            frozenset({(1,)}): 14,
            int: 15,
            len: 16,
        },
    ),
    Sample("dict with a nan for a key", lambda: {float("nan"): 1, float("inf"): 2, -0.0: 3}),
    Sample("dict with two nans for keys", lambda: {float("nan"): 1, _nan(0x7FF8_0000_0000_BEEF): 2}),
    Sample("set with a nan", lambda: {float("nan"), 1.0}),
    Sample("dict with a cycle", _cyclic_dict),
    Sample("dict, shared parts", _shared),
    Sample("set", lambda: {1, "a", (2, 3), frozenset({4})}),
    Sample("set, empty", set),
    Sample("frozenset", lambda: frozenset({1, "a", b"b", None})),
    Sample("frozenset, empty", frozenset),
]
