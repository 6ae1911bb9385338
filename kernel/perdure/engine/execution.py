"""One pass over a workflow's body: which run it belongs to, and how the run ends.

Which run: the same workflow, parent and key (its inputs, if no key is given) is the same run. Unfinished or
failed, it goes on; finished and unchanged, its result is restored; finished and edited, it is forked, and
keeps every call that is still valid; with other inputs it is a new run.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.errors import EffectUnclear, InDoubt, NoSuchStep, PerdureError
from perdure.store.forgetting import LENT
from perdure.store.records import Place, RunRecord

from . import clock, keeping
from .code.names import close_match
from .events import Event, listeners
from .outcomes import new_id
from .owner import Owner
from .process import parent_owner, the_store
from .scope import Pass, Scope, current_scope, entered, numbered_tasks
from .stored import unsealed
from .tracebacks import one_line

if TYPE_CHECKING:
    from perdure.store import Store


@dataclass(frozen=True, slots=True)
class Choice:
    """How a run is started."""

    key: str | None = None
    """What makes the run this run, instead of its inputs."""
    fresh: bool = False
    """Begin another run although there is one."""
    reuse: bool = False
    """Restore calls of earlier runs of the workflow as well."""
    redo: frozenset[str] = frozenset()
    """Steps to run again although they are recorded."""
    redo_from: str | None = None
    """A step from which on everything runs again."""
    strict: bool = False
    """Refuse instead of running what is recorded in another form."""
    steal: bool = False
    """Take the run from a live process that has it."""


AS_USUAL = Choice()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be executed, and how."""

    workflow: str
    kind: str
    """`cell` or `function`."""
    inputs: str
    """Digest over the inputs."""
    code: str
    """Digest over the body's code."""
    arguments: codec.Encoded
    """The inputs, as one mapping of names, kept in full."""
    choice: Choice = AS_USUAL
    notebook: str | None = None
    store: Store | None = None
    keep: Callable[[Any], codec.Encoded] | None = None
    """How the body's value is encoded, where that is not simply by value."""


class Execution:
    """A pass over a body: `run` or `arun` carries it out, once."""

    def __init__(
        self, store: Store, plan: Plan, record: RunRecord, how: str, above: Owner | None = None
    ) -> None:
        self.store = store
        self._above = above
        self.plan = plan
        self.record = record
        self.how = how
        """`new`, `resumed`, `forked` or `restored`."""
        self.owner: Owner | None = None
        if how == "restored":
            return
        origins = _ancestors(store, record)
        others = {record.id, *origins}
        earlier = reversed(store.journal.runs(workflow=plan.workflow)) if plan.choice.reuse else ()
        reuse = tuple(run.id for run in earlier if run.state == "done" and run.id not in others)
        steal = plan.choice.steal
        self.owner = Owner.take(store, record, origins=origins, reuse=reuse, steal=steal)
        try:
            self._open(self.owner)
            if reuse:  # so that collecting spares them while this run is at work
                self.owner.note(LENT, "runs", {"runs": list(reuse)})
        except BaseException:
            self.owner.close()
            raise

    @property
    def run_id(self) -> str:
        """The run that this pass belongs to."""
        return self.record.id

    @classmethod
    def begin(cls, plan: Plan) -> Execution:
        """Find or make the run, and become its owner (unless its result is simply restored).

        Raises:
            RunOwned: a live process executes that run.
            RunTaken: the run from which it is started was stolen from this process.
        """
        scope = current_scope()
        store = plan.store or (scope.owner.store if scope else the_store())
        if scope is not None:
            scope.owner.moved(scope.branch)
        above = scope.owner if scope else parent_owner()
        if above is not None:
            above.check()
        parent = above.run.id if above else None
        key = plan.choice.key if plan.choice.key is not None else plan.inputs
        known = None if plan.choice.fresh else _find(store, plan.workflow, parent, key)
        if known is not None:
            _check_steps(store, known, plan)
        again = bool(plan.choice.redo or plan.choice.redo_from)
        if known is not None and known.state == "done" and known.code == plan.code and not again:
            return cls(store, plan, known, "restored", above)
        if known is not None and known.parent == parent and (known.state != "done" or again):
            return cls(store, plan, known, "resumed")
        now = clock.now()
        record = RunRecord(
            id=new_id("r"),
            workflow=plan.workflow,
            key=key,
            kind=plan.kind,
            state="running",
            created=now,
            updated=now,
            parent=parent,
            forked_from=known.id if known else None,
            code=plan.code,
            notebook=plan.notebook,
        )
        return cls(store, plan, record, "forked" if known else "new")

    def _open(self, owner: Owner) -> None:
        self.record = owner.run
        if self.plan.choice.strict:
            owner.expect_order()
        inputs = owner.seal(self.plan.arguments, Place(owner.run.id, role="inputs"))
        fields: dict[str, Any] = {
            "inputs": inputs.id,
            "code": self.plan.code,
            "error": None,
            "finished": None,
        }
        if self.record.state != "running":
            fields["state"] = "running"
        self.record = owner.change_run("run_started", inputs, **fields)
        self._scope = Scope(
            owner, Pass(self.plan.choice.redo, self.plan.choice.redo_from, self.plan.choice.strict)
        )

    def arguments(self) -> dict[str, Any]:
        """The inputs, decoded: the body works on copies."""
        found: dict[str, Any] = keeping.decode(self.plan.arguments)
        return found

    def run(self, body: Callable[[], Any]) -> Any:
        """Call a sync body, and return the run's result as it was kept."""
        if self.owner is None:
            return self._kept()
        try:
            with entered(self._scope):
                value = body()
        except BaseException as error:
            self._failed(self.owner, error)
            raise
        return self._done(self.owner, value)

    async def arun(self, body: Callable[[], Awaitable[Any]]) -> Any:
        """Await an async body, and return the run's result."""
        if self.owner is None:
            return self._kept()
        try:
            with numbered_tasks(), entered(self._scope):
                value = await body()
        except BaseException as error:
            self._failed(self.owner, error)
            raise
        return self._done(self.owner, value)

    def _done(self, owner: Owner, value: Any) -> Any:
        try:
            owner.check_all_made()
            keep = self.plan.keep
            encoded = (
                keeping.encode(value, name=f"{self.plan.workflow}(...)") if keep is None else keep(value)
            )
        except BaseException as error:
            self._failed(owner, error)
            raise
        try:
            result = owner.seal(encoded, Place(owner.run.id, role="result"))
            self.record = owner.change_run(
                "run_ended", result, state="done", result=result.id, finished=clock.now()
            )
        finally:
            owner.close()
        if encoded.buffers:  # mapped from the store, as a replay would, rather than copied
            encoded = unsealed(self.store, result.id, Place(owner.run.id, role="result"), "The result")
        return keeping.decode(encoded)

    def _failed(self, owner: Owner, error: BaseException) -> None:
        if isinstance(error, InDoubt | EffectUnclear):
            state = "in doubt"
        else:
            state = "failed" if isinstance(error, Exception) else "interrupted"
        try:
            owner.ended_by(error)
            self.record = owner.change_run(
                "run_ended", state=state, error=one_line(error), finished=clock.now()
            )
        except PerdureError as failure:
            error.add_note(f"The end of the run could not be recorded either: {failure}")
        finally:
            owner.close()

    def _kept(self) -> Any:
        """The result of a run that was finished before."""
        assert self.record.result is not None
        began = time.perf_counter()
        subject = f"The result of run {self.run_id} of `{self.plan.workflow}`"
        encoded = unsealed(self.store, self.record.result, Place(self.run_id, role="result"), subject)
        value = keeping.decode(encoded, subject=subject)
        if self._above is not None:
            took = time.perf_counter() - began
            self._above.restored(self.record, reason="finished, and nothing changed", took=took)
        listeners.tell(Event("run_restored", clock.now(), self.record))
        return value


def _check_steps(store: Store, run: RunRecord, plan: Plan) -> None:
    """A step to run again that the run has never called is told before anything runs."""
    wanted = plan.choice.redo | ({plan.choice.redo_from} if plan.choice.redo_from else set())
    if not wanted:
        return
    found = {call.step for other in (*_ancestors(store, run), run.id) for call in store.journal.calls(other)}
    for step in sorted(wanted - found):
        match = close_match(step, found)
        raise NoSuchStep(step=step, run=run.id, hint=f"; did you mean `{match}`?" if match else "")


def _find(store: Store, workflow: str, parent: str | None, key: str) -> RunRecord | None:
    """The run of this workflow and key; a child may stand below a run that its parent was forked from."""
    origin = None if parent is None else store.journal.run(parent)
    older = () if origin is None else reversed(_ancestors(store, origin))
    for place in (parent, *older):
        found = store.journal.find_run(workflow, place, key)
        if found is not None:
            return found
    return None


def _ancestors(store: Store, run: RunRecord) -> tuple[str, ...]:
    """The runs that this one was forked from, the oldest first."""
    found: list[str] = []
    origin = run.forked_from
    while origin is not None and origin not in found:
        found.append(origin)
        record = store.journal.run(origin)
        origin = None if record is None else record.forked_from
    return tuple(reversed(found))
