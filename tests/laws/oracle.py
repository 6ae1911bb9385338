"""What a body gives, worked out without Perdure: lines of work that are released, or wait, one at a time.

Whenever nothing can go on by itself, the line that waits at the place of the lowest rank is released; where
none waits to be released, time goes on to the next moment. What drew from outside is asked for.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Generator
from typing import Any

from laws.trees import (
    Call,
    Child,
    Draw,
    Fail,
    Flaky,
    Gather,
    Inline,
    Loop,
    Map,
    Nap,
    Race,
    Raise,
    Seq,
    Tree,
    Try,
)

Wants = Callable[[], bool] | str | float
"""A place at which it is to be released, a moment, or what must be true."""


class FailedError(Exception):
    """A part fails; the argument tells how."""


def summary(value: Any) -> int:
    """What a step is fed of a value."""
    return zlib.crc32(repr(value).encode())


class Line:
    """A line of work, with those that it began."""

    def __init__(self, work: Generator[Wants, None, Any]) -> None:
        self.work, self.below = work, list[Line]()
        self.wants: Wants | None = lambda: True
        self.value: Any = None
        self.error: FailedError | None = None
        self.ended: int | None = None

    def stop(self) -> None:
        """It goes on no more, nor do those that it began."""
        self.wants = None
        for line in self.below:
            line.stop()


class Oracle:
    """One go through a tree."""

    def __init__(self, rank: Callable[[str], float], drawn: Callable[[str], Any]) -> None:
        self.now = 0.0
        self.ran: set[str] = set()
        """The places of all calls that were begun."""
        self._rank, self._drawn = rank, drawn
        self._lines: list[Line] = []
        self._count = itertools.count()
        self._current: Line | None = None

    def result(self, tree: Tree) -> Any:
        """What the tree gives and how late it is then, or how it fails."""
        main = self._begin(self._part(tree, "", None))
        while self._settled() is main.ended is None:
            gates = [line for line in self._lines if isinstance(line.wants, str)]
            moments = [line for line in self._lines if isinstance(line.wants, float)]
            if gates:
                self._go(min(gates, key=lambda line: self._rank(str(line.wants))))
            else:
                line = min(moments, key=lambda line: line.wants)
                self.now = line.wants
                self._go(line)
        return [main.value, self.now] if main.error is None else ["failed", *main.error.args]

    def _begin(self, work: Generator[Wants, None, Any]) -> Line:
        line = Line(work)
        self._lines.append(line)
        if self._current is not None:
            self._current.below.append(line)
        return line

    def _settled(self) -> None:
        """Let all go on that can."""
        while ready := [line for line in self._lines if callable(line.wants) and line.wants()]:
            self._go(ready[0])

    def _go(self, line: Line) -> None:
        before, self._current = self._current, line
        try:
            line.wants = next(line.work)
        except StopIteration as end:
            line.value, line.ended, line.wants = end.value, next(self._count), None
        except FailedError as error:
            line.error, line.ended, line.wants = error, next(self._count), None
        self._current = before

    def _part(  # noqa: C901, PLR0911, PLR0912  one case for each kind of part
        self, tree: Tree, at: str, last: Any
    ) -> Generator[Wants, None, Any]:
        match tree:
            case Call(number, kind, fed) | Inline(number, kind, fed):
                self.ran.add(at)
                if isinstance(tree, Call):
                    yield at
                return [kind, number, summary(last) if fed else 0]
            case Fail(number):
                self.ran.add(at)
                yield at
                raise FailedError(["fail", number])
            case Flaky(number, failures, retries, pause):
                for attempt in range(retries + 1):
                    self.ran.add(at)
                    yield at
                    if attempt >= failures:
                        return ["flaky", number]
                    if attempt < retries and pause:
                        yield self.now + pause
                raise FailedError(["flaky", number])
            case Draw(what):
                if what == "volatile":
                    self.ran.add(at)
                    yield at
                return self.now if what == "now" else self._drawn(at)
            case Nap(seconds):
                yield self.now + seconds
                return None
            case Raise(number):
                raise FailedError(["raised", number])
            case Map(numbers, is_async):
                call = Call if is_async else Inline
                tree = Gather(tuple(call(number) for number in numbers))
                return (yield from self._part(tree, at, last))
            case Seq(parts):
                return (yield from self._in_turn(parts, at, last))
            case Loop(times, part):
                return (yield from self._in_turn((part,) * times, at, last))
            case Gather(parts):
                lines = self._beside(parts, at, last)
                yield lambda: all(line.ended is not None for line in lines)
                return [_given(line) for line in lines]
            case Race(parts):
                return (yield from self._race(tree, self._beside(parts, at, last)))
            case Try(part, other):
                try:
                    return ["well", (yield from self._part(part, f"{at}.0", last))]
                except FailedError as error:
                    [how] = error.args
                return ["caught", how, (yield from self._part(other, f"{at}.1", how))]
            case Child(part):
                return ["child", (yield from self._part(part, f"{at}.0", last))]

    def _in_turn(self, parts: tuple[Tree, ...], at: str, last: Any) -> Generator[Wants, None, Any]:
        values = []
        for number, part in enumerate(parts):
            last = yield from self._part(part, f"{at}.{number}", last)
            values.append(last)
        return values

    def _beside(self, parts: tuple[Tree, ...], at: str, last: Any) -> list[Line]:
        return [self._begin(self._part(part, f"{at}.{number}", last)) for number, part in enumerate(parts)]

    def _race(self, tree: Race, lines: list[Line]) -> Generator[Wants, None, Any]:
        def ended() -> list[Line]:
            found = [line for line in lines if line.ended is not None]
            return sorted(found, key=lambda line: line.ended)

        def first() -> Line | None:
            return next((line for line in ended() if line.error is None or not tree.success), None)

        yield lambda: first() is not None or len(ended()) == len(lines)
        winner = first()
        if winner is None:
            raise FailedError(["none", *(line.error.args[0] for line in lines)])
        for line in lines:
            if line is not winner and tree.losers == "cancel":
                line.stop()
        return [lines.index(winner), _given(winner)]


def _given(line: Line) -> Any:
    if line.error is not None:
        raise line.error
    return line.value
