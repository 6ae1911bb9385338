"""Plain values: the builtins."""

from __future__ import annotations

from values.sample import Sample

SAMPLES = [
    Sample("None", lambda: None),
    Sample("bool", lambda: True),
    Sample("int", lambda: 7),
    Sample("int past 64 bits", lambda: -(10**100)),
    Sample("float nan", lambda: float("nan")),
    Sample("list", lambda: [1, "a", [None]]),
    Sample("dict", lambda: {"b": 1, "a": [2]}),
    Sample("dict with other keys", lambda: {(1, "a"): 1, None: 2, 1.5: 3, frozenset({1}): 4}),
]
