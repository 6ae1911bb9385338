"""The values of calls and runs as they lie in a store: where each belongs, and how it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import AGAIN, Damaged
from perdure.store.records import CallRecord, Place, ValueRecord

if TYPE_CHECKING:
    from perdure.codec import Encoded
    from perdure.store import Store


def place_of(call: CallRecord, role: str) -> Place:
    """Where a value of a call belongs."""
    return Place(call.run, call.step, call.inputs, role)


def unsealed(store: Store, value: str, place: Place, subject: str) -> Encoded:
    """The stored value with this id, its signature for this place verified."""
    return opened(store, store.journal.value(value), place, subject)


def opened(store: Store, record: ValueRecord | None, place: Place, subject: str) -> Encoded:
    """The value of a record as the journal gave it, its signature for this place verified."""
    if record is None:
        raise Damaged(subject=subject, cause="its record is missing.", advice=AGAIN)
    return store.vault.unseal(record, place, subject=subject)
