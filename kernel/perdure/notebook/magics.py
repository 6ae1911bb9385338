"""The magics. They parse a line and call a function; no rule stands here.

`%load_ext perdure` · `%workflow` · `%%step` · `%%workflow` · `%%setup` · `%resume` · `%runs` · `%perdure`
(`%timeline` is brought by the pictures.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from perdure.engine.decide import KINDS, ON_EDIT
from perdure.engine.keeping import CODECS
from perdure.engine.plans import Choice, sought
from perdure.engine.retrying import Retrying

from . import carried, disk_use, lines, listing, notebook_runs, plans, resuming, upkeep
from .body import Body
from .cells import StepCell, StepOptions
from .parsing import count, duration, literal, meant, named, names, positive, tags, uncommented
from .setup_cells import SetupCell
from .workflow_cells import WorkflowCell, WorkflowOptions

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .session import Session


T = TypeVar("T")
_OF_CELLS = (
    "input", "output", "key", "reuse", "redo", "redo_from", "strict", "executor", "plan", "background",
)  # fmt: skip
"""Options that `%workflow` has only in front of a cell."""


class BodySyntaxError(Exception):
    """A syntax error in a cell's body, shown as IPython shows one: by the cell's line, without our frames."""

    def __init__(self, error: SyntaxError, shown: list[str]) -> None:
        super().__init__(str(error))
        self._shown = shown

    def _render_traceback_(self) -> list[str]:
        return self._shown


BodySyntaxError.__name__ = "SyntaxError"  # what the front end names it


@magics_class
class PerdureMagics(Magics):
    """The magics of one shell."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self.session = session

    # -- cells -------------------------------------------------------------------------------------------

    @no_var_expand
    @cell_magic
    @magic_arguments()
    @argument("name", help="The step's name, one per notebook.")
    @argument(
        "--kind",
        choices=KINDS,
        default="pure",
        help="pure: compute, read, fit (default). effect: send, write; never repeated silently. "
        "volatile: recorded once for this run.",
    )
    @argument(
        "--on-edit",
        choices=ON_EDIT,
        help="What to do when the code was edited: rerun (default), keep, ask.",
    )
    @argument("--key", help="Find the step again by this key instead of its inputs.")
    @argument("--retries", type=int, default=0, help="How many further attempts after a failure.")
    @argument("--backoff", default="0s", help="Pause before each further attempt, such as 10s.")
    @argument("--timeout", help="Limit for one attempt, such as 10m.")
    @argument("--output", help="Keep only these names, separated by commas.")
    @argument("--redo", action="store_true", help="Run it although it is recorded.")
    @argument(
        "--strict",
        action="store_true",
        help="Refuse to run again, and refuse inputs that cannot be compared.",
    )
    @argument(
        "--replace", action="store_true", help="This cell takes the place of another one with the same name."
    )
    def step(self, line: str, cell: str) -> Any:
        """Run the cell as one step: its result is kept, and restored instead of computed again.

        What the cell binds, changes, prints, displays and draws is kept when it ends. After a restart,
        running the cell restores all that, unless its code or its inputs changed.
        """
        __tracebackhide__ = "__ipython_bottom__"
        made = self._step(line, cell)
        if made.body.is_async:
            raise UsageError(
                "%%step: this cell awaits, so %%step must be its first line (and %autoawait on)."
            )
        return made.run()

    @no_var_expand
    @line_cell_magic
    @magic_arguments()
    @argument("name", help="The workflow's name.")
    @argument(
        "--params",
        help="For %%workflow on a line: names whose values make this run another one, separated by commas.",
    )
    @argument(
        "--input",
        help="For a cell: the names that it gets, separated by commas (default: all data that it reads).",
    )
    @argument(
        "--output", help="For a cell: the names that it gives to the notebook (default: all that it binds)."
    )
    @argument("--key", help="For a cell: what makes the run this run, instead of its inputs.")
    @argument(
        "--codec",
        choices=CODECS,
        help="For %%workflow on a line: safe keeps and loads nothing that needs a pickle; the run remembers.",
    )
    @argument("--fresh", action="store_true", help="Begin another run although there is one.")
    @argument("--steal", action="store_true", help="Take the run from another kernel that is at work on it.")
    @argument("--reuse", action="store_true", help="For a cell: restore calls of earlier runs as well.")
    @argument(
        "--redo",
        action="append",
        default=[],
        metavar="STEP",
        help="For a cell: run this step again, and what depends on it.",
    )
    @argument(
        "--from", dest="redo_from", metavar="STEP", help="For a cell: run everything from this step on again."
    )
    @argument("--strict", action="store_true", help="For a cell: refuse what is recorded in another form.")
    @argument(
        "--executor",
        choices=("thread", "process"),
        help="For a cell: where its steps run that say nothing themselves (default: thread).",
    )
    @argument("--plan", action="store_true", help="For a cell: only tell what would be restored, and run.")
    @argument(
        "--background",
        action="store_true",
        help="For a cell: end at once, with a handle of the run, which goes on while other cells run.",
    )
    @argument(
        "--tag",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="A tag by which %%runs finds the run again; may be given several times.",
    )
    def workflow(self, line: str, cell: str | None = None) -> Any:
        """Name the notebook's workflow (%workflow), or run a cell as a workflow of its own (%%workflow).

        On a line: the rest of this notebook is the workflow NAME, and its %%step cells are kept.
        On a cell: the body is an async function with its own names, whose @step calls are kept. With the same
        inputs it is the same run: unfinished it goes on, finished it is restored.
        """
        __tracebackhide__ = "__ipython_bottom__"
        if cell is None:
            return self._name_workflow(line)
        made = self._workflow(line, cell)
        if made.body.is_async:
            raise UsageError(
                "%%workflow: this cell awaits, so %%workflow must be its first line (and %autoawait on)."
            )
        return made.run()

    @no_var_expand
    @cell_magic
    @magic_arguments()
    @argument("name", nargs="?", default="setup", help="A name for the cell, where there are several.")
    def setup(self, line: str, cell: str) -> Any:
        """Run the cell always: imports, connections, settings. %resume runs it before it restores steps."""
        __tracebackhide__ = "__ipython_bottom__"
        made = self._setup(line, cell)
        if made.body.is_async:
            raise UsageError(
                "%%setup: this cell awaits, so %%setup must be its first line (and %autoawait on)."
            )
        return made.run()

    async def run_async(self, name: str, line: str, cell: str) -> Any:
        """Carry out a cell that awaits; the line transform of `transform` calls this."""
        __tracebackhide__ = "__ipython_bottom__"
        make: dict[str, Callable[[str, str], Any]] = {
            "step": self._step,
            "workflow": self._workflow,
            "setup": self._setup,
        }
        return await make[name](line, cell).arun()

    def _step(self, line: str, cell: str) -> StepCell:
        given = self._parsed(self.step, line, cell)
        options = StepOptions(
            name=named("%%step", given.name),
            kind=given.kind,
            on_edit=given.on_edit,
            key=given.key,
            retrying=Retrying(count(given.retries), duration("--backoff", given.backoff) or 0.0),
            timeout=duration("--timeout", given.timeout),
            output=names("--output", given.output),
            redo=given.redo,
            strict=given.strict,
            replace=given.replace,
        )
        self.session.needed_owner(f"%%step {options.name}")
        return StepCell(self.session, options, self._compiled(lambda: Body(self.shell, cell)))

    def _workflow(self, line: str, cell: str) -> WorkflowCell | plans.PlannedCell:
        given = self._parsed(self.workflow, line, cell)
        if given.params is not None:
            raise UsageError("%%workflow: --params belongs to %workflow on a line; a cell has --input.")
        if given.codec is not None:
            raise UsageError("%%workflow: --codec belongs to %workflow on a line, and holds for its cells.")
        options = WorkflowOptions(
            name=named("%%workflow", given.name),
            input=names("--input", given.input),
            output=names("--output", given.output),
            choice=Choice(
                given.key,
                given.fresh,
                given.reuse,
                frozenset(given.redo),
                given.redo_from,
                given.strict,
                given.steal,
                tags("%%workflow", given.tag),
            ),
            executor=given.executor,
            background=given.background,
        )
        made = self._compiled(lambda: WorkflowCell(self.session, options, cell))
        return plans.PlannedCell(made) if given.plan else made

    def _setup(self, line: str, cell: str) -> SetupCell:
        given = self._parsed(self.setup, line, cell)
        return self._compiled(lambda: SetupCell(self.session, given.name, Body(self.shell, cell)))

    def _name_workflow(self, line: str) -> None:
        given = self._parsed(self.workflow, line)
        for option in _OF_CELLS:
            if getattr(given, option):
                written = "from" if option == "redo_from" else option
                raise UsageError(f"%workflow: --{written} belongs to a %%workflow cell.")
        params = names("--params", given.params) or frozenset()
        lines.show(
            self.shell,
            notebook_runs.begin(
                self.session,
                named("%workflow", given.name),
                params=params,
                fresh=given.fresh,
                codec=given.codec,
                steal=given.steal,
                tags=tags("%workflow", given.tag),
            ),
        )

    # -- lines -------------------------------------------------------------------------------------------

    @line_magic
    @magic_arguments()
    @argument("name", nargs="?", help="The workflow (default: this notebook's).")
    @argument("--plan", action="store_true", help="Only tell what would be restored, and what would run.")
    @argument("--steal", action="store_true", help="Take the run from another kernel that is at work on it.")
    def resume(self, line: str) -> resuming.Resumption:
        """Bring back the names that this notebook's steps made, without running them."""
        given = self._parsed(self.resume, line)
        return (
            resuming.plan(self.session, given.name)
            if given.plan
            else resuming.resume(self.session, given.name, steal=given.steal)
        )

    @line_magic
    @magic_arguments()
    @argument("workflow", nargs="?", help="List the runs of this workflow only.")
    @argument(
        "--tag",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="List those alone that have this tag, with this value if one is given.",
    )
    @argument("--limit", type=positive, default=50, help="How many, the newest first.")
    def runs(self, line: str) -> listing.Runs:
        """List the runs of the store, the newest first."""
        given = self._parsed(self.runs, line)
        wanted = sought(given.tag)
        return listing.Runs.read(self.session.store.journal, given.workflow, given.limit, tags=wanted)

    @line_magic
    @magic_arguments()
    @argument(
        "action",
        nargs="?",
        choices=("status", "du", "gc", "cache", "export", "resolve", "trust"),
        default="status",
        help="status (default), du: sizes by workflow, run and step, gc: delete what no run needs, "
        "cache: results that other runs may use, export: write a run to a file, "
        "resolve: decide on a call in doubt, trust: sign values of another key with yours.",
    )
    @argument(
        "step",
        nargs="?",
        help="For cache, resolve: the step. For du, export, trust: the run, or its workflow.",
    )
    @argument(
        "verdict",
        nargs="?",
        choices=("again", "done", "fail"),
        help="For resolve: run it again, mark it as done, or as failed.",
    )
    @argument(
        "value",
        nargs="*",
        help="For resolve STEP done: the value that it would have given, as Python writes it (default None).",
    )
    @argument("--keep", type=int, help="For gc: keep only this many finished runs of each workflow.")
    @argument("--older-than", metavar="AGE", help="For gc: forget runs that finished longer ago, as 30d.")
    @argument("--max-size", metavar="SIZE", help="For gc: forget the oldest runs until 5GB, say, are enough.")
    @argument("--old-versions", action="store_true", help="For gc: forget calls with a newer version.")
    @argument("--dry-run", action="store_true", help="For gc: only tell.")
    @argument("--clear", action="store_true", help="For cache: let no other run use them any more.")
    @argument("--to", metavar="FILE", help="For export: the file to write.")
    @argument("--force", action="store_true", help="For export: take the place of a file that is there.")
    @argument("--all", action="store_true", help="For trust: the whole store.")
    @argument("--yes", action="store_true", help="For trust: sign; without it, only tell.")
    def perdure(self, line: str) -> Any:
        """Tell where the store is, its size and its settings; or look after it (du, gc, cache, ...)."""
        given, session = self._parsed(self.perdure, line), self.session
        actions: dict[str, Callable[[], Any]] = {
            "status": lambda: upkeep.status(session),
            "du": lambda: disk_use.DiskUse(upkeep.present(session), given.step),
            "gc": lambda: upkeep.collect(session, given),
            "cache": lambda: upkeep.cache(session, given.step, clear=given.clear),
            "export": lambda: upkeep.Told(
                tuple(carried.export(session, given.step, given.to, force=given.force))
            ),
            "resolve": lambda: self._resolve(given),
            "trust": lambda: upkeep.trust(session, given.step, everything=given.all, yes=given.yes),
        }
        return actions[given.action]()

    def _resolve(self, given: Any) -> upkeep.Status:
        if not given.step or not given.verdict:
            raise UsageError("%perdure resolve STEP again|done|fail [VALUE]: both are needed.")
        return upkeep.resolve(self.session, given.step, given.verdict, literal(" ".join(given.value) or None))

    # -- parsing -----------------------------------------------------------------------------------------

    def _parsed(self, magic: Any, line: str, cell: str | None = None) -> Any:
        """The options of a line, or one line that says what is wrong with it."""
        percent = "%" if cell is None else "%%"
        try:
            return parse_argstring(magic, uncommented(line))
        except UsageError as error:
            name = getattr(magic, "argcmd_name", magic.__name__)
            advice = f"{meant(magic, str(error))}`{percent}{name}?` tells how it is used."
            raise UsageError(f"{percent}{name}: {error}. {advice}") from None
        except ValueError as error:  # an open quotation mark
            raise UsageError(f"{percent}{magic.__name__}: {error} in: {line}") from None

    def _compiled(self, make: Callable[[], T]) -> T:
        """What `make` gives, with a syntax error in the body told as in any cell."""
        try:
            return make()
        except SyntaxError as error:
            shown = self.shell.SyntaxTB.structured_traceback(SyntaxError, error, [])
            raise BodySyntaxError(error, shown) from None
