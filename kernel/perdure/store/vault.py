"""Values under seal: what goes into the store is signed, and what comes out is checked before it is read.

1. A value is given back only if a key of this user signed it, as it is, for this run, step and inputs.
2. Nothing of a stream or a buffer is interpreted here; until the signature fits, no blob is even opened.
3. After `seal` returned, the blobs of the value are on disk; its record still has to be written.
4. In an encrypted store, neither stream nor buffers nor the content in a preview are stored in the clear.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from perdure.codec import Encoded, envelope
from perdure.codec.masking import escaped
from perdure.errors import AGAIN, Damaged, NotLoadable, Untrusted

from . import packing
from .keys import Key, user_key
from .protocols import Blobs
from .records import Place, ValueRecord

if TYPE_CHECKING:
    from .cipher import Cipher

INLINE = 256 << 10
"""Bytes up to which a stream is stored in the journal: there it is cheaper than as a file."""

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

_BUFFER = b"perdure buffer 2"
_SHOWN = ("type", "size", "shape", "dtype")
"""What of a preview says nothing of the content."""


class Vault:
    """The door between encoded values and the store."""

    def __init__(self, blobs: Blobs, key: Key, *, durability: str = "power", encrypt: bool = False) -> None:
        self._blobs = blobs
        self._key = key
        self._durability = durability
        self._encrypt = encrypt

    def seal(
        self,
        encoded: Encoded,
        place: Place,
        *,
        durability: str | None = None,
        value: str | None = None,
    ) -> ValueRecord:
        """Store the large parts of a value and sign the whole; the record is still to be written.

        Args:
            encoded: what the codec made of the value.
            place: where it belongs.
            durability: of the blobs; None takes the vault's own setting.
            value: the id of a value whose place it is going to take; None makes one.

        Raises:
            NeedsPackage: the store is encrypted, and `cryptography` is not installed.
        """
        packed = packing.compressed(encoded.stream)
        fields = {
            "id": value or f"v_{os.urandom(8).hex()}",
            "run": place.run,
            "step": place.step,
            "inputs": place.inputs,
            "role": place.role,
            "codec": encoded.codec,
            "python": PYTHON,
            "packages": encoded.packages,
            "size": encoded.size,
            "preview": encoded.preview,
            "created": time.time(),
            "packing": "" if packed is None else "zstd",
        }
        stream = encoded.stream if packed is None else packed
        return self._put(fields, stream, encoded.buffers, durability or self._durability)

    def resealed(self, record: ValueRecord) -> ValueRecord:
        """The same value as it is to be stored today: with the current key, in secret or in the clear.

        Raises:
            PerdureError: as `unseal`; the value stays as it was.
        """
        place = place_of(record)
        self._verify(record, place, f"Value {record.id}")
        stream, buffers = self._opened(record, place)
        kinds = [kind for kind in record.packing.split("+") if kind not in ("", "aes")]
        fields = _fields(record) | {"packing": "+".join(kinds)}
        return self._put(fields, stream, buffers, self._durability)

    def _put(
        self, fields: dict[str, Any], stream: bytes, views: Sequence[memoryview], durability: str
    ) -> ValueRecord:
        """Encrypt where that is wished, store what is large, and sign."""
        pieces: Iterable[bytes | memoryview] = views
        if self._encrypt:
            cipher = self._cipher()
            place = Place(fields["run"], fields["step"], fields["inputs"], fields["role"])
            stream = cipher.seal(stream, _context(place, fields["id"]))
            pieces = (cipher.seal(view, _BUFFER, same=True) for view in views)  # one at a time in memory
            preview = {name: part for name, part in fields["preview"].items() if name in _SHOWN}
            fields |= {"preview": preview, "packing": f"{fields['packing']}+aes".lstrip("+")}
        large = len(stream) > INLINE
        fields["buffers"] = tuple([self._blobs.put(piece, durability=durability) for piece in pieces])
        fields["stream"] = None if large else stream
        fields["stream_blob"] = self._blobs.put(stream, durability=durability) if large else None
        return self._signed(fields)

    def signed(self, record: ValueRecord) -> ValueRecord:
        """The record as it is, signed with this user's current key in the newest format.

        Whoever calls this knows that the user wants what the record says to be trusted.
        """
        return self._signed(_fields(record))

    def _signed(self, fields: dict[str, Any]) -> ValueRecord:
        """The record with these fields, its digest and signature made anew."""
        stream = _stream_digest(fields["stream"], fields["stream_blob"])
        fields["format"] = envelope.ENVELOPE
        fields["digest"] = _digest(stream, fields["buffers"])
        fields["key_id"] = self._key.id
        covered = fields | {"stream": stream, **{name: fields[of] for name, of in _RENAMED.items()}}
        fields["signature"] = envelope.sign(self._key.secret, covered)
        return ValueRecord(**fields)

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
        self._verify(record, place, subject)
        try:
            stream, buffers = self._opened(record, place)
            if "zstd" in record.packing:
                stream = packing.expanded(stream, record.size)
        except Damaged as error:
            cause = error.cause if error.subject in subject else f"{error.subject}: {error.cause}"
            raise Damaged(subject=subject, cause=cause, advice=error.advice) from error
        return Encoded(
            codec=record.codec,
            stream=stream,
            buffers=buffers,
            packages=record.packages,
            preview=record.preview,
        )

    def standing(self, record: ValueRecord) -> str:
        """Whose a value is: `yours`, `foreign` (another key signed it), `altered` or `newer` (its format).

        Neither a blob is opened nor anything decoded.
        """
        if not well_formed(record):
            return "altered"
        if record.format > envelope.ENVELOPE:
            return "newer"
        key = self._known(record.key_id)
        if key is None:
            return "foreign"
        stream = _stream_digest(record.stream, record.stream_blob)
        fits = envelope.verify(key.secret, record.signature, _covered(record, stream))
        if fits and record.format == 1:  # which does not cover the digest: it follows from what is signed
            fits = record.digest == _digest(stream, record.buffers)
        return "yours" if fits else "altered"

    def flaw(self, record: ValueRecord) -> str:
        """Why a value could not be opened even if it were signed; empty if it could. Nothing is decoded.

        `broken`: a blob is gone or altered; `sealed`: a key that is not this user's encrypted it.
        """
        if not well_formed(record):
            return "broken"
        try:
            stream = self._stored(record)
            for name in record.buffers:
                self._blobs.get(name, copy=False)
        except Damaged:
            return "broken"
        if "aes" in record.packing:
            from .cipher import sealed_by

            return "" if self._known(sealed_by(stream)) else "sealed"
        return ""

    def _opened(self, record: ValueRecord, place: Place) -> tuple[bytes, tuple[memoryview, ...]]:
        """Stream and buffers in the clear; the stream may still be compressed."""
        stream = self._stored(record)
        buffers = tuple([self._blobs.get(name) for name in record.buffers])
        if "aes" in record.packing:
            cipher = self._cipher()
            stream = cipher.open(stream, _context(place, record.id))
            buffers = tuple(memoryview(cipher.open(view, _BUFFER)) for view in buffers)
        return stream, buffers

    def _stored(self, record: ValueRecord) -> bytes:
        """The stream as it is stored. As a blob it is hashed each time: what is in it may be unpickled."""
        if record.stream is not None:
            return record.stream
        return bytes(self._blobs.get(record.stream_blob or "", copy=False, verify=True))

    def _verify(self, record: ValueRecord, place: Place, subject: str) -> None:
        standing = self.standing(record)
        if standing == "foreign":
            file = self._key.path or "which ends with this process"
            key = escaped(record.key_id)  # anybody may have written it
            raise Untrusted(
                subject=subject,
                cause=f"key {key} signed it, and yours is {self._key.id} ({file}).",
                advice=f"Set PERDURE_KEY_FILE to the file of key {key}, sign it anew with "
                "`perdure trust` if you know where it comes from, or run its step again with `--redo`.",
            )
        if standing == "newer":
            known = envelope.ENVELOPE
            raise NotLoadable(
                subject=subject,
                cause=f"a newer Perdure wrote it: format {record.format}, known here: up to {known}.",
                advice=f"Upgrade with `pip install --upgrade perdure`, or {AGAIN[0].lower()}{AGAIN[1:]}",
            )
        if standing == "altered" or not _belongs(record, place):
            raise Damaged(
                subject=subject,
                cause="its bytes, or the run and step that they belong to, are not those that were signed.",
                advice=AGAIN,
            )

    def _known(self, key_id: str) -> Key | None:
        """The key of this id, if it is this user's; another process may have changed the file meanwhile."""
        if key_id == self._key.id:
            return self._key
        known = self._key.known(key_id)
        if known is None and self._key.path is not None:
            changed = user_key(self._key.path)
            if changed.known(self._key.id) is not None:
                self._key = changed
                known = changed.known(key_id)
        return known

    def _cipher(self) -> Cipher:
        from .cipher import Cipher

        return Cipher(self._key)


def place_of(record: ValueRecord) -> Place:
    """Where a record says that its value belongs."""
    return Place(record.run, record.step, record.inputs, record.role)


def _belongs(record: ValueRecord, place: Place) -> bool:
    """Whether the record says that its value belongs there."""
    where = (record.run, record.step, record.inputs, record.role)
    return where == (place.run, place.step, place.inputs, place.role)


_BLOB = re.compile(r"[0-9a-f]{64}")
_KINDS = {
    **dict.fromkeys(("id", "run", "step", "inputs", "role", "codec", "python"), str),
    **dict.fromkeys(("digest", "key_id", "packing"), str),
    **dict.fromkeys(("format", "size"), int),
    **dict.fromkeys(("packages", "preview"), dict),
    "signature": bytes,
    "created": float,
    "buffers": tuple,
}
_looked_at = attrgetter(*_KINDS)
_EXPECTED = tuple(_KINDS.values())


def well_formed(record: ValueRecord) -> bool:
    """Whether each field is of its kind, and blobs are named as blobs are, so that no other file is opened.

    SQLite keeps anything in any column, and a store may come from anybody.
    """
    if tuple(map(type, _looked_at(record))) != _EXPECTED:
        return False
    blobs = record.buffers if record.stream is not None else (*record.buffers, record.stream_blob)
    named = not blobs or all(isinstance(name, str) and _BLOB.fullmatch(name) for name in blobs)
    return named and (record.stream is None or type(record.stream) is bytes)


_NAMES = tuple(field.name for field in dataclasses.fields(ValueRecord))
_values = attrgetter(*_NAMES)


def _fields(record: ValueRecord) -> dict[str, Any]:
    """The fields of a record by name."""
    return dict(zip(_NAMES, _values(record), strict=True))


def _covered(record: ValueRecord, stream: bytes) -> dict[str, Any]:
    """What the signature of a record covers, by the names that the envelope gives it."""
    return dict(zip(_SIGNED, _signed_values(record), strict=True)) | {"stream": stream}


_SIGNED = envelope.SIGNED[envelope.ENVELOPE]
_RENAMED = {"key": "key_id", "value": "id"}
_signed_values = attrgetter(*(_RENAMED.get(name, name) for name in _SIGNED))


def _context(place: Place, value: str) -> bytes:
    """What an encrypted stream is bound to."""
    import ormsgpack

    where = (place.run, place.step, place.inputs, place.role)
    return ormsgpack.packb(["stream", envelope.ENVELOPE, *where, value])


def _stream_digest(stream: bytes | None, blob: str | None) -> bytes:
    """Digest of the stream, or of the blob that holds it: that is held to its name when it is read."""
    if stream is not None:
        return bytes(_blake3()(stream).digest())
    try:
        return bytes.fromhex(blob or "")
    except ValueError:
        return b""


def _digest(stream: bytes, buffers: Sequence[str]) -> str:
    try:
        return str(_blake3()(b"".join([stream, *map(bytes.fromhex, buffers)])).hexdigest())
    except ValueError:
        return ""


@functools.cache
def _blake3() -> Any:
    from blake3 import blake3

    return blake3
