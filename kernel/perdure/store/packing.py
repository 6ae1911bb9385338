"""Streams as they are stored: compressed where that pays.

What is packed comes back as it was. What claims to be larger than its signed record says is not unpacked.
"""

from __future__ import annotations

from perdure.errors import AGAIN, Damaged

SMALL = 64 << 10
"""Streams up to this many bytes are left alone."""

_SAMPLES, _SAMPLE = 16, 4 << 10
_PAYS = 1.3


def compressed(stream: bytes) -> bytes | None:
    """The stream as one zstd frame that says its size; None where it is small, or that would not pay."""
    if len(stream) <= SMALL:
        return None
    import zstandard

    compressor = zstandard.ZstdCompressor(level=1)
    stride = (len(stream) - _SAMPLE) // (_SAMPLES - 1)
    probe = b"".join(stream[at * stride : at * stride + _SAMPLE] for at in range(_SAMPLES))
    if len(compressor.compress(probe)) * _PAYS > len(probe):
        return None
    packed = compressor.compress(stream)
    return packed if len(packed) * _PAYS <= len(stream) else None


def expanded(packed: bytes, most: int) -> bytes:
    """The stream of a frame; its memory is bounded by `most`, whatever the frame says.

    Raises:
        Damaged: it is no such frame, or a larger one.
    """
    import zstandard

    try:
        size = zstandard.frame_content_size(packed)
        if 0 <= size <= most:
            return zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)
        cause = "its compressed stream does not say its size, or more than was signed."
    except zstandard.ZstdError as error:
        cause = f"its stream cannot be decompressed: {error}."
    raise Damaged(subject="A stored value", cause=cause, advice=AGAIN)
