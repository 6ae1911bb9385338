"""The envelope of a stored value: a signature over everything that says what the bytes are and whose.

The key is one user's, so a signature that verifies says that this user's Perdure wrote these bytes, for this
run, step and inputs. The stream is covered by its digest, the buffers by their names, which are digests.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any

FORMAT = 1
"""Version of the stream's form; a higher one was written by a newer Perdure."""

ENVELOPE = 2
"""Version of the envelope's format; a higher one was written by a newer Perdure."""

_PLACE = ("run", "step", "inputs", "role", "value")

SIGNED: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        1: ("format", "codec", "stream", "buffers", *_PLACE),
        2: (
            *("format", "codec", "packing", "python", "packages", "stream", "buffers"),
            *("digest", "size", "preview", "created", "key", *_PLACE),
        ),
    }
)
"""What a signature covers, in order, by format. A format is never changed, only followed by another.

`stream` is the BLAKE3 digest (32 bytes) of the stream as it is stored, `buffers` are the names of the blobs
that hold the large buffers, `key` is the id of the key.
"""

_COVERED = {number: itemgetter(*names) for number, names in SIGNED.items()}


def sign(key: bytes, fields: Mapping[str, Any]) -> bytes:
    """The signature (HMAC-SHA256) of a value with these fields, as its format has it."""
    import ormsgpack

    covered = _COVERED[fields["format"]](fields)
    # msgpack with sorted keys is canonical: every length is written before its text, so no two look alike.
    signing = _signing(key).copy()
    signing.update(ormsgpack.packb(covered, option=ormsgpack.OPT_SORT_KEYS))
    return signing.digest()


@lru_cache(maxsize=8)
def _signing(key: bytes) -> hmac.HMAC:
    """What is the same in all signatures by this key."""
    return hmac.new(key, digestmod="sha256")


def verify(key: bytes, signature: bytes, fields: Mapping[str, Any]) -> bool:
    """Whether `signature` is that of a value with these fields, compared in constant time."""
    if fields["format"] not in SIGNED:
        return False
    try:
        expected = sign(key, fields)
    except (TypeError, ValueError, RecursionError):  # what cannot be written as msgpack was never signed
        return False
    return hmac.compare_digest(expected, signature)
