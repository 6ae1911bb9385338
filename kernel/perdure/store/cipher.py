"""What is stored in secret: AES-256-GCM with keys that are derived from the user's key.

1. What was sealed opens with the key that sealed it, current or older, in the same context, or not at all.
2. Each piece has a key and a nonce of its own: no number of pieces wears the user's key out.
3. With `same`, equal bytes give equal sealed bytes, so that blobs are still shared; another user's differ.

The form: four bytes of the key's id, 32 bytes of salt, then pieces of at most 16 MiB, each with its tag. Key
and nonce are HKDF-SHA256 of the user's key and the salt. The context, the place of a piece and whether it is
the last one are associated data, so that pieces cannot be exchanged, reordered or cut off.
"""

from __future__ import annotations

import secrets
from typing import Any

from perdure.errors import AGAIN, Damaged, NeedsPackage, Untrusted

from .keys import Key

PIECE = 16 << 20
OVERHEAD = 4 + 32 + 16
"""Bytes that sealing adds to one piece."""

_SALT, _TAG, _ID = 32, 16, 4
_PURPOSE = b"perdure 1 encryption"
_MAC = "perdure 1 message authentication"


class Cipher:
    """Seals with the user's current key, and opens with any key of the key's file."""

    def __init__(self, key: Key) -> None:
        self._key = key

    def seal(self, plain: bytes | memoryview, context: bytes, *, same: bool = False) -> bytes:
        """The bytes in secret.

        Args:
            plain: what to hide.
            context: what it is and where it belongs; needed again to open it.
            same: equal bytes in an equal context give equal sealed bytes.

        Raises:
            NeedsPackage: `cryptography` is not installed.
        """
        view = memoryview(plain).cast("B")
        salt = self._salt(view, context) if same else secrets.token_bytes(_SALT)
        aead, nonce = _derived(self._key.secret, salt)
        sealed = [bytes.fromhex(self._key.id), salt]
        last = max(0, (len(view) - 1) // PIECE)
        for number in range(last + 1):
            piece = view[number * PIECE : (number + 1) * PIECE]
            sealed.append(aead.encrypt(_counted(nonce, number), piece, _bound(context, number, last)))
        return b"".join(sealed)

    def open(self, sealed: bytes | memoryview, context: bytes) -> bytes:
        """The bytes that were sealed in this context.

        Raises:
            Untrusted: a key sealed them that is not in the key's file.
            Damaged: they were altered, or belong into another context.
            NeedsPackage: `cryptography` is not installed.
        """
        view = memoryview(sealed).cast("B")
        if len(view) < OVERHEAD:
            raise _damaged()
        key_id, salt, body = view[:_ID].hex(), bytes(view[_ID : _ID + _SALT]), view[_ID + _SALT :]
        key = self._key.known(key_id)
        if key is None:
            raise Untrusted(
                subject="What is encrypted",
                cause=f"key {key_id} encrypted it, and yours is {self._key.id}.",
                advice=f"Set PERDURE_KEY_FILE to the file of key {key_id}.",
            )
        aead, nonce = _derived(key.secret, salt)
        from cryptography.exceptions import InvalidTag

        plain = []
        last = (len(body) - 1) // (PIECE + _TAG)
        try:
            for number in range(last + 1):
                piece = body[number * (PIECE + _TAG) : (number + 1) * (PIECE + _TAG)]
                plain.append(aead.decrypt(_counted(nonce, number), piece, _bound(context, number, last)))
        except InvalidTag:
            raise _damaged() from None
        return b"".join(plain)

    def mac(self, data: bytes | memoryview) -> bytes:
        """32 bytes that only this user's current key gives for these bytes."""
        from blake3 import blake3

        key = blake3(self._key.secret, derive_key_context=_MAC).digest()
        return blake3(data, key=key).digest()

    def _salt(self, view: memoryview, context: bytes) -> bytes:
        return self.mac(self.mac(context) + self.mac(view))


def sealed_by(sealed: bytes | memoryview) -> str:
    """Id of the key that sealed these bytes."""
    return memoryview(sealed)[:_ID].hex()


def _derived(secret: bytes, salt: bytes) -> tuple[Any, bytes]:
    """The cipher and the beginning of the nonces of one message."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError:
        raise NeedsPackage(what="Encryption", package="cryptography", extra="encrypt") from None
    made = HKDF(algorithm=SHA256(), length=40, salt=salt, info=_PURPOSE).derive(secret)
    return AESGCM(made[:32]), made[32:]


def _counted(nonce: bytes, number: int) -> bytes:
    return nonce + number.to_bytes(4, "big")


def _bound(context: bytes, number: int, last: int) -> bytes:
    return b"%d %d " % (number, last) + context


def _damaged() -> Damaged:
    return Damaged(
        subject="What is encrypted",
        cause="it was altered, or taken from another place.",
        advice=AGAIN,
    )
