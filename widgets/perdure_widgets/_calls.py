"""One row of a timeline: a call with all its versions, or a child run. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from perdure.store.records import AttemptRecord, CallRecord, RestoreRecord, RunRecord

from . import words
from .kernels import Kernel

DETAIL: Final = 48
"""Characters of a row's detail; the whole of it is in the inspector's records."""

_SEGMENT: Final = {"done": "ran", "failed": "failed", "running": "running", "interrupted": "interrupted"}


@dataclass(frozen=True, slots=True)
class Segment:
    """One attempt on the time line."""

    epoch: int
    start: float
    end: float
    state: str
    """`ran`, `failed`, `running`, `interrupted`, `in doubt`, or `replaced` for work of an earlier version."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One restore on the time line."""

    epoch: int
    at: float
    older: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture: a call, the calls of a fan-out, or a child run."""

    call: str
    """Id of the current version of the call, or of the child run."""
    branch: str
    step: str
    detail: str
    kind: str
    """`pure`, `effect`, `volatile`, or `run` for a child run."""
    state: str
    """One of `words.LOOKS`."""
    word: str
    segments: tuple[Segment, ...]
    marks: tuple[Mark, ...]
    took: float
    saved: float
    lost: float
    why: str
    """Why it was restored or run, or what went wrong, in words."""
    kept: int
    """Bytes of its values."""
    badge: str
    """What to know about its checkpoint: `partial`, `weak key`, or nothing."""
    counts: tuple[tuple[str, int], ...]
    """How many calls of each state it stands for."""

    @property
    def count(self) -> int:
        """How many calls it stands for."""
        return sum(number for _, number in self.counts)


@dataclass(frozen=True, slots=True)
class CallRows:
    """Makes rows from the records of one run."""

    run: RunRecord
    kernels: Sequence[Kernel]
    attempts: Mapping[str, Sequence[AttemptRecord]]
    restores: Mapping[str, Sequence[RestoreRecord]]
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
            (use for each in group for use in self.restores.get(each.id, ())),
            key=lambda use: (use.epoch, use.at),
        )
        state = self._state(call, group, segments)
        return Row(
            call=call.id,
            branch=call.branch,
            step=call.step,
            detail=_detail(self.run, call),
            kind=call.kind,
            state=state,
            word=self._word(call, state),
            segments=segments,
            marks=tuple(Mark(use.epoch, use.at, use.older_code) for use in used),
            took=self._took(call, state, segments),
            saved=sum(use.saved for use in used),
            lost=sum(each.end - each.start for each in segments if each.state in ("interrupted", "in doubt")),
            why=self._why(call, state),
            kept=call.bytes,
            badge=_badge(call),
            counts=((state, 1),),
        )

    def child(self, run: RunRecord, calls: Sequence[CallRecord] = ()) -> Row:
        """The row of a run that was started from this one, by these calls."""
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
        uses = (use for name in (run.id, *(call.id for call in calls)) for use in self.restores.get(name, ()))
        used = sorted(uses, key=lambda use: (use.epoch, use.at))
        if state == "ran" and used and used[-1].at >= end:
            state = "restored"
        return Row(
            call=run.id,
            branch=calls[-1].branch if calls else "",
            step=run.workflow,
            detail=run.id,
            kind="run",
            state=state,
            word=words.look(state).word,
            segments=tuple(segments),
            marks=tuple(Mark(use.epoch, use.at, use.older_code) for use in used),
            took=sum(each.end - each.start for each in segments),
            saved=sum(use.saved for use in used),
            lost=0.0,
            why=used[-1].reason if state == "restored" else run.error or "",
            kept=0,
            badge="",
            counts=((state, 1),),
        )

    def _segments(self, call: CallRecord, *, current: bool) -> Iterator[Segment]:
        """The attempts at one version of the call, each inside the time of its kernel."""
        for attempt in self.attempts.get(call.id, ()):
            kernel = next((each for each in self.kernels if each.epoch == attempt.epoch), None)
            if kernel is None:
                continue
            state = _SEGMENT.get(attempt.state, attempt.state)
            if state == "running" and attempt.epoch != self.living:
                state = "interrupted"
            if state == "interrupted" and call.kind == "effect":
                state = "in doubt"
            if state == "ran" and not current:
                state = "replaced"
            start = kernel.hold(attempt.started)
            end = kernel.hold(attempt.ended) if attempt.ended is not None else kernel.end
            yield Segment(attempt.epoch, start, max(start, end), state)

    def _state(self, call: CallRecord, group: Sequence[CallRecord], segments: Sequence[Segment]) -> str:
        if call.state == "running" and call.epoch != self.living:
            return "in doubt" if call.kind == "effect" else "interrupted"
        if call.state != "done":
            return call.state
        uses = self.restores.get(call.id, ())
        if self._gone(call):
            return "gone"
        if uses:
            return "older" if uses[-1].older_code else "restored"
        torn = any(each.state in ("interrupted", "in doubt") for each in segments)
        return "ran again" if len(group) > 1 or torn else "ran"

    def _gone(self, call: CallRecord) -> bool:
        """Whether the pass that finished the run neither made nor restored the call."""
        last = self.passed
        return (
            last is not None
            and call.epoch < last
            and all(use.epoch < last for use in self.restores.get(call.id, ()))
        )

    def _word(self, call: CallRecord, state: str) -> str:
        tries = [attempt for attempt in self.attempts.get(call.id, ()) if attempt.epoch == call.epoch]
        if len(tries) > 1 and state == "running":
            return f"attempt {len(tries)}"
        if len(tries) > 1 and state in ("ran", "failed"):
            return f"{words.look(state).word}, {len(tries)} attempts"
        return words.look(state).word

    def _took(self, call: CallRecord, state: str, segments: Sequence[Segment]) -> float:
        if state in ("running", "interrupted", "in doubt") or not call.took:
            return segments[-1].end - segments[-1].start if segments else call.took
        return call.took

    def _why(self, call: CallRecord, state: str) -> str:
        uses = self.restores.get(call.id, ())
        if state in ("restored", "older") and uses:
            return uses[-1].reason
        if state == "failed":
            return call.error or "it failed"
        if state == "in doubt":
            return "the kernel ended while it ran, and nobody knows whether it took effect"
        if state == "interrupted":
            return call.error or "the kernel ended while it ran; it runs again on resume"
        if state == "gone":
            return "the body does not make this call any more; its checkpoint stays"
        return call.reason


def _detail(run: RunRecord, call: CallRecord) -> str:
    """What tells this call from others of its step: in a body, its inputs."""
    if run.kind == "notebook":
        return ""
    text = ", ".join(part.preview for part in call.input_parts if part.preview)
    return text if len(text) <= DETAIL else text[: DETAIL - 1] + "…"


def _badge(call: CallRecord) -> str:
    found = []
    if any(output.how == "refused" for output in call.outputs):
        found.append("partial")
    if any(part.weak for part in call.input_parts):
        found.append("weak key")
    return ", ".join(found)
