"""Encryption with the user's key: what comes out is what went in, in its place, or nothing (promise 8)."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.errors import Damaged, NeedsPackage, Untrusted
from perdure.store import cipher as module
from perdure.store.cipher import OVERHEAD, Cipher
from perdure.store.keys import passing_key, rotate_key, user_key

CIPHER = Cipher(passing_key())


@given(st.binary(max_size=200), st.binary(max_size=20), st.booleans())
def test_any_bytes_open_as_they_were_sealed(plain, context, same):
    """Promise 4."""
    sealed = CIPHER.seal(plain, context, same=same)
    assert len(sealed) == len(plain) + OVERHEAD
    assert CIPHER.open(sealed, context) == plain


@settings(max_examples=300)
@given(st.binary(max_size=40), st.data())
def test_any_altered_byte_is_refused(plain, data):
    """Promise 8."""
    sealed = bytearray(CIPHER.seal(plain, b"place"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((Damaged, Untrusted)):
        CIPHER.open(bytes(sealed), b"place")


def test_bytes_in_many_pieces_keep_their_order_and_end(monkeypatch):
    """Promise 8: pieces cannot be exchanged or cut off."""
    monkeypatch.setattr(module, "PIECE", 10)
    plain = bytes(range(40))
    sealed = CIPHER.seal(plain, b"")
    head, pieces = sealed[:36], [sealed[36 + at : 62 + at] for at in range(0, 104, 26)]
    assert CIPHER.open(head + b"".join(pieces), b"") == plain
    for wrong in (pieces[:3], [pieces[1], pieces[0], *pieces[2:]], pieces[1:], []):
        with pytest.raises(Damaged):
            CIPHER.open(head + b"".join(wrong), b"")


def test_what_belongs_elsewhere_is_refused():
    """Promise 8: the context is bound."""
    with pytest.raises(Damaged, match="another place"):
        CIPHER.open(CIPHER.seal(b"x", b"here"), b"there")


def test_equal_bytes_are_sealed_alike_where_asked_for_and_by_this_user_only():
    """Promises 8 and 10: blobs are shared, and nobody else can tell what they hold."""
    assert CIPHER.seal(b"x", b"") != CIPHER.seal(b"x", b"")
    sealed = CIPHER.seal(b"x", b"", same=True)
    assert CIPHER.seal(b"x", b"", same=True) == sealed
    assert CIPHER.seal(b"x", b"other", same=True)[4:] != sealed[4:]
    assert Cipher(passing_key()).seal(b"x", b"", same=True)[4:] != sealed[4:]
    assert CIPHER.mac(b"x") == CIPHER.mac(b"x") != Cipher(passing_key()).mac(b"x")


def test_an_older_key_of_the_file_still_opens(tmp_path, monkeypatch):
    """Promise 8: after a rotation old values stay readable; with another key they are not."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    sealed = Cipher(user_key()).seal(b"x", b"")
    new = rotate_key()
    assert new == user_key()
    assert Cipher(new).open(sealed, b"") == b"x"
    assert Cipher(new).seal(b"x", b"")[:4] != sealed[:4]
    with pytest.raises(Untrusted, match="PERDURE_KEY_FILE"):
        CIPHER.open(sealed, b"")


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(NeedsPackage, match=r"perdure\[encrypt\]"):
        CIPHER.seal(b"x", b"")
    assert len(CIPHER.mac(b"x")) == 32
