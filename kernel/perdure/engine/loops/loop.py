"""One loop while it runs: between two turns it keeps where it stands, and shows how far it is.

1. What is kept is what the names hold between two turns, of this loop and of those around it in its function.
2. Where a turn is kept, the loop goes on after it: names and random numbers are as they were then.
3. In the loop's own thread only bytes are made and copied; all else is done beside it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from perdure.engine import clock
from perdure.engine.inputs import frozen
from perdure.engine.randomness import put, states
from perdure.errors import LoopChanged, NothingToKeep, NotKeepable, NotOwner, PerdureError

from .frames import bind, held
from .items import Done
from .nesting import Nested
from .progress import Progress, the_face
from .slots import Slot
from .stand import Stand
from .ties import replace, tied
from .turns import Level, Turn, encoded

REFRESH = 0.1
"""Seconds between two looks of a bar."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a loop was asked to keep, and how often."""

    names: tuple[str, ...]
    every: float
    on_edit: str


class Loop(Nested):
    """A loop, from its first turn to its end.

    Args:
        frame: in which it was made: its names are kept and bound there.
        wanted: what to keep.
        total: how many items there are, where that is known.

    Raises:
        LoopInBody: it stands in the body of a workflow.
        NothingToKeep: a name to keep is not bound.
    """

    def __init__(self, frame: FrameType, wanted: Wanted, total: int | None) -> None:
        super().__init__(frame, wanted.names)
        self.total = total
        self._wanted = wanted
        self._items: Done | None = None
        self._start: Mapping[str, Any] = {}
        self._since = 0
        self._kept: tuple[int, float] | None = None
        """How many turns were done when it was last kept, and when that was."""
        self._told = set[str]()
        self._last = self._now = self.began
        self._look_at = self._shown_at = 0.0
        self._ticks = time.perf_counter()
        for name in wanted.names if self.stand is not None else ():
            if name not in held(frame, [name]):
                raise NothingToKeep(name=name, where=self.where)

    # -- beginning ---------------------------------------------------------------------------------------

    def enter(self) -> Turn | None:
        """The kept turn after which the loop goes on, if there is one.

        Random numbers are then as they were before the first item was asked for.

        Raises:
            Damaged, Untrusted, NotLoadable: there is one, and it cannot be had.
        """
        turn = None if self.stand is None else self._found(self.stand)
        if turn is not None:
            _put(turn.start)
        self._start = states()
        return turn

    def _found(self, stand: Stand) -> Turn | None:
        """The turn after which the loop goes on; that there is another one is said."""
        slot = stand.own(self.path, self.place())
        if slot is not None and slot.code == stand.home.code:
            return self._turn_of(stand, slot)
        older = slot or stand.older(self.path, self.place())
        if older is not None and self._wanted.on_edit == "keep":
            return self._turn_of(stand, older)
        if older is not None:
            how = '`resumable(..., on_edit="keep")` goes on after it'
            self._say_begins_anew(f"turn {_of(older)} of its older code is kept; {how}")
            return None
        other = stand.elsewhere(self.path)
        if other is not None:
            what = "is kept of a call with other inputs, and this is another call"
            self._say_begins_anew(f"turn {_of(other)} {what}")
        return None

    def _turn_of(self, stand: Stand, slot: Slot) -> Turn:
        began = time.perf_counter()
        turn, size = stand.turn(slot)
        self.pace.expect(size, time.perf_counter() - began)
        return turn

    def fewer(self, turn: Turn, count: int) -> LoopChanged:
        """The error of a loop whose iterable ends before the kept turn."""
        return self._changed(turn, f"{turn.done} turns are done, and there are only {count} items now.")

    def begin(self, turn: Turn | None, items: Done) -> None:
        """Go on after a kept turn, whose items were passed over; or begin, if the names can be kept.

        Raises:
            LoopChanged: those items are not the ones of the kept turn.
            NotKeepable: what a name holds cannot be kept; the message says why.
        """
        self._items = items
        if turn is None:
            self._look_whether_kept()
        else:
            self._go_on(turn, items)
        self.run()
        self._ticks = time.perf_counter()
        self._look(self.began)

    def _go_on(self, turn: Turn, items: Done) -> None:
        """Put everything back as it was after the turn."""
        if items.digest() != turn.items:
            raise self._changed(turn, "the items of the turns that are done are not the same now.")
        levels = list(zip(turn.levels, self.around(), strict=True))
        attempt = None if self.stand is None else self.stand.attempt
        if attempt is not None and attempt.shown is not None:
            attempt.shown.again(turn.shown)
            the_face().shown_again({loop.bar: level.bar for level, loop in levels})
        near = self.near()
        for level, loop in levels:
            if (
                loop in near
            ):  # another function stands in the middle of an expression, which holds what it held
                before = held(self.frame, loop.names)
                after = {name: level.names[name] for name in loop.names if name in level.names}
                bind(self.frame, after)
                replace(self.frame, before, after)
        missing = [f"`{name}`" for name in self.names if name not in turn.levels[-1].names]
        if missing:
            self._say(f"turn {turn.done} was kept without {', '.join(missing)}, which is as the code made it")
        _put(turn.random)
        self.done = self._since = turn.done
        self._kept = turn.done, turn.at

    def _look_whether_kept(self) -> None:
        """See that the names can be kept, once for each loop of an attempt."""
        stand = self.stand
        if stand is None or self.path in stand.looked_at:
            return
        stand.looked_at.add(self.path)
        began = time.perf_counter()
        made, refused = encoded(self._turn(stand, self.began))
        for error in refused.values():
            cause = f"It is to be kept by the loop in {self.where}. {error.cause}"
            raise NotKeepable(**{**error.fields, "cause": cause}) from error.__cause__
        names = [name for loop in self.near() for name in loop.names]
        for sentence in tied(self.frame, held(self.frame, names)):
            self._say(sentence)
        took = time.perf_counter() - began
        self.pace.spend(took)
        self.pace.expect(made.size, took)

    # -- between two turns -------------------------------------------------------------------------------

    def turned(self) -> None:
        """A turn is done. Now and then it is kept, and shown.

        Raises:
            NotOwner: the run was taken over by another process.
        """
        self.done += 1
        self.run()
        if self.counts:
            self.counts.clear()
        stand = self.stand
        if stand is not None and stand.attempt is not None:
            stand.attempt.check()
        now = clock.now()
        if now >= self._look_at or now < self._now:
            self._look(now)
        self._now = now

    def _look(self, now: float) -> None:
        """Keep the turn if that is due, and show how far the loop is."""
        self._last = min(self._last, now)  # the clock may have gone back
        due = now + REFRESH
        if self.stand is not None:
            self._check(self.stand)
            due = self.pace.next(self._wanted.every, self._last)
            if now >= due and self.done > self._since and not self.stand.saver.busy:
                self._keep(self.stand, now)
                due = now
        if now >= self._shown_at + REFRESH or now < self._shown_at:
            self._shown_at = now
            the_face().show(self.progress())
        self._look_at = min(max(due, now), self._shown_at + REFRESH)

    def _check(self, stand: Stand) -> None:
        """Raise, or say, why the last turn could not be kept."""
        error = stand.saver.failure()
        if isinstance(error, NotOwner) or (error is not None and not isinstance(error, Exception)):
            raise error
        if stand.attempt is not None:
            stand.attempt.check()
        if error is not None:
            what = " ".join(str(error).split()) if isinstance(error, PerdureError) else repr(error)
            self._say(f"a turn could not be kept, and the loop goes on without: {what}")

    def _keep(self, stand: Stand, now: float) -> None:
        """Make a consistent copy of what is to be kept, and have it written beside the loop."""
        began = time.perf_counter()
        self._last = now
        turn = self._turn(stand, now)
        absent = [name for name in self.names if name not in turn.levels[-1].names]
        made, refused = encoded(turn)
        if absent or refused:
            for name in absent:
                self._say(f"turns are not kept while `{name}` is not bound")
            for error in refused.values():
                told = f"`{error.path}` is {error.type}. {error.cause} {error.advice}"
                self._say(f"turns are not kept while {told}")
            self.pace.spend(time.perf_counter() - began)
            return
        copy = frozen(made)
        took = time.perf_counter() - began

        def save() -> None:
            stand.keep(self.path, turn, copy)
            self._kept = turn.done, now

        stand.saver.begin(save, lambda beside: self.pace.spend(took + beside))

    def _turn(self, stand: Stand, now: float) -> Turn:
        """Where the loop stands now."""
        assert self._items is not None
        near, face = self.near(), the_face()
        shown = None if stand.attempt is None else stand.attempt.shown
        levels = [
            Level(
                loop.site,
                loop.done,
                held(self.frame, loop.names) if loop in near else {},
                face.shown_as(loop.bar),
            )
            for loop in self.around()
        ]
        return Turn(
            levels=tuple(levels),
            total=self.total,
            items=self._items.digest(),
            code=stand.home.code,
            at=now,
            random=states(),
            start=self._start,
            shown=[] if shown is None else shown.taken(),
        )

    # -- the end -----------------------------------------------------------------------------------------

    def end(self, state: str) -> None:
        """The loop is over: `ended`, or `left`. What is on its way is kept before this returns."""
        self.close()
        if self.stand is not None:
            self.stand.saver.settle()
        the_face().show(self.progress(state))

    # -- telling -----------------------------------------------------------------------------------------

    def progress(self, state: str = "running") -> Progress:
        """How far the loop is."""
        every = self.pace.interval(self._wanted.every)
        return Progress(
            bar=self.bar,
            name=self.name,
            done=self.done,
            total=self.total,
            took=time.perf_counter() - self._ticks,
            since=self._since,
            kept=self._kept,
            every=every if every > self._wanted.every and self._kept is not None else None,
            state=state,
        )

    def _changed(self, turn: Turn, cause: str) -> LoopChanged:
        advice = "with another cell"
        if self.step:
            advice = f"with `--redo` (a function: `using(redo={self.step!r})`)"
        return LoopChanged(where=self.where, done=turn.done, cause=cause, advice=advice)

    def _say_begins_anew(self, what: str) -> None:
        if self.parent is None:
            self._say(f"the loop in {self.where} begins anew: {what}")

    def _say(self, sentence: str) -> None:
        """Say something, once for each loop."""
        if sentence not in self._told:
            self._told.add(sentence)
            the_face().say(sentence, self.frame)


def _of(slot: Slot) -> str:
    return f"{slot.done} of {slot.total}" if slot.total is not None else str(slot.done)


def _put(kept: Mapping[str, Any]) -> None:
    for name, state in kept.items():
        put(name, state)
