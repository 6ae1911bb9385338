"""A %%setup cell: it always runs, and `%resume` runs it again before it restores steps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .interrupts import interruptible
from .namespace import snapshot
from .setup_sources import keep_source

if TYPE_CHECKING:
    from .body import Body
    from .session import Session


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
