"""Pictures of runs: the timeline as rows, HTML and text. Reads the journal, never the engine's insides."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from perdure.engine.events import Listener
    from perdure.store.protocols import Journal

__all__ = ["Session", "connect"]


class _Store(Protocol):
    @property
    def journal(self) -> Journal: ...


class Session(Protocol):
    """What the pictures need of a notebook session."""

    @property
    def shell(self) -> Any:
        """The `InteractiveShell` in which cells run."""

    @property
    def store(self) -> _Store:
        """The store that holds the runs."""

    @property
    def run_id(self) -> str | None:
        """The notebook's own run, if it has one."""

    @property
    def child_run_id(self) -> str | None:
        """The run of the %%workflow cell that ran last."""

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` every event from now on; the function that is returned ends that."""


def connect(session: Session) -> Callable[[], None]:
    """Bring `%timeline` and the live pictures to a session; what is returned takes them away again."""
    from .live import LivePictures
    from .magic import draw

    def timeline(line: str = "") -> Any:
        return draw(session, line)

    timeline.__doc__ = draw.__doc__
    magics = session.shell.magics_manager
    magics.register_function(timeline, magic_kind="line", magic_name="timeline")

    def publish(*bundle: Any, **options: Any) -> None:
        session.shell.display_pub.publish(*bundle, **options)

    formatter = session.shell.display_formatter.formatters["text/html"]
    formatter.for_type_by_name("perdure.notebook.lines", "Line", _line)
    formatter.for_type_by_name("perdure.notebook.listing", "Runs", _runs)
    plain = session.shell.display_formatter.formatters["text/plain"]
    plain.for_type_by_name("perdure.notebook.listing", "Runs", _runs_as_text)
    remove = session.listen(LivePictures(publish, lambda: session.store.journal))

    def disconnect() -> None:
        remove()
        magics.magics["line"].pop("timeline", None)
        formatter.pop("perdure.notebook.lines.Line", None)
        formatter.pop("perdure.notebook.listing.Runs", None)
        plain.pop("perdure.notebook.listing.Runs", None)

    return disconnect


def _line(line: Any) -> str:
    from .step_lines import render_line

    return render_line(line.state, line.since, line.details, line.saved, line.notes)


def _runs_as_text(runs: Any, printer: Any, cycle: bool) -> None:  # noqa: ARG001, FBT001  as IPython calls it
    from .runs import RunsTable

    table = RunsTable.read(runs.journal, workflow=runs.workflow, tags=runs.tags, limit=runs.limit)
    printer.text(table.text() if table.timelines else repr(runs))


def _runs(runs: Any) -> str:
    from .runs import RunsTable

    return RunsTable.read(runs.journal, workflow=runs.workflow, tags=runs.tags, limit=runs.limit).html()
