"""Values by themselves: signed bytes that a file or a message can carry, and digests.

Format: the eight bytes `PERDURE1`, then one msgpack array: format, codec, packages, stream, buffers, id of
the key, signature (see `perdure.codec.envelope`; run, step and inputs are empty).
"""

from __future__ import annotations

from typing import Any

from perdure import codec
from perdure.codec import envelope
from perdure.errors import Damaged, Untrusted

from .process import the_key

MAGIC = b"PERDURE1"
_SUBJECT = "The value"


def dumps(value: Any) -> bytes:
    """The value as bytes, signed with this user's key.

    Raises:
        NotKeepable: a part of it cannot be kept; the message names its path, type and what to do.
    """
    import ormsgpack

    encoded, key = codec.encode(value, name="value"), the_key()
    buffers = [bytes(buffer) for buffer in encoded.buffers]
    signature = envelope.sign(key.secret, **_signed(envelope.FORMAT, encoded.codec, encoded.stream, buffers))
    parts = [envelope.FORMAT, encoded.codec, encoded.packages, encoded.stream, buffers, key.id, signature]
    return MAGIC + ormsgpack.packb(parts)


def loads(data: bytes, *, trust: str = "signed") -> Any:
    """The value of bytes that `dumps` made.

    Args:
        data: the bytes.
        trust: "signed" takes only what this user's key signed; "plain" takes any bytes, and gives builtins
            and types of the standard library only: no class is constructed and nothing is unpickled.

    Raises:
        Untrusted: the signature is not this user's, or the value needs more than plain trust allows.
        Damaged: these are not such bytes.
    """
    import ormsgpack

    if trust not in ("signed", "plain"):
        raise ValueError(f'trust={trust!r} is none of "signed", "plain"')
    try:
        if data[: len(MAGIC)] != MAGIC:
            raise ValueError("they do not begin as such bytes do")  # noqa: TRY301
        number, kind, packages, stream, buffers, key_id, signature = ormsgpack.unpackb(data[len(MAGIC) :])
        well_formed = (
            isinstance(kind, str)
            and isinstance(packages, dict)
            and isinstance(stream, bytes)
            and isinstance(buffers, list)
            and all(isinstance(buffer, bytes) for buffer in buffers)
            and isinstance(signature, bytes)
        )
        if number != envelope.FORMAT or not well_formed:
            raise ValueError(f"their format is {number!r}, and this version reads {envelope.FORMAT}")  # noqa: TRY301
    except (ValueError, TypeError) as error:
        raise Damaged(
            subject=_SUBJECT, cause=f"{error}.", advice="Give bytes that perdure.dumps made."
        ) from None
    if trust == "signed":
        key = the_key()
        if not envelope.verify(key.secret, signature, **_signed(number, kind, stream, buffers)):
            raise Untrusted(
                subject=_SUBJECT,
                cause=f"it is not signed by your key ({key.id}, in {key.path}) but says key {key_id}.",
                advice='Set PERDURE_KEY_FILE to that key, or read builtins only with trust="plain".',
            )
    encoded = codec.Encoded(kind, stream, tuple(memoryview(buffer) for buffer in buffers), packages, {})
    return codec.decode(encoded, trust="full" if trust == "signed" else "plain")


def digest(value: Any) -> str:
    """Digest of a value's type and content: alike in any process for values that are alike, however built.

    Raises:
        TypeError: the value has no content that could be digested (a connection, a generator).
    """
    found = codec.digest(value)
    if found.weak:
        raise TypeError(f"{type(value).__name__} cannot be digested: {found.cause}")
    return found.hex


def _signed(number: int, kind: str, stream: bytes, buffers: list[bytes]) -> dict[str, Any]:
    from blake3 import blake3

    return {
        "format": number,
        "codec": kind,
        "stream": blake3(stream).digest(),
        "buffers": [blake3(buffer).hexdigest() for buffer in buffers],
        "run": "",
        "step": "",
        "inputs": "",
        "role": "",
        "value": "",
    }
