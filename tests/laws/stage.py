"""Where the trees are performed: the witness of what ran, the gates at which steps wait, and the deaths.

Steps reach it by the module's functions, so that nothing of it is an input of theirs.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from perdure.engine import working
from perdure.engine.scope import current_scope
from perdure.testing import HandClock

place: contextvars.ContextVar[str] = contextvars.ContextVar("place")
"""At which place of the tree the body is: what a step sees of it is no input."""


class KilledError(BaseException):
    """The process dies here."""


class LaterError(Exception):
    """The body is through, but its run is not to be finished yet."""


class StuckError(Exception):
    """Nothing is at work, nothing waits, and the body has not ended."""


class Witness:
    """What happened, in order, in all lives; in a file it outlives a kill.

    Args:
        path: of the file; None keeps it in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = None if path is None else os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR)
        self._path = path
        self.lines: list[tuple[str, ...]] = []
        if path is not None:
            self.lines = [tuple(line.split("\t")) for line in path.read_text().splitlines()]

    def note(self, *words: Any) -> None:
        """Something happened: what, and where."""
        line = tuple(map(str, words))
        self.lines.append(line)
        if self._file is not None:
            os.write(self._file, ("\t".join(line) + "\n").encode())

    def last(self, what: str, at: str) -> str | None:
        """The newest word about this, at this place."""
        return next((line[2] for line in reversed(self.lines) if line[:2] == (what, at)), None)

    def begun(self) -> Counter[str]:
        """How often each call was begun, by place."""
        return Counter(line[1] for line in self.lines if line[0] == "begun")

    def effects(self) -> dict[str, Any]:
        """What the effects gave that took place, by the call's id."""
        return {line[2]: json.loads(line[3]) for line in self.lines if line[0] == "effect"}

    @property
    def time(self) -> float:
        """How late it was when time last went on."""
        return max((float(line[1]) for line in self.lines if line[0] == "time"), default=0.0)

    def check(self) -> None:
        """No call began whose value the body had already, nor one that was running; no effect took place twice."""
        effects = [line[2] for line in self.lines if line[0] == "effect"]
        assert len(effects) == len(set(effects))
        known, running = set(), set()
        for line in self.lines:
            what, at = line[0], line[1] if len(line) > 1 else ""
            if what == "life":
                running.clear()
            elif what == "begun":
                assert at not in known, f"{at} ran again"
                assert at not in running, f"{at} ran twice at once"
                running.add(at)
            elif what in ("ended", "stopped"):
                running.discard(at)
            elif what == "given":
                known.add(at)


class Stage:
    """One life of a process that performs a tree.

    Args:
        witness: of all lives.
        clock: time goes on when nothing else does; None where it does so by itself.
        seed: of the order in which what waits is released.
        death: the process dies at so manieth point; None: it does not.
        fails_at_end: the body fails when it is through.
    """

    def __init__(
        self,
        witness: Witness,
        clock: HandClock | None,
        seed: int,
        death: int | None = None,
        *,
        fails_at_end: bool = False,
    ) -> None:
        self.witness, self.clock, self.seed, self.death = witness, clock, seed, death
        self.fails_at_end = fails_at_end
        self.points = 0
        """Points at which it could have died."""
        self.dead = False
        self.value: Any = None
        """What the body came to."""
        self._gates: dict[str, asyncio.Future[None]] = {}

    def reached(self, _: str = "") -> None:
        """A point at which the process may die: from then on nothing of it is kept."""
        self.points += 1
        self.dead = self.dead or self.points == self.death
        if self.dead:
            raise KilledError

    def note(self, *words: Any) -> None:
        """Something happened, while the process lived."""
        if not self.dead:
            self.witness.note(*words)

    async def released(self, at: str) -> None:
        """Wait at a place until it has the lowest rank of all at which somebody waits."""
        gate = self._gates[at] = asyncio.get_running_loop().create_future()
        try:
            await gate
        finally:
            if self._gates.get(at) is gate:
                del self._gates[at]

    async def conduct(self, body: asyncio.Task[Any]) -> None:
        """Release what waits, in order of rank, and let time go on, until the body has ended or died."""
        while await self._rests(body):
            if self._gates:
                at = min(self._gates, key=lambda at: rank(self.seed, at))
                self._gates.pop(at).set_result(None)
            elif self.clock is not None and self.clock.pending:
                moment = self.clock.pending[0]
                self.note("time", moment.timestamp())
                self.clock.advance_to(moment)
            else:
                raise StuckError

    async def _rests(self, body: asyncio.Task[Any]) -> bool:
        """Wait until nothing goes on by itself; False when the body has ended, or died."""
        ready, still = asyncio.get_running_loop()._ready, 0
        while still < 2:  # the second time whatever a thread left is ready, too
            await asyncio.sleep(0)
            if self.dead or body.done():
                return False
            busy = working.count() > len(self._gates) or any(map(_works, threading.enumerate()))
            still = 0 if busy or ready else still + 1
        return True


def rank(seed: int, at: str) -> float:
    """Whoever waits at the place of the lowest rank is released."""
    return random.Random(f"{seed} {at}").random()


def _works(thread: threading.Thread) -> bool:
    """Whether it is a thread that needs no release: of a step beside the body, or of a moment that is there."""
    return thread.name.startswith(("perdure-inline", "perdure-hand-clock-late"))


_stage: Stage | None = None


def use_stage(stage: Stage | None) -> None:
    """This life is the present one."""
    global _stage  # noqa: PLW0603  one life at a time
    _stage = stage


def the_stage() -> Stage:
    """The present life."""
    assert _stage is not None
    return _stage


async def enter(value: Any = None) -> None:
    """A step begins its work, and waits until it is released."""
    begin(value)
    try:
        await the_stage().released(place.get())
    except BaseException:
        the_stage().note("stopped", place.get())
        raise
    end()


def through(value: Any = None) -> None:
    """A step does its work, and waits for nothing."""
    begin(value)
    end()


def begin(value: Any = None) -> None:
    """A step begins its work; of an effect, it takes place."""
    stage, at = the_stage(), place.get()
    stage.reached()
    stage.note("begun", at)
    if call().kind == "effect":
        stage.note("effect", at, call().id, json.dumps(value))
    stage.reached()


def end() -> None:
    """A step has done its work."""
    the_stage().reached()
    the_stage().note("ended", place.get())


def call() -> Any:
    """The record of the call whose step asks."""
    scope = current_scope()
    assert scope is not None
    assert scope.attempt is not None
    return scope.attempt.call


def given(at: str, value: Any) -> None:
    """The body has a call's value: from now on it is recorded."""
    the_stage().note("given", at, value)


def ending(value: Any) -> None:
    """The body is through, with this value: in a life that is told so, it fails here."""
    the_stage().value = value
    if the_stage().fails_at_end:
        raise LaterError


def nonce() -> int:
    """Another number each time."""
    return len(the_stage().witness.lines)
