"""Perdure in IPython: cells, namespace, output, magics and the kernel.

`load` makes a session for a shell and brings the magics; `unload` takes everything away again. The notebook
tells listeners what happens and knows no picture: pictures are found through the entry point group
`perdure.listeners`, and are called with the session.
"""

from __future__ import annotations

import contextlib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from perdure.errors import PerdureError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .session import Session

_sessions: dict[int, Session] = {}


def load(shell: InteractiveShell) -> Session:
    """Bring Perdure to a shell, once however often it is called; return its session."""
    if id(shell) in _sessions:
        return _sessions[id(shell)]
    from perdure.engine import naming, room, undetermined

    from . import background, completion, failures, lines, loop_cells, routes, transform
    from .magics import PerdureMagics
    from .session import Session
    from .step_names import StepNames
    from .takeover import Watch

    session = Session(shell)
    watch, step_names = Watch(session), StepNames(session)
    magics = PerdureMagics(shell, session)
    shell.register_magics(magics)
    transform.install(shell)
    completion.install(shell, session)

    def note_cell(info: Any) -> None:
        step_names.begin_cell()
        session.note_cell(info.raw_cell or "")
        watch.look(info.raw_cell or "")

    def note_names(result: Any) -> None:
        if result is not None and result.execution_count is not None:
            with contextlib.suppress(PerdureError):  # the next step will say what is wrong with the store
                session.note_names(result.execution_count)
        background.tell_failures(session)

    shell.events.register("pre_run_cell", note_cell)
    shell.events.register("post_run_cell", note_names)

    naming.listeners.append(step_names.check)
    said = room.tell
    room.tell = lambda sentence: lines.show(shell, lines.Line("room runs out", details=(sentence,)))

    show_all_frames, unroute = failures.install(shell), routes.install(shell)
    warned = undetermined.tell
    undetermined.tell = lambda _, told: lines.show(shell, lines.undetermined(told))

    def take_away() -> None:
        room.tell, undetermined.tell = said, warned
        naming.listeners.remove(step_names.check)
        show_all_frames()
        unroute()
        shell.events.unregister("pre_run_cell", note_cell)
        shell.events.unregister("post_run_cell", note_names)
        transform.uninstall(shell)
        completion.uninstall(shell, session)
        for kind, names in magics.magics.items():
            for name in names:
                shell.magics_manager.magics[kind].pop(name, None)

    session.on_unload(take_away)
    session.on_unload(loop_cells.install(session))
    _sessions[id(shell)] = session
    for entry in entry_points(group="perdure.listeners"):
        try:
            session.on_unload(entry.load()(session))
        except Exception as error:  # noqa: BLE001  a listener that fails is reported, not obeyed
            print(f"perdure: the listener {entry.name} could not be loaded: {error!r}")  # noqa: T201
    return session


def unload(shell: InteractiveShell) -> None:
    """Take Perdure away from a shell; nothing happens where it is not."""
    session = _sessions.pop(id(shell), None)
    if session is not None:
        session.close()


def current() -> Session:
    """The session of the running shell: what the magics do can be done through it.

    Raises:
        RuntimeError: there is no shell, or the extension is not loaded in it.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or id(shell) not in _sessions:
        raise RuntimeError("Perdure is not loaded here: run %load_ext perdure in a notebook")
    return _sessions[id(shell)]
