"""The signature over a stored value: what was stored, and for whom (promise 8).

It covers the run, the step and the inputs too, so that one value cannot be put in the place of another.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from .model import FORMAT

__all__ = ["FORMAT", "sign", "verify"]


def sign(
    key: bytes,
    *,
    format: int,  # noqa: A002  the name of the record's field
    codec: str,
    stream: bytes,
    buffers: Sequence[str],
    run: str,
    step: str,
    inputs: str,
) -> bytes:
    """HMAC-SHA256 (32 bytes) over everything that a value's bytes and place depend on.

    Args:
        key: the user's secret.
        format: version of the format.
        codec: `plain` or `full`.
        stream: 32-byte BLAKE3 digest of the stream.
        buffers: names of the blobs that hold the buffers, in order.
        run: the run that the value belongs to.
        step: the step that made it.
        inputs: digest of the call's inputs.
    """
    import ormsgpack

    message = ormsgpack.packb([format, codec, stream, list(buffers), run, step, inputs])
    return hmac.new(key, message, hashlib.sha256).digest()


def verify(
    key: bytes,
    signature: bytes,
    *,
    format: int,  # noqa: A002  the name of the record's field
    codec: str,
    stream: bytes,
    buffers: Sequence[str],
    run: str,
    step: str,
    inputs: str,
) -> bool:
    """Whether `signature` was made with `key` over exactly these parts; takes the same time either way."""
    made = sign(
        key, format=format, codec=codec, stream=stream, buffers=buffers, run=run, step=step, inputs=inputs
    )
    return hmac.compare_digest(made, signature)
