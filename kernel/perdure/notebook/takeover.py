"""When a run goes from one live kernel to another: what each of the two notebooks is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import lines

if TYPE_CHECKING:
    from perdure.engine.owner import Owner

    from .session import Session


class Watch:
    """Tells with the next cell, once, that another kernel took the notebook's run.

    Cells that are no steps go on as in any notebook; steps and workflows are refused, since two kernels never
    execute one run at once.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told: Owner | None = None

    def look(self, source: str) -> None:
        """Say it above what the cell shows, unless the cell is a magic, which says it itself."""
        owner = self._session.owner
        if owner is None or owner is self._told or source.lstrip().startswith("%"):
            return
        taken = owner.taken()
        if taken is not None:
            self._told = owner
            first, *others = str(taken).splitlines()
            lines.show(self._session.shell, lines.Line("taken over", details=(first,), notes=tuple(others)))


def told(owner: Owner) -> tuple[str, ...]:
    """What the new kernel says about the one that had the run."""
    before = owner.stolen_from
    if before is None:
        return ()
    where = f" ({before.notebook})" if before.notebook else ""
    return (f"taken from process {before.pid} on {before.host}{where}, which keeps nothing more of this run",)
