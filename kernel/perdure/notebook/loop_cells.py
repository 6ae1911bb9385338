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
    from perdure.engine.decide import Request
    from perdure.engine.owner import Owner
    from perdure.store.protocols import Journal
    from perdure.store.records import CallRecord

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


def kept_names(tree: ast.AST) -> frozenset[str]:
    """The names that the loops of a cell keep, as far as its code spells them out."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "resumable":
            kept = [word.value for word in node.keywords if word.arg == "keep"]
            found |= {
                str(each.value) for part in kept for each in ast.walk(part) if isinstance(each, ast.Constant)
            }
    return frozenset(found)


def cut_off_in_loop(owner: Owner, request: Request, names: frozenset[str]) -> CallRecord | None:
    """The call of a cell whose loop was cut off, and goes on: whatever became of the names that it keeps.

    The loop puts these names back itself, so that they are no other inputs for having changed meanwhile.

    Args:
        owner: of the notebook's run.
        request: the cell as it is run now.
        names: those that its loops keep.
    """
    if not names:
        return None
    turns = kept_turns(owner.store.journal, owner.run.id)
    now = {part.name: part.digest for part in request.input_parts}
    for call in reversed(owner.history.of_step(request.step)):
        if call.state == "done":
            return None
        before = {part.name: part.digest for part in call.input_parts}
        other = {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)}
        if call.id in turns and call.code == request.code and other <= names:
            return call
    return None


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
