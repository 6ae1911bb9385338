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
from perdure.errors import EffectUnclear, InDoubt, NoSuchStep
from perdure.store.records import RunRecord

from .events import Event, listeners
from .names import close_match
from .owner import Owner, new_id
from .process import parent_run, the_store
from .scope import Pass, Scope, current_scope, entered, numbered_tasks
from .tracebacks import one_line

if TYPE_CHECKING:
    from perdure.store import Store


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
    key: str | None = None
    fresh: bool = False
    reuse: bool = False
    redo: frozenset[str] = frozenset()
    redo_from: str | None = None
    strict: bool = False
    notebook: str | None = None
    store: Store | None = None
    keep: Callable[[Any], codec.Encoded] | None = None
    """How the body's value is encoded, where that is not simply by value."""


class Execution:
    """A pass over a body: `run` or `arun` carries it out, once."""

    def __init__(self, store: Store, plan: Plan, record: RunRecord, how: str, reuse: tuple[str, ...]) -> None:
        self.store = store
        self.plan = plan
        self.record = record
        self.how = how
        """`new`, `resumed`, `forked` or `restored`."""
        self.owner = None if how == "restored" else Owner.take(store, record, reuse=reuse)
        if self.owner is not None:
            self._open(self.owner)

    @property
    def run_id(self) -> str:
        """The run that this pass belongs to."""
        return self.record.id

    @classmethod
    def begin(cls, plan: Plan) -> Execution:
        """Find or make the run, and become its owner (unless its result is simply restored).

        Raises:
            RunOwned: a live process executes that run.
        """
        scope = current_scope()
        store = plan.store or (scope.owner.store if scope else the_store())
        parent = scope.owner.run.id if scope else parent_run()
        key = plan.key if plan.key is not None else plan.inputs
        known = None if plan.fresh else store.journal.find_run(plan.workflow, parent, key)
        if known is not None:
            _check_steps(store, known, plan)
        earlier: tuple[str, ...] = ()
        if plan.reuse:
            found = reversed(store.journal.runs(workflow=plan.workflow))
            earlier = tuple(run.id for run in found if run.state == "done")
        again = bool(plan.redo or plan.redo_from)
        if known is not None and known.state == "done" and known.code == plan.code and not again:
            return cls(store, plan, known, "restored", ())
        if known is not None and (known.state != "done" or again):
            return cls(store, plan, known, "resumed", (*earlier, *_ancestors(store, known)))
        now = time.time()
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
        ancestors = _ancestors(store, record)
        return cls(store, plan, record, "forked" if known else "new", (*earlier, *ancestors))

    def _open(self, owner: Owner) -> None:
        self.record = owner.run
        inputs = owner.seal(self.plan.arguments, "", self.plan.inputs)
        fields: dict[str, Any] = {
            "inputs": inputs.id,
            "code": self.plan.code,
            "error": None,
            "finished": None,
        }
        if self.record.state != "running":
            fields["state"] = "running"
        self.record = owner.change_run("run_started", inputs, **fields)
        self._scope = Scope(owner, Pass(self.plan.redo, self.plan.redo_from, self.plan.strict))

    def arguments(self) -> dict[str, Any]:
        """The inputs, decoded: the body works on copies."""
        found: dict[str, Any] = codec.decode(self.plan.arguments)
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
            keep = self.plan.keep
            encoded = codec.encode(value, name=f"{self.plan.workflow}(...)") if keep is None else keep(value)
        except BaseException as error:
            self._failed(owner, error)
            raise
        result = owner.seal(encoded, "", self.plan.inputs)
        self.record = owner.change_run(
            "run_ended", result, state="done", result=result.id, finished=time.time()
        )
        owner.close()
        return codec.decode(encoded)

    def _failed(self, owner: Owner, error: BaseException) -> None:
        if isinstance(error, InDoubt | EffectUnclear):
            state = "in doubt"
        else:
            state = "failed" if isinstance(error, Exception) else "interrupted"
        self.record = owner.change_run("run_ended", state=state, error=one_line(error), finished=time.time())
        owner.close()

    def _kept(self) -> Any:
        """The result of a run that was finished before."""
        record = None if self.record.result is None else self.store.journal.value(self.record.result)
        if record is None:
            return None
        encoded = self.store.vault.unseal(
            record, subject=f"The result of run {self.run_id} of `{self.plan.workflow}`"
        )
        listeners.tell(Event("run_restored", time.time(), self.record))
        return codec.decode(encoded)


def _check_steps(store: Store, run: RunRecord, plan: Plan) -> None:
    """A step to run again that the run has never called is told before anything runs."""
    wanted = plan.redo | ({plan.redo_from} if plan.redo_from else set())
    if not wanted:
        return
    found = {call.step for other in (*_ancestors(store, run), run.id) for call in store.journal.calls(other)}
    for step in sorted(wanted - found):
        match = close_match(step, found)
        raise NoSuchStep(step=step, run=run.id, hint=f"; did you mean `{match}`?" if match else "")


def _ancestors(store: Store, run: RunRecord) -> tuple[str, ...]:
    """The runs that this one was forked from, the oldest first."""
    found: list[str] = []
    origin = run.forked_from
    while origin is not None and origin not in found:
        found.append(origin)
        record = store.journal.run(origin)
        origin = None if record is None else record.forked_from
    return tuple(reversed(found))
