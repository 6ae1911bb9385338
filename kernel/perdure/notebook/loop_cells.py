"""Resumable loops in cells: which cell they belong to, and what it had shown by the time a turn was kept."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from perdure.codec.masking import escaped
from perdure.codec.syntax import tree_digest
from perdure.engine.code.functions import names_code
from perdure.engine.code.source import analyse
from perdure.engine.inputs import combined
from perdure.engine.loops.progress import use_face
from perdure.engine.loops.slots import Home
from perdure.engine.loops.stand import Stand, use_outside
from perdure.store.kept_turns import LOOP
from perdure.store.records import Part

from .loop_bars import NotebookFace
from .namespace import is_users
from .outputs import show

if TYPE_CHECKING:
    from perdure.store.protocols import Journal

    from .outputs import Recorder
    from .session import Session


class LoopCells:
    """Where loops stand that no step runs: in the present cell, which is known by its code.

    Args:
        session: of the notebook.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._source = ""
        self._stand: Stand | None = None

    def begin(self, source: str) -> None:
        """A cell begins."""
        self._source, self._stand = source, None

    def end(self, *, well: bool) -> None:
        """It has ended."""
        stand, self._stand, self._source = self._stand, None, ""
        if stand is not None and stand.owner is self._session.owner:
            stand.end(well=well)

    def stand(self) -> Stand | None:
        """The present cell as a place for loops; None without a workflow."""
        session = self._session
        if self._stand is None and session.owner is not None and self._source:
            session.owner.check()
            self._stand = Stand(session.owner, self._home(session))
        return self._stand

    def _home(self, session: Session) -> Home:
        tree = ast.parse(session.shell.transform_cell(self._source))
        own, namespace = tree_digest(tree), session.namespace
        reads = {name for name in analyse(tree).reads if name in namespace and is_users(name)}
        code = combined((Part("cell", own), *names_code(reads, namespace).parts))
        assert session.owner is not None
        return Home(session.owner.run.id, f"cell_{own}", "", "", code, session.cell_id())


class ShownByCell:
    """What a %%step cell shows while it runs.

    Args:
        shell: where it is shown.
        recorder: which records it.
    """

    def __init__(self, shell: Any, recorder: Recorder) -> None:
        self._shell = shell
        self._recorder = recorder

    def taken(self) -> list[dict[str, Any]]:
        """All that was shown so far."""
        return self._recorder.outputs

    def again(self, outputs: list[dict[str, Any]]) -> None:
        """Show this in place of what was shown so far."""
        self._shell.display_pub.clear_output(wait=False)
        show(self._shell, outputs)


def kept_turns(journal: Journal, run: str) -> dict[str, str]:
    """The turn after which the loop of each call goes on, such as "turn 41 of 100", by the call's id."""
    found = {}
    for note in journal.notes(run, LOOP):
        about = note.data
        if about.get("live") and "/" not in str(about.get("path")):
            of = f" of {about['total']}" if about.get("total") is not None else ""
            found[str(about.get("id"))] = escaped(f"turn {about.get('done')}{of}")
    return found


def install(session: Session) -> Callable[[], None]:
    """Bring resumable loops to the notebook; what is returned takes them away."""
    cells, events = LoopCells(session), session.shell.events
    face, outside = use_face(NotebookFace(session.shell)), use_outside(cells.stand)

    def begin(info: Any) -> None:
        cells.begin(info.raw_cell or "")

    def end(result: Any) -> None:
        cells.end(well=bool(result is not None and result.success))

    events.register("pre_run_cell", begin)
    events.register("post_run_cell", end)

    def take_away() -> None:
        events.unregister("pre_run_cell", begin)
        events.unregister("post_run_cell", end)
        use_face(face)
        use_outside(outside)

    return take_away
