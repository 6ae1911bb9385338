"""`%%workflow NAME --plan`: what running the cell would do, without a step that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.rehearsal import CHANGED, EXTRA, MISSING, NEXT, Finding, Rehearsal

from .resuming import Resumption, Step

if TYPE_CHECKING:
    from perdure.engine.decide import Restore

    from .workflow_cells import WorkflowCell

_ACTIONS = {CHANGED: "run", EXTRA: "run", NEXT: "run", MISSING: "missing"}


class PlannedCell:
    """Stands for a %%workflow cell of which only the plan is wanted."""

    def __init__(self, cell: WorkflowCell) -> None:
        self._cell = cell
        self.body = cell.body

    def run(self) -> Resumption:
        """The plan of a cell that does not await."""
        return _plan(self._cell)

    async def arun(self) -> Resumption:
        """The plan of a cell that awaits."""
        return _plan(self._cell)


def _plan(cell: WorkflowCell) -> Resumption:
    found, name = cell.look(), cell.options.name
    if not isinstance(found, Rehearsal):
        return Resumption(f"{name}: {found}", ())
    steps = [_restored(each) for each in found.restores] + [_found(each) for each in found.findings]
    if found.ended:
        steps.append(Step("the body", "fail", found.ended))
    beyond = "" if found.whole else "; what comes after the first call that runs is not known"
    return Resumption(f"{name}: what a run does, from what run {found.run.id} recorded{beyond}", tuple(steps))


def _restored(decision: Restore) -> Step:
    call = decision.call
    return Step(call.step, "restore", decision.reason, call.took, call.bytes)


def _found(finding: Finding) -> Step:
    return Step(finding.call.strip("`"), _ACTIONS[finding.kind], finding.why)
