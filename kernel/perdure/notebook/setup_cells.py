"""A %%setup cell: it always runs, and `%resume` runs it again before it restores steps.

Its source is kept as a signed value: what `%resume` runs, this user's key signed (promise 8).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.engine.stored import unsealed
from perdure.errors import NotLoadable, PerdureError
from perdure.store.records import NoteRecord, Place

from .interrupts import interruptible
from .namespace import snapshot

if TYPE_CHECKING:
    from perdure.engine.owner import Owner

    from .body import Body
    from .session import Session


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


class SetupCell:
    """One execution of a %%setup cell."""

    def __init__(self, session: Session, name: str, body: Body) -> None:
        self.session = session
        self.name = name
        self.body = body
        self._before = snapshot(session.namespace)

    def run(self) -> Any:
        """Carry out a cell whose body does not await."""
        __tracebackhide__ = "__ipython_bottom__"
        value = self.body.run()
        self._ran()
        return value

    async def arun(self) -> Any:
        """Carry out a cell whose body awaits."""
        __tracebackhide__ = "__ipython_bottom__"
        task = asyncio.current_task()
        assert task is not None
        with interruptible(task):
            value = await self.body.arun()
        self._ran()
        return value

    def _ran(self) -> None:
        """Keep the source, for `%resume`; before `%workflow` named a run there is nowhere to keep it."""
        session = self.session
        session.set_up[self.name] = self.body.source
        session.note_resources(self._before)
        if session.owner is not None:
            keep_source(session.owner, self.name, self.body.source)
