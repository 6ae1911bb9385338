"""A signature covers what a value is and where it belongs."""

import pytest

from perdure import codec

PARTS = {
    "format": codec.FORMAT,
    "codec": "plain",
    "stream": bytes(32),
    "buffers": ["aa", "bb"],
    "run": "r_1",
    "step": "load",
    "inputs": "ff",
    "role": "value",
    "value": "v_1",
}


@pytest.mark.parametrize(
    "changed",
    [
        {"format": 2},
        {"codec": "full"},
        {"stream": bytes(31) + b"x"},
        {"buffers": ["bb", "aa"]},
        {"buffers": ["aabb"]},
        {"run": "r_2"},
        {"step": "other"},
        {"run": "r_1l", "step": "oad"},
        {"inputs": "fe"},
        {"role": "shown"},
        {"value": "v_2"},
    ],
)
def test_any_part_that_is_changed_or_moved_breaks_the_signature(changed):
    """Promise 8: values cannot be altered, nor put in each other's place."""
    key = bytes(range(32))
    signature = codec.sign(key, **PARTS)
    assert codec.verify(key, signature, **PARTS)
    assert not codec.verify(key, signature, **(PARTS | changed))
    assert not codec.verify(b"another key", signature, **PARTS)
    assert not codec.verify(key, signature[:-1], **PARTS)
