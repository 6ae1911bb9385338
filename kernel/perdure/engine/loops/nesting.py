"""Which loop a loop is: the how-manieth of its function, in which turn of the loops around it."""

from __future__ import annotations

import contextvars
from collections import Counter
from types import FrameType

from perdure.engine import clock

from .hints import hint
from .pace import Pace
from .progress import new_bar
from .stand import Stand, standing

_running: contextvars.ContextVar[Nested | None] = contextvars.ContextVar("perdure_loop", default=None)
"""The innermost loop whose turn is under way."""


class Nested:
    """A loop among others.

    Args:
        frame: in which it was made.
        names: what it keeps.

    Raises:
        LoopInBody: it stands in the body of a workflow.
    """

    def __init__(self, frame: FrameType, names: tuple[str, ...]) -> None:
        self.frame = frame
        self.names = names
        self.done = 0
        """How many of its turns are done."""
        self.closed = False
        self.counts = Counter[str]()
        """How many loops each function began in the turn that is under way."""
        self.bars: dict[str, int] = {}
        """The bars of the loops inside it: each has one, however often it begins."""
        self.stand: Stand | None = standing()
        if self.stand is None:
            hint(frame)
        parent = _running.get()
        while parent is not None and (parent.closed or parent.stand is not self.stand):
            parent = parent.parent
        self.parent: Nested | None = parent
        function = frame.f_code.co_qualname
        counts = self._counts_around()
        self.site = f"{function}#{counts[function]}"
        counts[function] += 1
        self.path: str = self.site if parent is None else f"{parent.path}/{self.site}"
        self.began = clock.now()
        self.pace: Pace = Pace(self.began) if parent is None else parent.pace
        self.bar: int = new_bar() if parent is None else parent.bars.setdefault(self.site, new_bar())

    def _counts_around(self) -> Counter[str]:
        """How many loops each function began in the turn, or the code, around this one."""
        if self.parent is not None:
            return self.parent.counts
        return Counter() if self.stand is None else self.stand.counts

    @property
    def step(self) -> str:
        """The step whose code runs it; empty outside of steps."""
        return "" if self.stand is None else self.stand.home.step

    @property
    def where(self) -> str:
        """Where it stands, for a sentence."""
        return f"step `{self.step}`" if self.step else "this cell"

    @property
    def name(self) -> str:
        """What its bar calls it."""
        function = self.frame.f_code.co_name
        return self.step or ("loop" if function.startswith("<") else function)

    def around(self) -> list[Nested]:
        """The loops around it, the outermost first, and the loop itself."""
        found: list[Nested] = [self]
        while found[0].parent is not None:
            found.insert(0, found[0].parent)
        return found

    def near(self) -> list[Nested]:
        """Those of them that run in the same function."""
        return [loop for loop in self.around() if loop.frame is self.frame]

    def place(self) -> tuple[tuple[str, int], ...]:
        """In which turns of the loops around it the loop runs."""
        return tuple((loop.site, loop.done) for loop in self.around()[:-1])

    def run(self) -> None:
        """What begins a loop from now on begins it in a turn of this one."""
        if _running.get() is not self:
            _running.set(self)

    def close(self) -> None:
        """It has no turns any more."""
        self.closed = True
        if _running.get() is self:
            _running.set(self.parent)
