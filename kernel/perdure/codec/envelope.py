"""The envelope of a stored value: a signature over everything that says what the bytes are and whose.

The key is one user's, so a signature that verifies says that this user's Perdure wrote these bytes, for this
run, step and inputs. The stream is covered by its digest, the buffers by their names, which are digests.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

FORMAT = 1
"""Version of the envelope's format; a higher one was written by a newer Perdure."""


def sign(
    key: bytes,
    *,
    format: int,  # noqa: A002  the field is called so in the record
    codec: str,
    stream: bytes,
    buffers: Sequence[str],
    run: str,
    step: str,
    inputs: str,
    role: str,
    value: str,
) -> bytes:
    """The signature (HMAC-SHA256) of a value.

    Args:
        key: The user's secret.
        format: Version of the format.
        codec: `plain` or `full`.
        stream: The 32 bytes of the stream's BLAKE3 digest, not the stream itself.
        buffers: Names of the blobs that hold the large buffers, in order.
        run: Id of the run that the value belongs to.
        step: Name of its step.
        inputs: Digest of the step's inputs.
        role: What the value is to its step or run, such as `value` or `shown`.
        value: Id of the value.
    """
    import ormsgpack

    # A msgpack array is canonical: every length is written before its text, so no two values look alike.
    message = ormsgpack.packb([format, codec, stream, list(buffers), run, step, inputs, role, value])
    return hmac.digest(key, message, "sha256")


def verify(
    key: bytes,
    signature: bytes,
    *,
    format: int,  # noqa: A002  the field is called so in the record
    codec: str,
    stream: bytes,
    buffers: Sequence[str],
    run: str,
    step: str,
    inputs: str,
    role: str,
    value: str,
) -> bool:
    """Whether `signature` is that of a value with these parts, compared in constant time."""
    expected = sign(
        key,
        format=format,
        codec=codec,
        stream=stream,
        buffers=buffers,
        run=run,
        step=step,
        inputs=inputs,
        role=role,
        value=value,
    )
    return hmac.compare_digest(expected, signature)
