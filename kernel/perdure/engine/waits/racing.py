"""`race` and `first_success`: of several, the first counts, and which one that was is recorded.

1. On a replay the same one wins, whatever is faster then: only it is awaited.
2. The decision is recorded before any of the losers is cancelled. A process that dies before that has not
   decided: it is raced again.
3. Losers are cancelled, and their clean-up is waited for; or they are left running, as asked.
4. A question to a person, such as an effect in doubt, decides nothing: the race ends, and is raced again.
5. Each contestant has a branch of its own, whether it is begun or not, so that later calls keep their places.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import functools
import inspect
import threading
from collections.abc import Awaitable, Generator, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast, overload

from perdure import codec
from perdure.engine import clock
from perdure.engine.decide import NEW, UNWON, Restore, Run
from perdure.engine.failures import NO_OUTCOMES
from perdure.engine.parallel import Beside, Future, loop_runs_here
from perdure.engine.scope import Scope, current_scope, in_body, lost, numbered_tasks
from perdure.engine.tracebacks import one_line
from perdure.engine.under_way import strands_here
from perdure.errors import StrictDrift, WrongThread
from perdure.store.records import CallRecord

from .asking import asked, ready, stored
from .contestants import Contestant, close, gone

T = TypeVar("T")
LOSERS = ("cancel", "leave")
_NEW = Run(NEW)


@overload
def race(first: Awaitable[T], /, *more: Awaitable[T], losers: str = "cancel") -> Race[T]: ...


@overload
def race(*, losers: str = "cancel", **named: Awaitable[T]) -> Race[tuple[str, T]]: ...


def race(*contestants: Awaitable[Any], losers: str = "cancel", **named: Awaitable[Any]) -> Race[Any]:
    """What the first to complete gives: its value, or its error.

    `await race(a, b)`, or `race(page=a, late=b)` for a tuple of name and value; `.result()` where no event
    loop runs. Which one was first is recorded, and is so again on a replay.

    Args:
        *contestants: calls of async steps and workflows, futures of `submit`, `map`s, sleeps, tasks, anything
            that can be awaited.
        losers: "cancel" them, or "leave" them running beside the body.
        **named: the contestants, by name.

    Raises:
        ValueError: there is nobody to race, or `losers` is neither.
        TypeError: some are named and others are not, or one cannot be awaited.
    """
    return Race("perdure.race", contestants, named, losers)


@overload
def first_success(first: Awaitable[T], /, *more: Awaitable[T], losers: str = "cancel") -> Race[T]: ...


@overload
def first_success(*, losers: str = "cancel", **named: Awaitable[T]) -> Race[tuple[str, T]]: ...


def first_success(*contestants: Awaitable[Any], losers: str = "cancel", **named: Awaitable[Any]) -> Race[Any]:
    """What the first that does not fail gives; in all other ways as `race`.

    Raises:
        ExceptionGroup: all failed; their errors stand in it in the order of the contestants.
    """
    return Race(UNWON, contestants, named, losers)


class Race(Beside, Generic[T]):
    """The coming result of a race: `await` it, or ask for `.result()` where no event loop runs."""

    def __init__(
        self,
        step: str,
        contestants: tuple[Awaitable[Any], ...],
        named: Mapping[str, Awaitable[Any]],
        losers: str,
    ) -> None:
        self._step = step
        self._named = bool(named)
        self._leaves = losers == "leave"
        self._task: asyncio.Task[T] | None = None
        self._scope = in_body()
        everyone = [*contestants, *named.values()]
        self._names: list[Any] = list(named) or list(range(len(everyone)))
        self._decision: Run | CallRecord = _NEW
        try:
            _check(step, contestants, named, losers)
            if self._scope is not None:
                self._request = asked(self._scope, step, "noted", told=", ".join(named))
                self._decision = self._decide(self._scope)
            self._contestants = self._entered(everyone)
        except BaseException:
            for each in everyone:
                if asyncio.iscoroutine(each):
                    close(each)
            raise

    def _entered(self, everyone: list[Awaitable[Any]]) -> list[Contestant]:
        """The contestants, each with its own branch, and one that takes part twice as the same."""
        scopes: list[Scope | None] = [current_scope()] * len(everyone)
        if self._scope is not None:
            own = self._scope.below()
            self.branches = (own.branch,)
            scopes = [own.below() for _ in everyone]
        known: dict[int, Contestant] = {}
        pairs = zip(everyone, scopes, strict=True)
        return [known.setdefault(id(each), Contestant(each, scope)) for each, scope in pairs]

    def _decide(self, scope: Scope) -> Run | CallRecord:
        """The record that tells who won, or why it is raced now."""
        decision = scope.owner.decide(self._request)
        if not isinstance(decision, Restore):
            return ready(decision)
        recorded = stored(scope, decision.call)
        if recorded["winner"] in self._names:
            self._winner = self._names.index(recorded["winner"])
            scope.owner.restored(decision.call, reason=decision.reason, took=0.0)
            return decision.call
        cause = f"{recorded['winner']!r} of {recorded['of']} had won, and takes part no more"
        if self._request.strict:
            raise StrictDrift(step=self._step, cause=cause)
        return Run(cause)

    # -- waiting for it ----------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, T]:
        if self._task is None:
            context = contextvars.copy_context()  # with one of its own it is not numbered as a branch
            self._task = asyncio.get_running_loop().create_task(self._run(), context=context)
            self._task.add_done_callback(self._close)
        return self._task.__await__()

    def result(self) -> T:
        """Block this thread until it is decided, and return or raise what the winner gave.

        Raises:
            WrongThread: called on the event loop's own thread, which would then never finish.
        """
        if self._task is not None:
            return Future("race", self._task).result()
        if loop_runs_here():
            raise WrongThread(name="race", call="race(...)")
        found: concurrent.futures.Future[T] = concurrent.futures.Future()
        work = functools.partial(contextvars.copy_context().run, asyncio.run, self._beside(found))
        threading.Thread(target=work, name="perdure-race", daemon=True).start()
        scope = current_scope()
        over: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if scope is not None:
            over = scope.within.under_way.waiting(lambda _: self.cancel(), strands_here())
        try:
            with over:
                return found.result()
        except BaseException:
            self.cancel()
            raise

    async def _beside(self, found: concurrent.futures.Future[T]) -> None:
        """Race on a loop of its own, which lasts as long as those that are left running."""
        with numbered_tasks():
            try:
                found.set_result(await self)
            except BaseException as error:  # noqa: BLE001  it is the waiting thread's
                found.set_exception(error)
            futures = [each.future for each in self._contestants if each.future is not None]
            await asyncio.wait(futures)

    def cancel(self) -> None:
        """Stop all that take part. Twice is fine."""
        if self._task is not None:
            Future("race", self._task).cancel()
        else:
            for each in self._contestants:
                each.lose()
            for each in self._contestants:
                each.settle()

    def _close(self, _: asyncio.Task[T]) -> None:
        """Let go of those that were never begun: the race was cancelled before it could begin."""
        for each in self._contestants:
            if each.future is None:
                each.cancel()

    # -- racing ------------------------------------------------------------------------------------------

    async def _run(self) -> T:
        """The result, from whoever won before, else from whoever is first now."""
        decided = isinstance(self._decision, Run)
        if isinstance(self._decision, Run):
            try:
                with self._undecided():
                    winner = await self._first(self._decision)
            except BaseException as error:
                await self._stop(self._contestants, for_good=lost(error))
                raise
        else:
            winner = self._contestants[self._winner]
        others = [each for each in self._contestants if each is not winner]
        if self._leaves:
            for each in others:
                each.leave()
        else:
            await self._stop(others, for_good=True)
        if decided and self._scope is not None:
            await self._scope.within.arecorded()
        value = await self._given(winner)
        name = self._names[self._contestants.index(winner)]
        return cast("T", (name, value) if self._named else value)

    @contextlib.contextmanager
    def _undecided(self) -> Iterator[None]:
        """In the block nobody has won yet."""
        within = None if self._scope is None else self._scope.within
        if within is not None:
            within.undecided += 1
        try:
            yield
        finally:
            if within is not None:
                within.undecided -= 1

    async def _first(self, decision: Run) -> Contestant:
        """Have all run until one is first, and record that."""
        began, finished = clock.now(), asyncio.Queue[Contestant]()
        for each in dict.fromkeys(self._contestants):
            each.begin().add_done_callback(functools.partial(_tell, finished, each))
        for _ in dict.fromkeys(self._contestants):
            winner = await finished.get()
            if isinstance(winner.error, NO_OUTCOMES):
                raise winner.error
            if self._step == "perdure.race" or winner.succeeded:
                self._record(decision, winner, began)
                return winner
        errors = [error for each in self._contestants if (error := each.error) is not None]
        raise BaseExceptionGroup(f"none of {len(self._contestants)} succeeded", errors)

    def _record(self, decision: Run, winner: Contestant, began: float) -> None:
        """Note who won. An error that decided it counts once the body caught it: else it is raced again."""
        error = winner.error
        if self._scope is None or not isinstance(error, Exception | None):
            return
        index = self._contestants.index(winner)
        value = codec.encode({"winner": self._names[index], "of": len(self._names)})
        failed = None if error is None else one_line(error)
        self._decision = self._scope.owner.noted(self._request, decision, value, began=began, failed=failed)

    async def _given(self, winner: Contestant) -> Any:
        """What the winner gives, or its error."""
        try:
            return await winner.begin()
        except Exception as error:
            if self._scope is not None and isinstance(self._decision, CallRecord):
                self._scope.owner.failures.gave(self._decision.id, error)
            raise

    async def _stop(self, contestants: list[Contestant], *, for_good: bool) -> None:
        for each in contestants:
            if for_good:
                each.lose()
            else:
                each.cancel()
        if for_good:
            for each in contestants:
                each.settle()
        await gone(contestants)


def _tell(finished: asyncio.Queue[Contestant], who: Contestant, _: asyncio.Future[Any]) -> None:
    finished.put_nowait(who)


def _check(
    step: str, contestants: tuple[Awaitable[Any], ...], named: Mapping[str, Awaitable[Any]], losers: str
) -> None:
    name = step.removeprefix("perdure.")
    if losers not in LOSERS:
        raise ValueError(f"losers={losers!r} is none of {', '.join(LOSERS)}")
    if contestants and named:
        raise TypeError(f"{name}() takes contestants one after the other, or all of them by name")
    if not contestants and not named:
        raise ValueError(f"{name}() needs somebody to race")
    for each in (*contestants, *named.values()):
        if isinstance(each, list | tuple | set):
            raise TypeError(f"{name}() takes contestants one after the other: write {name}(*contestants)")
        if not inspect.isawaitable(each):
            raise TypeError(
                f"{name}() cannot await {type(each).__name__}: a sync step takes part with `.submit(...)`"
            )
