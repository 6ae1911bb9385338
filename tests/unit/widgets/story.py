"""Writes the records of a run by hand, with times in seconds since its start."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from perdure.store.records import (
    AttemptRecord,
    CallRecord,
    Part,
    RestoreRecord,
    RunRecord,
    SessionRecord,
    ValueRecord,
)
from perdure_widgets.rows import Row, Timeline, timeline

START = time.mktime((2026, 11, 20, 11, 48, 40, 0, 0, -1))
RUN = "r_5a9e31c2"


def a_run(kind="cell", state="running", *, workflow="flights", run=RUN, at=0.0, **fields) -> RunRecord:
    return RunRecord(run, workflow, "key", kind, state, START + at, START + at, **fields)


def a_session(epoch, start, seen, ended=None, *, run=RUN, pid=1) -> SessionRecord:
    return SessionRecord(
        run, epoch, pid, "elsewhere", START + start, START + seen, None if ended is None else START + ended
    )


@dataclass
class Story:
    """The records of one run, as an owner would have written them."""

    run: RunRecord = field(default_factory=a_run)
    sessions: list[SessionRecord] = field(default_factory=list)
    calls: list[CallRecord] = field(default_factory=list)
    attempts: list[AttemptRecord] = field(default_factory=list)
    restores: list[RestoreRecord] = field(default_factory=list)
    values: list[ValueRecord] = field(default_factory=list)

    def kernel(self, start, seen, ended=None) -> Story:
        self.sessions.append(a_session(len(self.sessions) + 1, start, seen, ended))
        return self

    def call(self, step, start, end=None, state="done", *, attempts=None, **fields) -> CallRecord:
        """One call; `attempts` are (start, end, state, epoch), else the call's own times are the only one."""
        call = self._call(step, start, end, state, took=0.0 if end is None else end - start, **fields)
        tries = attempts or [(start, end, "interrupted" if state == "in doubt" else state, call.epoch)]
        for number, (begin, stop, how, epoch) in enumerate(tries, 1):
            stopped = None if stop is None else START + stop
            self.attempts.append(AttemptRecord(call.id, call.run, number, epoch, how, START + begin, stopped))
        return call

    def sleep(self, start, due, end=None, state=None, *, step="perdure.sleep", **fields) -> CallRecord:
        """A wait until `due`; without an end it lasts."""
        state = state or ("waiting" if end is None else "done")
        parts = (Part("duration", "d", preview=f"{due - start} s"),)
        fields = {"code": "", "due": START + due, "input_parts": parts, "inputs": str(start)} | fields
        return self._call(step, start, end, state, kind="wait", **fields)

    def noted(self, name, start, end=None, state="done", **fields) -> CallRecord:
        """What `name` gave, or a race that began at `start`."""
        fields = {"code": "", "inputs": ""} | fields
        return self._call(
            f"perdure.{name}", start, start if end is None else end, state, kind="noted", **fields
        )

    def _call(self, step, start, end, state, **fields) -> CallRecord:
        number = len(self.calls) + 1
        values = {
            "inputs": "same", "occurrence": 0, "code": "code", "kind": "pure", "branch": "", "reason": "new call",
            "epoch": max(len(self.sessions), 1), "seq": number,
        } | fields  # fmt: skip
        call = CallRecord(
            id=f"c_{self.run.id[-4:]}{number:04x}", run=self.run.id, step=step, state=state, started=START + start,
            ended=None if end is None else START + end, **values,
        )  # fmt: skip
        self.calls.append(call)
        return call

    def restore(self, call, at, *, epoch=None, older=False) -> None:
        epoch = epoch or len(self.sessions)
        reason = "name, inputs and code are the same"
        self.restores.append(
            RestoreRecord(self.run.id, call.id, epoch, START + at, 0.25, call.took, reason, older)
        )

    def drawn(self, now=10_000.0, **options) -> Timeline:
        return timeline(
            self.run, self.sessions, self.calls, self.attempts, self.restores, now=START + now, **options
        )

    def row(self, step, **options) -> Row:
        (found,) = [row for row in self.drawn(**options).rows if row.step == step]
        return found

    def write(self, journal) -> None:
        """Put all of it into a journal, as its newest owner."""
        epoch = 0
        for session in self.sessions:
            epoch = journal.claim(self.run, session)
        records = [self.run, *self.sessions, *self.calls, *self.attempts, *self.restores, *self.values]
        journal.write(self.run.id, epoch, records)


def killed_and_resumed() -> Story:
    """Three steps are done when the kernel is killed in the fourth; the next kernel restores and goes on."""
    story = Story(a_run(state="done", epoch=2)).kernel(0, 8082)
    done = [story.call("load", 0, 18.5), story.call("clean", 18.5, 80.4), story.call("train", 81, 8040)]
    story.kernel(8218, 8503, 8600)
    story.call("score", 8230, 8318, reason="it was interrupted when kernel 1 was killed",
               attempts=[(8041, None, "interrupted", 1), (8230, 8318, "done", 2)])  # fmt: skip
    story.call("publish", 8500, 8502.5, kind="effect")
    for number, call in enumerate(done):
        story.restore(call, 8220 + number)
    return story
