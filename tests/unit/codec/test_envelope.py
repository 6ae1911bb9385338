"""A signature covers what a value is and where it belongs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure import codec
from perdure.codec.envelope import ENVELOPE, SIGNED

KEY = bytes(range(32))
PARTS = {
    "format": ENVELOPE,
    "codec": "plain",
    "packing": "zstd",
    "python": "3.13",
    "packages": {"pandas": "3.1", "numpy": "2.4"},
    "stream": bytes(32),
    "buffers": ["aa", "bb"],
    "digest": "cc",
    "size": 7,
    "preview": {"type": "list", "items": ["1"]},
    "created": 1.5,
    "key": "0a0b0c0d",
    "run": "r_1",
    "step": "load",
    "inputs": "ff",
    "role": "value",
    "value": "v_1",
}
CHANGED = [
    {"format": 1},
    {"format": 0},
    {"format": ENVELOPE + 1},
    {"codec": "full"},
    {"packing": ""},
    {"python": "3.12"},
    {"packages": {"pandas": "3.1", "numpy": "2.5"}},
    {"stream": bytes(31) + b"x"},
    {"buffers": ["bb", "aa"]},
    {"buffers": ["aabb"]},
    {"digest": "cd"},
    {"size": 8},
    {"preview": {"type": "list", "items": ["2"]}},
    {"created": 1.25},
    {"key": "0a0b0c0e"},
    {"run": "r_2"},
    {"step": "other"},
    {"run": "r_1l", "step": "oad"},
    {"inputs": "fe"},
    {"role": "shown"},
    {"value": "v_2"},
    {"packages": {object(): object()}},
]


@pytest.mark.parametrize("changed", CHANGED, ids=str)
def test_any_part_that_is_changed_or_moved_breaks_the_signature(changed):
    """Promise 8: values cannot be altered, nor put in each other's place."""
    signature = codec.sign(KEY, PARTS)
    assert codec.verify(KEY, signature, PARTS)
    assert not codec.verify(KEY, signature, PARTS | changed)
    assert not codec.verify(b"another key", signature, PARTS)
    assert not codec.verify(KEY, signature[:-1], PARTS)


def test_every_part_that_is_signed_is_changed_above():
    """Promise 8: none is forgotten."""
    assert set(SIGNED[ENVELOPE]) == {name for changed in CHANGED for name in changed} == set(PARTS)


@given(
    st.sampled_from(sorted(name for name, part in PARTS.items() if isinstance(part, str | bytes))), st.data()
)
def test_any_single_altered_character_of_any_part_is_refused(name, data):
    """Promise 8."""
    signature, part = codec.sign(KEY, PARTS), PARTS[name]
    at = data.draw(st.integers(0, len(part) - 1))
    other = data.draw(st.integers(0, 127).filter(lambda code: part[at] not in (code, chr(code))))
    put = bytes([other]) if isinstance(part, bytes) else chr(other)
    assert not codec.verify(KEY, signature, PARTS | {name: part[:at] + put + part[at + 1 :]})


def test_the_order_of_packages_does_not_count():
    """Two processes that met the same packages in another order sign alike."""
    turned = PARTS | {"packages": dict(reversed(PARTS["packages"].items()))}
    assert codec.sign(KEY, turned) == codec.sign(KEY, PARTS)


def test_the_first_format_is_signed_as_ever():
    """What was signed in format 1 still verifies."""
    expected = "ae449a9f41f86130fff6492b3ac465f35d7490aa4a7f06468e77e37978625a12"
    assert codec.sign(KEY, PARTS | {"format": 1}).hex() == expected
