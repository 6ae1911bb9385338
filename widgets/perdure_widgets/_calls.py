"""One row of a timeline: a call with all its versions, or a child run. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from perdure.engine import doubts
from perdure.store.records import AttemptRecord, CallRecord, RestoreRecord, RunRecord

from . import _own, _tries, words
from ._row import OWN, Mark, Row, Segment
from .kernels import Kernel

DETAIL: Final = 48
"""Characters of a row's detail; the whole of it is in the inspector's records."""
PLACE: Final = 20
"""Characters of a URL or a path in it."""
QUOTES: Final = "'\""
_PLACE: Final = re.compile(r"['\"]?(?:\w+://|/|~/|\.{1,2}/)")


@dataclass(frozen=True, slots=True)
class CallRows:
    """Makes rows from the records of one run."""

    run: RunRecord
    kernels: Sequence[Kernel]
    calls: Sequence[CallRecord]
    attempts: Mapping[str, Sequence[AttemptRecord]]
    restores: Mapping[str, Sequence[RestoreRecord]]
    children: Mapping[str, RunRecord]
    """The runs that were started from this one, by id."""
    questions: Mapping[str, str]
    """What is asked in those, by id."""
    winners: Mapping[str, str]
    """Who won each race, by call."""
    ended: Mapping[str, int]
    """The epoch in which a sleep ended, by call."""
    living: int | None
    """Epoch of the process that is at work on the run now."""
    passed: int | None
    """Epoch in which a whole pass over the body was finished, if the last one was."""
    now: float

    def row(self, group: Sequence[CallRecord]) -> Row:
        """The row of a call, from all its versions, the current one last."""
        call = group[-1]
        segments = tuple(segment for each in group for segment in self._segments(each, current=each is call))
        used = sorted(
            (use for each in group for use in self._uses(each)), key=lambda use: (use.epoch, use.at)
        )
        state = self._state(call, group, segments)
        row = Row(
            call=call.id,
            branch=call.branch,
            step=call.step,
            detail=self._detail(call),
            kind=call.kind,
            state=state,
            word=_tries.word(call, state, self._tries(call)),
            segments=segments,
            marks=tuple(Mark(use.epoch, use.at, use.older_code) for use in used),
            took=self._took(call, state, segments),
            saved=sum(use.saved for use in used),
            lost=sum(each.end - each.start for each in segments if each.state in ("interrupted", "in doubt")),
            why=self._why(call, state),
            kept=call.bytes,
            badge=_badge(call),
            counts=((state, 1),),
            due=call.due if state in ("sleeping", "waiting") else None,
            where=_tries.where(self._tries(call)),
        )
        if call.kind in OWN:
            return _own.told(row, call, self.winners.get(call.id), self.now)
        return self._as_run(row, call) if call.kind == "child" else row

    # -- child runs --------------------------------------------------------------------------------------

    def _as_run(self, row: Row, call: CallRecord) -> Row:
        """The row of a call that started a run: in its place, with the run's own state and time."""
        run = self.children.get(call.child or "")
        row = replace(row, call=call.child or call.id, kind="run")
        if run is None:
            return row
        state = row.state
        if run.state not in ("running", "done") and state not in ("running", "gone"):
            state = run.state
        segments = row.segments
        if segments and state != row.state:
            segments = (*segments[:-1], replace(segments[-1], state=state))
        return replace(
            row,
            state=state,
            segments=segments,
            word=row.word if state == row.state else words.look(state).word,
            took=row.took or (run.finished or run.updated) - run.created,
            why=self._why_child(run, state) or row.why,
            counts=((state, 1),),
        )

    def _why_child(self, run: RunRecord, state: str) -> str:
        if state not in ("failed", "in doubt", "interrupted", "cancelled"):
            return ""
        return self.questions.get(run.id) or run.error or ""

    def child(self, run: RunRecord) -> Row:
        """The row of a run that was started from this one by no call: by a notebook, or by a step's code."""
        end = self.now if run.finished is None and self.living is not None else run.finished or run.updated
        last = self.kernels[-1] if self.kernels else None
        dead = run.state == "running" and (
            self.living is None or (last is not None and run.updated < last.start)
        )
        state = "interrupted" if dead else {"done": "ran"}.get(run.state, run.state)
        segments = []
        for kernel in self.kernels:
            start, stop = kernel.hold(run.created), kernel.hold(run.updated if dead else end)
            if stop > start or start == run.created:
                torn = kernel.ended == "killed" and stop == kernel.end and stop < end
                segments.append(Segment(kernel.epoch, start, stop, "interrupted" if torn or dead else state))
        used = sorted(self.restores.get(run.id, ()), key=lambda use: (use.epoch, use.at))
        if state == "ran" and used and used[-1].at >= end:
            state = "restored"
        if dead and run.id in self.questions:
            state = "in doubt"
        return Row(
            call=run.id,
            branch="",
            step=run.workflow,
            detail="",
            kind="run",
            state=state,
            word=words.look(state).word,
            segments=tuple(segments),
            marks=tuple(Mark(use.epoch, use.at, use.older_code) for use in used),
            took=sum(each.end - each.start for each in segments),
            saved=sum(use.saved for use in used),
            lost=0.0,
            why=used[-1].reason if state == "restored" else self.questions.get(run.id) or run.error or "",
            kept=0,
            badge="",
            counts=((state, 1),),
        )

    # -- parts of a row ----------------------------------------------------------------------------------

    def _tries(self, call: CallRecord) -> Sequence[AttemptRecord]:
        return self.attempts.get(call.id, ())

    def _uses(self, call: CallRecord) -> Iterator[RestoreRecord]:
        """When its checkpoint was used; what is recorded at the child run itself counts as well."""
        yield from self.restores.get(call.id, ())
        yield from self.restores.get(call.child, ()) if call.child else ()

    def _segments(self, call: CallRecord, *, current: bool) -> Iterator[Segment]:
        """The stretches of one version of the call, each inside the time of its kernel."""
        if call.kind in OWN:
            yield from _own.segments(call, self.kernels, self.living, self.now)
        else:
            yield from _tries.segments(call, self._tries(call), self.kernels, self.living, current=current)

    def _state(self, call: CallRecord, group: Sequence[CallRecord], segments: Sequence[Segment]) -> str:
        if call.state != "done":
            return self._unfinished(call)
        uses = list(self._uses(call))
        if self._gone(call, uses):
            return "gone"
        if uses:
            return "older" if uses[-1].older_code else "restored"
        if call.kind in OWN:
            return _own.over(call)
        torn = any(each.state in ("interrupted", "in doubt") for each in segments)
        return "ran again" if len(group) > 1 or torn else "ran"

    def _unfinished(self, call: CallRecord) -> str:
        if call.state == "running" and call.epoch != self.living:
            return "in doubt" if call.kind == "effect" else "interrupted"
        return "sleeping" if call.state == "waiting" and call.kind == "wait" else call.state

    def _gone(self, call: CallRecord, uses: Sequence[RestoreRecord]) -> bool:
        """Whether the pass that finished the run neither made nor restored the call."""
        last = self.passed
        epochs = (self.ended.get(call.id, call.epoch), *(use.epoch for use in uses))
        return last is not None and max(epochs) < last

    def _took(self, call: CallRecord, state: str, segments: Sequence[Segment]) -> float:
        if call.kind in OWN:
            return (call.ended or self.now) - call.started
        if state in ("running", "interrupted", "in doubt") or not call.took:
            return segments[-1].end - segments[-1].start if segments else call.took
        return call.took

    def _why(self, call: CallRecord, state: str) -> str:
        uses = list(self._uses(call))
        if state in ("restored", "older") and uses:
            return uses[-1].reason
        told: dict[str, Callable[[], str]] = {
            "failed": lambda: call.error or "it failed",
            "cancelled": lambda: _tries.cancelled(call),
            "waiting": lambda: _tries.waits(call, self.now),
            "in doubt": lambda: self._asked(call),
            "interrupted": lambda: call.error or "the kernel ended while it ran; it runs again on resume",
            "gone": lambda: "the body does not make this call any more; its checkpoint stays",
        }
        return told.get(state, lambda: call.reason)()

    def _asked(self, call: CallRecord) -> str:
        """The question, answered in the notebook, or on the command line where no notebook began the run."""
        command_line = self.run.kind == "function" and self.run.parent is None
        return doubts.asked(call, self.calls, run=self.run.id if command_line else None)

    def _detail(self, call: CallRecord) -> str:
        """What tells this call from others of its step: in a body, its inputs."""
        if self.run.kind == "notebook":
            return ""
        text = ", ".join(_short(part.preview) for part in call.input_parts if part.preview)
        return text if len(text) <= DETAIL else text[: DETAIL - 1] + "…"


def _short(preview: str) -> str:
    """A preview; what leads far down loses its start, since its end tells it from others."""
    if len(preview) <= PLACE or not _PLACE.match(preview):
        return preview
    return f"{preview[0] if preview[0] in QUOTES else ''}…{preview[1 - PLACE :]}"


def _badge(call: CallRecord) -> str:
    found = []
    if any(output.how == "refused" for output in call.outputs):
        found.append("partial")
    if any(part.weak for part in call.input_parts):
        found.append("weak key")
    return ", ".join(found)
