"""Values under seal: what goes into the store is signed, and what comes out is checked before it is read.

1. A value is given back only if this user's key signed it for this run, step and inputs.
2. Nothing of a stream or a buffer is interpreted here; until the signature fits, no blob is even opened.
3. After `seal` returned, the blobs of the value are on disk; its record still has to be written.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from perdure.codec import envelope
from perdure.errors import Damaged, NotLoadable, Untrusted

from .keys import Key
from .protocols import Blobs
from .records import Place, ValueRecord

if TYPE_CHECKING:
    from perdure.codec import Encoded

INLINE = 256 << 10
"""Bytes up to which a stream is stored in the journal: there it is cheaper than as a file."""


class Vault:
    """The door between encoded values and the store."""

    def __init__(self, blobs: Blobs, key: Key, *, durability: str = "power") -> None:
        self._blobs = blobs
        self._key = key
        self._durability = durability

    def seal(self, encoded: Encoded, place: Place, *, durability: str | None = None) -> ValueRecord:
        """Store the large parts of a value and sign the whole; the record is still to be written.

        Args:
            encoded: what the codec made of the value.
            place: where it belongs.
            durability: of the blobs; None takes the vault's own setting.
        """
        from blake3 import blake3

        durability = durability or self._durability
        buffers = tuple(self._blobs.put(buffer, durability=durability) for buffer in encoded.buffers)
        stream = encoded.stream
        large = len(stream) > INLINE
        digest = blake3(stream).digest()
        value = f"v_{secrets.token_hex(8)}"
        signature = envelope.sign(
            self._key.secret,
            format=envelope.FORMAT,
            codec=encoded.codec,
            stream=digest,
            buffers=buffers,
            **asdict(place),
            value=value,
        )
        return ValueRecord(
            id=value,
            **asdict(place),
            format=envelope.FORMAT,
            codec=encoded.codec,
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            packages=dict(encoded.packages),
            digest=_digest(digest, buffers),
            size=len(stream) + sum(buffer.nbytes for buffer in encoded.buffers),
            preview=dict(encoded.preview),
            stream=None if large else stream,
            stream_blob=self._blobs.put(stream, durability=durability) if large else None,
            buffers=buffers,
            key_id=self._key.id,
            signature=signature,
            created=time.time(),
        )

    def unseal(self, record: ValueRecord, place: Place, *, subject: str) -> Encoded:
        """The value as the codec encoded it, once its signature was verified.

        Args:
            record: as the journal holds it.
            place: where the value is expected to belong.
            subject: what the value is, for messages, such as "the result of step `load`".

        Raises:
            Untrusted: another key signed it.
            Damaged: its bytes, or what they belong to, were altered, or are gone.
            NotLoadable: a newer Perdure wrote it.
        """
        from perdure.codec import Encoded

        self._verify(record, place, subject)
        try:
            if record.stream is not None:
                stream = record.stream
            else:
                stream = bytes(self._blobs.get(record.stream_blob or "", copy=False))
            buffers = tuple(self._blobs.get(name) for name in record.buffers)
        except Damaged as error:
            raise Damaged(
                subject=subject, cause=f"{error.subject}: {error.cause}", advice=error.advice
            ) from error
        return Encoded(
            codec=record.codec,
            stream=stream,
            buffers=buffers,
            packages=record.packages,
            preview=record.preview,
        )

    def _verify(self, record: ValueRecord, place: Place, subject: str) -> None:
        if record.key_id != self._key.id:
            file = self._key.path or "which ends with this process"
            raise Untrusted(
                subject=subject,
                cause=f"key {record.key_id} signed it, and yours is {self._key.id} ({file}).",
                advice=f"Set PERDURE_KEY_FILE to the file of key {record.key_id}, "
                "or run its step again with `--redo`.",
            )
        if record.format > envelope.FORMAT:
            raise NotLoadable(
                subject=subject,
                cause=f"a newer Perdure wrote it: format {record.format}, known here: {envelope.FORMAT}.",
                advice="Upgrade with `pip install --upgrade perdure`, or run its step again with `--redo`.",
            )
        belongs = Place(record.run, record.step, record.inputs, record.role)
        fits = belongs == place and envelope.verify(
            self._key.secret,
            record.signature,
            format=record.format,
            codec=record.codec,
            stream=_stream_digest(record),
            buffers=record.buffers,
            **asdict(place),
            value=record.id,
        )
        if not fits:
            raise Damaged(
                subject=subject,
                cause="its bytes, or the run and step that they belong to, are not those that were signed.",
                advice="Run its step again with `--redo`.",
            )


def _stream_digest(record: ValueRecord) -> bytes:
    """Digest of the stream that the record holds or names. A blob is held to its name when it is read."""
    from blake3 import blake3

    if record.stream is not None:
        return blake3(record.stream).digest()
    try:
        return bytes.fromhex(record.stream_blob or "")
    except ValueError:
        return b""


def _digest(stream: bytes, buffers: Sequence[str]) -> str:
    from blake3 import blake3

    return blake3(b"".join([stream, *map(bytes.fromhex, buffers)])).hexdigest()
