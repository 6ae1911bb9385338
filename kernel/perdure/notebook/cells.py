"""A %%step cell: restored from its checkpoint, or run and kept.

The body runs in the notebook's namespace, on live objects, like any cell. A cell that fails leaves a failed
attempt with its traceback and no checkpoint; it is not tried again after it changed an input in place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from perdure.codec.notes import collected
from perdure.codec.syntax import tree_digest
from perdure.engine import clock, keeping
from perdure.engine.attempt import Attempt
from perdure.engine.code.source import analyse
from perdure.engine.decide import Restore, Run, Wait
from perdure.engine.durations import words
from perdure.engine.retrying import NEVER, Retrying
from perdure.engine.scope import Pass, Scope, entered
from perdure.engine.tracebacks import one_line, user_traceback
from perdure.errors import InDoubt, PerdureError, StepTimeout

from . import checkpoint, lines, needs
from .failures import shown_plainly
from .interrupts import interruptible
from .limits import awaiting_limit, time_limit
from .loop_cells import ShownByCell, cut_off_in_loop, kept_names, kept_turns
from .namespace import cell_code, check_defined, compare, snapshot
from .outputs import Recorder
from .outputs import show as show_outputs
from .restoring import decode_error, definitions_of, missing, restore

if TYPE_CHECKING:
    from perdure.store.records import CallRecord

    from .body import Body
    from .session import Session


@dataclass(frozen=True, slots=True)
class StepOptions:
    """The options of a %%step line."""

    name: str
    kind: str = "pure"
    on_edit: str | None = None
    key: str | None = None
    retrying: Retrying = NEVER
    timeout: float | None = None
    output: frozenset[str] | None = None
    redo: bool = False
    strict: bool = False
    replace: bool = False


@dataclass(slots=True)
class _Attempt:
    """One try at the body."""

    before: dict[str, Any]
    recorder: Recorder
    record: CallRecord = field(init=False)
    own: Attempt = field(init=False)
    value: Any = None
    error: BaseException | None = None
    took: float = 0.0
    began: float = field(default_factory=time.perf_counter)


class StepCell:
    """One execution of a %%step cell; `run` or `arun` carries it out, once, and gives the cell's value."""

    def __init__(self, session: Session, options: StepOptions, body: Body) -> None:
        self.session = session
        self.options = options
        self.body = body
        if options.kind != "pure" and options.on_edit is not None:
            raise UsageError(
                f"%%step {options.name}: --on-edit {options.on_edit} is for pure steps: "
                f"an edit never runs --kind {options.kind} again. Leave it out."
            )
        self.owner = session.needed_owner(f"%%step {options.name}")
        self.names = analyse(body.tree)
        own = tree_digest(body.tree)
        self._place = session.place(options.name, own, replace=options.replace)
        check_defined(self.names, session.namespace, f"step `{options.name}`")
        self._check_output()
        self.request = session.request(
            options.name,
            self.names,
            cell_code(options.name, own, options.output),
            kind=options.kind,
            on_edit=options.on_edit or "rerun",
            key=options.key,
            redo="asked for with --redo" if options.redo else None,
            strict=options.strict,
        )
        self.decision = self.owner.decide(self.request)
        self._kept = kept_names(body.tree)
        if isinstance(self.decision, Run) and self.decision.call is None and not options.redo:
            cut_off = cut_off_in_loop(self.owner, self.request, self._kept)
            if cut_off is not None:
                self.request = replace(self.request, inputs=cut_off.inputs, input_parts=cut_off.input_parts)
                self.decision = self.owner.decide(self.request)

    def _check_output(self) -> None:
        """A name of `--output` that the body cannot have bound or changed is told before anything runs."""
        names = self.names
        if names.dynamic or names.has_star:
            return
        unknown = sorted((self.options.output or frozenset()) - names.binds - names.reads)
        if unknown:
            listed = ", ".join(unknown)
            raise UsageError(
                f"%%step {self.options.name}: --output names {listed}, which the cell does not bind."
            )

    # -- the two ways through ----------------------------------------------------------------------------

    def run(self) -> Any:
        """Carry out a cell whose body does not await."""
        __tracebackhide__ = "__ipython_bottom__"
        if not isinstance(self.decision, Run | Wait):
            return self._settled()
        decision = self._first()
        while True:
            if isinstance(decision, Wait):
                clock.pause(decision.call.due or 0.0)
                decision = self._next(decision.call)
            limit = time_limit(self.options.timeout, self._timeout())
            with self._attempt(decision) as attempt, limit:
                attempt.value = self.body.run()
            if attempt.error is None:
                return self._keep(attempt)
            decision = self._again(attempt)

    async def arun(self) -> Any:
        """Carry out a cell whose body awaits; an interrupt reaches it at once."""
        __tracebackhide__ = "__ipython_bottom__"
        if not isinstance(self.decision, Run | Wait):
            return self._settled()
        decision, task = self._first(), asyncio.current_task()
        assert task is not None
        while True:
            if isinstance(decision, Wait):
                with interruptible(task):
                    await clock.until(decision.call.due or 0.0)
                decision = self._next(decision.call)
            limit = awaiting_limit(self.options.timeout, self._timeout())
            with self._attempt(decision) as attempt, interruptible(task), limit:
                attempt.value = await self.body.arun()
            if attempt.error is None:
                return self._keep(attempt)
            decision = self._again(attempt)

    # -- the parts of the way ----------------------------------------------------------------------------

    def _settled(self) -> Any:
        """Use the checkpoint: put its names back, show what it showed, and return its value."""
        if not isinstance(self.decision, Restore):
            assert not isinstance(self.decision, Run | Wait)
            raise self.decision.error
        decision, session = self.decision, self.session
        if decision.call.state == "failed":
            raise decode_error(self.owner, decision.call)
        began = time.perf_counter()
        with collected() as notes:
            found = restore(
                session, self.owner, decision.call, self.body if not decision.older_code else None
            )
        took = time.perf_counter() - began
        call = decision.call
        if any(seq > call.seq for other, seq in session.applied.items() if other != call.id):
            call = self.owner.touch(call)
            session.applied[call.id] = call.seq
        session.register(self.options.name, self._place)
        show_outputs(session.shell, found.shown)
        self.owner.restored(call, reason=decision.reason, took=took, older_code=decision.older_code)
        line = lines.restored(
            call,
            took,
            decision.reason,
            older_code=decision.older_code,
            present=found.present,
            missing=missing(decision.call, session.namespace),
            notes=tuple(notes),
        )
        lines.show(session.shell, line)
        return found.value if self.body.has_value else None

    @contextmanager
    def _attempt(self, decision: Run) -> Iterator[_Attempt]:
        """Run the block as one attempt: its output is recorded, its failure lands in `attempt.error`."""
        attempt = _Attempt(snapshot(self.session.namespace), Recorder(self.session.shell))
        # Nothing stands between the start and the block that settles it, where an interrupt might arrive.
        attempt.record = self.owner.start(
            self.request,
            decision,
            source=self.body.source,
            cell=self._place.cell,
            position=self.session.shell.execution_count,
        )
        try:
            number = self.owner.attempt(attempt.record).number
            attempt.own = Attempt(self.owner, attempt.record, number)
            attempt.own.shown = ShownByCell(self.session.shell, attempt.recorder)
            scope = Scope(self.owner, Pass(), attempt=attempt.own)
            with entered(scope), attempt.recorder.recording():
                yield attempt
        except BaseException as error:  # noqa: BLE001  recorded, then raised or tried again
            attempt.error = error
        attempt.took = time.perf_counter() - attempt.began

    def _first(self) -> Run | Wait:
        """What to do first: of a pause in which the kernel died, what is left counts."""
        decision = self.decision
        assert isinstance(decision, Run | Wait)
        if isinstance(decision, Wait):
            until = f"until {lines.when(decision.call.due or 0.0)}"
            why = self._next(decision.call).reason
            lines.show(self.session.shell, lines.Line("waits", until, details=(why,)))
        return decision

    def _next(self, waiting: CallRecord) -> Run:
        """The next attempt, when its pause is over."""
        return Run(self.options.retrying.next(waiting.failures, waiting.error), waiting)

    def _again(self, attempt: _Attempt) -> Wait:
        """Record a failed attempt; return until when to wait, or raise its error when it stands."""
        __tracebackhide__ = "__ipython_bottom__"
        error, shell = attempt.error, self.session.shell
        assert error is not None
        state = "failed" if isinstance(error, Exception) else "interrupted"
        cut_off = isinstance(error, StepTimeout) and self.options.kind == "effect"
        if cut_off:  # it may have taken place: nobody knows
            cause = f"it ran longer than {self.options.timeout or 0:g} s, and was cut off"
            state, error = "interrupted", InDoubt(step=self.options.name, cause=cause, run=self.owner.run.id)
        changed = checkpoint.changed_in_place(self.session, self.request.input_parts, {})
        # What a loop keeps it puts back itself, if it has kept a turn.
        turn = kept_turns(self.owner.store.journal, self.owner.run.id).get(attempt.record.id)
        goes_on = turn is not None and changed.keys() <= self._kept
        again = (not changed or goes_on) and not cut_off
        pause = self.options.retrying.pause(error, attempt.record.failures + 1) if again else None
        ended = self._failed(attempt, state, None if pause is None else clock.now() + pause)
        if goes_on:
            lines.show(
                shell, lines.Line(state, details=(f"{turn} is kept", "run the cell again: it goes on"))
            )
        elif changed:
            names = ", ".join(f"`{name}`" for name in sorted(changed))
            advice = f"it changed {names} in place: make it anew before you run this cell again"
            lines.show(shell, lines.Line(state, details=("nothing kept", advice)))
        if ended is None or pause is None:
            raise shown_plainly(self.session.shell, error)
        notice = f"attempt {ended.failures} of {self.options.retrying.retries + 1}"
        next_one = f"trying again in {words(pause)}" if pause else "trying again"
        lines.show(shell, lines.Line(state, details=(notice, one_line(error), next_one)))
        return Wait(ended, "it pauses before its next attempt")

    def _failed(self, attempt: _Attempt, state: str, due: float | None) -> CallRecord | None:
        """Record how an attempt failed; None where the store fails too, which the error then tells."""
        error, retrying = attempt.error, self.options.retrying
        assert error is not None
        told = one_line(error)
        try:
            return self.owner.fail(
                attempt.record,
                state=state,
                error=told,
                took=attempt.took,
                traceback=user_traceback(error),
                due=due,
                then=None if due is None else retrying.next(attempt.record.failures + 1, told),
                shown=keeping.encode(attempt.recorder.outputs, name="shown"),
            )
        except PerdureError as failure:
            error.add_note(f"The failure could not be recorded: {failure}")
            return None

    def _keep(self, attempt: _Attempt) -> Any:
        """Keep the checkpoint of an attempt that ended well, and return the cell's value."""
        __tracebackhide__ = "__ipython_bottom__"
        session = self.session
        try:
            change = compare(attempt.before, session.namespace, self.names.binds)
            made = checkpoint.build(
                session,
                self.names,
                change,
                self.request.input_parts,
                step=self.options.name,
                value=attempt.value,
                only=self.options.output,
            )
            shown = list(attempt.recorder.outputs)
            if attempt.value is not None and not made.keeps_value:
                shown.append(checkpoint.as_shown(session.shell, attempt.value))
            parts = (*self.request.input_parts, *self.request.code_parts)
            call = self.owner.finish(
                attempt.record,
                made.value,
                took=attempt.took,
                shown=keeping.encode(shown, name="shown") if shown else None,
                needs=needs.keep(session, self.names, parts, change.states, made.source(self.body)),
                outputs=made.outputs,
                more=attempt.own.changes,
            )
        except BaseException as error:
            if self.owner.history.calls[attempt.record.id].state == "running":
                # An effect has taken place by now; without its checkpoint it is in doubt, and never repeated.
                effect = self.options.kind == "effect"
                state = "failed" if isinstance(error, Exception) and not effect else "interrupted"
                self.owner.fail(attempt.record, state=state, error=one_line(error), took=attempt.took)
            raise
        session.register(self.options.name, self._place)
        session.made(call, made.names)
        definitions_of(analyse(self.body.tree).definitions, made.names)
        lines.show(session.shell, lines.ran(call))
        return attempt.value

    def _timeout(self) -> StepTimeout:
        return StepTimeout(step=self.options.name, timeout=f"{self.options.timeout or 0:g} s")
