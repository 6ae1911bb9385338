"""Laws of sealing: any value comes back, and no single altered byte of its record gets through (promises 4, 8)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.codec import Encoded
from perdure.errors import Damaged, NotLoadable, Untrusted
from perdure.store.keys import passing_key
from perdure.store.memory import MemoryBlobs
from perdure.store.records import Place, ValueRecord
from perdure.store.vault import INLINE, Vault

PLACE = Place("r_1", "load", "1f")
KEY = passing_key()


def streams():
    """Small ones, and ones that are compressed, or stored as a blob, or both."""
    repeated = st.builds(lambda piece, size: (piece * size)[:size], st.binary(min_size=1, max_size=9), SIZES)
    random = st.builds(lambda seed, size: blake3(seed).digest(size), st.binary(max_size=4), SIZES)
    return st.binary(max_size=99) | repeated | random


SIZES = st.sampled_from([0, 1, 64 << 10, (64 << 10) + 1, INLINE + 1])
VALUES = st.builds(
    Encoded,
    codec=st.sampled_from(["plain", "full"]),
    stream=streams(),
    buffers=st.lists(st.binary(max_size=50).map(memoryview), max_size=3).map(tuple),
    packages=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    preview=st.dictionaries(st.sampled_from(["type", "size", "text"]), st.integers(0, 9), max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.booleans())
def test_any_value_comes_back_as_it_was_sealed(value, encrypt):
    """Promise 4: small and large, compressed or not, in secret or in the clear."""
    vault = Vault(MemoryBlobs(), KEY, encrypt=encrypt)
    record = vault.seal(value, PLACE)
    found = vault.unseal(record, PLACE, subject="it")
    assert (found.codec, found.stream, found.packages) == (value.codec, value.stream, value.packages)
    assert [bytes(buffer) for buffer in found.buffers] == [bytes(buffer) for buffer in value.buffers]
    assert vault.unseal(vault.resealed(record), PLACE, subject="it").stream == value.stream


def altered(part: Any, draw: Any) -> Any:
    """The part with one thing changed: a byte, a character, a number, an item."""
    match part:
        case bytes() if part:
            at = draw(st.integers(0, len(part) - 1))
            return part[:at] + bytes([part[at] ^ draw(st.integers(1, 255))]) + part[at + 1 :]
        case str() if part:
            at = draw(st.integers(0, len(part) - 1))
            return part[:at] + draw(st.characters().filter(lambda char: char != part[at])) + part[at + 1 :]
        case tuple() if part:
            at = draw(st.integers(0, len(part) - 1))
            return (*part[:at], altered(part[at], draw), *part[at + 1 :])
        case dict() if part:
            return dict(list(part.items())[1:])
        case int() | float():
            return part + draw(st.integers(1, 9))
        case _:
            return {str: "x", tuple: ("00" * 32,), dict: {"x": "x"}, bytes: b"x"}.get(type(part), b"x")


@settings(max_examples=200, deadline=None)
@given(
    VALUES,
    st.sampled_from([each.name for each in dataclasses.fields(ValueRecord)]),
    st.sampled_from([None, 1, 1.5, "x", "../../x", b"x", (1,), ("../x",), (), {"x": 1}, {}]),
)
def test_any_record_with_another_kind_of_thing_in_a_field_is_refused(value, name, thing):
    """Promise 8: SQLite keeps anything in any column; what is no name of a blob opens no file."""
    vault = Vault(MemoryBlobs(), KEY)
    record = vault.seal(value, PLACE)
    if getattr(record, name) == thing or (name == "stream_blob" and record.stream is not None):
        return
    changed = dataclasses.replace(record, **{name: thing})
    with pytest.raises((Damaged, Untrusted, NotLoadable)):
        vault.unseal(changed, PLACE, subject="it")
    assert vault.standing(changed) != "yours"
    assert vault.flaw(changed) in ("", "broken")


@settings(max_examples=200, deadline=None)
@given(
    VALUES, st.booleans(), st.sampled_from([each.name for each in dataclasses.fields(ValueRecord)]), st.data()
)
def test_any_record_with_one_thing_altered_is_refused(value, encrypt, name, data):
    """Promise 8: in every field, and before anything is handed to the codec."""
    vault = Vault(MemoryBlobs(), KEY, encrypt=encrypt)
    record = vault.seal(value, PLACE)
    before = getattr(record, name)
    if name == "stream_blob" and record.stream is not None:
        return  # not looked at where the stream lies in the record
    changed = dataclasses.replace(record, **{name: altered(before, data.draw)})
    with pytest.raises((Damaged, Untrusted, NotLoadable)):
        vault.unseal(changed, PLACE, subject="it")
