"""A workflow that is started from a run: its run is a child, and the start is a call of the parent.

1. Equal starts are runs of their own, told apart by branch and by the order in which they were made; with an
   explicit key it is that run, wherever it is started.
2. The start is recorded before the child begins, and its outcome after the child has ended.
3. A child that a step's code starts belongs to the step's run, and is found again by the step's call and the
   order of its starts: a further attempt at the step goes on with it. The step's own result stands for it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from . import keeping
from .cancelling import Cancelled
from .decide import Ask, Refuse, Request, Restore, Run, Wait, changed_code
from .failures import NO_OUTCOMES, QUESTIONS
from .scope import lost
from .tracebacks import one_line, raise_as_it_is, user_traceback
from .under_way import CHILD

if TYPE_CHECKING:
    from perdure.store.records import CallRecord, RunRecord

    from .history import History
    from .plans import Plan
    from .scope import Scope
    from .under_way import Strands, Work


class ChildCall:
    """The start of a workflow in a run, decided when it is made.

    Args:
        scope: where it is started: in a body, or in a step's code.
        plan: what is to be executed.
    """

    def __init__(self, scope: Scope, plan: Plan) -> None:
        self.owner = scope.owner
        self.plan = plan
        self._scope = scope
        self._record: CallRecord | None = None
        self._began = 0.0
        name, inputs, choice = plan.workflow, plan.inputs, plan.choice
        self._request: Request | None = None
        if scope.attempt is not None:
            call, number = scope.attempt.call, scope.attempt.number
            order = scope.within.occurrence("started by", call.id, str(number), name, inputs)
            place = _place(call.key or call.inputs, call.branch, call.occurrence)
            again = f"~{times}" if (times := _times_redone(self.owner.history, call)) else ""
            self.key = choice.key or f"{_place(inputs, '', order)} in {call.step} {place}{again}"
            return
        scope.within.check_asked(scope.branch)
        occurrence = scope.within.occurrence(scope.branch, name, inputs)
        self.key = choice.key or _place(inputs, scope.branch, occurrence)
        self._request = Request(
            step=name,
            inputs=inputs,
            code=plan.code,
            branch=scope.branch,
            occurrence=occurrence,
            kind="child",
            key=choice.key,
            input_parts=plan.input_parts,
            code_parts=plan.code_parts,
            redo=scope.within.why_redo(name),
            strict=scope.within.strict,
        )
        self._decision = self.owner.decide(self._request)

    # -- which run ---------------------------------------------------------------------------------------

    @property
    def fresh(self) -> bool:
        """Whether another run is to begin although there is one that no call tells of."""
        return self.plan.choice.fresh or (self._request is not None and self._request.redo is not None)

    @property
    def anew(self) -> bool:
        """Whether nothing is used of the runs that the parent was forked from."""
        return self.owner.history.keeps_to_one

    def known(self) -> RunRecord | None:
        """The run that was started here before, as the call tells; the key tells it otherwise.

        Raises:
            BaseException: the call failed before, and its caller went on: it fails again.
            PerdureError: it may not go on.
        """
        if self._request is None:
            return None
        if self._request.key is not None:
            self._decision = self.owner.decide(self._request)  # another start with the key may have ended
        decision = self._decision
        if isinstance(decision, Ask | Refuse):
            raise decision.error
        assert not isinstance(decision, Wait)
        call = decision.call
        if isinstance(decision, Restore) and decision.call.state == "failed" and not decision.older_code:
            self._fail_again(decision)
        return None if call is None or call.child is None else self.owner.store.journal.run(call.child)

    def earlier(self) -> RunRecord | None:
        """The run that an earlier version, which recorded no starts, found by its inputs alone."""
        if self._request is None or self.key == self.plan.inputs or self._request.key is not None:
            return None
        journal = self.owner.store.journal
        found = journal.find_run(self.plan.workflow, self.owner.run.id, self.plan.inputs)
        known = {call.child for call in self.owner.history.calls.values()}
        return None if found is None or found.id in known else found

    def _fail_again(self, decision: Restore) -> None:
        call, began = decision.call, time.perf_counter()
        subject = f"The error of workflow `{call.step}`"
        encoded = self.owner.open_value(call, "value", subject)
        assert encoded is not None
        error = keeping.decode(encoded, subject=subject)
        assert isinstance(error, BaseException)
        self.owner.restored(call, reason=decision.reason, took=time.perf_counter() - began)
        self.owner.failures.gave(call.id, error)
        raise_as_it_is(error)

    # -- what becomes of it ------------------------------------------------------------------------------

    @property
    def over(self) -> Cancelled | None:
        """Why the parent's own code is being stopped, if it is."""
        return self._scope.within.under_way.stopped

    def begin(self, run: RunRecord) -> None:
        """Record that the run begins, or goes on."""
        self._began = time.perf_counter()
        if self._request is None:
            return
        decision = self._decision
        if isinstance(decision, Restore):  # it has an outcome, and its run begins anew nevertheless
            decision = Run(self._why_again(decision.call, run))
        assert isinstance(decision, Run)
        self._record = self.owner.start(self._request, decision, child=run.id)

    def _why_again(self, call: CallRecord, run: RunRecord) -> str:
        if call.code != self.plan.code and self._request is not None:
            return f"code of {changed_code(call, self._request)} changed"
        return f"its run {call.child or run.id} is {run.state}"

    def at_work(self, execution: Work) -> None:
        """The child is at work for its parent."""
        self._scope.within.under_way.begin(execution, frozenset(), kind=CHILD)

    def goes_on(self, execution: Work, strands: Strands, *, beside: bool) -> None:
        """Where the child's body goes on; unless that is `beside` its caller, a step waits for it."""
        attempt = self._scope.attempt
        if attempt is not None and not beside:
            strands |= {attempt}
        self._scope.within.under_way.goes_on_in(execution, strands)

    def ended(self, execution: Work) -> None:
        """The child is at work no more, and its end is recorded."""
        self._scope.within.under_way.end(execution)

    def done(self) -> None:
        """Record that the child is done. Its result stays with its run."""
        if self._record is not None:
            self.owner.finish(self._record, None, took=time.perf_counter() - self._began)
            self._record = None

    def failed(self, error: BaseException) -> None:
        """Record that the child failed, or was stopped. Its question is one to its caller, too."""
        if isinstance(error, QUESTIONS):
            if self._scope.attempt is None:
                self._scope.within.asks(self._scope.branch, error)
            else:
                self._scope.attempt.fence(error)
        if self._record is None:
            return
        state = "failed" if isinstance(error, Exception) else "interrupted"
        if self.over is not None:
            state = self.over.state
        elif isinstance(error, Cancelled):
            state = error.state
        elif lost(error):
            state = "cancelled"
        outcome = state == "failed" and not isinstance(error, NO_OUTCOMES)
        ended = self.owner.fail(
            self._record,
            state=state,
            error=one_line(error),
            took=time.perf_counter() - self._began,
            traceback=user_traceback(error),
            value=keeping.outcome(error) if outcome else None,
        )
        self.owner.failures.gave(ended.id, error)

    def restored(self, run: RunRecord, took: float) -> None:
        """Note that the result of a finished child was used."""
        if self._request is None:
            self.owner.restored(run, reason="finished, and nothing changed", took=took)
            return
        decision = self._decision
        if not isinstance(decision, Restore):  # it was killed before the end of the call was recorded
            assert isinstance(decision, Run)
            self._record = self.owner.start(self._request, decision, child=run.id)
            self.owner.finish(self._record, None, took=(run.finished or run.updated) - run.created)
            return
        self.owner.restored(decision.call, reason=decision.reason, took=took)


def _times_redone(history: History, call: CallRecord) -> int:
    """How often the call was done before with this code: asked for once more, it has other children."""
    place = (call.branch, call.inputs, call.occurrence, call.code)
    return sum(
        each.state == "done"
        and each.id != call.id
        and each.run == call.run
        and (each.branch, each.inputs, each.occurrence, each.code) == place
        for each in history.of_step(call.step)
    )


def _place(inputs: str, branch: str, order: int) -> str:
    """What tells equal starts apart; the first one in the trunk is told by its inputs alone."""
    return inputs + (f"@{branch}" if branch else "") + (f"#{order}" if order else "")
