"""Where in a run a call is made: the pass over the body, the branch, and whether a step is already running.

A *pass* is one execution of a workflow's body. It counts equal calls and numbers branches at the moment at
which they are created, so that parallel calls match their records whatever order they finish in. Asyncio
tasks get a branch of their own through a task factory, which numbers them when they are created.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from perdure.frozen import frozen

from .cancelling import ThreadStop
from .history import within
from .under_way import EFFECT, UnderWay, strands_here, tasks_here

if TYPE_CHECKING:
    from perdure.errors import PerdureError

    from .attempt import Attempt
    from .owner import Owner
    from .replaying import Turn

T = TypeVar("T")


@dataclass(slots=True)
class Pass:
    """One execution of a body: its counters, and what the user asked to run again."""

    redo: frozenset[str] = frozenset()
    """Steps that run again although they are recorded."""
    redo_from: str | None = None
    """From the first call of this step on, everything runs again."""
    strict: bool = False
    executor: Any = None
    """Where the workflow's steps run that say nothing themselves; None: in threads."""
    under_way: UnderWay = field(default_factory=UnderWay)
    """What is at work in it."""
    stop: ThreadStop | None = None
    """Stops its body, where that does not await."""
    above: Scope | None = None
    """Where the run was started, if by a body."""
    turn: Turn | None = None
    """Where its calls wait when they are recorded, if the body is always executed again."""
    lost: set[str] = field(default_factory=set)
    """Branches that lost a race: what is cancelled there was not interrupted, and is not taken up again."""
    undecided: int = 0
    """Races that nobody has won yet: until then no call waits for its turn, who waits would win none."""
    _asked: list[tuple[str, PerdureError]] = field(default_factory=list)
    _calls: dict[tuple[str, ...], int] = field(default_factory=dict)
    _once: dict[Any, Any] = field(default_factory=dict)
    _children: Counter[str] = field(default_factory=Counter)
    _reached: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def occurrence(self, *key: str) -> int:
        """How many calls with this key were made before in this pass.

        Raises:
            Cancelled: the pass is over, and makes no calls any more.
        """
        self.under_way.check()
        with self._lock:
            number = self._calls.get(key, 0)
            self._calls[key] = number + 1
            return number

    def asks(self, branch: str, question: PerdureError) -> None:
        """In this branch the body is given a question, which it may catch, and cannot answer."""
        self._asked.append((branch, question))

    def check_asked(self, branch: str) -> None:
        """Do nothing, unless the body caught a question in this branch or below it.

        Raises:
            PerdureError: that question: what the body does next would depend on its answer.
        """
        for place, question in self._asked:
            if within(place, branch) and not self.has_lost(place):
                raise question

    def has_lost(self, branch: str) -> bool:
        """Whether this branch of the pass, or one above it, lost a race."""
        return any(within(branch, lost) for lost in self.lost)

    def begun(self, attempt: Attempt, *, is_async: bool) -> None:
        """An attempt is at work, in this thread or, if it awaits, in this task."""
        strands = (tasks_here() if is_async else strands_here()) | {attempt}
        kind = EFFECT if attempt.call.kind == "effect" else ""
        self.under_way.begin(attempt, strands, kind=kind, branch=attempt.call.branch)

    def recorded(self) -> None:
        """A call of a body that does not await was just recorded."""
        if self.turn is not None and not self.undecided:
            self.turn.over()

    async def arecorded(self) -> None:
        """A call that is awaited was just recorded."""
        if self.turn is not None and not self.undecided:
            await self.turn.wait()

    def child(self, branch: str) -> str:
        """The path of the next branch below `branch`."""
        with self._lock:
            self._children[branch] += 1
            number = self._children[branch] - 1
        return f"{branch}.{number}" if branch else str(number)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What `make` gave when first asked in this pass: code does not change while a body runs."""
        if key not in self._once:
            made = make()  # not under the lock: it may call for something else
            with self._lock:
                self._once.setdefault(key, made)
        found: T = self._once[key]
        return found

    def why_redo(self, step: str) -> str | None:
        """Why a call of `step` runs again although it is recorded, or None."""
        if step in self.redo:
            return "asked for with --redo"
        if self.redo_from is not None and (self._reached or step == self.redo_from):
            self._reached = True
            return f"asked for with --from {self.redo_from}"
        return None


@frozen
class Scope:
    """The place in which code runs: a branch of a body, or the inside of a step."""

    owner: Owner
    within: Pass
    branch: str = ""
    attempt: Attempt | None = None
    """The attempt whose code this is; None in a body."""

    @property
    def in_step(self) -> bool:
        """Whether this is a step's own code, in which steps are plain calls."""
        return self.attempt is not None

    def inside(self, attempt: Attempt) -> Scope:
        """The scope of a step's own code."""
        return Scope(self.owner, self.within, self.branch, attempt)

    def below(self) -> Scope:
        """The scope of the next parallel child.

        Raises:
            PerdureError: the body caught a question, and gets no further.
        """
        self.within.check_asked(self.branch)
        return replace(self, branch=self.within.child(self.branch))

    def lose(self, branches: Iterable[str]) -> None:
        """These branches of the pass lost a race."""
        lost = tuple(branches)
        self.within.lost.update(lost)
        self.owner.history.pass_over(lost)

    @property
    def is_lost(self) -> bool:
        """Whether its branch, or one above it, lost a race."""
        above = self.within.above
        return self.within.has_lost(self.branch) or (above is not None and above.is_lost)


class own_code:  # noqa: N801  it is used as a verb
    """Around what Perdure does for a body: the body is stopped only before or after that."""

    __slots__ = ("_stop",)

    def __init__(self, scope: Scope | None) -> None:
        self._stop = None if scope is None else scope.within.stop

    def __enter__(self) -> None:
        if self._stop is not None:
            self._stop.hold()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._stop is not None:
            self._stop.let_go(error)


_scope: contextvars.ContextVar[Scope | None] = contextvars.ContextVar("perdure_scope", default=None)


def current_scope() -> Scope | None:
    """The scope of the calling code, or None outside every run."""
    return _scope.get()


def in_body() -> Scope | None:
    """The scope of the calling code where it is a body, whose calls are recorded; else None."""
    scope = _scope.get()
    return None if scope is None or scope.in_step else scope


def lost(error: BaseException) -> bool:
    """Whether this error cancels the calling code because it lost a race."""
    scope = _scope.get()
    return isinstance(error, asyncio.CancelledError) and scope is not None and scope.is_lost


class entered:  # noqa: N801  it is used as a verb
    """Run the block in this scope."""

    __slots__ = ("_scope", "_token")

    def __init__(self, scope: Scope | None) -> None:
        self._scope = scope

    def __enter__(self) -> None:
        self._token = _scope.set(self._scope)

    def __exit__(self, *_: object) -> None:
        _scope.reset(self._token)


@contextlib.contextmanager
def numbered_tasks() -> Iterator[None]:
    """Give each task that is created from within a body its own branch, on the running event loop.

    A factory that is set already goes on making the tasks.
    """
    loop = asyncio.get_running_loop()
    current: Any = loop.get_task_factory()
    factory: Any = current if isinstance(current, _Numbering) else _Numbering(current)
    factory.bodies += 1
    loop.set_task_factory(factory)
    try:
        yield
    finally:
        factory.bodies -= 1
        installed: Any = loop.get_task_factory()
        if not factory.bodies and installed is factory:
            loop.set_task_factory(factory.previous)


_branches: WeakKeyDictionary[asyncio.Future[Any], str] = WeakKeyDictionary()


def branch_of(task: asyncio.Future[Any]) -> str | None:
    """The branch that a task got when a body created it."""
    return _branches.get(task)


class _Numbering:
    """A task factory for as long as any body runs on its loop: bodies beside each other end in any order."""

    def __init__(self, previous: Any) -> None:
        self.previous = previous
        self.bodies = 0

    def __call__(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any
    ) -> Any:
        scope = in_body() if options.get("context") is None else None
        if scope is None:
            return self._make(loop, coro, **options)
        below = scope.below()
        task = self._make(loop, coro, **{**options, "context": context_in(below)})
        _branches[task] = below.branch
        return task

    def _make(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any) -> Any:
        if self.previous is not None:
            return self.previous(loop, coro, **options)
        return asyncio.Task(coro, loop=loop, **options)


def context_in(scope: Scope | None) -> contextvars.Context:
    """A copy of the caller's context with this scope."""
    context = contextvars.copy_context()
    context.run(_scope.set, scope)
    return context
