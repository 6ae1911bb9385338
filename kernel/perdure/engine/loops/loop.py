"""One loop while it runs: between two turns it keeps where it stands, and shows how far it is.

1. What is kept is what the names hold between two turns, of this loop and of those around it, as one value.
2. Where a turn is kept, the loop goes on after it: names and random numbers are as they were then.
3. In the loop's own thread only bytes are made and copied; all else is done beside it.
"""

from __future__ import annotations

import contextvars
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from perdure.engine import clock
from perdure.engine.inputs import frozen
from perdure.engine.randomness import put, states
from perdure.errors import LoopChanged, NothingToKeep, NotKeepable, NotOwner, PerdureError

from .frames import bind, held
from .hints import hint
from .items import Done
from .pace import Pace
from .progress import Progress, new_bar, the_face
from .slots import Slot
from .stand import Stand, standing
from .ties import replace, tied
from .turns import Level, Turn, encoded

REFRESH = 0.1
"""Seconds between two looks of a bar."""

_running: contextvars.ContextVar[Loop | None] = contextvars.ContextVar("perdure_loop", default=None)
"""The innermost loop whose turn is under way."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a loop was asked to keep, and how often."""

    names: tuple[str, ...]
    every: float
    on_edit: str


class Loop:
    """A loop, from its first turn to its end.

    Args:
        frame: in which it was made: its names are kept and bound there.
        wanted: what to keep.
        total: how many items there are, where that is known.
    """

    def __init__(self, frame: FrameType, wanted: Wanted, total: int | None) -> None:
        self.frame: FrameType | None = frame
        self.names = wanted.names
        self.total = total
        self.done = 0
        self.closed = False
        self.bars: dict[str, int] = {}
        """The bars of the loops inside it."""
        self._wanted = wanted
        self._stand: Stand | None = None
        self._parent: Loop | None = None
        self._site = self.path = ""
        self._counts = Counter[str]()
        self._start: dict[str, Any] = {}
        self._items: Done | None = None
        self._since = 0
        self._told = set[str]()

    # -- beginning ---------------------------------------------------------------------------------------

    def enter(self) -> Turn | None:
        """Find out where the loop stands; the kept turn after which it goes on, if there is one.

        Random numbers are then as they were before the first item was asked for.

        Raises:
            LoopInBody: it stands in the body of a workflow.
            NothingToKeep: a name to keep is not bound.
        """
        frame = self._frame()
        self._stand = stand = standing()
        if stand is None:
            hint(frame)
        parent = _running.get()
        while parent is not None and (parent.closed or parent._stand is not stand):  # noqa: SLF001  of this class
            parent = parent._parent  # noqa: SLF001
        self._parent = parent
        function = frame.f_code.co_qualname
        counts = self._counts_around()
        self._site = f"{function}#{counts[function]}"
        counts[function] += 1
        self.path = self._site if parent is None else f"{parent.path}/{self._site}"
        for name in self.names if stand is not None else ():
            if name not in held(frame, self.names):
                raise NothingToKeep(name=name, where=self._where())
        self._began = clock.now()
        self._pace = Pace(self._began) if parent is None else parent._pace  # noqa: SLF001
        self._bar = new_bar() if parent is None else parent.bars.setdefault(self._site, new_bar())
        turn = None if stand is None else self._kept(stand)
        if turn is not None:
            _put(turn.start)
        self._start = states()
        return turn

    def _counts_around(self) -> Counter[str]:
        """How many loops each function began in the turn, or the code, around this one."""
        if self._parent is not None:
            return self._parent._counts  # noqa: SLF001  of this class
        return Counter() if self._stand is None else self._stand.counts

    def _kept(self, stand: Stand) -> Turn | None:
        """The turn after which the loop goes on; that another one is there is said."""
        slot = stand.own(self.path, self._place())
        if slot is not None and slot.code == stand.home.code:
            return self._turn_of(stand, slot)
        older = slot or stand.older(self.path, self._place())
        if older is not None:
            if self._wanted.on_edit == "keep":
                return self._turn_of(stand, older)
            self._say_begins_anew(
                f"turn {_of(older)} of its older code is kept; "
                '`resumable(..., on_edit="keep")` goes on after it'
            )
            return None
        other = stand.elsewhere(self.path)
        if other is not None:
            self._say_begins_anew(
                f"turn {_of(other)} is kept of a call with other inputs, and this is another call"
            )
        return None

    def _turn_of(self, stand: Stand, slot: Slot) -> Turn:
        began = time.perf_counter()
        turn, size = stand.turn(slot)
        self._pace.expect(size, time.perf_counter() - began)
        return turn

    def _place(self) -> tuple[tuple[str, int], ...]:
        """In which turns of the loops around it the loop runs."""
        return tuple((loop._site, loop.done) for loop in self._around()[:-1])  # noqa: SLF001  of this class

    def _around(self) -> list[Loop]:
        """The loops around it, the outermost first, and the loop itself."""
        found: list[Loop] = [self]
        while found[0]._parent is not None:  # noqa: SLF001  of this class
            found.insert(0, found[0]._parent)  # noqa: SLF001
        return found

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
        self._last, self._kept_at, self._kept_turn = self._began, None, None
        if turn is None:
            self._look_whether_kept()
        else:
            self._go_on(turn, items)
        _running.set(self)
        self._ticks = time.perf_counter()
        self._now = self._began
        self._look_at = self._shown_at = 0.0
        self._look(self._began)

    def _go_on(self, turn: Turn, items: Done) -> None:
        if items.digest() != turn.items:
            raise self._changed(turn, "the items of the turns that are done are not the same now.")
        levels = list(zip(turn.levels, self._around(), strict=True))
        attempt = None if self._stand is None else self._stand.attempt
        if attempt is not None and attempt.shown is not None:
            attempt.shown.again(turn.shown)
            the_face().shown_again({loop._bar: level.bar for level, loop in levels})  # noqa: SLF001
        for level, loop in levels:
            # Another function stands in the middle of an expression, which holds what it held.
            if loop.frame is self.frame:
                frame, before = loop._frame(), held(loop._frame(), loop.names)  # noqa: SLF001  of this class
                after = {name: level.names[name] for name in loop.names if name in level.names}
                bind(frame, after)
                replace(frame, before, after)
        missing = [f"`{name}`" for name in self.names if name not in turn.levels[-1].names]
        if missing:
            self._say(f"turn {turn.done} was kept without {', '.join(missing)}, which is as the code made it")
        _put(turn.random)
        self.done = self._since = turn.done
        self._kept_turn, self._kept_at = turn.done, turn.at

    def _look_whether_kept(self) -> None:
        """See that the names can be kept, once for each loop of an attempt."""
        stand = self._stand
        if stand is None or self.path in stand.looked_at:
            return
        stand.looked_at.add(self.path)
        began = time.perf_counter()
        made, refused = encoded(self._turn(self._began))
        for error in refused.values():
            cause = f"It is to be kept by the loop in {self._where()}. {error.cause}"
            raise NotKeepable(**{**error.fields, "cause": cause}) from error.__cause__
        for sentence in tied(self._frame(), self._held()):
            self._say(sentence)
        took = time.perf_counter() - began
        self._pace.spend(took)
        self._pace.expect(made.size, took)

    # -- between two turns -------------------------------------------------------------------------------

    def turned(self) -> None:
        """A turn is done. Now and then it is kept, and shown.

        Raises:
            NotOwner: the run was taken over by another process.
        """
        self.done += 1
        if _running.get() is not self:
            _running.set(self)
        self._counts.clear()
        stand = self._stand
        if stand is not None and stand.attempt is not None:
            stand.attempt.check()
        now = clock.now()
        if now >= self._look_at or now < self._now:
            self._look(now)
        self._now = now

    def _look(self, now: float) -> None:
        """Keep the turn if that is due, and show how far the loop is."""
        self._last = min(self._last, now)  # the clock may have gone back
        stand = self._stand
        due = now + REFRESH
        if stand is not None:
            self._check(stand)
            due = self._pace.next(self._wanted.every, self._last)
            if now >= due and self.done > self._since and not stand.saver.busy:
                self._keep(stand, now)
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
        turn = self._turn(now)
        absent = [name for name in self.names if name not in turn.levels[-1].names]
        made, refused = encoded(turn)
        if absent or refused:
            for name in absent:
                self._say(f"turns are not kept while `{name}` is not bound")
            for error in refused.values():
                told = f"`{error.path}` is {error.type}. {error.cause} {error.advice}"
                self._say(f"turns are not kept while {told}")
            self._pace.spend(time.perf_counter() - began)
            return
        copy = frozen(made)
        took = time.perf_counter() - began

        def save() -> None:
            stand.keep(self.path, turn, copy)
            self._kept_turn, self._kept_at = turn.done, now

        stand.saver.begin(save, lambda beside: self._pace.spend(took + beside))

    def _turn(self, now: float) -> Turn:
        """Where the loop stands now."""
        stand, items, around = self._stand, self._items, self._around()
        assert stand is not None
        assert items is not None
        levels = tuple(
            Level(
                loop._site,  # noqa: SLF001  of this class
                loop.done,
                held(loop._frame(), loop.names) if loop.frame is self.frame else {},  # noqa: SLF001
                the_face().shown_as(loop._bar),  # noqa: SLF001
            )
            for loop in around
        )
        shown = None if stand.attempt is None else stand.attempt.shown
        return Turn(
            levels=levels,
            total=self.total,
            items=items.digest(),
            code=stand.home.code,
            at=now,
            random=states(),
            start=self._start,
            shown=[] if shown is None else shown.taken(),
        )

    # -- the end -----------------------------------------------------------------------------------------

    def end(self, state: str) -> None:
        """The loop is over: `ended`, or `left`. What is on its way is kept before this returns."""
        self.closed = True
        if self._stand is not None:
            self._stand.saver.settle()
        if _running.get() is self:
            _running.set(self._parent)
        the_face().show(self.progress(state))
        self.frame = None

    # -- telling -----------------------------------------------------------------------------------------

    def progress(self, state: str = "running") -> Progress:
        """How far the loop is."""
        every = self._pace.interval(self._wanted.every)
        kept = None if self._kept_turn is None else self._kept_turn
        return Progress(
            bar=self._bar,
            name=self._name(),
            done=self.done,
            total=self.total,
            took=time.perf_counter() - self._ticks,
            since=self._since,
            kept=kept,
            kept_at=self._kept_at,
            every=every if every > self._wanted.every and kept is not None else None,
            state=state,
        )

    def _name(self) -> str:
        step = "" if self._stand is None else self._stand.home.step
        code = self._frame().f_code.co_name
        return step or ("loop" if code.startswith("<") else code)

    def _where(self) -> str:
        step = "" if self._stand is None else self._stand.home.step
        return f"step `{step}`" if step else "this cell"

    def _changed(self, turn: Turn, cause: str) -> LoopChanged:
        step = "" if self._stand is None else self._stand.home.step
        advice = f"with `--redo` (a function: `using(redo={step!r})`)" if step else "with another cell"
        return LoopChanged(where=self._where(), done=turn.done, cause=cause, advice=advice)

    def _say_begins_anew(self, what: str) -> None:
        if self._parent is None:
            self._say(f"the loop in {self._where()} begins anew: {what}")

    def _say(self, sentence: str) -> None:
        """Say something, once for each loop."""
        if sentence not in self._told:
            self._told.add(sentence)
            the_face().say(sentence, self._frame())

    def _held(self) -> dict[str, Any]:
        """What the kept names hold, those of the loops around it in the same function among them."""
        loops = [loop for loop in self._around() if loop.frame is self.frame]
        return held(self._frame(), [name for loop in loops for name in loop.names])

    def _frame(self) -> FrameType:
        assert self.frame is not None
        return self.frame


def _of(slot: Slot) -> str:
    return f"{slot.done} of {slot.total}" if slot.total is not None else str(slot.done)


def _put(kept: Mapping[str, Any]) -> None:
    for name, state in kept.items():
        put(name, state)
