"""A %%workflow cell: an async function with its own names over the notebook's globals, as a run of its own.

Its inputs are stored in full, by value; what it binds reaches the notebook when it succeeds, as the copy that
was kept. What cannot be kept reaches the notebook as it is, and a placeholder stands there after a restore.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from perdure import codec
from perdure.codec.paths import with_article
from perdure.codec.syntax import tree_digest
from perdure.engine import keeping, undetermined
from perdure.engine.code.functions import names_code
from perdure.engine.code.source import analyse, close_match
from perdure.engine.durations import words
from perdure.engine.execution import Execution
from perdure.engine.inputs import combined
from perdure.engine.plans import AS_USUAL, VALUE, Choice, Plan
from perdure.engine.rehearsal import Rehearsal, rehearse_body
from perdure.engine.starting import begin, looked_up
from perdure.errors import UndefinedName

from . import background, lines
from .body import FunctionBody
from .checkpoint import as_shown, type_name, why_refused
from .failures import shown_plainly
from .interrupts import interruptible
from .namespace import cell_code, check_defined, is_code, is_users
from .outputs import Recorder
from .outputs import show as show_outputs
from .placeholders import Placeholder
from .session import notebook_path

if TYPE_CHECKING:
    from perdure.engine.handles import Run
    from perdure.store.records import RunRecord

    from .session import Session


SHOWN, REFUSED = "<shown>", "<refused>"
"""What lies beside the names in a kept result, with `VALUE`; no name of a user's looks like these."""


@dataclass(frozen=True, slots=True)
class WorkflowOptions:
    """The options of a %%workflow line."""

    name: str
    input: frozenset[str] | None = None
    output: frozenset[str] | None = None
    choice: Choice = AS_USUAL
    executor: str | None = None
    background: bool = False


class WorkflowCell:
    """One execution of a %%workflow cell; `run` or `arun` carries it out, once, and gives its value."""

    def __init__(self, session: Session, options: WorkflowOptions, source: str) -> None:
        self.session = session
        self.options = options
        if session.owner is not None and session.owner.run.workflow == options.name:
            raise UsageError(
                f"%%workflow {options.name}: the notebook itself has that name; give the cell another one."
            )
        shell, namespace = session.shell, session.namespace
        # Compiled without inputs first: the tree tells which there are.
        tree = FunctionBody(shell, source, ()).tree
        self.names = names = analyse(tree)
        # What the body binds itself on the way there is its own, whatever the notebook holds under that name.
        own = names.binds & (names.unsure | names.late)
        reads = {name for name in names.reads - own if name in namespace and is_users(name)}
        led = names_code(reads, namespace)
        data = {name for name in reads if not is_code(namespace[name])}
        self._resources = self._not_keepable(data | (options.input or frozenset()) | led.data_names)
        self.inputs = self._inputs(data) - self._resources
        self.body = FunctionBody(shell, source, sorted(self.inputs))
        self._check_names()
        parts = tuple(
            session.part(name)
            for name in sorted((self.inputs | led.data_names) - self._resources)
            if name in namespace
        )
        code = (*cell_code(options.name, tree_digest(tree), options.output), *led.parts)
        encoded, refused = keeping.encode_namespace({name: namespace[name] for name in sorted(self.inputs)})
        for error in refused.values():
            raise error
        self._refused: dict[str, Any] = {}
        """What the body gave and could not be kept, by name."""
        self._told: tuple[str, ...] = ()
        """What is to be said of its value, where that could not be kept."""
        self._recorder = Recorder(shell)
        self.plan = Plan(
            workflow=options.name,
            kind="cell",
            inputs=combined(parts),
            code=combined(code),
            arguments=encoded,
            choice=options.choice,
            notebook=notebook_path(),
            store=session.store,
            keep=self._keep,
            executor=options.executor,
        )

    def _not_keepable(self, names: set[str]) -> frozenset[str]:
        """What %%setup cells made, and can neither be kept nor compared: resources, which are no inputs."""
        made = self.session.resources(names)
        made = {name: value for name, value in made.items() if self.session.part(name).weak}
        return frozenset(keeping.encode_namespace(made)[1] if made else ())

    def _inputs(self, data: set[str]) -> frozenset[str]:
        """The names that are handed in: those of `--input`, else all data that the body reads."""
        chosen = self.options.input
        if chosen is None:
            return frozenset(data)
        if extra := sorted(data - chosen - self._resources):
            names = ", ".join(extra)
            raise UsageError(
                f"%%workflow {self.options.name} reads {names}, which --input does not name: add it there."
            )
        return chosen

    def _check_names(self) -> None:
        """A name that is not there, and an output that the body does not bind, are told before it runs."""
        name, namespace = self.options.name, self.session.namespace
        for missing in sorted(self.inputs - namespace.keys()):
            match = close_match(missing, filter(is_users, namespace))
            hint = f"; did you mean `{match}`?" if match else ""
            raise UndefinedName(name=missing, where=f"`--input` of workflow `{name}`", hint=hint)
        check_defined(self.names, namespace, f"workflow `{name}`")
        unknown = sorted((self.options.output or frozenset()) - self.names.binds)
        if unknown:
            raise UsageError(
                f"%%workflow {name}: --output names {', '.join(unknown)}, which the cell does not bind."
            )

    # -- the two ways through ----------------------------------------------------------------------------

    def run(self) -> Any:
        """Carry out a cell whose body does not await."""
        __tracebackhide__ = "__ipython_bottom__"
        if self.options.background:
            return background.begin(self)
        if (known := self._in_background()) is not None:
            return known.result()
        execution = self.begin()

        def body() -> Any:
            __tracebackhide__ = True
            with self._recorder.recording():
                return self.body.call_sync(self.plan.inputs_again())

        try:
            found = execution.run(body)
        except BaseException as error:  # noqa: BLE001  raised again, with the user's frames only
            raise shown_plainly(self.session.shell, error) from error.__cause__
        return self.hand_over(execution, found)

    async def arun(self) -> Any:
        """Carry out a cell whose body awaits; an interrupt reaches it at once."""
        __tracebackhide__ = "__ipython_bottom__"
        if self.options.background:
            return background.begin(self)
        if (known := self._in_background()) is not None:
            return await known
        execution = self.begin()
        task = asyncio.current_task()
        assert task is not None

        async def body() -> Any:
            __tracebackhide__ = True
            with self._recorder.recording():
                return await self.body.call(self.plan.inputs_again())

        try:
            with interruptible(task):
                found = await execution.arun(body)
        except BaseException as error:  # noqa: BLE001  raised again, with the user's frames only
            raise shown_plainly(self.session.shell, error) from error.__cause__
        return self.hand_over(execution, found)

    def body_alone(self) -> Any:
        """Carry out the body in the background: what it shows is recorded, and shown nowhere yet."""
        return self._arun_alone() if self.body.is_async else self._run_alone()

    def _run_alone(self) -> Any:
        with self._recorder.recording_alone():
            return self.body.call_sync(self.plan.inputs_again())

    async def _arun_alone(self) -> Any:
        with self._recorder.recording_alone():
            return await self.body.call(self.plan.inputs_again())

    def look(self) -> Rehearsal | str:
        """What running the cell would do, call by call, without a step that runs; or one line about it."""
        run, how = self.looked_up()
        if run is None:
            return "a new run, in which every step runs"
        if how == "restored":
            return f"run {run.id} is finished and nothing changed: its result is restored"
        is_async, executor = self.body.is_async, self.options.executor
        return rehearse_body(self.session.store, run, self.body_alone, is_async=is_async, executor=executor)

    # -- the parts of the way ----------------------------------------------------------------------------

    def looked_up(self) -> tuple[RunRecord | None, str]:
        """The run that the cell would go on with, and how."""
        return looked_up(self.plan)

    def _in_background(self) -> Run | None:
        """The run of this cell, if that is at work in the background."""
        known = background.at_home(self)
        if known is not None:
            told = "at work in the background; its result is waited for"
            lines.show(self.session.shell, lines.Line("running", details=(f"run {known.id}", told)))
        return known

    def begin(self, *, beside: bool = False) -> Execution:
        """Begin the run, or go on with it, and say so."""
        execution = begin(self.plan, beside=beside)
        self.session.child_run_id = execution.run_id
        if execution.how != "restored":
            undetermined.look_into(self.options.name, self.plan.code, self._undetermined)
        if self._resources and execution.how == "new":
            named = ", ".join(f"`{name}`" for name in sorted(self._resources))
            told = f"uses {named} of a %%setup cell as it is: no input, and not compared"
            lines.show(self.session.shell, lines.Line("runs", details=(told,)))
        if execution.how in ("resumed", "forked"):
            run = execution.record
            word = "goes on" if execution.how == "resumed" else self._forked(run)
            lines.show(
                self.session.shell,
                lines.Line(word, details=(f"run {run.id}", "what is recorded and still valid is kept")),
            )
        return execution

    def _forked(self, run: RunRecord) -> str:
        origin = None if run.forked_from is None else self.session.store.journal.run(run.forked_from)
        cancelled = origin is not None and origin.state == "cancelled"
        return f"forked, because it was {'cancelled' if cancelled else 'edited'}"

    def _undetermined(self) -> list[undetermined.Told]:
        """What the body asks of the clock or of chance."""
        body = self.body
        return undetermined.in_cell(
            body.tree.body, self.inputs, self.session.namespace, body.filename, body.typed
        )

    def _keep(self, outcome: tuple[Any, dict[str, Any]]) -> codec.Encoded:
        """Encode what the body gave: its value and the names that it bound, each where it can be kept."""
        value, bound = outcome
        wanted = self.names.binds if self.options.output is None else self.options.output
        names = {name: each for name, each in bound.items() if name in wanted and is_users(name)}
        shown = list(self._recorder.outputs)
        encoded, refused = keeping.encode_namespace({**names, VALUE: value, SHOWN: shown})
        if not refused:
            return encoded
        if VALUE in refused:
            shown.append(as_shown(self.session.shell, value))
            self._told = (
                _not_kept("the value that it shows", type_name(value), why_refused(VALUE, refused[VALUE])),
            )
        everything = {**names, VALUE: value}
        self._refused = {name: everything[name] for name in refused}
        causes = {
            name: [type_name(names[name]), why_refused(name, error)]
            for name, error in refused.items()
            if name != VALUE
        }
        kept = {name: each for name, each in everything.items() if name not in refused}
        return keeping.encode({**kept, SHOWN: shown, REFUSED: causes}, name=self.options.name)

    def hand_over(self, execution: Execution, kept: dict[str, Any]) -> Any:
        """Hand the notebook what the run gave; show what it showed, if it did not run in this cell."""
        session, namespace = self.session, self.session.namespace
        value, shown = kept.pop(VALUE, self._refused.get(VALUE)), kept.pop(SHOWN)
        refused: dict[str, list[str]] = kept.pop(REFUSED, {})
        namespace.update(kept)
        for name, (kind, cause) in refused.items():
            live = Placeholder(name, self.options.name, kind, cause)
            namespace[name] = self._refused.get(name, live)
        if execution.how == "restored" or self.options.background:
            show_outputs(session.shell, shown)
        if execution.how == "restored":
            run = execution.record
            finished = run.finished or run.updated
            lines.show(
                session.shell,
                lines.Line(
                    "restored",
                    f"from {lines.when(finished)}",
                    (f"run {run.id}", "`--fresh` starts another"),
                    words(finished - run.created),
                ),
            )
        elif refused or self._told:
            notes = tuple(_not_kept(f"`{name}`", kind, why) for name, (kind, why) in refused.items())
            lines.show(session.shell, lines.Line("partly kept", notes=notes + self._told))
        return value if self.body.has_value else None


def _not_kept(named: str, kind: str, why: str) -> str:
    return f"{named} could not be kept: it is {with_article(kind)}. {why}"
