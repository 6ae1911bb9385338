"""The sources of %%setup cells, as signed values: `%resume` runs what this user's key signed (promise 8)."""

from __future__ import annotations

from perdure import codec
from perdure.engine.owner import Owner
from perdure.engine.stored import unsealed
from perdure.errors import NotLoadable, PerdureError
from perdure.store.records import NoteRecord, Place


def keep_source(owner: Owner, name: str, source: str) -> None:
    """Keep the source of a setup cell with the run, signed. One that is kept already is not kept again."""
    for note in owner.store.journal.notes(owner.run.id, "setup"):
        if note.name == name and _is_kept(owner, note, source):
            return
    value = owner.seal(codec.encode(source), Place(owner.run.id, name, role="setup"))
    owner.note("setup", name, {"value": value.id}, value)


def kept_source(owner: Owner, note: NoteRecord) -> str:
    """The source of a setup cell, its signature verified.

    Raises:
        PerdureError: it cannot be trusted or read, or an older Perdure kept it unsigned.
    """
    subject, value = f"The source of setup cell `{note.name}`", note.data.get("value")
    if not isinstance(value, str):
        raise NotLoadable(subject=subject, cause="it is not signed.", advice="Run the cell by hand.")
    encoded = unsealed(owner.store, value, Place(owner.run.id, note.name, role="setup"), subject)
    source: str = codec.decode(encoded, trust="plain")
    return source


def _is_kept(owner: Owner, note: NoteRecord, source: str) -> bool:
    try:
        return kept_source(owner, note) == source
    except PerdureError:
        return False
