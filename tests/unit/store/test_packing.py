"""Compression: what is packed comes back, where it pays and within what was said (promises 4, 8 and 10)."""

import pytest
import zstandard
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.errors import Damaged
from perdure.store.packing import SMALL, compressed, expanded


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.integers(1, 4 * SMALL), st.integers(0, 64))
def test_any_bytes_that_are_packed_come_back(seed, size, grain):
    """Promise 4: repetitive, random, and all between."""
    piece = blake3(seed).digest(1 + grain * 200)
    stream = (piece * (size // len(piece) + 1))[:size]
    packed = compressed(stream)
    if packed is not None:
        assert expanded(packed, len(stream)) == stream
        assert len(packed) * 1.3 <= len(stream)


def test_short_and_random_streams_are_left_alone():
    """Promise 10: no time is spent where nothing is won."""
    assert compressed(b"a" * SMALL) is None
    assert compressed(b"a" * (SMALL + 1)) is not None
    assert compressed(blake3(b"").digest(SMALL * 4)) is None


def test_a_frame_is_held_to_its_bound():
    """Promise 8: before memory is taken for it."""
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 24))
    assert len(expanded(bomb, 1 << 24)) == 1 << 24
    with pytest.raises(Damaged, match="more than was signed"):
        expanded(bomb, (1 << 24) - 1)


@pytest.mark.parametrize("change", ["no size", "cut", "extra", "noise", "empty"])
def test_what_is_no_frame_of_ours_is_refused(change):
    """Promise 8: with the codec's own error."""
    frame = zstandard.ZstdCompressor().compress(b"a" * 1000)
    given = {
        "no size": zstandard.ZstdCompressor(write_content_size=False).compress(b"a" * 1000),
        "cut": frame[:-3],
        "extra": frame + b"x",
        "noise": b"x" * 50,
        "empty": b"",
    }[change]
    with pytest.raises(Damaged):
        expanded(given, 1 << 20)
